using System.Globalization;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>A report, and the repair of what it found.</summary>
internal sealed class ReportPages(PageHandler pages)
{
    public void Map()
    {
        pages.Get("/ui/contexts/{context}/reports/{run}", ReportAsync);
        pages.Get("/ui/contexts/{context}/reports/{run}/repair", PreviewAsync);
        pages.Post("/ui/contexts/{context}/reports/{run}/repair", RepairAsync);
    }

    private static async Task<PageContent> ReportAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var report = await StoredAsync(request, cancellationToken).ConfigureAwait(false);
        var outcome = OutcomeRules.Name(report.Outcome);
        var verdicts = Enum.GetValues<Verdict>().Where(verdict => report.Counts.GetValueOrDefault(verdict) > 0).ToList();
        return new PageContent(
            Text($"Report {report.RunId} of {host.Name}"),
            Pieces.Crumbs(host.Name, Text($"report {report.RunId}")),
            E("div", Class("head"), E("h1", Text($"Report {report.RunId}")), Pieces.OutcomeBadge(outcome)),
            E("p", Class("soft"), report.Scope + (report.Full ? "" : "; not a full run, opens no gate")),
            E("div", Class("card"), E(
                "dl", Class("facts"),
                Pieces.Fact("stage", report.Stage.ToString()), Pieces.Fact("leads", Pieces.Side(report.Lead)), Pieces.Fact("began (UTC)", Pieces.Time(report.BeganUtc)),
                Pieces.Fact("took", Span(report.Duration)), Pieces.Fact("entities", N(report.Entities)), Pieces.Fact("richer in new", N(report.RicherInNew)))),
            report.Differing.Count > 0 && request.Caller.May(Role.Operator)
                ? E("p", E("a", Class("button"), A("href", Text($"/ui/contexts/{host.Name}/reports/{report.RunId}/repair")), "See what a repair would do …")) : null,
            E(
                "div", Class("cols"),
                E("section", Class("card"), E("h2", "Every entity once"), Table(["verdict", "#entities", "#legacy", "#new"], verdicts.Select(verdict => (IEnumerable<object?>)
                [
                    Pieces.Badge(verdict.ToString(), OutcomeRules.IsDrift(verdict) ? "bad" : OutcomeRules.IsOpen(verdict) ? "open" : "good"), N(report.Counts[verdict]),
                    N(report.LegacyCounts.GetValueOrDefault(verdict)), N(report.NewCounts.GetValueOrDefault(verdict)),
                ]))),
                E("section", Class("card"), E("h2", "Differences by field"), report.FieldCounts.Count == 0
                    ? E("p", Class("soft"), "No field differs.")
                    : Table(["field", "#entities"], report.FieldCounts.OrderByDescending(field => field.Value).Select(field => (IEnumerable<object?>)[field.Key, N(field.Value)])))),
            report.Samples.Count == 0 ? null : E("section", Class("card"), E("h2", "Samples"), Table(
                ["entity", "verdict", "field", "legacy", "new", "note"], report.Samples.SelectMany(sample => Rows(host, report.Kind, sample)))),
            report.Notes.Count == 0 ? null : E("section", Class("card"), E("h2", "Notes"), report.Notes.Select(note => E("p", note))),
            E("p", Class("hint"), "Personal values are a keyed hash and their shape. For programs: ", E("code", Text($"GET /contexts/{host.Name}/reports/{report.RunId}"))));
    }

    private static IEnumerable<IEnumerable<object?>> Rows(ContextHost host, string kind, EntityFinding sample) =>
        sample.Fields.DefaultIfEmpty(new FieldDifference("", "", "")).Select((field, at) => (IEnumerable<object?>)
        [
            at > 0 ? "" : sample.Id == 0 ? Text($"new id {sample.NewId}") : ContextPages.KeyLink(host, new EntityKey(kind, sample.Id)),
            at > 0 ? "" : Pieces.Badge(sample.Verdict.ToString(), OutcomeRules.IsDrift(sample.Verdict) ? "bad" : OutcomeRules.IsOpen(sample.Verdict) ? "open" : "good"),
            field.Field, field.Legacy, field.New, at > 0 ? "" : sample.Note,
        ]);

    private async Task<PageContent> PreviewAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var (report, result, steps) = await RunAsync(request, dryRun: true, "dry run", cancellationToken).ConfigureAwait(false);
        return new PageContent(
            Text($"Repair of report {report.RunId}"),
            Pieces.Crumbs(request.Host.Name, Text($"repair of report {report.RunId}")),
            E("h1", Text($"What a repair of report {report.RunId} would do")),
            E("p", Class("note"), result is null ? "There is nothing to repair." : $"Nothing has been changed: this is the dry run. The {Pieces.Side(report.Lead)} side's state would be copied."),
            Steps(request.Host, report.Kind, steps),
            steps.All(step => step.Outcome is not (RepairOutcome.WouldWrite or RepairOutcome.WouldRemove or RepairOutcome.WouldMerge)) ? null : E(
                "section", Class("card"), E("h2", "Repair them"),
                E(
                    "form", Class("stack"), A("method", "post"), A("action", Text($"/ui/contexts/{request.Host.Name}/reports/{report.RunId}/repair")), pages.Token(request.Http),
                    E("label", "Reason, for the audit trail", E("input", A("name", "reason"), A("required", true), A("maxlength", 1000), A("autocomplete", "off"))),
                    E("p", Class("hint"), "A newer write stands. Gates ask for a full clean reconciliation afterwards."),
                    E("div", Class("actions"), E("button", "Repair"), E("a", Class("button quiet"), A("href", Text($"/ui/contexts/{request.Host.Name}/reports/{report.RunId}")), "Leave it")))));
    }

    private async Task<PageContent?> RepairAsync(ApiRequest request, IFormCollection form, CancellationToken cancellationToken)
    {
        var (report, result, steps) = await RunAsync(request, dryRun: false, ApiRequest.Reason(form["reason"]), cancellationToken).ConfigureAwait(false);
        return new PageContent(
            Text($"Repair of report {report.RunId}"),
            Pieces.Crumbs(request.Host.Name, Text($"repair of report {report.RunId}")),
            E("h1", Text($"Repair of report {report.RunId}")),
            E("p", Class("note good"), Text($"{result?.Repaired ?? 0:N0} repaired{(result?.Recheck is { } again ? $"; looked at again: {OutcomeRules.Name(again.Outcome)}" : "")}. Now reconcile in full: gates ask for it.")),
            Steps(request.Host, report.Kind, steps),
            E("p", Link($"/ui/contexts/{request.Host.Name}", $"Back to {request.Host.Name}")));
    }

    private static XElement? Steps(ContextHost host, string kind, IReadOnlyList<RepairStep> steps) => steps.Count == 0 ? null : E(
        "section", Class("card"), Table(["entity", "found", "outcome", "field", "legacy", "new", "note"], steps.SelectMany(step =>
            step.Fields.DefaultIfEmpty(new FieldDifference("", "", "")).Select((field, at) => (IEnumerable<object?>)
            [
                at > 0 ? "" : ContextPages.KeyLink(host, new EntityKey(kind, step.Id)), at > 0 ? "" : step.Verdict?.ToString() ?? "Gone", at > 0 ? "" : step.Outcome.ToString(),
                field.Field, field.Legacy, field.New, at > 0 ? "" : step.Note,
            ]))));

    private static async Task<(ReconciliationReport Report, RepairResult? Result, IReadOnlyList<RepairStep> Steps)> RunAsync(
        ApiRequest request, bool dryRun, string reason, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var report = await StoredAsync(request, cancellationToken).ConfigureAwait(false);
        var (kind, ids, _) = RepairTargets.Of(report.RunId, [], [], [], "").Choose(host, report);
        if (ids.Count > RepairDesk.MostKeys)
        {
            throw new ApiException(StatusCodes.Status422UnprocessableEntity, string.Create(
                CultureInfo.InvariantCulture, $"These are {ids.Count:N0} entities; more than {RepairDesk.MostKeys} are repaired with: strangler repair {host.Name} --from-report {report.RunId}"));
        }

        var (result, steps) = await RepairDesk.RunAsync(request, kind, ids, RepairDirection.LeadToFollower, dryRun, reason, cancellationToken).ConfigureAwait(false);
        return (report, result, steps);
    }

    private static Task<ReconciliationReport> StoredAsync(ApiRequest request, CancellationToken cancellationToken) =>
        request.ReportAsync("run", _ => $"{request.Host.Name} has no such finished reconciliation.", cancellationToken);
}
