using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Telemetry;

namespace Strangler.Journal;

/// <summary>
/// Bounds the journals: while a follower is away for hours, each write adds a row. A journal with more than
/// <see cref="JournalDepth.CountLimit"/> rows is thinned out (<see cref="IJournal.ThinAsync"/>): it then grows with the number of entities
/// that were written, not with the number of writes.
/// </summary>
internal sealed class JournalThinning(ContextRuntime runtime)
{
    private const int Chunk = 1_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<JournalThinning>();

    /// <summary>Runs until cancelled. A side that has no part in the present stage is not contacted.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            await Task.Delay(Interval * (0.5 + runtime.Random.NextDouble()), runtime.Time, cancellationToken);
            if (runtime.Stage.Current is not { } hint || !Stages.IsDual(hint.Stage))
            {
                continue;
            }

            foreach (var side in Enum.GetValues<SideName>())
            {
                await TryAsync(side, cancellationToken);
            }
        }
    }

    /// <summary>One pass over all keys of one side's journal; returns how many rows it removed.</summary>
    internal async Task<long> ThinAsync(SideName side, CancellationToken cancellationToken)
    {
        long total = 0;
        foreach (var kind in runtime.Kinds.Keys)
        {
            long? above = null;
            do
            {
                var thinned = await runtime.Sides.Of(side).Journal.ThinAsync(kind, above, Chunk, cancellationToken);
                (total, above) = (total + thinned.Removed, thinned.Upto);
                EngineMeter.JournalThinned(runtime.Context, thinned.Removed);
                await Task.Delay(Pause, runtime.Time, cancellationToken);
            }
            while (above is not null);
        }

        return total;
    }

    private async Task TryAsync(SideName side, CancellationToken cancellationToken)
    {
        try
        {
            var depth = await runtime.Sides.Of(side).Journal.DepthAsync(cancellationToken);
            if (depth.Open <= JournalDepth.CountLimit && depth.Parked <= JournalDepth.CountLimit && depth.Quarantined <= JournalDepth.CountLimit)
            {
                return;
            }

            if (await ThinAsync(side, cancellationToken) is > 0 and var removed)
            {
                _log.Thinned(runtime.Context, side, removed);
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.ThinningFailed(runtime.Context, side, Failures.Describe(exception), exception);
        }
    }
}
