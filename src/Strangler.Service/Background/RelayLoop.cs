using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Service.Background;

/// <summary>The relay of one context, for as long as the service runs. Whatever ends it but the service's end, it begins anew.</summary>
public sealed class RelayLoop(ContextRuntime runtime, Relay relay) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<RelayLoop>();

    /// <summary>What it is, for whoever waits for its end.</summary>
    public override string ToString() => $"the relay of {runtime.Context}";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await relay.RunAsync(stoppingToken).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // It has an owner that logs it; no failure of one context may end those of the others.
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                _log.RelayEnded(runtime.Context, exception.Message, exception);
                await Task.Delay(Pause, runtime.Time, stoppingToken).ConfigureAwait(false);
            }
        }
    }
}
