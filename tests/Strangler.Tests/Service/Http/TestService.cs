using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;
using Strangler.Service.Telemetry;

namespace Strangler.Tests.Service.Http;

/// <summary>The whole service on a port of this machine, without any context: what no database is needed for.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private readonly WebService _service;
    private readonly string _folder = Directory.CreateTempSubdirectory("strangler-service-").FullName;

    private TestService(string settings, TimeProvider time)
    {
        Keys = Enum.GetValues<Role>().Where(role => role != Role.Anyone).ToDictionary(role => role, _ => ApiKey.Create());
        var entries = Keys.Select(key => $$"""{ "name": "{{key.Key}}", "role": "{{key.Key.ToString().ToLowerInvariant()}}", "hash": "{{ApiKey.HashOf(key.Value)}}" }""");
        var file = Path.Combine(_folder, "strangler.json");
        File.WriteAllText(file, $$"""
            { "hashKey": "00112233445566778899aabbccddeeff", "http": { "listen": [ "127.0.0.1:0" ], "keys": [ {{string.Join(", ", entries)}} ]{{settings}} } }
            """);
        _service = new WebService(StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null), [], time, NullLoggerFactory.Instance);
    }

    /// <summary>A key of each role.</summary>
    public IReadOnlyDictionary<Role, string> Keys { get; }

    /// <summary>What the dashboard's first page shows: no look at any context changes it here.</summary>
    public IReadOnlyList<ContextSample> Samples
    {
        set => _service.Meter.Samples = value;
    }

    public HttpService Server => _service.Server;

    /// <summary>As a changed file would make it.</summary>
    public void Adopt(HttpOptions options) => _service.Adopt(options, KeyRing.Check(options.Access));

    public Uri Address => new(_service.Server.Addresses[0]);

    /// <summary>Follows no redirect and keeps no cookie.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <param name="settings">Further settings of http, each behind a comma.</param>
    /// <param name="time">Null: the system's.</param>
    public static async Task<TestService> StartAsync(string settings = "", TimeProvider? time = null)
    {
        var service = new TestService(settings, time ?? TimeProvider.System);
        await service.Server.StartAsync(CancellationToken.None);
        service.Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = service.Address };
        return service;
    }

    public async Task<HttpResponseMessage> SendAsync(string method, string path, string? token = null, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Address.GetLeftPart(UriPartial.Authority) + path) { Content = body };
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request);
    }

    public async Task<HttpStatusCode> StatusAsync(string method, string path, string? token = null)
    {
        using var answer = await SendAsync(method, path, token);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.StopAsync(CancellationToken.None);
        _service.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
