using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Service.Http.Access;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Http.Admin;

/// <summary>For whoever keeps the service running: does it live, can it serve, what has it measured.</summary>
internal static class HealthRoutes
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(IEndpointRouteBuilder routes, ApiHandler api, ServiceParts parts)
    {
        api.Map(HttpMethods.Get, "/healthz", (_, _) => Task.FromResult<object?>(new { status = "ok" }));
        api.Map(HttpMethods.Get, "/readyz", ReadyAsync);
        routes.MapMethods("/metrics", Methods, (RequestDelegate)(http => MetricsAsync(http, parts.Metrics)));
    }

    // Whoever shows no token learns which context is not ready, as a probe must, and nothing of servers and stages.
    private static async Task<object?> ReadyAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        if (request.Parts.Readiness.IsStopping)
        {
            request.Http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return new { status = "stopping", contexts = Array.Empty<object>() };
        }

        var contexts = await request.Parts.Readiness.LookAsync(cancellationToken).ConfigureAwait(false);
        var ready = contexts.All(context => context.Ready);
        request.Http.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return new
        {
            status = ready ? "ready" : "not ready",
            contexts = contexts.Select(context => new
            {
                context = context.Context,
                ready = context.Ready,
                checks = request.Caller.May(Role.Viewer) ? context.Checks : null,
            }),
        };
    }

    private static Task MetricsAsync(HttpContext http, MetricsRegistry metrics) =>
        Answers.SendAsync(http, StatusCodes.Status200OK, MetricsRegistry.ContentType, Encoding.UTF8.GetBytes(metrics.Render()));
}
