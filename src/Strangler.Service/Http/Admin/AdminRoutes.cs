using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Strangler.Service.Http.Admin;

/// <summary>The API for operators, as <see cref="Access.RouteTable"/> lists it.</summary>
internal static class AdminRoutes
{
    public static void Map(IEndpointRouteBuilder routes, ServiceParts parts)
    {
        var api = new ApiHandler(routes, parts);
        HealthRoutes.Map(routes, api, parts);
        StageRoutes.Map(api);
        ReconciliationRoutes.Map(api);
        KeyRoutes.Map(api);
        api.Map(HttpMethods.Get, "/openapi.json", (_, _) => Task.FromResult<object?>(OpenApi.Document.Value));
    }
}
