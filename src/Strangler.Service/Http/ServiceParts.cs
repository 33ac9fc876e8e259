using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;
using Strangler.Service.Http.Access;
using Strangler.Service.Reconciling;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Http;

/// <summary>What the routes of the API for operators and the dashboard work upon.</summary>
internal sealed record ServiceParts(
    StranglerConfiguration Configuration,
    HttpOptions Options,
    IReadOnlyList<ContextHost> Hosts,
    AccessControl Access,
    ServiceMeter Meter,
    MetricsRegistry Metrics,
    Readiness Readiness,
    ReconciliationJobs Jobs,
    TimeProvider Time,
    ILoggerFactory Loggers)
{
    /// <summary>The configured context of that name; null when there is none.</summary>
    public ContextHost? Find(string name) => Hosts.FirstOrDefault(host => host.Name == name);
}
