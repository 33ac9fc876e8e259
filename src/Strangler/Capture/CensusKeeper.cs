using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Telemetry;

namespace Strangler.Capture;

/// <summary>
/// Adds up, in the background, what the triggers note of other writers, so that the notes do not pile up, and forgets what is long ago. Tells at
/// once of writes that the triggers saw and could not note.
/// </summary>
internal sealed class CensusKeeper(ContextRuntime runtime)
{
    private const int Chunk = 5_000;

    // Short: a program can be asked for its name only while it is connected.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    private readonly ILogger _log = runtime.Loggers.CreateLogger<CensusKeeper>();
    private long? _prunedAt;

    /// <summary>Runs until cancelled; idle where nobody captures.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            await Task.Delay(Interval, runtime.Time, cancellationToken);
            if (runtime.Sides.Census is { } census && runtime.Stage.Current is { } hint && Stages.IsDual(hint.Stage))
            {
                await TryAsync(census, cancellationToken);
            }
        }
    }

    private async Task TryAsync(ICensus census, CancellationToken cancellationToken)
    {
        try
        {
            await CollectAsync(census, cancellationToken);
            if (_prunedAt is not { } at || runtime.Time.GetElapsedTime(at) >= PruneInterval)
            {
                await PruneAsync(census, cancellationToken);
                _prunedAt = runtime.Time.GetTimestamp();
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.CensusFailed(runtime.Context, Failures.Describe(exception), exception);
        }
    }

    private async Task CollectAsync(ICensus census, CancellationToken cancellationToken)
    {
        int collected;
        do
        {
            collected = await census.CollectAsync(Chunk, cancellationToken, tables => TellUnnotedAsync(tables, cancellationToken));
            EngineMeter.ForeignWritesCounted(runtime.Context, collected);
        }
        while (collected == Chunk);
    }

    // Nobody knows which entities they were: only a reconciliation finds them, and until then no earlier one may open a gate.
    private async Task TellUnnotedAsync(IReadOnlyList<string> tables, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", tables);
        _log.WritesUnnoted(runtime.Context, names);
        EngineMeter.WritesUnnoted(runtime.Context);
        await runtime.Sides.Reconciliations.DisturbAsync($"writes to {names} that no trigger could note", cancellationToken);
        await runtime.Schema.ExplainsAsync(cancellationToken);
    }

    private async Task PruneAsync(ICensus census, CancellationToken cancellationToken)
    {
        while (await census.PruneAsync(runtime.Options.CensusRetention, Chunk, cancellationToken) == Chunk)
        {
        }
    }
}
