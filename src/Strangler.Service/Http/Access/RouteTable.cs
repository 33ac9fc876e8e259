using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Service.Http.Admin;
using Strangler.Service.Http.Repositories;
using Strangler.Service.Reconciling;

namespace Strangler.Service.Http.Access;

/// <summary>One route and what it needs.</summary>
/// <param name="Method">The HTTP method; GET stands for HEAD as well.</param>
/// <param name="Pattern">As it is mapped.</param>
/// <param name="Role">The least role that may.</param>
/// <param name="What">In a few words, for the documentation.</param>
public sealed record RouteNeed(string Method, string Pattern, Role Role, string What)
{
    /// <summary>A page or a form of the dashboard: a cookie counts, and nobody is sent to where one gets it.</summary>
    public bool IsPage => Pattern == "/" || Pattern.StartsWith("/ui/", StringComparison.Ordinal);

    /// <summary>What its body is; null: it has none.</summary>
    public Type? Body { get; init; }

    /// <summary>What its body is called among the document's schemas; null: <see cref="Body"/> says it, or it has none.</summary>
    public string? BodySchema { get; init; }

    /// <summary>Likewise its answer.</summary>
    public string? AnswerSchema { get; init; }

    /// <summary>Whether it has a body.</summary>
    public bool HasBody => Body is not null || BodySchema is not null;

    /// <summary>Headers without which it is refused.</summary>
    public IReadOnlyList<string> Headers { get; init; } = [];

    /// <summary>Headers that it heeds, and can do without.</summary>
    public IReadOnlyList<string> OptionalHeaders { get; init; } = [];

    /// <summary>What it answers when all goes well.</summary>
    public int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>The context whose entities it reads or writes; null: the path says it, or it has none.</summary>
    public string? Context { get; init; }

    /// <summary>What its query may hold.</summary>
    public IReadOnlyList<string> Query { get; init; } = [];

    /// <summary>What an answer is, if not JSON.</summary>
    public string Answer { get; init; } = "application/json";

    /// <summary>A route of a context's own frontends, whose clients know of no tokens and no limits.</summary>
    public bool IsFrontend { get; init; }
}

/// <summary>
/// All routes of the service with the role that each needs. There is no other place that says so: a route that is mapped and not listed here is
/// refused to everybody.
/// </summary>
public static class RouteTable
{
    private static readonly RouteNeed[] Frontends =
    [
        .. new[]
        {
            ("/health-regions", "all health regions"), ("/health-regions/{id}", "one health region"), ("/fsa/{id}", "the regions of a postcode"),
            ("/api/locations/get-all", "all postcodes, as the old server answered"), ("/api/locations/{fsa}", "one postcode, likewise"),
            ("/api/provinces", "all provinces, likewise"), ("/api/health-regions/get-all", "all regions, likewise"), ("/api/health-regions/{hr_uid}", "one region, likewise"),
        }.Select(route => new RouteNeed("GET", route.Item1, Role.Anyone, route.Item2) { IsFrontend = true }),
    ];

    private static readonly string[] Page = ["offset", "limit"];

    private static readonly RouteNeed[] Operation =
    [
        new("GET", "/healthz", Role.Anyone, "whether the process answers"),
        new("GET", "/readyz", Role.Anyone, "whether it can serve; with a token: which store, migration or fence stands in the way"),
        new("GET", "/metrics", Role.Viewer, "for Prometheus") { Answer = "text/plain" },
        new("GET", "/openapi.json", Role.Viewer, "this API as OpenAPI 3.1"),
    ];

    private static readonly RouteNeed[] Api =
    [
        new("GET", "/contexts", Role.Viewer, "all contexts on one page"),
        new("GET", "/contexts/{context}", Role.Viewer, "one context: as strangler status"),
        new("GET", "/contexts/{context}/stage", Role.Viewer, "who leads, the gates forward and back; ETag"),
        new("PUT", "/contexts/{context}/stage", Role.Engineer, "one stage forward or back; If-Match; 409 with the closed gates; 202: it waits for a second person") { Body = typeof(StageBody), Headers = ["If-Match"] },
        new("PUT", "/contexts/{context}/stage/approval", Role.Engineer, "the second person's yes, never of whoever asked; If-Match; the gates are looked at again") { Body = typeof(ApprovalBody), Headers = ["If-Match"] },
        new("DELETE", "/contexts/{context}/stage/request", Role.Engineer, "withdraw the request that waits, or the one that is named") { Query = ["reason", "request"] },
        new("PUT", "/contexts/{context}/flip", Role.Engineer, "finish a flip whose process died") { Body = typeof(ReasonBody) },
        new("DELETE", "/contexts/{context}/flip", Role.Engineer, "take back a flip that is not decided") { Query = ["reason"] },
        new("GET", "/contexts/{context}/reports", Role.Viewer, "stored reconciliations, newest first") { Query = Page },
        new("GET", "/contexts/{context}/reports/{run}", Role.Viewer, "one report (docs/report.schema.json), also as html or csv") { Query = ["format"] },
        new("GET", "/contexts/{context}/reports/{run}/diff/{later}", Role.Viewer, "what is new, gone and still there"),
        new("POST", "/contexts/{context}/reports/{run}/revelations", Role.Operator, "present clear values of its samples; audited") { Body = typeof(ReasonBody) },
        new("GET", "/contexts/{context}/reconciliations", Role.Viewer, "those that were started over HTTP, newest first") { Query = Page },
        new("POST", "/contexts/{context}/reconciliations", Role.Operator, "start one") { Body = typeof(ReconciliationRequest), Status = StatusCodes.Status202Accepted },
        new("GET", "/contexts/{context}/reconciliations/{job}", Role.Viewer, "how far it is"),
        new("GET", "/contexts/{context}/reconciliations/{job}/events", Role.Viewer, "its progress as server-sent events") { Answer = "text/event-stream" },
        new("DELETE", "/contexts/{context}/reconciliations/{job}", Role.Operator, "cancel it; it can be resumed"),
        new("POST", "/contexts/{context}/repairs", Role.Operator, "bring the follower in line; a dry run unless \"apply\"") { Body = typeof(RepairBody) },
        new("POST", "/contexts/{context}/reverse-repairs", Role.Engineer, "the follower's state as a new write on the lead; likewise") { Body = typeof(RepairBody) },
        new("GET", "/contexts/{context}/journal", Role.Viewer, "what the follower lacks: as strangler relay status"),
        new("GET", "/contexts/{context}/parked", Role.Viewer, "keys that are set aside, longest first") { Query = Page },
        new("POST", "/contexts/{context}/parked/retries", Role.Operator, "put one parked key, or all, back to work") { Body = typeof(RetryBody) },
        new("POST", "/contexts/{context}/parked/{kind}/{id}/drops", Role.Engineer, "give a parked key up; a dry run unless \"apply\"") { Body = typeof(ApplyBody) },
        new("GET", "/contexts/{context}/conflicts", Role.Viewer, "keys that both sides changed") { Query = Page },
        new("GET", "/contexts/{context}/conflicts/{kind}/{id}", Role.Viewer, "both versions, personal values masked"),
        new("PUT", "/contexts/{context}/conflicts/{kind}/{id}/decision", Role.Operator, "whose values stand; a dry run unless \"apply\"") { Body = typeof(DecisionBody) },
        new("POST", "/contexts/{context}/conflicts/{kind}/{id}/revelations", Role.Operator, "both versions in clear; audited") { Body = typeof(ReasonBody) },
        new("GET", "/contexts/{context}/quarantine/{kind}", Role.Viewer, "legacy rows that cannot be read") { Query = Page },
        new("PUT", "/contexts/{context}/quarantine/{kind}/{id}/sign-off", Role.Operator, "accept that a row stays unread") { Body = typeof(ReasonBody) },
        new("GET", "/contexts/{context}/census", Role.Viewer, "which other programs write legacy") { Query = ["since"] },
        new("GET", "/contexts/{context}/ids/{kind}/{id}", Role.Viewer, "the new id of a public id") { Query = ["references"] },
        new("GET", "/contexts/{context}/new-ids/{kind}/{id}", Role.Viewer, "the public id of a new id"),
        new("GET", "/contexts/{context}/timeline/{kind}/{id}", Role.Viewer, "everything that happened to one entity"),
        new("GET", "/contexts/{context}/audit", Role.Viewer, "who did what, newest first") { Query = Page },
    ];

    private static readonly RouteNeed[] Dashboard =
    [
        new("GET", "/", Role.Viewer, "the dashboard: all contexts"),
        new("GET", "/ui/style.css", Role.Anyone, "its style sheet"),
        new("GET", "/ui/sign-in", Role.Anyone, "where a key or token is typed"),
        new("POST", "/ui/sign-in", Role.Anyone, "and sent; answers with a cookie"),
        new("POST", "/ui/sign-out", Role.Viewer, "ends the session in this browser"),
        new("GET", "/ui/contexts/{context}", Role.Viewer, "one context"),
        new("GET", "/ui/contexts/{context}/stage", Role.Engineer, "a step: its gates, before it is made"),
        new("POST", "/ui/contexts/{context}/stage", Role.Engineer, "and the step, with the context's name typed and a reason"),
        new("POST", "/ui/contexts/{context}/stage/approval", Role.Engineer, "and the second person's yes, likewise"),
        new("POST", "/ui/contexts/{context}/stage/withdrawal", Role.Engineer, "withdraw what waits for one"),
        new("POST", "/ui/contexts/{context}/reconciliations", Role.Operator, "start a reconciliation"),
        new("POST", "/ui/contexts/{context}/reconciliations/{job}/cancellation", Role.Operator, "cancel it"),
        new("GET", "/ui/contexts/{context}/reports/{run}", Role.Viewer, "one report"),
        new("GET", "/ui/contexts/{context}/reports/{run}/repair", Role.Operator, "what a repair would do"),
        new("POST", "/ui/contexts/{context}/reports/{run}/repair", Role.Operator, "and the repair, with a reason"),
        new("GET", "/ui/contexts/{context}/timeline", Role.Viewer, "one entity") { Query = ["kind", "id"] },
    ];

    public static IReadOnlyList<RouteNeed> All { get; } = [.. Operation, .. Api, .. RepositoryCatalog.Needs, .. Dashboard, .. Frontends];

    private static readonly Dictionary<(string, string), RouteNeed> ByRoute = All.ToDictionary(need => (need.Method, need.Pattern));

    /// <summary>What a mapped route needs; null when it is not listed.</summary>
    public static RouteNeed? Find(string method, string? pattern)
    {
        var known = HttpMethods.IsHead(method) ? HttpMethods.Get : method.ToUpperInvariant();
        return pattern is not null && ByRoute.TryGetValue((known, pattern), out var need) ? need : null;
    }

    /// <summary>Likewise of the endpoint that a request has met.</summary>
    internal static RouteNeed? Find(string method, RouteEndpoint endpoint) => Find(method, endpoint.RoutePattern.RawText);
}
