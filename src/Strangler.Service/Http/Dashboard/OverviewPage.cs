using System.Xml.Linq;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Service.Telemetry;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>All contexts on one page, as the last look found them: no database is asked for it.</summary>
internal static class OverviewPage
{
    private const int RefreshSeconds = 10;

    // A follower that is behind for longer than a cup of coffee is worth a look.
    private static readonly TimeSpan LongLag = TimeSpan.FromMinutes(1);

    public static PageContent Of(IReadOnlyList<ContextSample> samples, DateTimeOffset now)
    {
        var known = samples.Where(sample => sample.IsKnown).ToList();
        var alarmed = samples.Where(IsAlarmed).ToList();
        return new PageContent(
            "All contexts",
            E("h1", "All contexts"),
            E("p", Class("soft"), Text($"As of {now.UtcDateTime:HH:mm:ss} UTC; looked at every {ContextSampler.Interval.TotalSeconds:0} s.")),
            samples.Count == 0 ? E("div", Class("card empty"), E("h2", "No context is configured"), E("p", "Name one in the configuration, then: ", E("code", "strangler migrate")))
                : E(
                    "div", Class("tiles"),
                    Tile(N(samples.Count), "contexts", ""),
                    Tile(N(known.Count(sample => sample.Lead == SideName.New)), "led by the new side", "good"),
                    Tile(N(alarmed.Count), alarmed.Count == 1 ? "needs somebody" : "need somebody", alarmed.Count > 0 ? "bad" : "good"),
                    Tile(N(known.Sum(Drift)), "entities drift", known.Sum(Drift) > 0 ? "bad" : "good"),
                    Tile(N(known.Sum(sample => sample.JournalOpen)), "journal rows open", ""),
                    Tile(known.Count == 0 ? "–" : Span(TimeSpan.FromSeconds(known.Max(sample => sample.LagSeconds))), "oldest unaccepted write", known.Any(IsLate) ? "open" : "")),
            E("div", Class("cards"), samples.OrderByDescending(IsAlarmed).Select(Card)))
        { Refresh = RefreshSeconds };
    }

    private static XElement Tile(string value, string name, string classes) => E("div", Class($"tile {classes}".TrimEnd()), E("b", value), E("span", name));

    private static XElement Card(ContextSample sample) => E(
        "section", Class(IsAlarmed(sample) ? "card bad" : "card"), A("aria-label", sample.Context),
        E("div", Class("head"), E("h2", Link($"/ui/contexts/{sample.Context}", sample.Context)), Verdict(sample)),
        sample.IsKnown
            ? new object?[]
            {
                Pieces.Track(sample.Stage),
                E(
                    "dl", Class("facts"),
                    Pieces.Fact("leads", Pieces.Side(sample.Lead)),
                    Pieces.Fact("journal", JournalDepth.Show(sample.JournalOpen)),
                    Pieces.Fact("lag", sample.LagSeconds == 0 ? "none" : Span(TimeSpan.FromSeconds(sample.LagSeconds)), IsLate(sample) ? "open" : null),
                    Pieces.Fact("drift", sample.Kinds.Count == 0 ? "not known" : N(Drift(sample)), Drift(sample) > 0 ? "bad" : null),
                    Pieces.Fact("parked", JournalDepth.Show(sample.Parked), sample.Parked > 0 ? "bad" : null),
                    Pieces.Fact("conflicts", N(sample.Conflicts), sample.Conflicts > 0 ? "bad" : null)),
                Progress(sample),
            }
            : E("p", Class("bad-text"), "Its databases do not answer, or it is not migrated. See /readyz."));

    private static XElement? Progress(ContextSample sample) => sample.NextGates is not { } gates ? null : E(
        "div", Class("gauge"), E("label", $"{gates.Open} of {gates.All} gates to {sample.Stage + 1} are open", E(
            "progress", Class(gates.Open == gates.All ? "done" : "todo"), A("max", Math.Max(gates.All, 1)), A("value", gates.Open))));

    private static XElement Verdict(ContextSample sample) =>
        !sample.IsKnown ? Pieces.Badge("not known", "bad")
        : sample.Switching ? Pieces.Badge("switching", "open")
        : Drift(sample) > 0 ? Pieces.Badge("drift", "bad")
        : IsAlarmed(sample) ? Pieces.Badge("needs somebody", "bad")
        : IsLate(sample) ? Pieces.Badge("behind", "open")
        : sample.Kinds.Count == 0 ? Pieces.Badge(sample.Stage == Stage.LegacyOnly ? "not begun" : "not compared yet", "")
        : Pieces.Badge("sides agree", "good");

    private static bool IsAlarmed(ContextSample sample) => !sample.IsKnown || sample.Parked > 0 || sample.Conflicts > 0 || Drift(sample) > 0;

    private static bool IsLate(ContextSample sample) => sample.LagSeconds > LongLag.TotalSeconds;

    private static long Drift(ContextSample sample) => sample.Kinds.Sum(kind => kind.Verdicts.Values.Sum());
}
