using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Strangler.Contexts.AddressChanges;
using Strangler.Contexts.Donations;
using Strangler.Contexts.Memberships;
using Strangler.Contexts.Subscriptions;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Admin;

namespace Strangler.Service.Http.Repositories;

/// <summary>Names of the contexts that can be served.</summary>
public static class RepositoryNames
{
    public static IReadOnlyList<string> All => RepositoryCatalog.Names;
}

/// <summary>The contexts whose entities are read and written over HTTP, where the setting <c>http.repositories</c> names them.</summary>
internal static class RepositoryCatalog
{
    private const string Document = $"{Resource.Prefix}/openapi.json";

    private static readonly Resource[] All =
    [
        new Resource<Donation>(new DonationResource()), new Resource<MembershipApplication>(new MembershipResource()),
        new Resource<Subscription>(new SubscriptionResource()), new Resource<AddressChange>(new AddressChangeResource()),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(resource => resource.Context)];

    public static IReadOnlyList<RouteNeed> Needs { get; } =
    [
        new("GET", Document, Role.Frontend, "the routes of repositories as OpenAPI 3.1"), .. All.SelectMany(resource => resource.Needs),
    ];

    public static IReadOnlyDictionary<string, JsonObject> Schemas { get; } =
        All.SelectMany(resource => resource.Schemas).ToDictionary(StringComparer.Ordinal);

    /// <summary>All of them, whatever the setting says: what is not served says so.</summary>
    public static void Map(IEndpointRouteBuilder routes, ServiceParts parts)
    {
        var log = parts.Loggers.CreateLogger(typeof(RepositoryCatalog));
        var api = new ApiHandler(routes, parts)
        {
            Translator = new RepositoryProblems(log).Translate, AfterTimeout = RepositoryProblems.Unknown,
        };
        api.Map(HttpMethods.Get, Document, (_, _) => Task.FromResult<object?>(OpenApi.OfRepositories.Value));
        foreach (var resource in All)
        {
            resource.Map(api, log);
        }
    }
}
