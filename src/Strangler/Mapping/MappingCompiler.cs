using Strangler.Mapping.Compiling;
using Strangler.Mapping.Converters;

namespace Strangler.Mapping;

/// <summary>From the text of a mapping file to lenses.</summary>
public static class MappingCompiler
{
    /// <param name="xml">The file's content; read to its end, not closed.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="converters">The converters that the file may name; null for the engine's own only.</param>
    /// <exception cref="MappingException">It names every mistake of the file at once.</exception>
    public static IReadOnlyList<CompiledMapping> Compile(Stream xml, string file, ConverterRegistry? converters = null)
    {
        converters ??= new ConverterRegistry();
        var problems = new Problems(file);
        var document = XmlSource.Read(xml, problems);
        var declaration = document?.Root is { } root ? new DeclarationReader(problems).Read(root) : null;
        if (declaration is not null)
        {
            foreach (var kind in declaration.Kinds)
            {
                new KindChecks(declaration, kind, converters, problems).Run();
            }
        }

        problems.ThrowIfAny();
        return [.. declaration!.Kinds.Select(kind => new LensBuilder(declaration, kind, converters, file).Build())];
    }
}
