using Strangler.Mapping.Compiling;
using Strangler.Mapping.Converters;

namespace Strangler.Mapping;

/// <summary>Mapping files: one a context, in <c>legacy-mappings/</c>.</summary>
public static class MappingFile
{
    /// <summary>Reads and compiles a file: one mapping a kind of entity, in the order of the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="converters">The converters that the file may name; null for the engine's own only.</param>
    /// <exception cref="MappingException">It names every mistake of the file at once.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<CompiledMapping> Load(string path, ConverterRegistry? converters = null)
    {
        using var file = File.OpenRead(path);
        return MappingCompiler.Compile(file, Path.GetFileName(path), converters);
    }

    /// <summary>The one kind of that name.</summary>
    /// <exception cref="ArgumentException">The file has no such kind.</exception>
    public static CompiledMapping Load(string path, string kind, ConverterRegistry? converters = null) =>
        Load(path, converters).FirstOrDefault(mapping => mapping.Kind == kind)
        ?? throw new ArgumentException($"{Path.GetFileName(path)} has no kind '{kind}'.", nameof(kind));
}

/// <summary>Checks mapping files without using them.</summary>
public static class MappingLint
{
    /// <summary>Every mistake of every file; none: they are sound.</summary>
    public static IReadOnlyList<MappingProblem> Check(IEnumerable<string> paths, ConverterRegistry? converters = null)
    {
        List<MappingProblem> problems = [];
        foreach (var path in paths)
        {
            try
            {
                MappingFile.Load(path, converters);
            }
            catch (MappingException exception)
            {
                problems.AddRange(exception.Problems);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                problems.Add(new MappingProblem(Path.GetFileName(path), 0, 0, "", exception.Message));
            }
        }

        return problems;
    }
}
