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

    public static string Render(ReconciliationReport report)
    {
        var text = new StringBuilder();
        text.AppendJoin(',', Columns).Append(End);
        foreach (var sample in report.Samples)
        {
            foreach (var field in sample.Fields.DefaultIfEmpty(new FieldDifference("", "", "")))
            {
                text.AppendJoin(',', Cells(report, sample, field).Select(Cell)).Append(End);
            }
        }

        return text.ToString();
    }

    private static IEnumerable<string> Cells(ReconciliationReport report, EntityFinding sample, FieldDifference field) =>
    [
        Number(report.RunId), report.Context, report.Kind, ReconciliationReport.Snake(sample.Verdict),
        sample.Id == 0 ? "" : Number(sample.Id), sample.NewId is { } newId ? Number(newId) : "",
        field.Field, field.Legacy, field.New, sample.Note,
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
