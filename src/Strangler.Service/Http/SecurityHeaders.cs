using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Strangler.Service.Http.Access;

namespace Strangler.Service.Http;

/// <summary>What browsers are told with every answer but those of the frontends' routes, which stay as their clients know them: to run no script, to load nothing from elsewhere, to show no page within another.</summary>
internal static class SecurityHeaders
{
    /// <summary>Styles and pictures of the service itself, forms to the service itself, and nothing else.</summary>
    public const string Policy =
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    public static Task InvokeAsync(HttpContext http, RequestDelegate next, Uri? publicUrl)
    {
        if (http.GetEndpoint() is RouteEndpoint endpoint && RouteTable.Find(http.Request.Method, endpoint) is { IsFrontend: true })
        {
            return next(http);
        }

        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";

        // Not "no-referrer": browsers then say of a form that it comes from "null", and the dashboard's own would be refused.
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        if (publicUrl?.Scheme == Uri.UriSchemeHttps)
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }

        return next(http);
    }
}
