using Microsoft.Extensions.Logging;
using Strangler.Cutover;

namespace Strangler.DualWrite;

/// <summary>Who is believed to lead.</summary>
public sealed record StageHint(SideName Lead, FenceRow Fence)
{
    public Stage Stage => Fence.Stage;
}

/// <summary>
/// What a process believes about the stage. Only a hint: every read and write checks the fence row of the side it speaks to in its own
/// snapshot or transaction, and a stale hint costs a round trip, nothing else.
/// </summary>
public sealed class StageCache
{
    private readonly ContextSides _sides;
    private readonly FlipRecovery _recovery;
    private readonly ILogger _log;
    private StageHint? _current;

    internal StageCache(ContextSides sides, ContextOptions options, ILoggerFactory loggers)
    {
        _sides = sides;
        _recovery = new FlipRecovery(sides, options, loggers);
        _log = loggers.CreateLogger<StageCache>();
    }

    /// <summary>The last that was seen; null before the first look.</summary>
    public StageHint? Current => Volatile.Read(ref _current);

    /// <summary>The hint, looked up when there is none yet.</summary>
    public async ValueTask<StageHint> GetAsync(CancellationToken cancellationToken) =>
        Current
        ?? await RefreshAsync(cancellationToken)
        ?? throw new SwitchingException(_sides.Context, TimeSpan.Zero);

    /// <summary>
    /// Asks the fences, the believed lead's first: a side that says lead or switching is the lead, so in LegacyOnly the new side is not
    /// asked, and while new leads legacy may be down. Finishes a flip that was decided but not promoted, and ends one whose deadline has
    /// passed. Null: a flip is between its decision and its promotion.
    /// </summary>
    public Task<StageHint?> RefreshAsync(CancellationToken cancellationToken) => RefreshAsync(finishes: true, cancellationToken);

    /// <param name="finishes">False: a flip that is decided and not promoted is left to its flipper.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async Task<StageHint?> RefreshAsync(bool finishes, CancellationToken cancellationToken)
    {
        var first = Current?.Lead ?? SideName.Legacy;
        FenceRow? firstRow = null;
        SideUnavailableException? unavailable = null;
        try
        {
            firstRow = await FenceOfAsync(first, cancellationToken);
        }
        catch (SideUnavailableException exception)
        {
            unavailable = exception;
        }

        if (firstRow is { AnswersReads: true })
        {
            return Set(first, await _recovery.AbortIfExpiredAsync(first, firstRow, cancellationToken));
        }

        return await AskOtherAsync(first, firstRow, unavailable, finishes, cancellationToken);
    }

    /// <summary>Takes over what a read or a write saw in a fence row that answers reads. Older epochs are ignored.</summary>
    internal StageHint Learn(SideName side, FenceRow row)
    {
        var hint = new StageHint(side, row);
        while (true)
        {
            var current = Current;
            if (current is not null && (current.Fence.Epoch > row.Epoch || current == hint))
            {
                return current;
            }

            if (Interlocked.CompareExchange(ref _current, hint, current) == current)
            {
                return hint;
            }
        }
    }

    // What a refresh found replaces the hint whatever its epoch: after a database was restored from a backup, epochs are lower than those
    // seen before.
    private StageHint Set(SideName side, FenceRow row)
    {
        var hint = new StageHint(side, row);
        Volatile.Write(ref _current, hint);
        return hint;
    }

    private Task<FenceRow> FenceOfAsync(SideName side, CancellationToken cancellationToken) =>
        Reread.OnceAsync(_log, _sides.Context, () => _sides.Of(side).Fence.ReadAsync(cancellationToken));

    private async Task<StageHint?> AskOtherAsync(
        SideName first, FenceRow? firstRow, SideUnavailableException? unavailable, bool finishes, CancellationToken cancellationToken)
    {
        var other = Stages.Other(first);
        FenceRow otherRow;
        try
        {
            otherRow = await FenceOfAsync(other, cancellationToken);
        }
        catch (Exception exception) when (unavailable is not null && exception is SideUnavailableException or NotMigratedException)
        {
            throw unavailable;
        }

        if (otherRow.AnswersReads)
        {
            return Set(other, await _recovery.AbortIfExpiredAsync(other, otherRow, cancellationToken));
        }

        if (firstRow is null)
        {
            throw unavailable!;
        }

        return finishes && await _recovery.FinishAsync(first, firstRow, otherRow, cancellationToken) is { } promoted
            ? Set(promoted.Side, promoted.Row)
            : null;
    }
}
