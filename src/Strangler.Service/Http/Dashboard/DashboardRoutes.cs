using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Service.Http.Access;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>The dashboard: pages without any script, made here, that load nothing from elsewhere.</summary>
internal static class DashboardRoutes
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(IEndpointRouteBuilder routes, ServiceParts parts)
    {
        var pages = new PageHandler(routes, parts);
        routes.MapMethods("/ui/style.css", Methods, (RequestDelegate)StyleAsync);
        pages.Get("/ui/sign-in", (request, _) => Task.FromResult(SignIn(null)));
        pages.PostBySomebody("/ui/sign-in", (http, form, _) => SignInAsync(http, form, parts));
        pages.Post("/ui/sign-out", (request, _, _) =>
        {
            parts.Access.Sessions.End(request.Http);
            return Task.FromResult(PageHandler.SeeOther(request.Http, "/ui/sign-in"));
        });
        pages.Get("/", (request, _) => Task.FromResult(OverviewPage.Of(parts.Meter.Samples, parts.Time.GetUtcNow())));
        new ContextPages(pages).Map();
        new ReportPages(pages).Map();
    }

    private static async Task StyleAsync(HttpContext http)
    {
        http.Response.ContentType = "text/css; charset=utf-8";
        http.Response.Headers.CacheControl = "max-age=300";
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(Style.Sheet), http.RequestAborted).ConfigureAwait(false);
        }
    }

    private static PageContent SignIn(string? problem) => new(
        "Sign in",
        E(
            "div", Class("card sign-in"),
            E("h1", "Sign in"),
            E("p", Class("soft"), "Stages, drift and repairs of this migration."),
            problem is null ? null : E("p", Class("note bad"), A("role", "alert"), problem),
            E(
                "form", Class("stack"), A("method", "post"), A("action", "/ui/sign-in"),
                E("label", "Key or token", E("input", A("type", "password"), A("name", "credential"), A("autocomplete", "current-password"), A("required", true), A("autofocus", true))),
                E("button", "Sign in")),
            E("p", Class("hint"), "A key is made with ", E("code", "strangler key new"), ". It stays in this browser for 8 hours at most.")))
    {
        Status = problem is null ? StatusCodes.Status200OK : StatusCodes.Status401Unauthorized,
    };

    private static async Task<PageContent?> SignInAsync(HttpContext http, IFormCollection form, ServiceParts parts)
    {
        if (form["credential"].ToString().Trim() is { Length: > 0 } credential && await parts.Access.IdentifyAsync(credential).ConfigureAwait(false) is var (caller, hash))
        {
            parts.Access.Sessions.Begin(http, caller, hash);
            return PageHandler.SeeOther(http, "/");
        }

        parts.Meter.Refused("wrong_token");
        return parts.Access.IsOneTooMany(http)
            ? SignIn("That was tried too often from here; wait a minute.") with { Status = StatusCodes.Status429TooManyRequests }
            : SignIn("That key or token is not good (any more).");
    }
}
