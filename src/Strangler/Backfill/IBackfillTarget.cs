using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Backfill;

/// <summary>How far a context's backfill has come; stored on the new side, in the chunk's transaction.</summary>
/// <param name="DualEpoch">The dual epoch it belongs to; another one starts anew.</param>
/// <param name="Pass">1, 2, …</param>
/// <param name="NextId">Where the pass goes on.</param>
/// <param name="WrittenInPass">Entities written in this pass so far.</param>
/// <param name="Phase">Copying, removing (what legacy no longer has) or done.</param>
/// <param name="CompletedUtc">When it was completed; null before.</param>
public sealed record BackfillCheckpoint(
    long DualEpoch,
    int Pass,
    long NextId,
    long WrittenInPass,
    BackfillPhase Phase,
    DateTime? CompletedUtc)
{
    /// <summary>Whether the backfill of a dual epoch is done.</summary>
    public bool IsComplete(long dualEpoch) => Phase == BackfillPhase.Done && DualEpoch == dualEpoch;
}

public enum BackfillPhase
{
    Copying,
    Removing,
    Done,
}

/// <summary>One entity to be written by a chunk.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Was">What the new side has (read in the chunk's transaction); null for an insert.</param>
/// <param name="Now">What it gets; null removes it, leaving a tombstone.</param>
/// <param name="State">The accepted mark to store.</param>
public sealed record BackfillWrite(long Id, AggregateRow? Was, AggregateRow? Now, EntityState State);

/// <summary>The new side as the target of a backfill: many entities a transaction.</summary>
public interface IBackfillTarget
{
    Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken);

    /// <summary>
    /// Begins a chunk's transaction: shared lock on the fence, then the entity rows of [from, to] locked so that no live apply can slip in between.
    /// </summary>
    Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken);
}

/// <summary>An open chunk. Disposing without a commit rolls back.</summary>
public interface IBackfillChunk : IAsyncDisposable
{
    FenceRow Fence { get; }

    /// <summary>Entity rows of the range by public id.</summary>
    IReadOnlyDictionary<long, EntityState> Entities { get; }

    /// <summary>The aggregates of the given public ids, under lock.</summary>
    Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>Writes rows, map rows and entity rows: inserts in multi-row statements, the others one by one.</summary>
    Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken);

    /// <summary>Sets aside rows that cannot be read; an id no longer listed for this range is taken off the list. Signed-off entries stay signed off while their reason is the same.</summary>
    Task QuarantineAsync(IReadOnlyList<QuarantineEntry> entries, CancellationToken cancellationToken);

    /// <summary>Stores request keys that are not there yet.</summary>
    Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken);

    Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken);
}

/// <summary>A row that cannot be read. No values: place and reason only.</summary>
public sealed record QuarantineEntry(long Id, string Place, string Reason, DateTime SinceUtc, string? SignedOffBy = null, string? SignOffReason = null);

/// <summary>The quarantine of one context, on its new side.</summary>
public interface IQuarantine
{
    Task<QuarantineEntry?> FindAsync(EntityKey key, CancellationToken cancellationToken);

    Task<IReadOnlyList<QuarantineEntry>> ListAsync(string kind, int limit, CancellationToken cancellationToken);

    /// <summary>All entries and those not signed off.</summary>
    Task<(long All, long Open)> CountAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Signs off one entry, or all when id is null; those signed off already stay as they are. Returns how many.</summary>
    Task<int> SignOffAsync(string kind, long? id, string by, string reason, CancellationToken cancellationToken);

    Task PutAsync(string kind, QuarantineEntry entry, CancellationToken cancellationToken);
}
