using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>What one side holds for one key, read in one snapshot.</summary>
/// <param name="Fence">The side's fence row in the same snapshot.</param>
/// <param name="Row">The aggregate's rows; null when the entity is not there.</param>
/// <param name="Entity">The side's entity row; null when nothing was ever written or accepted in a dual stage.</param>
public sealed record SideState(FenceRow Fence, AggregateRow? Row, EntityState? Entity)
{
    /// <summary>
    /// The version of what a <em>leading</em> side holds: a key without an entity row, or with one from before DualWrite was last entered,
    /// has (dual epoch, 0);
    /// what LegacyOnly wrote in between raised no counter and must outrank it. Of a following side take <see cref="Entity"/> itself: its
    /// mark is what it accepted.
    /// </summary>
    public EntityVersion Version(long dualEpoch) =>
        Entity is { } entity && entity.Version.Epoch >= dualEpoch ? entity.Version : new EntityVersion(dualEpoch, 0);

    /// <summary>
    /// New side only: the key is listed as unreadable in legacy. While the new side leads, what it holds (nothing, or a state from before
    /// legacy became unreadable) must not be taken for the entity.
    /// </summary>
    public bool IsQuarantined { get; init; }
}

/// <summary>One entity of a range read. Its row may be null: an entity row (tombstone) or a map row without data.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Row">Raw rows, null when the side has none.</param>
/// <param name="Entity">Entity row, null when there is none.</param>
/// <param name="NewId">New side only: the mapped new id, null on the legacy side.</param>
public sealed record RangeItem(long Id, AggregateRow? Row, EntityState? Entity, long? NewId);

/// <summary>A range of one side in one snapshot.</summary>
/// <param name="Fence">The fence in that snapshot.</param>
/// <param name="Items">In ascending order of public id, one an id that has rows, an entity row or (new side) a map row.</param>
/// <param name="Journal">Open and parked journal rows of the range in that snapshot: id → oldest row's creation time (UTC) and whether any
/// is parked.</param>
public sealed record RangeSnapshot(FenceRow Fence, IReadOnlyList<RangeItem> Items, IReadOnlyDictionary<long, JournalMark> Journal);

/// <summary>What a side knows of an entity, without its rows.</summary>
/// <param name="Id">Public id.</param>
/// <param name="Present">Whether the side has a root row for it; on the new side, one that its map row leads to.</param>
/// <param name="Entity">Entity row, null when there is none.</param>
public sealed record KeyMark(long Id, bool Present, EntityState? Entity);

/// <summary>A range of one side in one snapshot, without rows; in ascending order of public id.</summary>
public sealed record MarkPage(FenceRow Fence, IReadOnlyList<KeyMark> Keys);

/// <summary>That a key has journal rows.</summary>
public sealed record JournalMark(DateTime OldestUtc, bool Parked);

/// <summary>What a write transaction locks in its first round trip.</summary>
/// <param name="Key">The key whose rows are locked for update; id 0 locks only the fence.</param>
/// <param name="RequestKey">The caller's request key, looked up in the same round trip; null when it gave none.</param>
public sealed record WriteIntent(EntityKey Key, string? RequestKey = null);

/// <summary>The stored result of a request that was carried out before.</summary>
public sealed record RequestResult(long Id, EntityVersion Version);

/// <summary>
/// A request key that was stored with an entity's write; it travels with the state, so that a retry after a flip still finds it.
/// </summary>
public sealed record StoredRequest(string RequestKey, EntityVersion Version);

/// <summary>A stored request with the entity it wrote, and its place among the entity's requests.</summary>
public sealed record EntityRequest(long Id, StoredRequest Request, long Sequence);

/// <summary>What an entity row says of versions.</summary>
public sealed record KeyVersion(long Id, EntityVersion Version, long ForeignSeq);

/// <summary>Entity rows of one side, in ascending order of public id, and the fence in the same snapshot.</summary>
public sealed record VersionPage(FenceRow Fence, IReadOnlyList<KeyVersion> Keys);

/// <summary>
/// One side of one context: its aggregates with their entity rows, addressed by public id. Two engines behind it (and a test double).
/// Whatever fails, a transaction that was not committed has changed nothing.
/// </summary>
public interface ISideStore
{
    SideName Side { get; }

    /// <summary>Data, entity row and fence of one key in one snapshot and one round trip, on the side's primary node.</summary>
    Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Begins a write transaction: shared lock on the fence row, then the key's entity row and aggregate FOR UPDATE, in one round trip.
    /// </summary>
    Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken);

    /// <summary>
    /// The request keys stored for one entity with a version above <paramref name="after"/>; all of them when it is null.
    /// </summary>
    Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken);

    /// <summary>
    /// A page of all request keys of a kind, in the order of (<see cref="EntityRequest.Id"/>, <see cref="EntityRequest.Sequence"/>), beyond
    /// <paramref name="after"/>; from the beginning when it is null. Empty: there are no more.
    /// </summary>
    Task<IReadOnlyList<EntityRequest>> RequestsAsync(string kind, EntityRequest? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Forgets request keys that this side has stored for longer than <paramref name="age"/> by its own clock, the oldest first, at most
    /// <paramref name="limit"/>. Returns how many; fewer than the limit: no more are that old.
    /// </summary>
    Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken);

    /// <summary>The next entity rows beyond an id, at most <paramref name="limit"/>; no rows of aggregates are read.</summary>
    Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken);

    /// <summary>The entity rows of the ids given; those that have none are left out.</summary>
    Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>
    /// All that lies in [from, to] (public ids, inclusive), in one snapshot. Streams from the server; the result is in memory.
    /// </summary>
    Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken);

    /// <summary>As <see cref="ReadRangeAsync(string, long, long, CancellationToken)"/>, of the ids given alone; what the side does not
    /// know is left out.</summary>
    Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>The keys that lie in [from, to], in one snapshot; no rows of aggregates are read.</summary>
    Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken);

    /// <summary>The next public ids beyond one that the side knows (rows, entity rows, map rows), ascending, at most <paramref
    /// name="limit"/>.</summary>
    Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The next public ids beyond one whose entity row changed at or after a moment by the side's own clock, or at a time that is not
    /// known; ascending, at most
    /// <paramref name="limit"/>. Finds writes of ours, applies, and what capture saw; nothing else.
    /// </summary>
    Task<IReadOnlyList<long>> TouchedAsync(string kind, DateTime sinceUtc, long after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// The id at which a chunk of about <paramref name="rows"/> entities starting at <paramref name="from"/> ends (inclusive); null when
    /// nothing lies at or beyond it.
    /// </summary>
    Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken);

    /// <summary>
    /// Smallest and largest public id known to this side (rows, entity rows, map rows) and the number of root rows (an estimate is enough
    /// for progress).
    /// </summary>
    Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken);

    /// <summary>
    /// The root table's rows, counted exactly, whether a public id leads to them or not. Costs a walk over one of its indexes.
    /// </summary>
    Task<long> CountAsync(string kind, CancellationToken cancellationToken);

    /// <summary>
    /// New side: new ids above <paramref name="after"/> of root rows that no map row points to, ascending, at most <paramref
    /// name="limit"/>. Legacy side: always
    /// empty.
    /// </summary>
    Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// New side: public ids whose map row leads to a row of the new side to which a lower public id leads as well, each with that lower one;
    /// at most <paramref name="limit"/>. The map's unique key prevents them, so while it stands nothing is searched. Legacy side: always
    /// empty, as of a store whose keys nobody can drop.
    /// </summary>
    Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<long, long>>(new Dictionary<long, long>());
}

/// <summary>Bounds of one side; From > To when it is empty.</summary>
public sealed record KeyBounds(long From, long To, long Rows);

/// <summary>
/// An open write transaction on one side. The store may buffer writes and send them with the commit; errors may therefore surface there.
/// Disposing without a commit rolls back.
/// </summary>
public interface ISideTransaction : IAsyncDisposable
{
    /// <summary>What was read under lock by <see cref="ISideStore.BeginAsync"/>.</summary>
    SideState State { get; }

    /// <summary>The result stored for the intent's request key, if any.</summary>
    RequestResult? Request { get; }

    /// <summary>
    /// Writes the difference between <paramref name="was"/> and <paramref name="now"/>; null = not there. On the new side it also allots
    /// the new id and writes
    /// the map row. Id 0 on the legacy side: the id is born here. Returns the public id. Throws <see cref="DuplicateKeyException"/> when an
    /// insert meets an existing row.
    /// </summary>
    Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken);

    Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken);

    /// <summary>
    /// Adds a journal row for a committed version that the other side may lack. <paramref name="foreignSeq"/>: the version is the merge
    /// of other programs' writes up to this one; 0: our own.
    /// </summary>
    Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0);

    /// <summary>
    /// New side: the key is no longer in conflict, or its values may be kept no longer. Nothing happens when it is not listed.
    /// </summary>
    Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken);

    Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken);

    /// <summary>New side: with the commit, the key is in quarantine no more; nothing happens when it was not.</summary>
    Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Commits. Throws <see cref="CommitOutcomeUnknownException"/> when the connection was lost while the reply was awaited.
    /// </summary>
    Task CommitAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Before something is concluded from what a transaction has read that then writes nothing: makes certain that no failover takes it back, and ends
    /// the transaction. A store that shows nothing before it is certain has nothing to do. Throws <see cref="SideUnavailableException"/> when it
    /// could not be made certain; then nothing may be concluded.
    /// </summary>
    Task ConfirmAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
