using System.Globalization;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Cli.Terminal;

/// <summary>Two reports side by side.</summary>
internal static class DiffText
{
    private const int Listed = 10;

    public static void Show(Output output, ReportDiff diff)
    {
        if (output.IsJson)
        {
            output.Json(Shapes.Diff(diff));
            return;
        }

        output.Line(Text($"{diff.After.Context}, {diff.After.Kind}: run {diff.Before.RunId} ({diff.Before.BeganUtc:yyyy-MM-dd HH:mm} UTC, {OutcomeRules.Name(diff.Before.Outcome)})")
            + Text($" → run {diff.After.RunId} ({diff.After.BeganUtc:yyyy-MM-dd HH:mm} UTC, {OutcomeRules.Name(diff.After.Outcome)})"));
        if (diff.Verdicts.Count + diff.Fields.Count == 0)
        {
            output.Line("Neither has anything but matches.");
            return;
        }

        output.Table(["verdict", .. Headings], diff.Verdicts.Select(Row));
        if (diff.Fields.Count > 0)
        {
            output.Table(["field", .. Headings], diff.Fields.Select(Row));
        }

        if (diff.Partial)
        {
            output.Line("Counts are exact; ids are those that both reports list: one of them is partial or lists fewer than it counted.");
        }
    }

    private static readonly string[] Headings = ["before", "after", "new", "gone", "persists"];

    private static IReadOnlyList<string> Row(DiffLine line) =>
        [line.Name, Text($"{line.Before:N0}"), Text($"{line.After:N0}"), Ids(line.New), Ids(line.Gone), Ids(line.Persisting)];

    private static string Ids(IReadOnlyList<long> ids) => ids.Count == 0
        ? "–"
        : Text($"{ids.Count:N0}: ") + string.Join(' ', ids.Take(Listed).Select(id => id < 0 ? Text($"new:{-id}") : Text($"{id}")))
            + (ids.Count > Listed ? " …" : "");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
