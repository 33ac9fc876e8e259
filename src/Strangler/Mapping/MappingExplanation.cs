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
    IReadOnlyList<string> Notes);

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
    /// <summary>As plain text in columns.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Context}/{Kind}, mapping version {Version}, legacy times are civil time in {TimeZone}").AppendLine();
        var legacy = Fields.Max(field => field.Legacy.Length);
        var english = Fields.Max(field => field.Field.Length + 2);
        var type = Fields.Max(field => field.Type.Length + field.Format.Length + 3);
        foreach (var field in Fields)
        {
            var kind = field.Format.Length == 0 ? field.Type : $"{field.Type} ({field.Format})";
            var name = field.Personal ? field.Field + " *" : field.Field;
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

        text.AppendLine().AppendLine("* personal data");
        foreach (var converter in Converters)
        {
            text.AppendLine().Append(converter.Name).Append(": ").AppendJoin(", ", converter.Fields).Append("  from  ");
            text.AppendJoin(", ", converter.Places).AppendLine();
            text.AppendLine($"  {converter.Description}");
        }

        Append(text, "Preserved as they are:", Preserved);
        Append(text, "Declared differences:", [.. Differences.Select(d => $"{d.Field} until {d.Until:yyyy-MM-dd}, {d.Owner}: {d.Reason}")]);
        Append(text, "Sums:", [.. Sums.Select(sum => $"{sum.Name}: {sum.Amount} by {string.Join(", ", sum.By)}")]);
        Append(
            text, "Clashes between another program, in legacy, and the new side while that leads:",
            ["a field goes to the owner named above, else it asks", $"deleted on one side, changed on the other: {ExistenceOwner}"]);
        return text.ToString();
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
