using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Hosting;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.AddressChanges;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.IntegrationTests.Memberships;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Repositories;

namespace Strangler.IntegrationTests.Http;

/// <summary>Every context that has repositories over HTTP, each on databases of its own, and services that have all of them.</summary>
internal sealed class RepositoryWorld : IAsyncDisposable
{
    private readonly List<WebService> _services = [];
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    private RepositoryWorld(IReadOnlyDictionary<string, ContextWorld> contexts) => Contexts = contexts;

    public IReadOnlyDictionary<string, ContextWorld> Contexts { get; }

    /// <summary>Two frontends, somebody who is none, and a frontend for donations alone.</summary>
    public Dictionary<string, string> Keys { get; } = new[] { "shop", "office", "engineer", "form" }.ToDictionary(name => name, _ => ApiKey.Create());

    public LogBook Logs { get; } = new();

    /// <summary>Two services, that is.</summary>
    public static async Task<RepositoryWorld> CreateAsync()
    {
        ContextWorld[] worlds = await Task.WhenAll(
            AsWorld(DonationsWorld.CreateAsync()), AsWorld(MembershipsWorld.CreateAsync()), AsWorld(SubscriptionsWorld.CreateAsync()),
            AsWorld(AddressChangesWorld.CreateAsync()));
        var world = new RepositoryWorld(worlds.ToDictionary(each => each.Name));
        await world.StartAsync();
        await world.StartAsync();
        return world;

        static async Task<ContextWorld> AsWorld<T>(Task<T> making)
            where T : ContextWorld => await making;
    }

    /// <summary>Starts one more service; says which.</summary>
    public async Task<int> StartAsync(Hook? hook = null, string? settings = null)
    {
        var entries = Keys.Select(key => $$"""{ "name": "{{key.Key}}", "role": "{{(key.Key == "engineer" ? "engineer" : "frontend")}}", "hash": "{{ApiKey.HashOf(key.Value)}}"{{(key.Key == "form" ? ", \"contexts\": [ \"donations\" ]" : "")}} }""");
        var file = Path.Combine(Path.GetDirectoryName(Contexts.Values.First().ConfigFile)!, $"service-{_services.Count}.json");
        await File.WriteAllTextAsync(file, $$"""
            { "hashKey": "00112233445566778899aabbccddeeff",
              "http": { "listen": [ "127.0.0.1:0" ], "keys": [ {{string.Join(", ", entries)}} ], "limits": { "requestsPerMinute": 100000 },
                "repositories": [ {{settings ?? string.Join(", ", RepositoryCatalog.Names.Select(name => $"\"{name}\""))}} ] },
              "contexts": { {{string.Join(", ", Contexts.Keys.Select(name => $"\"{name}\": {{}}"))}} } }
            """);
        var configuration = StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null);
        var service = new WebService(configuration, [.. Contexts.Values.Select(each => each.Open(hook))], TimeProvider.System, Logs);
        _services.Add(service);
        await service.Server.StartAsync(CancellationToken.None);
        return _services.Count - 1;
    }

    /// <summary>What is there before DualWrite is brought over at once, so that both sides are the same from there on.</summary>
    public Task MoveToAsync(Stage stage) => Task.WhenAll(Contexts.Values.Select(async each =>
    {
        await each.MoveToAsync(stage);
        if (stage == Stage.DualWrite)
        {
            await each.BackfillAsync();
        }
    }));

    public Task<Reply> GetAsync(string path, int service = 0, params (string Name, string Value)[] headers) => SendAsync("GET", path, null, service, "shop", headers);

    public Task<Reply> CreateAsync(string context, string body, string key, int service = 0, string who = "shop") =>
        SendAsync("POST", $"/v1/{context}", body, service, who, ("Idempotency-Key", key));

    public Task<Reply> ChangeAsync(string path, string body, string? tag, int service = 0, params (string Name, string Value)[] headers) =>
        SendAsync("PATCH", path, body, service, "shop", tag is null ? headers : [("If-Match", tag), .. headers]);

    public async Task<Reply> SendAsync(string method, string path, object? body, int service = 0, string? who = "shop", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), _services[service].Server.Addresses[0] + path);
        request.Content = body switch { null => null, HttpContent content => content, _ => new StringContent((string)body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = who is null ? null : new AuthenticationHeaderValue("Bearer", Keys[who]);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await _client.SendAsync(request);
        return new Reply(
            answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.ETag?.ToString(), answer.Headers.Location, answer.Content.Headers.ContentType?.MediaType)
        {
            RetryAfter = answer.Headers.RetryAfter?.Delta,
        };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        foreach (var service in _services)
        {
            await service.Server.StopAsync(CancellationToken.None);
            service.Dispose();
        }

        foreach (var world in Contexts.Values)
        {
            await world.DisposeAsync();
        }
    }
}
