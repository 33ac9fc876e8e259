using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Telemetry;

namespace Strangler.Capture;

/// <summary>Adds up, in the background, what the triggers note of other writers, so that the notes do not pile up.</summary>
internal sealed class CensusKeeper(ContextRuntime runtime)
{
    private const int Chunk = 5_000;

    // Short: a program can be asked for its name only while it is connected.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<CensusKeeper>();

    /// <summary>Runs until cancelled; idle where nobody captures.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            await Task.Delay(Interval, runtime.Time, cancellationToken);
            if (runtime.Sides.Census is { } census && runtime.Stage.Current is { } hint && Stages.IsDual(hint.Stage))
            {
                await TryCollectAsync(census, cancellationToken);
            }
        }
    }

    private async Task TryCollectAsync(ICensus census, CancellationToken cancellationToken)
    {
        try
        {
            int collected;
            do
            {
                collected = await census.CollectAsync(Chunk, cancellationToken);
                EngineMeter.ForeignWritesCounted(runtime.Context, collected);
            }
            while (collected == Chunk);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.CensusFailed(runtime.Context, Failures.Describe(exception), exception);
        }
    }
}
