using System.Xml.Linq;
using Strangler.Contexts;
using Strangler.Mapping;

namespace Strangler.Service;

/// <summary>What a mapping file says of other contexts, against their own files beside it. The file itself must be sound.</summary>
internal static class ReferenceLint
{
    public static IReadOnlyList<MappingProblem> Check(string file)
    {
        var own = MappingFile.Load(file, ContextCatalog.ConvertersFor(file));
        var others = new Dictionary<string, IReadOnlyList<CompiledMapping>?>(StringComparer.Ordinal);
        return
        [
            .. own.SelectMany(mapping => mapping.References.SelectMany(reference =>
                reference.Targets.Where(target => target.Context != mapping.Context).SelectMany(target => Problems(file, mapping, reference, target, others)))),
        ];
    }

    private static IEnumerable<MappingProblem> Problems(
        string file, CompiledMapping mapping, DeclaredReference reference, ReferenceTarget target, Dictionary<string, IReadOnlyList<CompiledMapping>?> others)
    {
        if (!ContextCatalog.Names.Contains(target.Context))
        {
            yield return At(file, "reference", reference.Name, $"there is no context '{target.Context}'; known are: {string.Join(", ", ContextCatalog.Names)}");
            yield break;
        }

        if (OtherOf(file, target.Context, others) is not { } kinds)
        {
            yield break;
        }

        if (kinds.FirstOrDefault(kind => kind.Kind == target.Kind) is not { } there)
        {
            yield return At(file, "reference", reference.Name, $"{target.Context} has no kind '{target.Kind}'; it has: {string.Join(", ", kinds.Select(kind => kind.Kind))}");
            yield break;
        }

        foreach (var (finding, claim) in mapping.Findings.Where(finding => finding.Reference == reference.Name)
            .SelectMany(finding => finding.Targets.Where(claim => claim.When == target.When).Select(claim => (finding, claim))))
        {
            if (ProblemOf(there.Schema, claim) is { } problem)
            {
                yield return At(file, "finding", finding.Name, $"{target.Context}/{target.Kind} {problem}");
            }
        }
    }

    private static string? ProblemOf(RecordSchema schema, FindingTarget claim)
    {
        if (!schema.Has(claim.Field))
        {
            return $"has no field '{claim.Field}'";
        }

        var field = schema.Fields[schema.OrdinalOf(claim.Field)];
        return field.Personal ? $"keeps '{claim.Field}' as personal: a finding's evidence holds its value"
            : field.Type == FieldType.Code && !field.Codes.Contains(claim.Value) ? $"has no value '{claim.Value}' of {claim.Field}"
            : null;
    }

    // A draft may stand alone; a file beside it that is not sound has its own complaints.
    private static IReadOnlyList<CompiledMapping>? OtherOf(string file, string context, Dictionary<string, IReadOnlyList<CompiledMapping>?> others)
    {
        if (!others.TryGetValue(context, out var kinds))
        {
            var path = Path.Combine(Path.GetDirectoryName(file) ?? "", $"{context}.xml");
            try
            {
                kinds = File.Exists(path) ? MappingFile.Load(path, ContextList.All.First(one => one.Name == context).Converters) : null;
            }
            catch (MappingException)
            {
                kinds = null;
            }

            others.Add(context, kinds);
        }

        return kinds;
    }

    private static MappingProblem At(string file, string element, string name, string message)
    {
        var at = XDocument.Load(file, LoadOptions.SetLineInfo).Descendants()
            .FirstOrDefault(one => one.Name.LocalName == element && one.Attribute("name")?.Value == name);
        var place = at is null ? new MappingPlace(Path.GetFileName(file), 0, 0) : MappingPlace.Of(Path.GetFileName(file), at);
        return new MappingProblem(place.File, place.Line, place.Column, name, message);
    }
}
