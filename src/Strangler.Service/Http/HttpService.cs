using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.Service.Configuration;

namespace Strangler.Service.Http;

/// <summary>
/// The web host of a service: a list of surfaces (groups of routes) behind one server. It is a loop like the others, started with them and stopped with
/// them; Ctrl-C and signals are the process's own business. A surface maps its routes and knows nothing of the others, so that an API for operators,
/// a dashboard or metrics are another entry of the list, each behind what guards it.
/// </summary>
public sealed class HttpService : BackgroundService
{
    private readonly HttpOptions _options;
    private readonly WebApplication _app;

    /// <param name="options">Where it listens.</param>
    /// <param name="surfaces">Each maps its routes.</param>
    /// <param name="loggers">Takes what the server logs.</param>
    public HttpService(HttpOptions options, IReadOnlyList<Action<IEndpointRouteBuilder>> surfaces, ILoggerFactory loggers)
    {
        _options = options;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "strangler" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            foreach (var place in options.Listen)
            {
                server.Listen(place);
            }
        });
        builder.Services.AddRoutingCore().AddSingleton(loggers).AddSingleton<IHostLifetime, NoSignals>();
        _app = builder.Build();
        _app.UseRouting();
        foreach (var surface in surfaces)
        {
            surface(_app);
        }
    }

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

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        await _app.StopAsync(cancellationToken).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
