namespace Strangler.DualWrite;

/// <summary>One side's fence row of one context.</summary>
public interface IFence
{
    SideName Side { get; }

    /// <summary>The committed row. Throws <see cref="NotMigratedException"/> when the table or row is missing.</summary>
    Task<FenceRow> ReadAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Sets the row if role, epoch and stage are as expected, in one transaction of its own; waits at most <paramref name="lockTimeout"/> for writers that hold
    /// the shared lock and throws <see cref="FenceBusyException"/> then (nothing changed). False: someone else was quicker.
    /// </summary>
    Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken);

    /// <summary>The database's present time in UTC: the only clock for deadlines.</summary>
    Task<DateTime> UtcNowAsync(CancellationToken cancellationToken);
}
