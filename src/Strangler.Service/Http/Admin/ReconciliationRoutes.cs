using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Strangler.Reconciliation;
using Strangler.Service.Reconciling;

namespace Strangler.Service.Http.Admin;

/// <summary>Reconciliations, their reports, and repairs of what they found.</summary>
internal static class ReconciliationRoutes
{
    public static void Map(ApiHandler api)
    {
        api.Map(HttpMethods.Get, "/contexts/{context}/reports", ReportsAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/reports/{run}", ReportAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/reports/{run}/diff/{later}", DiffAsync);
        api.Map(HttpMethods.Post, "/contexts/{context}/reports/{run}/revelations", RevealAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/reconciliations", ListAsync);
        api.Map(HttpMethods.Post, "/contexts/{context}/reconciliations", StartAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/reconciliations/{job}", async (request, token) => await FindAsync(request, token).ConfigureAwait(false));
        api.MapLong(HttpMethods.Get, "/contexts/{context}/reconciliations/{job}/events", EventsAsync);
        api.Map(HttpMethods.Delete, "/contexts/{context}/reconciliations/{job}", CancelAsync);
        api.MapLong(HttpMethods.Post, "/contexts/{context}/repairs", (request, token) => RepairAsync(request, RepairDirection.LeadToFollower, token));
        api.MapLong(HttpMethods.Post, "/contexts/{context}/reverse-repairs", (request, token) => RepairAsync(request, RepairDirection.FollowerToLead, token));
    }

    private static async Task<object?> ReportsAsync(ApiRequest request, CancellationToken cancellationToken) =>
        await request.PageAsync(limit => request.Host.Sides.Reconciliations.SummariesAsync(limit, cancellationToken), run => run).ConfigureAwait(false);

    private static async Task<object?> ReportAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var report = await StoredAsync(request, "run", cancellationToken).ConfigureAwait(false);
        switch (request.Query("format"))
        {
            case null or "json":
                return new RawJson(report.ToJson());
            case "csv":
                await TextAsync(request.Http, "text/csv; charset=utf-8", ReportCsv.Header + ReportCsv.Render(report)).ConfigureAwait(false);
                return null;
            case "html":
                var history = await request.Host.Sides.Reconciliations.SummariesAsync(200, cancellationToken).ConfigureAwait(false);
                request.Http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
                await TextAsync(request.Http, "text/html; charset=utf-8", ReportHtml.Render(report, history)).ConfigureAwait(false);
                return null;
            default:
                throw new ApiException(StatusCodes.Status400BadRequest, "format is json, html or csv.");
        }
    }

    private static async Task<object?> DiffAsync(ApiRequest request, CancellationToken cancellationToken) => Shapes.Diff(ReportDiff.Of(
        await StoredAsync(request, "run", cancellationToken).ConfigureAwait(false), await StoredAsync(request, "later", cancellationToken).ConfigureAwait(false)));

    private static async Task<object?> RevealAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ReasonBody>(cancellationToken).ConfigureAwait(false);
        var reason = ApiRequest.Reason(body.Reason);
        await request.RequireRevealAsync(cancellationToken).ConfigureAwait(false);
        var report = await StoredAsync(request, "run", cancellationToken).ConfigureAwait(false);
        var shown = await new Revealer(request.Host.Runtime).RevealAsync(report, request.Actor, reason, cancellationToken).ConfigureAwait(false);
        return new { context = request.Host.Name, kind = report.Kind, run = report.RunId, values = shown.Values, entities = shown.Entities };
    }

    private static async Task<object?> ListAsync(ApiRequest request, CancellationToken cancellationToken) =>
        await request.PageAsync(limit => request.Parts.Jobs.ListAsync(request.Host, limit, cancellationToken), job => job).ConfigureAwait(false);

    private static async Task<object?> StartAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ReconciliationRequest>(cancellationToken).ConfigureAwait(false);
        var job = await request.Parts.Jobs.StartAsync(request.Host, body, request.Actor, cancellationToken).ConfigureAwait(false);
        request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        request.Http.Response.Headers.Location = $"/contexts/{request.Host.Name}/reconciliations/{job.Id}";
        return job;
    }

    private static async Task<JobView> FindAsync(ApiRequest request, CancellationToken cancellationToken) =>
        await request.Parts.Jobs.FindAsync(request.Host, request.Route("job"), cancellationToken).ConfigureAwait(false) ?? throw NoSuchJob(request);

    private static ApiException NoSuchJob(ApiRequest request) =>
        new(StatusCodes.Status404NotFound, $"{request.Host.Name} has no such reconciliation among those that were started over HTTP lately; see /contexts/{request.Host.Name}/reports.");

    private static async Task<object?> CancelAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var job = await request.Parts.Jobs.CancelAsync(request.Host, request.Route("job"), request.Actor, cancellationToken).ConfigureAwait(false)
            ?? throw NoSuchJob(request);
        request.Http.Response.StatusCode = job.State == JobState.Running ? StatusCodes.Status202Accepted : StatusCodes.Status200OK;
        return job;
    }

    private static async Task<object?> EventsAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var http = request.Http;
        var first = await FindAsync(request, cancellationToken).ConfigureAwait(false);
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        if (HttpMethods.IsHead(http.Request.Method))
        {
            return null;
        }

        await foreach (var view in request.Parts.Jobs.WatchAsync(request.Host, first, cancellationToken).ConfigureAwait(false))
        {
            var name = view.State == JobState.Running ? "progress" : "end";
            await http.Response.WriteAsync($"event: {name}\ndata: {JsonSerializer.Serialize(view, AdminJson.Options)}\n\n", cancellationToken).ConfigureAwait(false);
            await http.Response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

    private static async Task<object?> RepairAsync(ApiRequest request, RepairDirection direction, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var body = await request.BodyAsync<RepairBody>(cancellationToken).ConfigureAwait(false);
        var reason = body.Apply ? ApiRequest.Reason(body.Reason) : string.IsNullOrWhiteSpace(body.Reason) ? "dry run" : ApiRequest.Reason(body.Reason);
        if (body.Apply && direction == RepairDirection.FollowerToLead && body.Confirm != host.Name)
        {
            throw new ApiException(StatusCodes.Status409Conflict, $"This writes on the side that leads. Send \"confirm\": \"{host.Name}\". Nothing was changed.");
        }

        var targets = RepairTargets.Of(body.Report, body.Keys, body.Classes, body.Fields, "");
        var (kind, ids, note) = await targets.ChooseAsync(host, body.Kind, cancellationToken).ConfigureAwait(false);
        if (ids.Count > RepairDesk.MostKeys)
        {
            throw new ApiException(
                StatusCodes.Status422UnprocessableEntity,
                $"These are {ids.Count} keys; over HTTP at most {RepairDesk.MostKeys} are repaired at a time. Choose fewer by keys, classes or fields, or: strangler repair {host.Name}");
        }

        var (result, steps) = await RepairDesk.RunAsync(request, kind, ids, direction, !body.Apply, reason, cancellationToken).ConfigureAwait(false);
        return new
        {
            context = host.Name, kind, dry_run = !body.Apply, counts = result?.Counts.Where(count => count.Value > 0).ToDictionary(count => count.Key.ToString(), count => count.Value),
            recheck = result?.Recheck is { } recheck ? OutcomeRules.Name(recheck.Outcome) : null, steps, note,
        };
    }

    private static Task<ReconciliationReport> StoredAsync(ApiRequest request, string name, CancellationToken cancellationToken) => request.ReportAsync(
        name, run => $"{request.Host.Name} has no finished reconciliation {run}; see /contexts/{request.Host.Name}/reports.", cancellationToken);

    private static async Task TextAsync(HttpContext http, string type, string text)
    {
        http.Response.ContentType = type;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.WriteAsync(text, http.RequestAborted).ConfigureAwait(false);
        }
    }
}
