using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Service;
using Strangler.Service.Background;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;

namespace Strangler.IntegrationTests.Http;

/// <summary>What came back.</summary>
internal sealed record Reply(HttpStatusCode Status, string Body, string? Tag, Uri? Location, string? Type)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>When to come again; null: nothing is said of it.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public string Detail => Json.GetProperty("detail").GetString()!;

    public override string ToString() => $"{(int)Status}: {Body}";
}

/// <summary>The donations context with two services on it, each with its own caches and connections, and keys of every role.</summary>
internal sealed class AdminWorld : IAsyncDisposable
{
    private readonly List<WebService> _services = [];
    private readonly List<ContextHost> _hosts = [];
    private readonly List<BackgroundService> _loops = [];
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    private AdminWorld(DonationsWorld world) => World = world;

    public DonationsWorld World { get; }

    public Dictionary<string, string> Keys { get; } = new[] { "viewer", "operator", "engineer", "ben", "eva" }.ToDictionary(name => name, _ => ApiKey.Create());

    /// <summary>Where the two services are.</summary>
    public IReadOnlyList<Uri> Addresses => [.. _services.Select(service => new Uri(service.Server.Addresses[0]))];

    public ContextHost Host => _hosts[0];

    /// <param name="new">The new side's database; null: one of the shared server.</param>
    public static async Task<AdminWorld> CreateAsync(TestDatabase? @new = null)
    {
        var world = new AdminWorld(await DonationsWorld.CreateAsync(@new: @new));
        await world.World.FillAsync(60);
        await world.World.MoveToAsync(Stage.DualWrite);
        await world.World.BackfillAsync();
        await world.World.Host.Sides.Quarantine.SignOffAsync(world.World.Kind, null, "test", "damaged on purpose", CancellationToken.None);
        await world.StartAsync("20ms");

        // The second one thinks twice, and long: time enough to be told that it need not.
        await world.StartAsync("30s");
        return world;
    }

    public Task<Reply> GetAsync(string path, string who = "viewer", int service = 0) => SendAsync("GET", path, who, null, service);

    public async Task<Reply> SendAsync(string method, string path, string? who, object? body, int service = 0, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Addresses[service], path));
        request.Content = body switch { null => null, HttpContent content => content, _ => JsonContent.Create(body) };
        if (who is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Keys[who]);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await _client.SendAsync(request);
        return new Reply(
            answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.ETag?.ToString(), answer.Headers.Location, answer.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>A key's session on the dashboard: its cookie.</summary>
    public async Task<string> SignInAsync(string who)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Addresses[0], "/ui/sign-in"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["credential"] = Keys[who] }),
        };
        using var answer = await _client.SendAsync(request);
        return answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }

    /// <summary>The configuration file of a service.</summary>
    public string FileOf(int service) => Path.Combine(Path.GetDirectoryName(World.ConfigFile)!, $"service-{service}.json");

    /// <summary>Lets all services look at the context now.</summary>
    public Task LookAsync() => Task.WhenAll(_services.Select(service => service.Look(CancellationToken.None)));

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Task.WhenAll(_loops.Select(loop => loop.StopAsync(CancellationToken.None)));
        foreach (var service in _services)
        {
            service.Dispose();
        }

        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        await World.DisposeAsync();
    }

    /// <summary>One more service on the same databases; returns its number.</summary>
    /// <param name="recheckDelay">How long it waits before it looks again.</param>
    /// <param name="secondApprover">Whether its steps need two people.</param>
    /// <param name="timeout">How long an answer may take.</param>
    public async Task<int> StartAsync(string recheckDelay = "20ms", bool secondApprover = false, string timeout = "30s")
    {
        var keys = Keys.Select(key => $$"""{ "name": "{{key.Key}}", "role": "{{key.Key switch { "ben" => "operator", "eva" => "engineer", var role => role }}}", "hash": "{{ApiKey.HashOf(key.Value)}}" }""");
        var file = FileOf(_services.Count);
        await File.WriteAllTextAsync(file, $$"""
            { "reveal": [ "key:ben" ],
              "http": { "listen": [ "127.0.0.1:0" ], "keys": [ {{string.Join(", ", keys)}} ], "limits": { "requestsPerMinute": 100000, "timeout": "{{timeout}}" } },
              "contexts": { "donations": {
                "options": { "shadowReadSample": 1, "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "foreignWriterQuiet": "0s", "secondApprover": {{(secondApprover ? "true" : "false")}} },
                "reconciliation": { "recheckDelay": "{{recheckDelay}}", "gentleAbove": 0, "maxThreadsRunning": 0 } } } }
            """);
        var configuration = StranglerConfiguration.Load(file, ContextCatalog.Names, variable => World.Environment.GetValueOrDefault(variable));
        _hosts.Add(ContextHost.Open(configuration, World.Name, World.Logs, TimeProvider.System));
        var service = new WebService(configuration, [_hosts[^1]], TimeProvider.System, World.Logs);
        _services.Add(service);
        BackgroundService[] loops =
            [.. service.Loops, .. ServiceLoops.Of(_hosts[^1]), new ConfigurationWatch(configuration, [_hosts[^1]], service, TimeProvider.System, World.Logs)];
        _loops.AddRange(loops);
        foreach (var loop in loops)
        {
            await loop.StartAsync(CancellationToken.None);
        }

        return _services.Count - 1;
    }
}
