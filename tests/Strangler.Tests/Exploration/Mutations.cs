using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>The deliberate faults.</summary>
internal static class Mutations
{
    public static readonly Mutation[] All =
    [
        new("WatermarkBeforeFence", "The journal is drained before writers are denied, and not looked at again (flip steps 1 and 2 swapped).", faulty =>
        {
            var position = new Position();
            faulty.Journals(inner => new DrainedBefore(inner, position));
            faulty.Fences(inner => new DenyAfterDrain(inner, faulty, position));
        }),
        new("DrainByDueRows", "The flip waits until no journal row is due, instead of until none is left: claimed and backed-off rows count as drained.",
            faulty => faulty.Journals(inner => new OnlyDue(inner, faulty.Memory))),
        new("DrainByNothing", "The flip waits for nothing: the follower is promoted behind.",
            faulty => faulty.Journals(inner => new NothingOpen(inner))),
        new("ApplyReadsLeadBeforeLock", "An apply reads the lead's state before it holds the follower's row.",
            faulty => ReadBeforeLock(faulty, acceptedIsSeen: true)),
        new("NoAcceptedCheck", "An apply writes what it read before, whatever the follower has accepted since.",
            faulty => ReadBeforeLock(faulty, acceptedIsSeen: false)),
        new("CursorById", "The relay claims what lies beyond the highest journal id it has seen: a lower one that commits later is never seen.",
            faulty => faulty.Journals(inner => new ByCursor(inner, faulty))),
        new("CacheInsteadOfFenceForWrites", "A write believes the cached stage, not the fence row that it has locked.",
            faulty => faulty.Stores(inner => new CachedFenceForWrites(inner, faulty.Process))),
        new("CacheInsteadOfFenceForReads", "A read believes the cached stage, not the fence row of its snapshot.",
            faulty => faulty.Stores(inner => new CachedFenceForReads(inner, faulty.Process))),
        new("JournalAfterCommit", "The journal row is written after the lead's transaction, in one of its own.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) => new JournalLater(one, faulty, inner.Side)))),
        new("AcceptedMarkApart", "The follower's accepted mark is committed before its rows, in a transaction of its own.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) =>
                one.State.Fence.Role == FenceRole.Follower ? new MarkFirst(one, faulty, inner.Side) : one))),
        new("SettleDeletesNewer", "Settling a key deletes all of its journal rows, those of newer versions as well.",
            faulty => faulty.Journals(inner => new SettleAll(inner))),
        new("ThinningKeepsOldest", "A deep journal keeps the oldest row of each key alone, not the newest.",
            faulty => faulty.Journals(inner => new OldestOnly(inner, faulty))),
        new("NoTombstone", "A delete leaves no entity row.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) => new NoTombstones(one, faulty.Memory.Of(inner.Side))))),
        new("LegacyOnlyWithoutFenceLock", "In LegacyOnly a write looks at the fence without holding it.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) => WithoutFence(one, faulty.Memory.Of(inner.Side))))),
        new("BackfillOverwritesNewer", "The backfill writes what it has read, whatever has been accepted since.",
            faulty => faulty.Target = new BlindTarget(faulty.Target)),
        new("DecisionOnTheNewLead", "A flip is decided by promoting the new lead; the old lead's fence is set afterwards.", faulty =>
        {
            var put = new Deferred();
            faulty.Fences(inner => new DecideLate(inner, put));
        }),
        new("PromoteOnSight", "Whoever sees a prepared fence promotes it without reading the old lead's.",
            faulty => faulty.Fences(inner => new PromotesOnSight(inner))),
        new("AbortReusesEpoch", "An abort goes on with the epoch of the flip that it ended.",
            faulty => faulty.Fences(inner => new SameEpochAfterAbort(inner))),
        new("ClaimWithoutGeneration", "A claim is given back by whoever held it once, also after another relay has claimed the key.",
            faulty => faulty.Journals(inner => new AnyGeneration(inner, faulty))),
        new("RequestLookedUpAfter", "The request key is stored after the write, in a transaction of its own, and looked up before it.",
            faulty => faulty.Stores(inner => new RequestsApart(inner, faulty))),
        new("RetryWithoutLookUp", "A lost COMMIT is taken for a failed one and simply repeated.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) => new UnknownIsFailed(one, inner.Side)))),
        new("StaleCheckAgainstCache", "A save is compared with the state that this process read last, not with the one under lock.",
            faulty => faulty.Stores(inner => new RemembersReads(inner))),
        new("PublicIdsByMax", "While new leads a create takes the highest id that is there, plus one.",
            faulty => faulty.PublicIds = new ByMax(faulty.PublicIds, faulty)),
        new("IdMapApart", "The id map's row is written after the new side's rows, in a transaction of its own.",
            faulty => faulty.Stores(inner => inner.Side == SideName.Legacy ? inner
                : new ChangedTransactions(inner, (one, _) => new MapLater(one, faulty)))),
        new("ApplyIgnoresRole", "An apply writes to a side that no longer follows.",
            faulty => faulty.Stores(inner => new EverFollower(inner, faulty.Process))),
        new("SameSignature", "All writes bear the same signature: what is equal in version and content counts as the same write.",
            faulty => faulty.World.HasOneSignature = true),
        new("HiddenChangeIsTaken", "A caller's change to a field that the leading side hides is acknowledged.",
            faulty => faulty.World.WishesAreForgotten = true),
        new("HiddenWishIsForgotten", "What a write wants in a field that legacy hides is told by nothing but legacy's row.",
            faulty => faulty.Stores(inner => inner.Side == SideName.New ? inner : new ChangedTransactions(inner, (one, _) => new Wishless(one)))),
        new("SignatureNotSeen", "An apply takes the follower's own write of a version for the lead's of that version.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) =>
                one.State.Fence.Role == FenceRole.Follower ? new Unsigned(one) : one))),
        new("ErasureKeepsName", "An apply of an erased entity keeps the follower's personal values.",
            faulty => faulty.Stores(inner => new ChangedTransactions(inner, (one, _) =>
                one.State.Fence.Role == FenceRole.Follower ? new KeepsName(one) : one))),
        new("JointOverWhateverWasAccepted", "The follower's part of a joint transaction is written although the follower lacks the write before.",
            faulty => faulty.Joint = new BlindJoint(faulty.Memory.Sides.Joint!)),
        new("JointFailureOwesNothing", "The follower's part of a joint transaction failed and was rolled back, and no journal row was written for it.",
            faulty => faulty.Joint = new ForgetfulJoint(faulty.Memory.Sides.Joint!)),
        new("JointPartApart", "The follower's part of a joint transaction commits before the lead's, which may still fail.",
            faulty => faulty.Joint = new EarlyJoint(faulty.Memory.Sides.Joint!)),
        new("MergeWithoutLock", "A merge reads the new side's state before it holds the key there.",
            faulty => faulty.Stores(inner => inner.Side == SideName.New ? new EarlyMerger(inner) : inner)),
        new("MergeAgainstOwnHashes", "A merge takes the new side's present hashes for those of the state that both sides agreed on.",
            faulty => faulty.Merges = new OwnHashes(faulty.Merges, faulty.Memory.Of(SideName.New))),
        new("MergeKeepsForeignSeq", "A merge does not note which of the other programs' writes it has taken in.",
            faulty => faulty.Stores(inner => inner.Side == SideName.Legacy ? inner
                : new ChangedTransactions(inner, (one, _) => new KeepsForeignSeq(one)))),
        new("ReverseApplyWithoutCompare", "An apply to legacy writes over other programs' writes that nobody has seen.",
            faulty => faulty.Stores(inner => inner.Side == SideName.New ? inner : new ChangedTransactions(inner, (one, _) =>
                one.State.Fence.Role == FenceRole.Follower ? new Unforeign(one) : one))),
        new("MergeAgreesOnWhatIsHidden", "A merge takes for agreed what the new side alone has written where legacy hides a field.",
            faulty =>
            {
                Dictionary<EntityKey, AggregateRow?> read = [];
                faulty.Stores(inner => inner.Side == SideName.Legacy ? new RemembersRows(inner, read)
                    : new ChangedTransactions(inner, (one, _) => new AgreesOnHidden(one, read)));
            }),
        new("DecisionsUntold", "What the declared owner of a clash decides is written down nowhere.",
            faulty => faulty.Audits(inner => new SilentAboutMerges(inner))),
        new("OwedIsNotPutAround", "What the new side owes while it is switched is accepted, and legacy's row left as another program made it.",
            faulty => faulty.Stores(inner => inner.Side == SideName.New ? inner
                : new ChangedTransactions(inner, (one, _) => new LeavesForeignRow(one, faulty)))),
        new("MergeWhileSwitched", "A merge is written although the new side is being switched and its journal may have been seen empty.",
            faulty => faulty.Stores(inner => inner.Side == SideName.Legacy ? inner
                : new ChangedTransactions(inner, (one, _) => Lane.IsBackground ? new EverLead(one) : one))),
    ];

    private static void ReadBeforeLock(Faulty faulty, bool acceptedIsSeen)
    {
        Dictionary<(SideName, EntityKey), Queue<SideState>> early = [];
        faulty.Stores(inner => new EarlyReader(inner, faulty.Memory, faulty.Process, early, acceptedIsSeen));
    }

    private static ISideTransaction WithoutFence(ISideTransaction transaction, InMemoryDatabase database)
    {
        if (transaction.State.Fence.Stage == Stage.LegacyOnly)
        {
            database.Locks.Release(transaction, LockTable.FenceKind);
        }

        return transaction;
    }
}

/// <summary>Exchanges each transaction as it begins.</summary>
internal sealed class ChangedTransactions(ISideStore inner, Func<ISideTransaction, WriteIntent, ISideTransaction> change) : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken) =>
        change(await Inner.BeginAsync(intent, cancellationToken), intent);
}

/// <summary>What begins on the new side in the background, while that leads, is a merge.</summary>
internal sealed class EarlyMerger(ISideStore inner) : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        if (!Lane.IsBackground)
        {
            return await Inner.BeginAsync(intent, cancellationToken);
        }

        var early = await Inner.ReadAsync(intent.Key, cancellationToken);
        var transaction = await Inner.BeginAsync(intent, cancellationToken);
        return transaction.State.Fence.Role == FenceRole.Lead ? new Early(transaction, early with { Fence = transaction.State.Fence }) : transaction;
    }

    private sealed class Early(ISideTransaction inner, SideState state) : TransactionDecorator(inner)
    {
        public override SideState State => state;
    }
}

internal sealed class OwnHashes(IMergeLog inner, InMemoryDatabase @new) : IMergeLog
{
    public async Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var agreed = await inner.BaseAsync(key, cancellationToken);
        return @new.Entities.GetValueOrDefault(key) is { IsSigned: true } own
            ? new AcceptedBase(own.Version, own.FieldHashes[..^(own.FieldHashes.Length % FieldHasher.Size)])
            : agreed;
    }

    public Task PutAsync(Conflict conflict, CancellationToken cancellationToken) => inner.PutAsync(conflict, cancellationToken);

    public Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken) => inner.FindAsync(key, cancellationToken);

    public Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken) => inner.ListAsync(limit, cancellationToken);

    public Task<long> CountAsync(CancellationToken cancellationToken) => inner.CountAsync(cancellationToken);
}

internal sealed class KeepsForeignSeq(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) =>
        Inner.SetEntityAsync(key, state.Base is null ? state : state with { ForeignSeq = State.Entity?.ForeignSeq ?? 0 }, cancellationToken);
}

internal sealed class Unforeign(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override SideState State =>
        Inner.State.Entity is { } entity ? Inner.State with { Entity = entity with { ForeignSeq = 0 } } : Inner.State;
}

internal sealed class EverLead(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override SideState State => Inner.State.Fence.Role == FenceRole.Switching
        ? Inner.State with { Fence = Inner.State.Fence with { Role = FenceRole.Lead } }
        : Inner.State;
}

internal sealed class Position
{
    public bool IsTaken { get; set; }
}

internal sealed class DenyAfterDrain(IFence inner, Faulty faulty, Position position) : FenceDecorator(inner)
{
    public override async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        var denies = (expected.Role, next.Role) == (FenceRole.Lead, FenceRole.Switching);
        if (denies)
        {
            position.IsTaken = false;
            await faulty.Process.Relay.DrainAsync(cancellationToken);
        }

        var set = await base.CompareAndSetAsync(expected, next, lockTimeout, cancellationToken);
        position.IsTaken = set && denies;
        return set;
    }
}

internal sealed class DrainedBefore(IJournal inner, Position position) : JournalDecorator(inner)
{
    public override async Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken) =>
        position.IsTaken ? [] : await Inner.ClaimAsync(owner, max, lease, cancellationToken);

    public override async Task<JournalDepth> DepthAsync(CancellationToken cancellationToken)
    {
        var depth = await Inner.DepthAsync(cancellationToken);
        var isTaken = position.IsTaken;
        position.IsTaken = false;
        return isTaken ? depth with { Open = 0, Parked = 0, OldestUtc = null } : depth;
    }
}

internal sealed class OnlyDue(IJournal inner, InMemorySides memory) : JournalDecorator(inner)
{
    public override async Task<JournalDepth> DepthAsync(CancellationToken cancellationToken)
    {
        var depth = await Inner.DepthAsync(cancellationToken);
        var database = memory.Of(Side);
        return depth with
        {
            Open = database.Journal.Count(row => row.IsOpen && !(row.LeaseUntil > database.UtcNow) && !(row.DueUtc > database.UtcNow)),
        };
    }
}

internal sealed class NothingOpen(IJournal inner) : JournalDecorator(inner)
{
    public override async Task<JournalDepth> DepthAsync(CancellationToken cancellationToken) =>
        (await Inner.DepthAsync(cancellationToken)) with { Open = 0, Parked = 0, OldestUtc = null };
}

internal sealed class EarlyReader(
    ISideStore inner, InMemorySides memory, ModelProcess process, Dictionary<(SideName, EntityKey), Queue<SideState>> early, bool acceptedIsSeen)
    : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        if (process.Runtime.Stage.Current?.Lead is not { } lead || lead == Side)
        {
            return await Inner.BeginAsync(intent, cancellationToken);
        }

        var state = await memory.Sides.Of(lead).Store.ReadAsync(intent.Key, cancellationToken);
        var transaction = await Inner.BeginAsync(intent, cancellationToken);
        if (transaction.State.Fence.Role != FenceRole.Follower)
        {
            return transaction;
        }

        if (!early.TryGetValue((lead, intent.Key), out var queue))
        {
            early[(lead, intent.Key)] = queue = [];
        }

        queue.Enqueue(state);
        return acceptedIsSeen ? transaction : new Forgetful(transaction);
    }

    // The engine reads the lead right after it has begun on the follower.
    public override async Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        if (early.TryGetValue((Side, key), out var queue) && queue.TryDequeue(out var state))
        {
            return state;
        }

        return await Inner.ReadAsync(key, cancellationToken);
    }

    private sealed class Forgetful(ISideTransaction inner) : TransactionDecorator(inner)
    {
        public override SideState State => Inner.State with { Entity = null };
    }
}

internal sealed class ByCursor(IJournal inner, Faulty faulty) : JournalDecorator(inner)
{
    public override async Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken)
    {
        var database = faulty.Memory.Of(Side);
        var cursor = faulty.World.Shared.GetValueOrDefault(Side.ToString());
        var unseen = database.Journal.Where(row => row.Seq <= cursor && row.Generation == 0).ToList();
        lock (database.Gate)
        {
            unseen.ForEach(row => database.Journal.Remove(row));
        }

        var claims = await Inner.ClaimAsync(owner, max, lease, cancellationToken);
        lock (database.Gate)
        {
            database.Journal.AddRange(unseen);
        }

        var seen = database.Journal.Where(row => row.Generation > 0).Select(row => row.Seq).DefaultIfEmpty(0).Max();
        faulty.World.Shared[Side.ToString()] = Math.Max(cursor, seen);
        return claims;
    }
}

internal sealed class CachedFenceForWrites(ISideStore inner, ModelProcess process) : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        var hint = process.Runtime.Stage.Current;
        var transaction = await Inner.BeginAsync(intent, cancellationToken);
        return hint?.Lead == Side ? new Believing(transaction, hint.Fence) : transaction;
    }

    private sealed class Believing(ISideTransaction inner, FenceRow fence) : TransactionDecorator(inner)
    {
        public override SideState State => Inner.State with { Fence = fence };
    }
}

internal sealed class CachedFenceForReads(ISideStore inner, ModelProcess process) : StoreDecorator(inner)
{
    public override async Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var hint = process.Runtime.Stage.Current;
        var state = await Inner.ReadAsync(key, cancellationToken);
        return hint?.Lead == Side ? state with { Fence = hint.Fence } : state;
    }
}

internal sealed class JournalLater(ISideTransaction inner, Faulty faulty, SideName side) : TransactionDecorator(inner)
{
    private (EntityKey Key, EntityVersion Version, string Actor, long ForeignSeq)? _row;

    public override Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0)
    {
        _row = (key, version, actor, foreignSeq);
        return Task.CompletedTask;
    }

    public override async Task CommitAsync(CancellationToken cancellationToken)
    {
        await Inner.CommitAsync(cancellationToken);
        if (_row is var (key, version, actor, foreignSeq))
        {
            var database = faulty.Memory.Of(side);
            await faulty.StepAsync(side, "journal-later", () => database.Journal.Add(new JournalRow
            {
                Seq = ++database.JournalIncrement, Key = key, Version = version, ForeignSeq = foreignSeq, Actor = actor, CreatedUtc = database.UtcNow,
            }));
        }
    }
}

internal sealed class MarkFirst(ISideTransaction inner, Faulty faulty, SideName side) : TransactionDecorator(inner)
{
    public override Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken) =>
        faulty.StepAsync(side, "mark-first", () => faulty.Memory.Of(side).SetEntity(key, state));
}

internal sealed class SettleAll(IJournal inner) : JournalDecorator(inner)
{
    public override Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken) =>
        Inner.SettleAsync(key, new EntityVersion(long.MaxValue, 0), long.MaxValue, cancellationToken);
}

internal sealed class OldestOnly(IJournal inner, Faulty faulty) : JournalDecorator(inner)
{
    public override async Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken)
    {
        var database = faulty.Memory.Of(Side);
        var removed = 0;
        await faulty.StepAsync(Side, "thin", () =>
        {
            var oldest = database.Journal.GroupBy(row => (row.Key, row.ForeignSeq > 0)).Select(rows => rows.MinBy(row => row.Seq)!).ToHashSet();
            removed = database.Journal.RemoveAll(row => !oldest.Contains(row));
        });
        return new ThinnedRows(removed, null);
    }
}

internal sealed class NoTombstones(ISideTransaction inner, InMemoryDatabase database) : TransactionDecorator(inner)
{
    private EntityKey? _deleted;

    public override Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        _deleted = state.Tombstone ? key : null;
        return Inner.SetEntityAsync(key, state, cancellationToken);
    }

    public override async Task CommitAsync(CancellationToken cancellationToken)
    {
        await Inner.CommitAsync(cancellationToken);
        if (_deleted is { } key)
        {
            database.Entities.Remove(key);
        }
    }
}

internal sealed class BlindTarget(IBackfillTarget inner) : TargetDecorator(inner)
{
    protected override IBackfillChunk Change(IBackfillChunk chunk) => new Blind(chunk);

    private sealed class Blind(IBackfillChunk inner) : ChunkDecorator(inner)
    {
        // What the backfill itself has written it knows; else it would never come to an end.
        public override IReadOnlyDictionary<long, EntityState> Entities { get; } =
            inner.Entities.Where(pair => pair.Value.Version.Counter == 0).ToDictionary();
    }
}

internal sealed class Deferred
{
    public Func<Task>? Set { get; set; }
}

internal sealed class DecideLate(IFence inner, Deferred put) : FenceDecorator(inner)
{
    public override async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        if ((expected.Role, next.Role) == (FenceRole.Switching, FenceRole.Follower))
        {
            put.Set = () => Inner.CompareAndSetAsync(expected, next, lockTimeout, CancellationToken.None);
            return true;
        }

        var set = await Inner.CompareAndSetAsync(expected, next, lockTimeout, cancellationToken);
        if ((expected.Role, next.Role) == (FenceRole.Prepared, FenceRole.Lead) && put.Set is { } late)
        {
            put.Set = null;
            await late();
        }

        return set;
    }
}

internal sealed class PromotesOnSight(IFence inner) : FenceDecorator(inner)
{
    public override async Task<FenceRow> ReadAsync(CancellationToken cancellationToken)
    {
        var row = await Inner.ReadAsync(cancellationToken);
        var next = row with { Role = FenceRole.Lead, Deadline = null };
        return row.Role == FenceRole.Prepared && await Inner.CompareAndSetAsync(row, next, TimeSpan.FromSeconds(1), cancellationToken) ? next : row;
    }
}

internal sealed class SameEpochAfterAbort(IFence inner) : FenceDecorator(inner)
{
    public override Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        Inner.CompareAndSetAsync(
            expected, (expected.Role, next.Role) == (FenceRole.Switching, FenceRole.Lead) ? next with { Epoch = expected.Epoch } : next,
            lockTimeout, cancellationToken);
}

internal sealed class AnyGeneration(IJournal inner, Faulty faulty) : JournalDecorator(inner)
{
    public override Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken)
    {
        var database = faulty.Memory.Of(Side);
        return faulty.StepAsync(Side, "fail", () =>
        {
            var rows = database.Journal.Where(row => row.Key == claim.Key && row.IsOpen).ToList();
            if (rows.Count > 0)
            {
                database.Witness?.ClaimGivenBack(database, claim, error, rows.Max(row => row.Generation));
                rows.ForEach(row => (row.LeaseUntil, row.Parked, row.DueUtc, row.Attempts) =
                    (null, delay is null, database.UtcNow + delay, claim.Attempts + 1));
            }
        });
    }
}

internal sealed class RequestsApart(ISideStore inner, Faulty faulty) : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        var database = faulty.Memory.Of(Side);
        RequestResult? known = null;
        if (intent.RequestKey is not null)
        {
            await faulty.StepAsync(Side, "look-up", () => known = database.Requests.TryGetValue(intent.RequestKey, out var stored)
                ? new RequestResult(stored.Key.Id, stored.Version)
                : null);
        }

        return new Apart(await Inner.BeginAsync(intent with { RequestKey = null }, cancellationToken), known, faulty, intent, database);
    }

    private sealed class Apart(ISideTransaction inner, RequestResult? known, Faulty faulty, WriteIntent intent, InMemoryDatabase database)
        : TransactionDecorator(inner)
    {
        private readonly List<(string RequestKey, long Id, EntityVersion Version)> _later = [];

        public override RequestResult? Request => known;

        public override Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken)
        {
            _later.Add((requestKey, id, version));
            return Task.CompletedTask;
        }

        public override async Task CommitAsync(CancellationToken cancellationToken)
        {
            await Inner.CommitAsync(cancellationToken);
            foreach (var (requestKey, id, version) in _later)
            {
                await faulty.StepAsync(
                    database.Side, "request-later", () => database.Requests.TryAdd(requestKey, (intent.Key with { Id = id }, version)));
            }
        }
    }
}

internal sealed class UnknownIsFailed(ISideTransaction inner, SideName side) : TransactionDecorator(inner)
{
    public override async Task CommitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Inner.CommitAsync(cancellationToken);
        }
        catch (CommitOutcomeUnknownException exception)
        {
            throw new SideUnavailableException(side, "taken for a failure", isTransient: true, exception);
        }
    }
}

internal sealed class RemembersReads(ISideStore inner) : StoreDecorator(inner)
{
    private readonly Dictionary<EntityKey, SideState> _read = [];

    public override async Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken) =>
        _read[key] = await Inner.ReadAsync(key, cancellationToken);

    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        var transaction = await Inner.BeginAsync(intent, cancellationToken);
        return transaction.State.Fence.Role == FenceRole.Lead && _read.TryGetValue(intent.Key, out var cached)
            ? new Remembering(transaction, cached)
            : transaction;
    }

    private sealed class Remembering(ISideTransaction inner, SideState cached) : TransactionDecorator(inner)
    {
        public override SideState State => cached with { Fence = Inner.State.Fence };
    }
}

internal sealed class ByMax(IPublicIds inner, Faulty faulty) : IPublicIds
{
    public Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken) =>
        inner.ReserveAsync(kind, count, cancellationToken);

    public async Task<long> TakeAsync(string kind, CancellationToken cancellationToken)
    {
        await inner.TakeAsync(kind, cancellationToken);
        var database = faulty.Memory.NewDatabase;
        return database.Rows.Keys.Select(key => database.PublicIds.GetValueOrDefault(key)).DefaultIfEmpty(0).Max() + 1;
    }

    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) => inner.LeftAsync(kind, cancellationToken);

    public Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) => inner.OverlapAsync(kind, cancellationToken);
}

internal sealed class MapLater(ISideTransaction inner, Faulty faulty) : TransactionDecorator(inner)
{
    private EntityKey? _saved;

    public override Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        _saved = now is not null && !faulty.Memory.NewDatabase.NewIds.ContainsKey(key) ? key : null;
        return Inner.SaveAsync(key, was, now, cancellationToken);
    }

    public override async Task CommitAsync(CancellationToken cancellationToken)
    {
        await Inner.CommitAsync(cancellationToken);
        var database = faulty.Memory.NewDatabase;
        if (_saved is { } key && database.NewIds.Remove(key, out var id))
        {
            database.PublicIds.Remove(key with { Id = id });
            await faulty.StepAsync(SideName.New, "map-later", () =>
            {
                database.NewIds[key] = id;
                database.PublicIds[key with { Id = id }] = key.Id;
            });
        }
    }
}

internal sealed class EverFollower(ISideStore inner, ModelProcess process) : StoreDecorator(inner)
{
    public override async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        var hint = process.Runtime.Stage.Current;
        var transaction = await Inner.BeginAsync(intent, cancellationToken);
        return hint is not null && hint.Lead != Side ? new Following(transaction, hint.Fence) : transaction;
    }

    public override async Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var state = await Inner.ReadAsync(key, cancellationToken);
        return process.Runtime.Stage.Current is { } hint && hint.Lead == Side ? state with { Fence = hint.Fence } : state;
    }

    private sealed class Following(ISideTransaction inner, FenceRow lead) : TransactionDecorator(inner)
    {
        public override SideState State => Inner.State with { Fence = lead with { Role = FenceRole.Follower } };
    }
}

/// <summary>Gives one signature to all.</summary>
internal sealed class OneSignature(int seed) : Random(seed)
{
    public override void NextBytes(Span<byte> buffer) => buffer.Clear();
}

internal sealed class Unsigned(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override SideState State => Inner.State.Entity is not { IsSigned: true } entity ? Inner.State : Inner.State with
    {
        Entity = entity with { FieldHashes = entity.FieldHashes[..^(entity.FieldHashes.Length % FieldHasher.Size)] },
    };
}

internal sealed class Wishless(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        var (fields, signature) = (TestLens.TestSchema.Fields.Count * FieldHasher.Size, state.FieldHashes.Length % FieldHasher.Size);
        return Inner.SetEntityAsync(
            key,
            state.IsSigned && !state.Tombstone ? state with { FieldHashes = [.. state.FieldHashes[..fields], .. state.FieldHashes[^signature..]] } : state,
            cancellationToken);
    }
}

internal sealed class SilentAboutMerges(IAudit inner) : IAudit
{
    public SideName Side => inner.Side;

    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        entry.Action == "merge" ? Task.CompletedTask : inner.AppendAsync(entry, cancellationToken);

    public Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken) => inner.ListAsync(limit, cancellationToken);

    public Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken) =>
        inner.OfEpochAsync(epoch, within, cancellationToken);
}

internal sealed class RemembersRows(ISideStore inner, Dictionary<EntityKey, AggregateRow?> read) : StoreDecorator(inner)
{
    public override async Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var state = await Inner.ReadAsync(key, cancellationToken);
        read[key] = state.Row;
        return state;
    }
}

internal sealed class AgreesOnHidden(ISideTransaction inner, Dictionary<EntityKey, AggregateRow?> read) : TransactionDecorator(inner)
{
    private AggregateRow? _saved = inner.State.Row;

    public override Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        _saved = now;
        return Inner.SaveAsync(key, was, now, cancellationToken);
    }

    public override Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        var agreed = state.Base is { } known && read.GetValueOrDefault(key) is { } legacy && _saved is not null
            ? known with { Hashes = ModelProcess.Accepted(TestLens.Legacy.Get(legacy), TestLens.New.Get(_saved)) }
            : state.Base;
        return Inner.SetEntityAsync(key, state with { Base = agreed }, cancellationToken);
    }
}

internal sealed class LeavesForeignRow(ISideTransaction inner, Faulty faulty) : TransactionDecorator(inner)
{
    public override Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        var seen = faulty.Memory.NewDatabase.Entities.GetValueOrDefault(key)?.ForeignSeq ?? 0;
        var isAround = State.Fence.Role == FenceRole.Follower && State.Entity?.ForeignSeq > seen;
        return isAround ? Task.FromResult(key.Id) : Inner.SaveAsync(key, was, now, cancellationToken);
    }
}

internal sealed class KeepsName(ISideTransaction inner) : TransactionDecorator(inner)
{
    public override Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        if (was is not null && now is not null && (string)now.Root[0]! == "")
        {
            now = now.Clone();
            now.Root[0] = was.Root[0];
        }

        return Inner.SaveAsync(key, was, now, cancellationToken);
    }
}
