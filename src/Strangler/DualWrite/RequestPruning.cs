using Microsoft.Extensions.Logging;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>
/// Forgets request keys past their retention, in small chunks. Each side goes by its own clock and by when it got a key: a key that travelled is kept there at
/// least as long as where it came from.
/// </summary>
internal sealed class RequestPruning(ContextRuntime runtime)
{
    private const int Chunk = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<RequestPruning>();

    /// <summary>Runs until cancelled. A side that has no part in the present stage is not contacted.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            // At first as well: replicas that start together should not prune together, and the stage is not known yet.
            await Task.Delay(Interval * (0.5 + runtime.Random.NextDouble()), runtime.Time, cancellationToken);
            foreach (var side in Sides())
            {
                await TryPruneAsync(side, cancellationToken);
            }
        }
    }

    /// <summary>Forgets all of one side that is old enough; returns how many.</summary>
    internal async Task<long> PruneAsync(SideName side, CancellationToken cancellationToken)
    {
        for (long total = 0; ; await Task.Delay(Pause, runtime.Time, cancellationToken))
        {
            var pruned = await runtime.Sides.Of(side).Store.PruneRequestsAsync(
                runtime.Options.RequestRetention, Chunk, cancellationToken);
            EngineMeter.PrunedRequests(runtime.Context, pruned);
            total += pruned;
            await runtime.ReachAsync(HookPoint.RequestsPruned, side);
            if (pruned < Chunk)
            {
                return total;
            }
        }
    }

    private SideName[] Sides() => runtime.Stage.Current switch
    {
        null => [],
        { } hint when Stages.IsDual(hint.Stage) => [SideName.Legacy, SideName.New],
        { } hint => [hint.Lead],
    };

    private async Task TryPruneAsync(SideName side, CancellationToken cancellationToken)
    {
        try
        {
            await PruneAsync(side, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.PruningFailed(runtime.Context, side, Failures.Describe(exception), exception);
        }
    }
}
