using Strangler.Contexts;
using Strangler.Mapping;
using Strangler.Mapping.Converters;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>The contexts that this build knows, by name, and their mapping files.</summary>
public static class ContextCatalog
{
    public static IReadOnlyList<string> Names { get; } = [.. ContextList.All.Select(context => context.Name)];

    /// <summary>Every mistake of the given files. A file may name the converters of the context that it is called after, else the engine's own only.</summary>
    public static IReadOnlyList<MappingProblem> Lint(IEnumerable<string> files) =>
        [.. files.SelectMany(file => MappingLint.Check([file], ConvertersFor(file)) is { Count: > 0 } problems ? problems : ReferenceLint.Check(file))];

    /// <summary>The converters that a file of that name may use.</summary>
    internal static ConverterRegistry? ConvertersFor(string file) =>
        ContextList.All.FirstOrDefault(context => context.Name == Path.GetFileNameWithoutExtension(file))?.Converters;

    /// <summary>The context of that name. Throws <see cref="ConfigurationException"/> naming those there are.</summary>
    public static ContextDefinition Find(string name) =>
        ContextList.All.FirstOrDefault(context => context.Name == name)
        ?? throw new ConfigurationException([$"There is no context '{name}'; known are: {string.Join(", ", Names)}."]);

    /// <summary>Where the context's mapping stands.</summary>
    public static string MappingFileOf(StranglerConfiguration configuration, string context) => Path.Combine(configuration.Mappings, $"{context}.xml");

    /// <summary>Compiles the context's mapping, by kind. Throws <see cref="MappingException"/> with every mistake, or <see cref="ConfigurationException"/> when there is no file.</summary>
    public static IReadOnlyDictionary<string, CompiledMapping> LoadMapping(StranglerConfiguration configuration, string context)
    {
        var definition = Find(context);
        var path = MappingFileOf(configuration, context);
        return File.Exists(path)
            ? MappingFile.Load(path, definition.Converters).ToDictionary(mapping => mapping.Kind, StringComparer.Ordinal)
            : throw new ConfigurationException([$"The mapping file {path} is missing (mappings is \"{configuration.Mappings}\")."]);
    }
}
