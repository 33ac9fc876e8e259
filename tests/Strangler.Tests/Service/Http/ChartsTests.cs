using System.Xml.Linq;
using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Service.Http.Dashboard;
using Strangler.Service.Telemetry;

namespace Strangler.Tests.Service.Http;

public sealed class ChartsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public void Each_chart_says_in_words_and_numbers_what_it_draws()
    {
        var section = Charts.Of(Busy());
        var figures = section.Descendants("figure").ToDictionary(figure => figure.Element("figcaption")!.Element("b")!.Value);
        Assert.That(figures.Keys, Is.EqualTo(new[] { "Drift by field", "Lag", "Journal", "Shadow reads", "Answers", "Errors", "Throttle" }));
        foreach (var drawn in figures.Values.Where(figure => figure.Element("svg") is not null))
        {
            var svg = drawn.Element("svg")!;
            Assert.That((svg.Attribute("role")!.Value, svg.Element("title")!.Value.Length > 10, svg.Element("desc")!.Value.Length > 20), Is.EqualTo(("img", true, true)));
            Assert.That(drawn.Descendants("table").Single().Descendants("tr").Count(), Is.InRange(10, 27));
        }

        Assert.That(figures["Lag"].Element("svg")!.Element("desc")!.Value, Is.EqualTo("From 12:00:00 to 12:16:30 UTC: lag between 0 s and 99 s, last 99 s."));
        Assert.That(figures["Shadow reads"].Element("svg")!.Element("desc")!.Value, Does.Contain("differed between 0 ‰ and 50 ‰, last 0 ‰"));
        Assert.That(figures["Throttle"].Descendants("td").Select(cell => cell.Value), Is.EqualTo(new[] { "12:05:00", "12:06:30", "10", "legacy is busy: 40 statements" }));
        Assert.That(Html.Render(section), Does.Not.Contain("<script").And.Not.Contain(" style=").And.Contain("begins anew with the process"));
    }

    [Test]
    public void What_is_not_known_is_a_gap_and_no_zero()
    {
        var answers = Charts.Of(Busy()).Descendants("figure").Single(figure => figure.Element("figcaption")!.Element("b")!.Value == "Answers");
        var paths = answers.Descendants("path").Where(path => path.Attribute("class")!.Value == "line b").Select(path => path.Attribute("d")!.Value).ToList();
        Assert.That(paths, Has.Count.EqualTo(3), "the new side did not answer in between: two pieces, and the one that names the line");
        Assert.That(answers.Descendants("td").Select(cell => cell.Value), Does.Contain("–"));
        var errors = Charts.Of(Busy()).Descendants("figure").Single(figure => figure.Element("figcaption")!.Element("b")!.Value == "Errors");
        Assert.That(errors.Element("svg")!.Element("desc")!.Value, Does.Contain("new between 0 and 1"));
    }

    [Test]
    public void Many_fields_are_six_lines_the_worst_first_and_the_rest_in_one()
    {
        var fields = Enumerable.Range(1, 9).ToDictionary(at => $"field{at}", at => (long)at);
        var points = Enumerable.Range(0, 5).Select(at => new HistoryPoint(Noon.AddSeconds(10 * at), Sample(at) with { Kinds = [Kind(fields)] })).ToList();
        var texts = Charts.Of(points).Descendants("figure").First().Element("svg")!.Elements("text").Select(text => text.Value).ToList();
        Assert.That(texts, Does.Contain("field9: 9").And.Contain("field5: 5").And.Contain("4 other fields: 10").And.Not.Contain("field4: 4"));
    }

    [Test]
    public void Before_the_second_look_nothing_is_drawn_and_old_looks_are_forgotten()
    {
        Assert.That(Charts.Of([]).Descendants("svg"), Is.Empty);
        var history = new SampleHistory();
        for (var at = 0; at < SampleHistory.Length + 5; at++)
        {
            history.Add(Noon.AddSeconds(10 * at), [Sample(at)]);
        }

        Assert.That(history.Of("donations"), Has.Count.EqualTo(SampleHistory.Length));
        Assert.That(history.Of("donations")[0].At, Is.EqualTo(Noon.AddSeconds(50)));
    }

    internal static IReadOnlyList<HistoryPoint> Busy() =>
    [
        .. Enumerable.Range(0, 100).Select(at => new HistoryPoint(Noon.AddSeconds(10 * at), Sample(at) with
        {
            LagSeconds = at,
            JournalOpen = 400 - (4 * at) + (at % 7 * 9),
            Parked = at > 60 ? 3 : 0,
            LegacySeconds = 0.002 + (at % 9 * 0.0004),
            NewSeconds = at is > 40 and < 50 ? null : 0.003 + (at % 11 * 0.0006),
            Silent = at is > 40 and < 50 ? [SideName.New] : [],
            Shadow = (1000 + (20 * at), Math.Min(50, at)),
            Throttle = at is >= 30 and < 40 ? "legacy is busy: 40 statements" : null,
            Kinds = at < 10 ? [] : [Kind(new Dictionary<string, long> { ["amount"] = at < 50 ? 12 : 0, ["donor.email"] = at < 70 ? 4 : 1, ["status"] = 0 })],
        })),
    ];

    private static ContextSample Sample(int at) => new()
    {
        Context = "donations", IsKnown = true, Stage = Stage.ShadowRead, Lead = SideName.Legacy, LagSeconds = at,
    };

    private static KindSample Kind(IReadOnlyDictionary<string, long> fields) => new("donation", 60, 1, new Dictionary<string, long> { ["Drift"] = 3 }, fields, 0);
}
