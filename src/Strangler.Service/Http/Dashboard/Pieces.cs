using System.Globalization;
using System.Xml.Linq;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>What several pages show.</summary>
internal static class Pieces
{
    private const int ShownRuns = 30;

    public static XElement Mark() => E(
        "svg", A("viewBox", "0 0 24 24"), A("aria-hidden", "true"),
        E("rect", Class("a"), A("x", 3), A("y", 3), A("width", 6), A("height", 18), A("rx", 2)), E("rect", Class("b"), A("x", 12), A("y", 9), A("width", 9), A("height", 12), A("rx", 2)));

    /// <summary>Where a context stands on its way.</summary>
    public static XElement Track(Stage stage) => E("ol", Class("track"), A("aria-label", "Stages"), Enum.GetValues<Stage>().Select(each => E(
        "li", Class(each < stage ? "past" : each == stage ? "here" : "ahead"), each == stage ? A("aria-current", "step") : null, each.ToString())));

    public static XElement Badge(string text, string classes) => E("span", Class($"badge {classes}".TrimEnd()), text);

    public static XElement OutcomeBadge(string outcome) => Badge(
        outcome.Length == 0 ? "not ended" : outcome, outcome switch { "clean" => "good", "drift" => "bad", "inconclusive" => "open", _ => "" });

    public static XElement Fact(string name, object value, string? classes = null) => E("div", E("dt", name), E("dd", A("class", classes), value));

    public static XElement Gates(IReadOnlyList<Gate> gates) => gates.Count == 0
        ? E("p", Class("soft"), "Nothing is asked of this step: the lead stays where it is.")
        : Table(
            ["gate", "found", "required", "cure"],
            gates.OrderBy(gate => gate.Passed).Select(gate => (IEnumerable<object?>)
            [
                new object[] { Badge(gate.Passed ? "open" : "closed", gate.Passed ? "good" : "bad"), " ", gate.Name }, gate.Value, gate.Required,
                gate.Cure.Length == 0 ? "" : gate.Cure.StartsWith("strangler ", StringComparison.Ordinal) ? E("code", gate.Cure) : gate.Cure,
            ]), "gate");

    /// <summary>Drift of the last full runs, the latest on the right; what a picture says is said in its title as well.</summary>
    public static XElement? Trend(IReadOnlyList<RunSummary> runs)
    {
        var shown = runs.Where(run => run is { Full: true, EndedUtc: not null }).Take(ShownRuns).Reverse().ToList();
        if (shown.Count == 0)
        {
            return null;
        }

        const int Height = 120, Step = 20;
        var most = Math.Max(1, shown.Max(run => run.Drift));
        return E(
            "svg", Class("chart"), A("viewBox", $"0 0 {ShownRuns * Step} {Height + 4}"), A("role", "img"), A("preserveAspectRatio", "xMinYMax meet"),
            E("title", Text($"Drift of the last {shown.Count} full runs: {string.Join(", ", shown.Select(run => run.Drift.ToString(CultureInfo.InvariantCulture)))}")),
            E("line", Class("axis"), A("x1", 0), A("y1", Height + 2), A("x2", ShownRuns * Step), A("y2", Height + 2)),
            shown.Select((run, at) =>
            {
                var height = run.Drift == 0 ? 4 : Math.Max(8, (int)(Height * Math.Log(1 + run.Drift) / Math.Log(1 + most)));
                return E(
                    "rect", Class(run.Outcome), A("x", (ShownRuns - shown.Count + at) * Step + 3), A("y", Height - height + 1), A("width", Step - 6), A("height", height), A("rx", 2));
            }));
    }

    public static XElement Runs(string context, IEnumerable<RunSummary> runs) => Table(
        ["run", "began (UTC)", "scope", "outcome", "#entities", "#drift"],
        runs.Select(run => (IEnumerable<object?>)
        [
            run.EndedUtc is null ? N(run.Id) : Link(Text($"/ui/contexts/{context}/reports/{run.Id}"), N(run.Id)), Text($"{run.BeganUtc:yyyy-MM-dd HH:mm}"),
            run.Full ? run.Scope : $"{run.Scope} (partial)", OutcomeBadge(run.EndedUtc is null ? "" : run.Outcome), run.EndedUtc is null ? "" : N(run.Entities),
            run.EndedUtc is null ? "" : N(run.Drift),
        ]));

    public static XElement Crumbs(string context, string? here = null) => E(
        "p", Class("crumbs"), Link("/", "All contexts"), " / ", here is null ? context : Link($"/ui/contexts/{context}", context), here is null ? null : $" / {here}");

    public static string Time(DateTime? utc) => utc is { } at ? at.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) : "";

    public static string Side(SideName side) => side == SideName.Legacy ? "legacy" : "new";
}
