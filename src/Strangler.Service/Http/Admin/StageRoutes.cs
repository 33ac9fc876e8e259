using Microsoft.AspNetCore.Http;
using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.Service.Http.Admin;

/// <summary>Contexts and their stages.</summary>
internal static class StageRoutes
{
    public static void Map(ApiHandler api)
    {
        api.Map(HttpMethods.Get, "/contexts", AllAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}", async (request, token) => await ContextStatus.ReadAsync(request.Host, token).ConfigureAwait(false));
        api.Map(HttpMethods.Get, "/contexts/{context}/stage", GetAsync);
        api.MapLong(HttpMethods.Put, "/contexts/{context}/stage", PutAsync);
        api.MapLong(HttpMethods.Put, "/contexts/{context}/stage/approval", ApproveAsync);
        api.Map(HttpMethods.Delete, "/contexts/{context}/stage/request", WithdrawAsync);
        api.MapLong(HttpMethods.Put, "/contexts/{context}/flip", FinishAsync);
        api.Map(HttpMethods.Delete, "/contexts/{context}/flip", AbortAsync);
        api.Map(HttpMethods.Get, "/contexts/{context}/audit", (request, token) => PageOfAuditAsync(request, token));
    }

    // What cannot be told of one context is no reason to say nothing of the others.
    private static async Task<object?> AllAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        List<object> contexts = [];
        foreach (var host in request.Parts.Hosts)
        {
            try
            {
                contexts.Add(await ContextStatus.ReadAsync(host, cancellationToken).ConfigureAwait(false));
            }
            catch (Exception exception) when (exception is not OperationCanceledException && ApiHandler.Translate(exception) is { } known)
            {
                contexts.Add(new { context = host.Name, error = known.Message });
            }
        }

        return new { contexts };
    }

    private static async Task<object?> GetAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var status = await StageDesk.ReadAsync(request.Host, cancellationToken).ConfigureAwait(false);
        request.Http.Response.Headers.ETag = status.Tag;
        return Shape(request.Host, status.View, status.Next, status.Back, status.Asked);
    }

    private static async Task<object?> PutAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var body = await request.BodyAsync<StageBody>(cancellationToken).ConfigureAwait(false);
        var reason = body.DryRun ? body.Reason ?? "" : ApiRequest.Reason(body.Reason);
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        CheckMatch(request.Http, view);
        if (!Enum.IsDefined(body.Stage))
        {
            throw new ApiException(StatusCodes.Status400BadRequest, $"stage is one of: {string.Join(", ", Enum.GetNames<Stage>())}.");
        }

        if (body.DryRun)
        {
            var step = await StageDesk.StepAsync(host, body.Stage, cancellationToken).ConfigureAwait(false);
            request.Http.Response.Headers.ETag = StageStatus.TagOf(view);
            return new { context = host.Name, dry_run = true, from = view.Stage, to = step.Stage, step.Open, step.Gates };
        }

        // From here on it is not the client's connection that decides: a move has a deadline of its own, and takes itself back.
        var (after, asked) = await StageDesk.MoveOrAskAsync(host, view, new CutoverRequest
        {
            Actor = request.Actor, Reason = reason, Force = body.Force, Target = body.Stage, Epoch = view.Epoch, TypedConfirmation = body.Confirm,
        }, CancellationToken.None).ConfigureAwait(false);
        request.Http.Response.Headers.ETag = StageStatus.TagOf(after);
        if (asked is not null)
        {
            request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        }

        return Shape(host, after, null, null, asked);
    }

    private static async Task<object?> ApproveAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var host = request.Host;
        var body = await request.BodyAsync<ApprovalBody>(cancellationToken).ConfigureAwait(false);
        var reason = ApiRequest.Reason(body.Reason);
        var id = string.IsNullOrWhiteSpace(body.Request) ? throw new ApiException(StatusCodes.Status400BadRequest, "Give the id of the request that you approve.") : body.Request;
        var view = await host.Cutover.StatusAsync(cancellationToken).ConfigureAwait(false);
        CheckMatch(request.Http, view);
        if (!host.Runtime.Options.SecondApprover)
        {
            throw new ApiException(StatusCodes.Status409Conflict, $"contexts.{host.Name}.options.secondApprover is false: one person makes a step, with PUT /contexts/{host.Name}/stage.");
        }

        var asked = new CutoverRequest { Actor = request.Actor, Reason = reason, Epoch = view.Epoch, TypedConfirmation = body.Confirm };
        var after = await StageDesk.ApproveAsync(host, view, id, asked, CancellationToken.None).ConfigureAwait(false);
        request.Http.Response.Headers.ETag = StageStatus.TagOf(after);
        return Shape(host, after, null, null, null);
    }

    private static async Task<object?> WithdrawAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var reason = ApiRequest.Reason(request.Query("reason"));
        var withdrawn = await request.Host.Cutover.WithdrawAsync(request.Query("request"), request.Actor, reason, cancellationToken).ConfigureAwait(false);
        return new { context = request.Host.Name, withdrawn };
    }

    private static void CheckMatch(HttpContext http, StageView view)
    {
        var tag = StageStatus.TagOf(view);
        var given = http.Request.Headers.IfMatch.ToString();
        if (given.Length == 0)
        {
            throw new ApiException(StatusCodes.Status428PreconditionRequired, "Send If-Match with the ETag of the stage that you have looked at.");
        }

        if (given != tag)
        {
            http.Response.Headers.ETag = tag;
            throw new ApiException(StatusCodes.Status412PreconditionFailed, $"The stage is not what you have looked at: it is {view.Stage} by now, epoch {view.Epoch}. Look again.");
        }
    }

    private static async Task<object?> FinishAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var body = await request.BodyAsync<ReasonBody>(cancellationToken).ConfigureAwait(false);
        var asked = new CutoverRequest { Actor = request.Actor, Reason = ApiRequest.Reason(body.Reason) };
        return Shape(request.Host, await request.Host.Cutover.ResumeAsync(asked, null, CancellationToken.None).ConfigureAwait(false), null, null, null);
    }

    private static async Task<object?> AbortAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        var asked = new CutoverRequest { Actor = request.Actor, Reason = ApiRequest.Reason(request.Query("reason")) };
        return Shape(request.Host, await request.Host.Cutover.AbortAsync(asked, cancellationToken).ConfigureAwait(false), null, null, null);
    }

    private static async Task<object?> PageOfAuditAsync(ApiRequest request, CancellationToken cancellationToken) =>
        await request.PageAsync(limit => request.Host.Cutover.HistoryAsync(limit, cancellationToken), entry => entry).ConfigureAwait(false);

    private static object Shape(ContextHost host, StageView view, StepView? next, StepView? back, AskedStep? asked) => new
    {
        context = host.Name, view.Stage, view.Lead, view.Epoch, view.Switching, view.Legacy, view.New, next, back, host.Runtime.Options.SecondApprover, asked,
    };
}
