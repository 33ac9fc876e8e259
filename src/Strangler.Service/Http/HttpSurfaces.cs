using Microsoft.AspNetCore.Routing;
using Strangler.Contexts.HealthRegions;
using Strangler.Service.Http.HealthRegions;

namespace Strangler.Service.Http;

/// <summary>The routes of the frontends of all configured contexts that speak HTTP.</summary>
public static class HttpSurfaces
{
    /// <param name="hosts">The configured contexts.</param>
    public static IReadOnlyList<Action<IEndpointRouteBuilder>> Of(IReadOnlyList<ContextHost> hosts)
    {
        List<Action<IEndpointRouteBuilder>> surfaces = [];
        if (hosts.FirstOrDefault(host => host.Name == HealthRegionsContext.Name) is { } host)
        {
            var answers = new Answers(host.Runtime.Loggers);
            var directory = host.Part<HealthRegionsContext>().Directory;
            surfaces.Add(new PublicApi(directory, answers).Map);
            surfaces.Add(new OldClientApi(directory, answers).Map);
        }

        return surfaces;
    }
}
