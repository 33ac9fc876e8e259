using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Strangler.Service.Telemetry;

/// <summary>Where traces go.</summary>
/// <param name="Endpoint">The collector: <c>http://127.0.0.1:4317</c>.</param>
public sealed record TraceOptions(Uri Endpoint)
{
    /// <summary>Whether it speaks OTLP over gRPC (usually port 4317); false: protobuf over HTTP (4318).</summary>
    public bool IsGrpc { get; init; } = true;

    /// <summary>Of traces that begin here, the share that is kept; what a caller has begun is kept as the caller says. 0 to 1.</summary>
    public double Share { get; init; } = 1;
}

/// <summary>
/// Spans of the service, source <c>Strangler.Service</c>, and their way to a collector. A request's span is called after its route as it is mapped, and has no
/// path and no query: those hold ids.
/// </summary>
public static class Tracing
{
    private static readonly ActivitySource Source = new("Strangler.Service");

    /// <summary>Sends spans until it is disposed of, which sends what is left. Null where no collector is named.</summary>
    public static IDisposable? Start(TraceOptions? options, string instance) => options is null ? null : Sdk.CreateTracerProviderBuilder()
        .AddSource("Strangler", Source.Name)
        .SetResourceBuilder(ResourceBuilder.CreateEmpty().AddService("strangler", serviceInstanceId: instance))
        .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.Share)))
        .AddOtlpExporter(exporter =>
        {
            exporter.Protocol = options.IsGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
            exporter.Endpoint = options.IsGrpc || options.Endpoint.AbsolutePath != "/" ? options.Endpoint : new Uri(options.Endpoint, "v1/traces");
        })
        .Build();

    /// <summary>A request's span, which goes on with its caller's trace. Probes have none.</summary>
    internal static Activity? Begin(HttpContext http, string method, string route)
    {
        if (!Source.HasListeners() || route is "/healthz" or "/readyz" or "/metrics")
        {
            return null;
        }

        ActivityContext.TryParse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState, isRemote: true, out var parent);
        return Source.StartActivity($"{method} {route}", ActivityKind.Server, parent)?.SetTag("http.request.method", method).SetTag("http.route", route);
    }

    internal static void End(Activity? span, int status)
    {
        span?.SetTag("http.response.status_code", status);
        if (status >= 500)
        {
            span?.SetStatus(ActivityStatusCode.Error);
        }
    }
}
