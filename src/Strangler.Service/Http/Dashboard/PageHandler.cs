using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;
using static Strangler.Service.Http.Dashboard.Html;

namespace Strangler.Service.Http.Dashboard;

/// <summary>What a page is made of.</summary>
/// <param name="Title">Of the window.</param>
/// <param name="Content">Below the head.</param>
internal sealed record PageContent(string Title, params IReadOnlyList<object?> Content)
{
    public int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>Seconds after which a browser asks again; null: when its reader does. Never where much is typed.</summary>
    public int? Refresh { get; init; }
}

/// <summary>Maps the dashboard's pages and forms: pages come back as HTML, forms lead to a page.</summary>
internal sealed class PageHandler(IEndpointRouteBuilder routes, ServiceParts parts)
{
    private readonly ILogger _log = parts.Loggers.CreateLogger<PageHandler>();

    public void Get(string pattern, Func<ApiRequest, CancellationToken, Task<PageContent>> page) => routes.MapMethods(
        pattern, [HttpMethods.Get, HttpMethods.Head], (RequestDelegate)(http => RunAsync(http, async (request, token) =>
            await SendAsync(request.Http, await page(request, token).ConfigureAwait(false)).ConfigureAwait(false))));

    /// <summary>A form that this very dashboard has sent out, to somebody who is signed in.</summary>
    public void Post(string pattern, Func<ApiRequest, IFormCollection, CancellationToken, Task<PageContent?>> act) => routes.MapMethods(
        pattern, [HttpMethods.Post], (RequestDelegate)(http => RunAsync(http, async (request, token) =>
        {
            var form = await FormAsync(http, token).ConfigureAwait(false);
            RequireToken(http, form);
            if (await act(request, form, token).ConfigureAwait(false) is { } page)
            {
                await SendAsync(http, page).ConfigureAwait(false);
            }
        })));

    /// <summary>Likewise of somebody who is not signed in yet: there is nothing that another site could make use of but a sign-in of its own.</summary>
    public void PostBySomebody(string pattern, Func<HttpContext, IFormCollection, CancellationToken, Task<PageContent?>> act) => routes.MapMethods(
        pattern, [HttpMethods.Post], (RequestDelegate)(http => RunAsync(http, async (_, token) =>
        {
            var form = await FormAsync(http, token).ConfigureAwait(false);
            if (await act(http, form, token).ConfigureAwait(false) is { } page)
            {
                await SendAsync(http, page).ConfigureAwait(false);
            }
        })));

    /// <summary>Sends the browser on; by GET, whatever it came with.</summary>
    public static PageContent? SeeOther(HttpContext http, string path)
    {
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        http.Response.Headers.Location = path;
        return null;
    }

    /// <summary>What every form holds.</summary>
    public XElement? Token(HttpContext http) => AccessControl.SessionOf(http) is { } session
        ? E("input", A("type", "hidden"), A("name", "form_token"), A("value", parts.Access.Sessions.FormToken(session))) : null;

    private async Task RunAsync(HttpContext http, Func<ApiRequest, CancellationToken, Task> answer)
    {
        try
        {
            await answer(new ApiRequest(http, parts), http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            await FailAsync(http, exception).ConfigureAwait(false);
        }
    }

    private Task FailAsync(HttpContext http, Exception exception)
    {
        var known = ApiHandler.Translate(exception);
        if (known is null)
        {
            _log.AnswerFailed((http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "", exception.GetType().Name, exception);
        }

        var gates = exception is Cutover.GateException refused ? Pieces.Gates(refused.Failed) : null;
        return SendAsync(http, new PageContent(
            "That did not work",
            E("div", Class("card bad"), E("h1", "That did not work"), E("p", known?.Message ?? "The page could not be made; the service's log says why."), gates, E("p", Link("/", "Back to all contexts"))))
        {
            Status = known?.Status ?? StatusCodes.Status500InternalServerError,
        });
    }

    private async Task<IFormCollection> FormAsync(HttpContext http, CancellationToken cancellationToken)
    {
        // Browsers say where a form came from; only what is none may leave it out.
        var origin = http.Request.Headers.Origin.ToString();
        var own = parts.Access.Origin ?? $"{http.Request.Scheme}://{http.Request.Host}";
        if ((origin.Length > 0 && origin != own) || http.Request.Headers["Sec-Fetch-Site"].ToString() is "cross-site" or "same-site")
        {
            parts.Meter.Refused("form");
            throw new ApiException(StatusCodes.Status403Forbidden, "This form was sent by another site. Nothing was done.");
        }

        return http.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true
            ? await http.Request.ReadFormAsync(new FormOptions { ValueCountLimit = 50, KeyLengthLimit = 100, ValueLengthLimit = 16_384 }, cancellationToken).ConfigureAwait(false)
            : throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "This is no form.");
    }

    private void RequireToken(HttpContext http, IFormCollection form)
    {
        if (AccessControl.SessionOf(http) is not { } session || !parts.Access.Sessions.IsFormToken(session, form["form_token"]))
        {
            parts.Meter.Refused("form");
            throw new ApiException(StatusCodes.Status403Forbidden, "This form is not one that was sent out to you in this session. Nothing was done; go back, load the page anew and try again.");
        }
    }

    private async Task SendAsync(HttpContext http, PageContent content)
    {
        var text = Render(Document(http, content));
        (http.Response.StatusCode, http.Response.ContentType) = (content.Status, "text/html; charset=utf-8");
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.WriteAsync(text, http.RequestAborted).ConfigureAwait(false);
        }
    }

    private XElement Document(HttpContext http, PageContent content) => E(
        "html", A("lang", "en"),
        E(
            "head",
            E("meta", A("charset", "utf-8")),
            E("meta", A("name", "viewport"), A("content", "width=device-width, initial-scale=1")),
            E("meta", A("name", "color-scheme"), A("content", "light dark")),
            content.Refresh is { } seconds ? E("meta", A("http-equiv", "refresh"), A("content", seconds)) : null,
            E("title", $"{content.Title} · Strangler"),
            E("link", A("rel", "stylesheet"), A("href", "/ui/style.css"))),
        E("body", E("a", Class("skip"), A("href", "#main"), "To the content"), Top(http), E("main", A("id", "main"), content.Content)));

    private XElement Top(HttpContext http)
    {
        var caller = AccessControl.CallerOf(http);
        return E(
            "header", Class("top"), E(
                "nav", A("aria-label", "Strangler"),
                E("a", Class("brand"), A("href", "/"), Pieces.Mark(), "Strangler"),
                caller.Role == Role.Anyone ? null : E(
                    "div", Class("who"), E("span", $"{caller.Name} · {RoleNames.Of(caller.Role)}"),
                    AccessControl.SessionOf(http) is null ? null
                        : E("form", A("method", "post"), A("action", "/ui/sign-out"), Token(http), E("button", Class("quiet"), "Sign out")))));
    }
}
