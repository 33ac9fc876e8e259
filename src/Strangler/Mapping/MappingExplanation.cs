using System.Text;

namespace Strangler.Mapping;

/// <summary>One field in both worlds.</summary>
/// <param name="Field">English name; items of a list as <c>log_entries[].message</c>.</param>
/// <param name="Type">Canonical type.</param>
/// <param name="Legacy">Its legacy place, or how it comes about.</param>
/// <param name="Format">How it is written there.</param>
/// <param name="New">The new side's <c>table.column</c>.</param>
/// <param name="Personal">Personal data.</param>
/// <param name="Codes">Legacy code and English value; empty for others.</param>
/// <param name="Notes">What else there is to know: copies, defaults, what is hidden.</param>
public sealed record ExplainedField(
    string Field, string Type, string Legacy, string Format, string New, bool Personal,
        IReadOnlyList<(string Legacy, string English)> Codes,
    IReadOnlyList<string> Notes)
{
    /// <summary>A secret: never shown in clear to anybody.</summary>
    public bool Secret { get; init; }
}

/// <summary>A converter in its own words.</summary>
public sealed record ExplainedConverter(string Name, IReadOnlyList<string> Fields, IReadOnlyList<string> Places, string Description);

/// <summary>A mapping for people; the last is the owner of whether an entity is there at all.</summary>
public sealed record MappingExplanation(
    string Context,
    string Kind,
    int Version,
    string TimeZone,
    IReadOnlyList<ExplainedField> Fields,
    IReadOnlyList<ExplainedConverter> Converters,
    IReadOnlyList<string> Preserved,
    IReadOnlyList<DeclaredDifference> Differences,
    IReadOnlyList<DeclaredSum> Sums,
    string ExistenceOwner)
{
    /// <summary>Legacy columns that stay where they are, each with its reason.</summary>
    public IReadOnlyList<string> Staying { get; init; } = [];

    public IReadOnlyList<DeclaredReference> References { get; init; } = [];

    public IReadOnlyList<DeclaredFinding> Findings { get; init; } = [];

    /// <summary>As plain text in columns.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Context}/{Kind}, mapping version {Version}, legacy times are civil time in {TimeZone}").AppendLine();
        var legacy = Fields.Max(field => field.Legacy.Length);
        var english = Fields.Max(field => field.Field.Length + 3);
        var type = Fields.Max(field => field.Type.Length + field.Format.Length + 3);
        foreach (var field in Fields)
        {
            var kind = field.Format.Length == 0 ? field.Type : $"{field.Type} ({field.Format})";
            var name = field.Secret ? field.Field + " **" : field.Personal ? field.Field + " *" : field.Field;
            text.AppendLine($"{field.Legacy.PadRight(legacy)}  {name.PadRight(english)}  {kind.PadRight(type)}  {field.New}");
            foreach (var code in field.Codes)
            {
                text.AppendLine($"{"".PadRight(legacy)}    '{code.Legacy}' = {code.English}");
            }

            foreach (var note in field.Notes)
            {
                text.AppendLine($"{"".PadRight(legacy)}    {note}");
            }
        }

        text.AppendLine().AppendLine("* personal data" + (Fields.Any(field => field.Secret) ? "; ** secret: never shown in clear" : ""));
        foreach (var converter in Converters)
        {
            text.AppendLine().Append(converter.Name).Append(": ").AppendJoin(", ", converter.Fields).Append("  from  ");
            text.AppendJoin(", ", converter.Places).AppendLine();
            text.AppendLine($"  {converter.Description}");
        }

        Append(text, "Preserved as they are:", Preserved);
        Append(text, "Stays in legacy:", Staying);
        Append(text, "References:", [.. References.Select(Describe)]);
        Append(text, "Known damage (mapping findings lists the rows):", [.. Findings.Select(finding => $"{finding.Name}: {finding.Reason}")]);
        Append(text, "Declared differences:", [.. Differences.Select(d => $"{d.Field} until {d.Until:yyyy-MM-dd}, {d.Owner}: {d.Reason}")]);
        Append(text, "Sums:", [.. Sums.Select(sum => $"{sum.Name}: {sum.Amount} by {string.Join(", ", sum.By)}")]);
        Append(
            text, "Clashes between another program, in legacy, and the new side while that leads:",
            ["a field goes to the owner named above, else it asks", $"deleted on one side, changed on the other: {ExistenceOwner}"]);
        return text.ToString();
    }

    private string Describe(DeclaredReference reference)
    {
        var targets = reference.Targets.Select(target =>
            $"{target.Context}/{target.Kind}{(target.When is null ? "" : $" where {reference.By} is {target.When}")}");
        var carried = reference.Targets.All(target => target.Context == Context)
            ? "the new side holds the new id" : "the public id on both sides, resolved by that context's id map";
        return $"{reference.Name}: {reference.Field} leads to {string.Join(", ", targets)}; {carried}";
    }

    private static void Append(StringBuilder text, string head, IReadOnlyList<string> lines)
    {
        if (lines.Count > 0)
        {
            text.AppendLine().AppendLine(head);
            foreach (var line in lines)
            {
                text.AppendLine("  " + line);
            }
        }
    }
}
