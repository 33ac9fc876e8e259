using System.Xml.Linq;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Telemetry;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>
/// The last hours of a context, as this process has looked at it: each chart says in its title what it shows, in its description what there is to see, and in a
/// table below what was found.
/// </summary>
internal static class Charts
{
    private const int MostFields = 6;
    private const int TableRows = 24;

    public static XElement Of(IReadOnlyList<HistoryPoint> points)
    {
        var known = points.Where(point => point.Sample.IsKnown).ToList();
        return E(
            "section", A("aria-labelledby", "lately"),
            E("h2", A("id", "lately"), "Lately"),
            E("p", Class("hint"), Text(
                $"What this process has seen, a look every {ContextSampler.Interval.TotalSeconds:0} s, the last {SampleHistory.Length * ContextSampler.Interval / TimeSpan.FromHours(1):0} h at most. It is kept in memory: it begins anew with the process, and other replicas have looked by themselves. Prometheus keeps what is to be kept.")),
            known.Count < 2 ? E("p", Class("card soft"), "There is nothing to be drawn yet; look again in a few seconds.") : E("div", Class("charts"), Figures(points, known)));
    }

    private static IEnumerable<XElement?> Figures(IReadOnlyList<HistoryPoint> points, IReadOnlyList<HistoryPoint> known)
    {
        yield return Drift(points, known);
        yield return Figure("Lag", "age of the oldest write that the follower has not accepted", points, Seconds, ("lag", point => OfDual(point)?.LagSeconds));
        yield return Figure("Journal", "rows that wait or are claimed, and those that are set aside", points, Count, ("open", point => OfDual(point)?.JournalOpen), ("parked", point => OfDual(point)?.Parked));
        yield return Figure("Shadow reads", "that differed, of a thousand compared between two looks, by all processes", points, value => Text($"{value:0.##} ‰"), ("differed", Mismatches(points)));
        yield return Figure(
            "Answers", "how long each side took to say what its fence says; a gap: it did not answer", points, Milliseconds, ("legacy", point => point.Sample.LegacySeconds), ("new", point => point.Sample.NewSeconds));
        yield return Figure(
            "Errors", "looks that a side did not answer: 1 while it is silent", points, Count,
            ("legacy", point => Silent(point, SideName.Legacy)), ("new", point => Silent(point, SideName.New)));
        yield return Throttles(known);
    }

    // Zeros of fields that never differed say nothing.
    private static XElement Drift(IReadOnlyList<HistoryPoint> points, IReadOnlyList<HistoryPoint> known)
    {
        var fields = known.SelectMany(point => point.Sample.Kinds).SelectMany(kind => kind.Fields).Where(field => field.Value > 0)
            .GroupBy(field => field.Key, StringComparer.Ordinal).OrderByDescending(field => field.Max(one => one.Value)).ThenBy(field => field.Key, StringComparer.Ordinal).Select(field => field.Key).ToList();
        var lines = fields.Take(fields.Count > MostFields ? MostFields - 1 : MostFields)
            .Select<string, (string, Func<HistoryPoint, double?>)>(field => (field, point => Compared(point)?.Sum(kind => kind.Fields.GetValueOrDefault(field)))).ToList();
        if (fields.Count > MostFields)
        {
            lines.Add((Text($"{fields.Count - MostFields + 1} other fields"), point => Compared(point)?.Sum(kind => fields.Skip(MostFields - 1).Sum(field => kind.Fields.GetValueOrDefault(field)))));
        }

        return Figure(
            "Drift by field", "entities that differ in a field, in the last full reconciliation", points, Count, lines.Count > 0 ? [.. lines] : [("any field", point => Compared(point) is null ? null : 0)]);
    }

    private static XElement Figure(
        string title, string what, IReadOnlyList<HistoryPoint> points, Func<double, string> show, params (string Name, Func<HistoryPoint, double?> Value)[] lines)
    {
        var drawn = lines.Select(line => (line.Name, Points: (IReadOnlyList<double?>)[.. points.Select(line.Value)])).ToList();
        var (from, until) = (At(points[0]), At(points[^1]));
        var seen = string.Join("; ", drawn.Select(line => line.Points.OfType<double>().ToList() is { Count: > 0 } values
            ? $"{line.Name} between {show(values.Min())} and {show(values.Max())}, last {(line.Points[^1] is { } last ? show(last) : "not known")}" : $"{line.Name}: not known"));
        return E(
            "figure", Class("card"), E("figcaption", E("b", title), " ", E("span", Class("soft"), what)),
            HtmlCharts.Lines($"{title}: {what}", Text($"From {from} to {until} UTC: {seen}."), from, $"{until} UTC", drawn, show),
            AsTable(points, drawn, show));
    }

    private static XElement AsTable(IReadOnlyList<HistoryPoint> points, IReadOnlyList<(string Name, IReadOnlyList<double?> Points)> lines, Func<double, string> show)
    {
        var step = Math.Max(1, (points.Count + TableRows - 1) / TableRows);
        return E("details", E("summary", "As a table"), Table(
            ["at (UTC)", .. lines.Select(line => $"#{line.Name}")],
            Enumerable.Range(0, points.Count).Reverse().Where((_, nth) => nth % step == 0).Select(at => (IEnumerable<object?>)
                [At(points[at]), .. lines.Select(line => (object)(line.Points[at] is { } value ? show(value) : "–"))])));
    }

    private static XElement Throttles(IReadOnlyList<HistoryPoint> known)
    {
        var pauses = known.Where(point => point.Sample.Throttle is not null).ToList();
        return E(
            "figure", Class("card"), E("figcaption", E("b", "Throttle"), " ", E("span", Class("soft"), "why a reconciliation of this process paused")),
            pauses.Count == 0 ? E("p", Class("soft"), "None paused.") : Table(
                ["from (UTC)", "until", "#looks", "why"],
                Stretches(pauses).Reverse().Take(TableRows).Select(stretch => (IEnumerable<object?>)[At(stretch[0]), At(stretch[^1]), N(stretch.Count), stretch[0].Sample.Throttle])));
    }

    private static IEnumerable<List<HistoryPoint>> Stretches(IEnumerable<HistoryPoint> pauses)
    {
        List<HistoryPoint> stretch = [];
        foreach (var pause in pauses)
        {
            if (stretch.Count > 0 && (stretch[0].Sample.Throttle != pause.Sample.Throttle || pause.At - stretch[^1].At > 2 * ContextSampler.Interval))
            {
                yield return stretch;
                stretch = [];
            }

            stretch.Add(pause);
        }

        if (stretch.Count > 0)
        {
            yield return stretch;
        }
    }

    // Of a stage's own counts; where another stage has begun in between, or nothing was compared, there is nothing to say.
    private static Func<HistoryPoint, double?> Mismatches(IReadOnlyList<HistoryPoint> points)
    {
        Dictionary<HistoryPoint, double?> rates = new(ReferenceEqualityComparer.Instance);
        foreach (var (before, after) in points.Zip(points.Skip(1)))
        {
            if (before.Sample.Shadow is { } old && after.Sample.Shadow is { } now && now.Reads > old.Reads)
            {
                rates[after] = 1000.0 * Math.Max(0, now.Mismatches - old.Mismatches) / (now.Reads - old.Reads);
            }
        }

        return point => rates.GetValueOrDefault(point);
    }

    private static ContextSample? OfDual(HistoryPoint point) => point.Sample.IsKnown && Stages.IsDual(point.Sample.Stage) ? point.Sample : null;

    private static IReadOnlyList<KindSample>? Compared(HistoryPoint point) => point.Sample is { IsKnown: true, Kinds.Count: > 0 } sample ? sample.Kinds : null;

    private static double? Silent(HistoryPoint point, SideName side) => point.Sample.Silent.Contains(side) ? 1 : point.Sample.IsKnown ? 0 : null;

    private static string At(HistoryPoint point) => Text($"{point.At.UtcDateTime:HH:mm:ss}");

    private static string Seconds(double value) => value < 120 ? Text($"{value:0.#} s") : Span(TimeSpan.FromSeconds(value));

    private static string Milliseconds(double value) => Text($"{value * 1000:0.#} ms");

    private static string Count(double value) => Text($"{value:N0}");
}
