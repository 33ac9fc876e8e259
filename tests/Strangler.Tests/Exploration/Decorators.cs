using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>Seams that pass everything on, for faulty ones to differ in one place.</summary>
internal abstract class StoreDecorator(ISideStore inner) : ISideStore
{
    public SideName Side => inner.Side;

    protected ISideStore Inner => inner;

    public virtual Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken) => inner.ReadAsync(key, cancellationToken);

    public virtual Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken) =>
        inner.BeginAsync(intent, cancellationToken);

    public Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken) =>
        inner.RequestsAsync(key, after, cancellationToken);

    public Task<IReadOnlyList<EntityRequest>> RequestsAsync(
        string kind, EntityRequest? after, int limit, CancellationToken cancellationToken) =>
        inner.RequestsAsync(kind, after, limit, cancellationToken);

    public Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        inner.PruneRequestsAsync(age, limit, cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        inner.VersionsAsync(kind, after, limit, cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        inner.VersionsAsync(kind, ids, cancellationToken);

    public virtual Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        inner.ReadRangeAsync(kind, from, to, cancellationToken);

    public virtual Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        inner.ReadRangeAsync(kind, ids, cancellationToken);

    public virtual Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        inner.MarksAsync(kind, from, to, cancellationToken);

    public Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        inner.KeysAsync(kind, after, limit, cancellationToken);

    public Task<IReadOnlyList<long>> TouchedAsync(string kind, DateTime sinceUtc, long after, int limit,
        CancellationToken cancellationToken) =>
        inner.TouchedAsync(kind, sinceUtc, after, limit, cancellationToken);

    public virtual Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken) =>
        inner.ChunkEndAsync(kind, from, rows, cancellationToken);

    public virtual Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken) =>
        inner.BoundsAsync(kind, cancellationToken);

    public Task<long> CountAsync(string kind, CancellationToken cancellationToken) => inner.CountAsync(kind, cancellationToken);

    public virtual Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        inner.UnmappedAsync(kind, after, limit, cancellationToken);

    public virtual Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) =>
        inner.SharedAsync(kind, limit, cancellationToken);
}

internal abstract class TransactionDecorator(ISideTransaction inner) : ISideTransaction, ITagged
{
    public virtual SideState State => inner.State;

    public virtual RequestResult? Request => inner.Request;

    public object? Tag
    {
        get => ((ITagged)inner).Tag;
        set => ((ITagged)inner).Tag = value;
    }

    protected ISideTransaction Inner => inner;

    public virtual Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken) =>
        inner.SaveAsync(key, was, now, cancellationToken);

    public virtual Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) =>
        inner.SetEntityAsync(key, state, cancellationToken);

    public virtual Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0) =>
        inner.AppendJournalAsync(key, version, actor, cancellationToken, foreignSeq);

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken) => inner.ForgetConflictAsync(key, cancellationToken);

    public virtual Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken) =>
        inner.SaveRequestAsync(requestKey, id, version, cancellationToken);

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken) =>
        inner.LiftQuarantineAsync(key, cancellationToken);

    public virtual Task CommitAsync(CancellationToken cancellationToken) => inner.CommitAsync(cancellationToken);

    public virtual Task ConfirmAsync(CancellationToken cancellationToken) => inner.ConfirmAsync(cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}

internal abstract class FenceDecorator(IFence inner) : IFence
{
    public SideName Side => inner.Side;

    protected IFence Inner => inner;

    public virtual Task<FenceRow> ReadAsync(CancellationToken cancellationToken) => inner.ReadAsync(cancellationToken);

    public virtual Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        inner.CompareAndSetAsync(expected, next, lockTimeout, cancellationToken);

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => inner.UtcNowAsync(cancellationToken);
}

internal abstract class JournalDecorator(IJournal inner) : IJournal
{
    public SideName Side => inner.Side;

    protected IJournal Inner => inner;

    public virtual Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken) =>
        inner.ClaimAsync(owner, max, lease, cancellationToken);

    public virtual Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken) =>
        inner.SettleAsync(key, accepted, foreignSeq, cancellationToken);

    public virtual Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken) =>
        inner.FailAsync(claim, error, delay, cancellationToken);

    public Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken) =>
        inner.QuarantineAsync(claim, error, cancellationToken);

    public virtual Task<JournalDepth> DepthAsync(CancellationToken cancellationToken) => inner.DepthAsync(cancellationToken);

    public virtual Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken) =>
        inner.SettleForeignAsync(key, foreignSeq, cancellationToken);

    public Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken) =>
        inner.OwnWritesAsync(key, above, cancellationToken);

    public Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken) =>
        inner.ForeignWritesAsync(key, above, cancellationToken);

    public Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken) =>
        inner.ParkedAsync(limit, cancellationToken);

    public Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken) => inner.OverviewAsync(cancellationToken);

    public Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken) =>
        inner.FindParkedAsync(key, cancellationToken);

    public Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        inner.OwedAsync(kind, ids, cancellationToken);

    public Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken) => inner.DropAsync(key, cancellationToken);

    public virtual Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken) =>
        inner.ThinAsync(kind, above, keys, cancellationToken);

    public Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken) => inner.RetryAsync(key, cancellationToken);
}

internal abstract class TargetDecorator(IBackfillTarget inner) : IBackfillTarget
{
    public Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken) =>
        inner.ReadCheckpointAsync(kind, cancellationToken);

    public async Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        Change(await inner.BeginChunkAsync(kind, from, to, cancellationToken));

    protected abstract IBackfillChunk Change(IBackfillChunk chunk);
}

internal abstract class ChunkDecorator(IBackfillChunk inner) : IBackfillChunk
{
    public FenceRow Fence => inner.Fence;

    public virtual IReadOnlyDictionary<long, EntityState> Entities => inner.Entities;

    public Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        inner.ReadRowsAsync(ids, cancellationToken);

    public Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken) =>
        inner.WriteAsync(writes, cancellationToken);

    public Task QuarantineAsync(IReadOnlyList<QuarantineEntry> entries, CancellationToken cancellationToken) =>
        inner.QuarantineAsync(entries, cancellationToken);

    public Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken) =>
        inner.SaveRequestsAsync(requests, cancellationToken);

    public Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken) =>
        inner.CommitAsync(checkpoint, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
