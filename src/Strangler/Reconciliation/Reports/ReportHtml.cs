using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>
/// A report as one HTML page that stands alone: no script, no network, no other file; well-formed XML, so that nothing can be left open.
/// Every text is a text node: what a value holds is shown, never interpreted.
/// </summary>
public static class ReportHtml
{
    private const int ShownRuns = 30;

    /// <param name="report">The run.</param>
    /// <param name="history">Stored runs of the context in any order, for the chart of drift; full runs of the report's kind are
    /// shown.</param>
    public static string Render(ReconciliationReport report, IReadOnlyList<RunSummary> history)
    {
        var outcome = OutcomeRules.Name(report.Outcome);
        var title = Format($"Reconciliation {report.RunId} of {report.Context}, {report.Scope}: {outcome}");
        var page = new XElement(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", title),
                new XElement("style", HtmlStyle.Sheet)),
            new XElement(
                "body",
                new XElement(
                    "main",
                    Head(report, outcome),
                    Verdicts(report),
                    Trend(report, history),
                    Fields(report),
                    Declared(report),
                    report.Sums.Select(Sum),
                    Samples(report),
                    new XElement("footer", "Values of personal fields are shown as a keyed hash and their shape; equal values look equal, nothing can be read back."))));
        return $"<!DOCTYPE html>\n{Serialize(page)}\n";
    }

    private static XElement Head(ReconciliationReport report, string outcome) => new(
        "header",
        new XElement("h1", Format($"Reconciliation {report.RunId} of {report.Context}"), " ", Badge(outcome, outcome)),
        new XElement("p", Class("lead"), report.Scope + (report.Full ? "" : " · not a full run, opens no gate")),
        new XElement(
            "dl",
            Fact("Stage", $"{report.Stage}, {ReconciliationReport.Snake(report.Lead)} leads"),
            Fact("Began", Format($"{report.BeganUtc:yyyy-MM-dd HH:mm:ss} UTC")),
            Fact("Took", Format($"{report.Duration.TotalSeconds:0.0} s")),
            report.Speed is { } speed ? Fact("Entities a second", Format($"{speed.PerSecond:N0} · {speed.PerCoreSecond:N0} per core")) : null,
            Fact("Entities", Format($"{report.Entities:N0}")),
            Fact("Deleted on both sides", Format($"{report.Deleted:N0}")),
            Fact("Richer in new", Format($"{report.RicherInNew:N0}")),
            Fact("Signed off", Format($"{report.SignedOff:N0}")),
            Fact("Looked at again", Format($"{report.Rechecks:N0}"))),
        new[] { SideName.Legacy, SideName.New }.Select(side => Accounting.Of(report, side)).Select(accounting =>
            new XElement("p", Class(accounting.AddsUp == false ? "sum wrong" : "sum"), accounting.ToString())));

    private static XElement Verdicts(ReconciliationReport report) => Section(
        "Verdicts",
        new XElement("p", "Every entity of both sides has exactly one."),
        Table(
            "verdicts",
            ["verdict", "#entities", "#in legacy", "#in new", ""],
            Enum.GetValues<Verdict>().Select(verdict => (IReadOnlyList<object>)
            [
                Badge(verdict.ToString(), KindOf(verdict)),
                Count(report.Counts.GetValueOrDefault(verdict)),
                Count(report.LegacyCounts.GetValueOrDefault(verdict)),
                Count(report.NewCounts.GetValueOrDefault(verdict)),
                Meaning(verdict),
            ])));

    private static XElement? Trend(ReconciliationReport report, IReadOnlyList<RunSummary> history)
    {
        var runs = history.Where(run =>
            run is { Full: true, EndedUtc: not null } && run.Scope.StartsWith($"{report.Kind}:", StringComparison.Ordinal))
            .OrderBy(run => run.Id).TakeLast(ShownRuns).ToList();
        return runs.Count == 0
            ? null
            : Section(
                "Drift over the stored runs",
                HtmlCharts.Columns(
                    "Entities that count as drift, by full run",
                    [
                        .. runs.Select(run => (
                            Format($"{run.Id}"), run.Drift, run.Outcome.Length > 0 ? run.Outcome : "open",
                            Format($"Run {run.Id}, {run.BeganUtc:yyyy-MM-dd HH:mm} UTC: {run.Drift:N0} of {run.Entities:N0}, {run.Outcome}"))),
                    ]));
    }

    private static XElement Fields(ReconciliationReport report) => Section(
        "Differences by field",
        report.FieldCounts.Count == 0
            ? Nothing("No field differs.")
            : HtmlCharts.Bars(
                "Entities with drift in the field",
                [
                    .. report.FieldCounts.OrderByDescending(field => field.Value).ThenBy(field => field.Key, StringComparer.Ordinal)
                        .Select(field => (field.Key, field.Value, "drift")),
                ]));

    private static XElement? Declared(ReconciliationReport report) => report.Declared.Count == 0
        ? null
        : Section(
            "Declared differences",
            Table(
                ["field", "#hits", "owner", "until", "reason"],
                report.Declared.Select(declared => (IReadOnlyList<object>)
                [
                    declared.Difference.Field,
                    Count(declared.Hits),
                    declared.Difference.Owner,
                    new object[]
                    {
                        Format($"{declared.Difference.Until:yyyy-MM-dd} "),
                        declared.Expired ? Badge("expired: counts as drift", "drift") : "",
                    },
                    declared.Difference.Reason,
                ])));

    private static XElement Sum(BusinessSum sum) => Section(
        $"Sums: {sum.Name}",
        new XElement("p", Class(sum.Differing.Count > 0 ? "sum wrong" : "sum"), SumText.Difference(sum)),
        SumText.Apart(sum).Select(line => new XElement("p", line)),
        Groups(sum, "", [sum.Total], open: true),
        sum.Differing.Count == 0 ? null : Groups(sum, "groups that differ", sum.Differing, open: sum.Differing.Count <= 50),
        sum.Splits.Select(split => Groups(sum, split.Dimension, split.Groups, open: split.Groups.Count <= 12)));

    private static XElement Groups(BusinessSum sum, string title, IReadOnlyList<SumGroup> groups, bool open)
    {
        var table = Table(
            [title, "#legacy count", "#legacy amount", "#new count", "#new amount", "#declared", "#difference"],
            groups.Select(group => (IReadOnlyList<object>)
            [
                SumText.Group(group),
                Count(group.LegacyCount),
                SumText.Amount(group.LegacyAmount, sum.IsMoney),
                Count(group.NewCount),
                SumText.Amount(group.NewAmount, sum.IsMoney),
                Pair(group.ExplainedCount, group.ExplainedAmount, sum),
                group.Differs
                    ? Badge(Pair(group.DriftCount, group.DriftAmount, sum), "drift")
                    : Pair(group.DriftCount, group.DriftAmount, sum),
            ]));
        return title.Length == 0
            ? table
            : new XElement(
                "details",
                open ? new XAttribute("open", "open") : null,
                new XElement("summary", Format($"{title} ({groups.Count:N0})")),
                table);
    }

    private static XElement Samples(ReconciliationReport report)
    {
        var byVerdict = report.Samples.GroupBy(sample => sample.Verdict).OrderBy(group => group.Key).ToList();
        return Section(
            "Samples",
            byVerdict.Count == 0
                ? Nothing("There is nothing to show.")
                : HtmlCharts.Bars(
                    "Samples listed below, by verdict",
                    [.. byVerdict.Select(group => (group.Key.ToString(), (long)group.Count(), KindOf(group.Key)))]),
            byVerdict.Select(group => new XElement(
                "details",
                new XAttribute("open", "open"),
                new XElement("summary", Listed(group.Key, group.Count(), report.Counts.GetValueOrDefault(group.Key))),
                Table(["#id", "#new id", "field", "legacy", "new", "note"], group.SelectMany(Rows)))),
            byVerdict.Sum(group => report.Counts.GetValueOrDefault(group.Key) - group.Count()) is > 0 and var more
                ? Nothing(
                    Format($"{more:N0} more entities are counted and not listed here. ")
                    + $"To list every one: strangler reconcile {report.Context} --report csv=FILE")
                : null,
            report.Notes.Select(Nothing));
    }

    private static string Listed(Verdict verdict, int listed, long counted) => counted > listed
        ? Format($"{verdict}: {listed:N0} of {counted:N0}, {counted - listed:N0} more are not listed")
        : Format($"{verdict}: {listed:N0} of {counted:N0}");

    private static IEnumerable<IReadOnlyList<object>> Rows(EntityFinding sample)
    {
        foreach (var (at, field) in sample.Fields.DefaultIfEmpty(new FieldDifference("", "", "")).Index())
        {
            yield return
            [
                at > 0 || sample.Id == 0 ? "" : Format($"{sample.Id}"),
                at > 0 || sample.NewId is null ? "" : Format($"{sample.NewId}"),
                field.Field, field.Legacy, field.New,
                at > 0 ? "" : sample.Note,
            ];
        }
    }

    internal static string KindOf(Verdict verdict) =>
        OutcomeRules.IsDrift(verdict) ? "drift" : OutcomeRules.IsOpen(verdict) ? "inconclusive" : "clean";

    internal static string Meaning(Verdict verdict) => verdict switch
    {
        Verdict.Matched => "same in every field that both sides can tell",
        Verdict.Explained => "differs only in a declared difference",
        Verdict.NotComparable => "agrees, but the new side knows something that legacy cannot hold",
        Verdict.InFlight => "the follower is behind and the journal knows it",
        Verdict.Lagging => "the same for longer than the limit, or parked",
        Verdict.LostObligation => "the follower is behind and no journal row says so",
        Verdict.Regression => "the follower is newer than the lead",
        Verdict.Drift => "same version, different fields",
        Verdict.MissingInNew => "on the legacy side only",
        Verdict.MissingInLegacy => "on the new side only",
        Verdict.Unmapped => "no public id leads to it, or it leads nowhere",
        Verdict.Uncaptured => "legacy was changed past capture",
        Verdict.Unreadable => "cannot be read; in quarantine",
        _ => "",
    };

    private static string Pair(long count, decimal amount, BusinessSum sum) =>
        count == 0 && amount == 0 ? "–" : $"{SumText.Signed(count)} · {SumText.Signed(amount, sum.IsMoney)}";

    private static XElement Section(string title, params object?[] content) => new("section", new XElement("h2", title), content);

    // A heading that begins with # is of a column of numbers.
    private static XElement Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<object>> rows) => Table("", headings, rows);

    private static XElement Table(string name, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<object>> rows) => new(
        "div",
        Class("scroll"),
        new XElement(
            "table",
            name.Length > 0 ? Class(name) : null,
            new XElement("thead", new XElement("tr",
                headings.Select(heading => new XElement("th", ClassOf(heading), heading.TrimStart('#'))))),
            new XElement("tbody", rows.Select(row =>
                new XElement("tr", row.Select((cell, at) => new XElement("td", ClassOf(headings[at]), cell)))))));

    private static XAttribute? ClassOf(string heading) => heading.StartsWith('#') ? Class("n") : null;

    private static XElement Fact(string name, string value) => new("div", new XElement("dt", name), new XElement("dd", value));

    private static XElement Badge(string text, string kind) => new("span", Class($"badge {kind}"), text);

    private static XElement Nothing(string text) => new("p", Class("nothing"), text);

    private static XAttribute Class(string name) => new("class", name);

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Characters that XML cannot hold are shown as what they are; elements without content keep their end tag, since HTML would leave
    // them open.
    private static string Serialize(XElement page)
    {
        foreach (var text in page.DescendantNodes().OfType<XText>().Where(text => !text.Value.All(XmlConvert.IsXmlChar)).ToList())
        {
            text.Value = Shown(text.Value);
        }

        foreach (var empty in page.Descendants().Where(element =>
            element.IsEmpty && element.Name.LocalName is not ("meta" or "rect" or "line")))
        {
            empty.Value = "";
        }

        var built = new StringBuilder();
        using (var writer = XmlWriter.Create(built, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = false }))
        {
            page.Save(writer);
        }

        return built.ToString();
    }

    private static string Shown(string text)
    {
        var shown = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                shown.Append(text, i++, 2);
            }
            else
            {
                shown.Append(XmlConvert.IsXmlChar(text[i]) ? text[i].ToString() : $"\\u{(int)text[i]:x4}");
            }
        }

        return shown.ToString();
    }
}
