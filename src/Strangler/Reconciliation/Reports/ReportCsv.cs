using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Strangler.Reconciliation;

/// <summary>
/// A report's differences as CSV after RFC 4180: UTF-8, CRLF, one line an entity and field (an entity that differs in no field has one line
/// with an empty field). Values are masked as in every report. A text that a spreadsheet would take for a formula begins with an
/// apostrophe.
/// </summary>
public static partial class ReportCsv
{
    private const string End = "\r\n";

    /// <summary>The columns, in their order; names are stable, new ones are added behind.</summary>
    public static IReadOnlyList<string> Columns { get; } =
        ["run_id", "context", "kind", "verdict", "id", "new_id", "field", "legacy", "new", "note"];

    /// <summary>The first line.</summary>
    public static string Header { get; } = string.Join(',', Columns) + End;

    /// <summary>
    /// What a stored report lists: its samples, and those of its other differing entities by id and names of fields, without values.
    /// </summary>
    public static string Render(ReconciliationReport report)
    {
        var text = new StringBuilder(Header);
        foreach (var finding in Listed(report))
        {
            text.Append(Lines(report.RunId, report.Context, report.Kind, finding));
        }

        return text.ToString();
    }

    /// <summary>How many entities <see cref="Render"/> lists.</summary>
    public static long CountListed(ReconciliationReport report) => Listed(report).LongCount();

    /// <summary>The lines of one entity.</summary>
    public static string Lines(long run, string context, string kind, EntityFinding finding)
    {
        var text = new StringBuilder();
        foreach (var field in finding.Fields.DefaultIfEmpty(new FieldDifference("", "", "")))
        {
            text.AppendJoin(',', Cells(run, context, kind, finding, field).Select(Cell)).Append(End);
        }

        return text.ToString();
    }

    private static IEnumerable<EntityFinding> Listed(ReconciliationReport report)
    {
        var samples = report.Samples.Select(sample => (sample.Id, sample.Verdict)).ToHashSet();
        return report.Samples.Concat(report.Differing.Where(entity => !samples.Contains((entity.Id, entity.Verdict)))
            .Select(Findings.WithoutValues));
    }

    private static IEnumerable<string> Cells(long run, string context, string kind, EntityFinding finding, FieldDifference field) =>
    [
        Number(run), context, kind, ReconciliationReport.Snake(finding.Verdict),
        finding.Id == 0 ? "" : Number(finding.Id), finding.NewId is { } newId ? Number(newId) : "",
        field.Field, field.Legacy, field.New, finding.Note,
    ];

    internal static string Cell(string text)
    {
        var safe = Formula().IsMatch(text) && !PlainNumber().IsMatch(text) ? $"'{text}" : text;
        return safe.AsSpan().IndexOfAny("\",\r\n") >= 0 ? $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : safe;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]", RegexOptions.CultureInvariant)]
    private static partial Regex Formula();

    [GeneratedRegex(@"^-?[0-9]+(\.[0-9]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainNumber();
}
