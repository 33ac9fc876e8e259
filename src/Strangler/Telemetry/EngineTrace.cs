using System.Diagnostics;

namespace Strangler.Telemetry;

/// <summary>
/// The engine's spans, source <c>Strangler</c>: what one call did on which side, and how long that took. Nobody listens, nothing is made. Tags are the context, the
/// kind, a side and fixed words; never ids or values of entities.
/// </summary>
internal static class EngineTrace
{
    private static readonly ActivitySource Source = new("Strangler");

    /// <summary>A span that is ended by disposing it; null: nobody listens.</summary>
    public static Activity? Begin(string name, string context, string? kind = null)
    {
        var span = Source.StartActivity(name, ActivityKind.Internal);
        span?.SetTag("strangler.context", context);
        return kind is null ? span : span?.SetTag("strangler.kind", kind);
    }

    /// <summary>How it ended, in one word; what failed is an error by its kind alone.</summary>
    public static void EndsAs(this Activity? span, string outcome, bool isError = false)
    {
        span?.SetTag("strangler.outcome", outcome);
        if (isError)
        {
            span?.SetStatus(ActivityStatusCode.Error, outcome);
        }
    }
}
