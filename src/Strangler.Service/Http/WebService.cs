using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;
using Strangler.Service.Http.Dashboard;
using Strangler.Service.Http.Repositories;
using Strangler.Service.Reconciling;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Http;

/// <summary>
/// All that a service answers over HTTP: its contexts' frontends, repositories where the configuration says so and, unless the configuration says no, the API for operators, the dashboard, health and
/// metrics. Runs as a few loops beside those of the contexts.
/// </summary>
public sealed class WebService : IDisposable
{
    private readonly ServiceMeter _meter = new();
    private readonly MetricsRegistry _metrics;
    private readonly AccessControl _access;
    private readonly Readiness _readiness;
    private readonly TimeProvider _time;
    private readonly TimeSpan _drain;
    private readonly HttpOptions _options;

    /// <param name="configuration">Must have the setting <c>http</c>.</param>
    /// <param name="hosts">The configured contexts.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Of everything here.</param>
    /// <exception cref="ConfigurationException">A keys file that cannot be read, or an address open to others without a way to know anybody.</exception>
    public WebService(StranglerConfiguration configuration, IReadOnlyList<ContextHost> hosts, TimeProvider time, ILoggerFactory loggers)
    {
        var options = configuration.Http ?? throw new ConfigurationException(["There is no setting \"http\"."]);
        (_options, _time, _drain) = (options, time, options.Admin ? options.Limits.Drain : TimeSpan.Zero);
        _metrics = new MetricsRegistry(_meter.Meter);
        _access = new AccessControl(options, configuration.HashKey(), time, loggers) { OnRefused = _meter.Refused };
        var jobs = new ReconciliationJobs(hosts, time, loggers);
        var sampler = new ContextSampler(hosts, _meter, time, loggers);
        _readiness = new Readiness(configuration, hosts, time, loggers);
        var surfaces = HttpSurfaces.Of(hosts).ToList();
        var parts = new ServiceParts(configuration, options, hosts, _access, _meter, _metrics, _readiness, jobs, time, loggers);
        _access.OnTooSmallRole = (http, caller, need) => TellAsync(parts, http, caller, need);
        if (options.Admin || options.Repositories.Count > 0)
        {
            surfaces.Add(routes => RepositoryCatalog.Map(routes, parts));
        }

        if (options.Admin)
        {
            surfaces.Add(routes => AdminRoutes.Map(routes, parts));
            surfaces.Add(routes => DashboardRoutes.Map(routes, parts));
        }

        Server = new HttpService(options, surfaces, loggers, _access, _meter);
        Loops = options.Admin ? [Server, jobs, sampler] : [Server];
        Look = sampler.LookAsync;
    }

    public HttpService Server { get; }

    /// <summary>To be started with the contexts' own; the server is the first.</summary>
    public IReadOnlyList<BackgroundService> Loops { get; }

    internal ServiceMeter Meter => _meter;

    internal AccessControl Access => _access;

    /// <summary>Goes on by other settings, as far as they may change while it runs: <see cref="LiveSettings"/>.</summary>
    internal void Adopt(HttpOptions next, KeyFile keys)
    {
        _options.Limits.Timeout = next.Limits.Timeout;
        _access.Adopt(next, keys);
    }

    /// <summary>Looks at all contexts now instead of in a while.</summary>
    internal Func<CancellationToken, Task> Look { get; }

    /// <summary>
    /// Leaves without anybody's being cut off: says at <c>/readyz</c> that it stops, goes on answering until those who send requests have seen that, then
    /// takes no more, and returns when those that it has are answered.
    /// </summary>
    public async Task LeaveAsync()
    {
        _readiness.IsStopping = true;
        await Task.Delay(_drain, _time, CancellationToken.None).ConfigureAwait(false);
        await Task.WhenAll(Loops.Select(loop => loop.StopAsync(CancellationToken.None))).ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var loop in Loops)
        {
            loop.Dispose();
        }

        _readiness.Dispose();
        _access.Dispose();
        _metrics.Dispose();
        _meter.Dispose();
    }

    // Changes that were tried belong to the trail as well; what is read may be asked for by mistake.
    private static async Task TellAsync(ServiceParts parts, HttpContext http, Caller caller, RouteNeed need)
    {
        if (HttpMethods.IsGet(need.Method) || parts.Find(need.Context ?? (string?)http.Request.RouteValues["context"] ?? "") is not { } host)
        {
            return;
        }

        try
        {
            await AuditDesk.AppendAsync(host, caller.Name, "refused", "", $"{need.Method} {need.Pattern}: is {caller.Role}, needs {need.Role}", http.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception exception) when (ApiHandler.Translate(exception) is not null)
        {
            // It is in the log.
        }
    }
}
