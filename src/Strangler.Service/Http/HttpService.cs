using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Http;

/// <summary>
/// The web host of a service: a list of surfaces (groups of routes) behind one server. It is a loop like the others, started with them and stopped with
/// them; Ctrl-C and signals are the process's own business. A surface maps its routes and knows nothing of the others, so that an API for operators,
/// a dashboard or metrics are another entry of the list. What stands before all of them is one
/// <see cref="AccessControl"/>.
/// </summary>
public sealed class HttpService : BackgroundService
{
    // From the signal to the end, what is done before the server is told to end included; the command line gives the process a little more. A request that
    // is not answered by then is cut off: a flip has a deadline of its own, and whoever comes next finishes it or takes it back.
    private static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(26);
    private static readonly TimeSpan HeadersAtMost = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleAtMost = TimeSpan.FromSeconds(60);

    private readonly HttpOptions _options;
    private readonly WebApplication _app;
    private bool _hasEnded;

    /// <param name="options">Where it listens.</param>
    /// <param name="surfaces">Each maps its routes.</param>
    /// <param name="loggers">Takes what the server logs.</param>
    /// <param name="meter">Counts requests; null: nobody does.</param>
    /// <param name="access">Stands before every route; null: only what anybody may is answered.</param>
    public HttpService(
        HttpOptions options, IReadOnlyList<Action<IEndpointRouteBuilder>> surfaces, ILoggerFactory loggers, AccessControl? access = null,
        ServiceMeter? meter = null)
    {
        _options = options;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "strangler" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            Limit(server.Limits, options.Limits);
            foreach (var place in options.Listen)
            {
                server.Listen(place);
            }
        });
        builder.Services.AddRoutingCore().AddSingleton(loggers).AddSingleton<IHostLifetime, NoSignals>()
            .Configure<HostOptions>(host => host.ShutdownTimeout = TimeToEnd - options.Limits.Drain);
        _app = builder.Build();
        _app.UseRouting();
        _app.Use(next => http => SecurityHeaders.InvokeAsync(http, next, options.PublicUrl));
        if (meter is not null)
        {
            _app.Use(next => http => MeasuredAsync(http, next, meter));
        }

        _app.Use(next => http => access is null ? AnyoneAsync(http, next) : access.InvokeAsync(http, next));
        foreach (var surface in surfaces)
        {
            surface(_app);
        }

        _app.Use(next => http => http.GetEndpoint() is null ? Problems.SendAsync(http, StatusCodes.Status404NotFound, "There is no such route.") : next(http));
    }

    /// <summary>Every route that is mapped, by method and pattern.</summary>
    internal IEnumerable<(string Method, string? Pattern)> Routes => ((IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints)
        .OfType<RouteEndpoint>()
        .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]).Select(method => (method, endpoint.RoutePattern.RawText)));

    /// <summary>Where it listens, once it is started: <c>http://127.0.0.1:5080</c>.</summary>
    public IReadOnlyList<string> Addresses =>
        [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses ?? []];

    /// <exception cref="ConfigurationException">An address cannot be listened at.</exception>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or InvalidOperationException)
        {
            await _app.DisposeAsync().ConfigureAwait(false);
            throw new ConfigurationException(
                [$"http.listen is {string.Join(", ", _options.Listen)}: {exception.GetBaseException().Message} Name another address or port."]);
        }

        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes no new connection, and returns when all requests are answered, or cut off since their time is up.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        if (_hasEnded)
        {
            return;
        }

        _hasEnded = true;
        await _app.StopAsync(cancellationToken).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);

    private static void Limit(KestrelServerLimits server, HttpLimits limits)
    {
        server.MaxRequestBodySize = limits.MaxBody;
        server.MaxConcurrentConnections = limits.MaxConnections;
        server.RequestHeadersTimeout = HeadersAtMost;
        server.KeepAliveTimeout = IdleAtMost;
    }

    private static async Task MeasuredAsync(HttpContext http, RequestDelegate next, ServiceMeter meter)
    {
        var began = Stopwatch.GetTimestamp();
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(none)";
        var method = RouteTable.Find(http.Request.Method, route)?.Method ?? "(other)";
        using var span = Tracing.Begin(http, method, route);
        try
        {
            await next(http).ConfigureAwait(false);
        }
        finally
        {
            Tracing.End(span, http.Response.StatusCode);
            meter.Answered(method, route, http.Response.StatusCode, Stopwatch.GetElapsedTime(began));
        }
    }

    private static Task AnyoneAsync(HttpContext http, RequestDelegate next) =>
        http.GetEndpoint() is not RouteEndpoint endpoint || RouteTable.Find(http.Request.Method, endpoint) is { Role: Role.Anyone }
            ? next(http)
            : Problems.SendAsync(http, StatusCodes.Status403Forbidden, "There is no access to this route here.");

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
