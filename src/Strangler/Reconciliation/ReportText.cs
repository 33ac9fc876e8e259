using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>A report as plain lines for a terminal or a log.</summary>
public static class ReportText
{
    public static IReadOnlyList<string> Render(ReconciliationReport report)
    {
        List<string> lines = [.. Head(report)];
        foreach (var verdict in Enum.GetValues<Verdict>().Where(verdict => report.Counts.GetValueOrDefault(verdict) > 0))
        {
            lines.Add(Text($"  {verdict,-16} {report.Counts[verdict],12:N0}") + Remark(report, verdict));
        }

        if (report.Speed is { } speed)
        {
            lines.Add($"  {speed}");
        }

        lines.AddRange(new[] { SideName.Legacy, SideName.New }.Select(side => $"  {Accounting.Of(report, side)}"));
        Add(lines, "Differences by field", Fields(report));
        Add(lines, "Declared differences", report.Declared.Select(Declared));
        Add(lines, "Sums", report.Sums.SelectMany(SumText.Lines));
        Add(lines, "Samples", report.Samples.SelectMany(Sample));
        Add(lines, "Notes", report.Notes.Select(note => $"  {note}"));
        if (report.Truncated)
        {
            lines.Add("There are more than are listed.");
        }

        return lines;
    }

    private static IEnumerable<string> Head(ReconciliationReport report)
    {
        var outcome = OutcomeRules.Name(report.Outcome).ToUpperInvariant();
        yield return Text($"Reconciliation {report.RunId} of {report.Context}, {report.Scope}: {outcome}");
        yield return Text($"  {report.Stage}, {ReconciliationReport.Snake(report.Lead)} leads; {report.BeganUtc:yyyy-MM-dd HH:mm:ss} UTC")
            + Text($", {report.Duration.TotalSeconds:0.0} s{(report.Full ? "" : "; not a full run, opens no gate")}");
        yield return Text($"  {report.Entities:N0} entities: {report.LegacyRows:N0} in legacy, {report.NewRows:N0} in new")
            + Text($"; {report.Deleted:N0} deleted on both");
    }

    private static IEnumerable<string> Fields(ReconciliationReport report) =>
        report.FieldCounts.OrderByDescending(field => field.Value).ThenBy(field => field.Key, StringComparer.Ordinal)
            .Select(field => Text($"  {field.Key,-32} {field.Value,12:N0}"));

    private static string Declared(DeclaredHits declared)
    {
        var (difference, hits, expired) = declared;
        return Text($"  {difference.Field,-32} {hits,12:N0}  {difference.Owner}, until {difference.Until:yyyy-MM-dd}")
            + $"{(expired ? ", EXPIRED" : "")}: {difference.Reason}";
    }

    private static string Remark(ReconciliationReport report, Verdict verdict) => verdict switch
    {
        Verdict.Unreadable when report.SignedOff > 0 => Text($"  ({report.SignedOff:N0} signed off)"),
        Verdict.NotComparable => "  (what rolling back would leave behind)",
        Verdict.InFlight when report.HotKeys > 0 => Text($"  ({report.HotKeys:N0} kept changing)"),
        _ => "",
    };

    private static void Add(List<string> lines, string title, IEnumerable<string> block)
    {
        var rows = block.ToList();
        if (rows.Count > 0)
        {
            lines.Add(title);
            lines.AddRange(rows);
        }
    }

    private static IEnumerable<string> Sample(EntityFinding finding)
    {
        var id = finding.Id == 0 ? Text($"new id {finding.NewId}") : Text($"{finding.Id}");
        yield return $"  {finding.Verdict} {id}{(finding.Note.Length > 0 ? ": " + finding.Note : "")}";
        foreach (var field in finding.Fields)
        {
            yield return $"    {field.Field}: legacy {field.Legacy}, new {field.New}";
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
