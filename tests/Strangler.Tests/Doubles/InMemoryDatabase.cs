using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Reconciliation;

namespace Strangler.Tests.Doubles;

/// <summary>
/// The committed content of one side's database. Everything is read and written under <see cref="Gate"/>; locks are apart.
/// </summary>
internal sealed class InMemoryDatabase(SideName side, TimeProvider time)
{
    public SideName Side { get; } = side;

    public Lock Gate { get; } = new();

    public LockTable Locks { get; } = new(time);

    public IWitness? Witness { get; set; }

    /// <summary>How far this server's clock is off.</summary>
    public TimeSpan Skew { get; set; }

    public DateTime UtcNow => time.GetUtcNow().UtcDateTime + Skew;

    public FenceRow? Fence { get; set; }

    /// <summary>By this side's own id: legacy's public id, new's new id.</summary>
    public Dictionary<EntityKey, AggregateRow> Rows { get; } = [];

    public Dictionary<EntityKey, EntityState> Entities { get; } = [];

    public List<JournalRow> Journal { get; } = [];

    /// <summary>New side: the states that both sides agreed on, beneath what was written since.</summary>
    public Dictionary<EntityKey, AcceptedBase> Bases { get; } = [];

    public Dictionary<EntityKey, Conflict> Conflicts { get; } = [];

    /// <summary>Legacy side: what is wrong with capture.</summary>
    public string? CaptureFault { get; set; }

    public Dictionary<string, (EntityKey Key, EntityVersion Version)> Requests { get; } = [];

    /// <summary>When each request key was stored here; without an entry: just now.</summary>
    public Dictionary<string, DateTime> RequestTimes { get; } = [];

    public InMemoryObligations Obligations { get; } = new();

    public Dictionary<string, Purging.PurgeCheckpoint> Purges { get; } = [];

    public Dictionary<string, long> AutoIncrement { get; } = [];

    /// <summary>Legacy side: the highest id ever reserved.</summary>
    public Dictionary<string, long> LastReserved { get; } = [];

    public long JournalIncrement { get; set; }

    /// <summary>Commits of this side, as lead, with the other side's part.</summary>
    public int JointCommits { get; set; }

    /// <summary>New side: public key → new id.</summary>
    public Dictionary<EntityKey, long> NewIds { get; } = [];

    /// <summary>New side: new key → public id.</summary>
    public Dictionary<EntityKey, long> PublicIds { get; } = [];

    public Dictionary<string, Queue<long>> IdBlocks { get; } = [];

    public Dictionary<EntityKey, QuarantineEntry> Quarantine { get; } = [];

    public Dictionary<string, BackfillCheckpoint> Checkpoints { get; } = [];

    /// <summary>When an entity row changed last; as in the real store, not known of all.</summary>
    public Dictionary<EntityKey, DateTime> ChangedUtc { get; } = [];

    public List<(ReconciliationRun Run, string Scope)> Runs { get; } = [];

    public Dictionary<long, RunCheckpoint> RunCheckpoints { get; } = [];

    /// <summary>Who reconciles at the moment, or did when it was last heard of.</summary>
    public LeaseHolder? Reconciler { get; set; }

    /// <summary>The most that ever ran at one time by runs begun and ended, the claim apart.</summary>
    public int MostReconcilers { get; set; }

    public DateTime? LastDisturbance { get; set; }

    public Dictionary<long, (long Reads, List<ShadowMismatch> Mismatches)> Shadow { get; } = [];

    public List<AuditEntry> Audit { get; } = [];

    public Dictionary<string, Replica> Replicas { get; } = [];

    public long NextId(string kind)
    {
        AutoIncrement.TryGetValue(kind, out var last);
        return AutoIncrement[kind] = Math.Max(last, Side == SideName.New ? 1_000_000 : 0) + 1;
    }

    public AggregateRow? RowOf(EntityKey key) =>
        LocalKey(key) is { } local && Rows.TryGetValue(local, out var row) ? row.Clone() : null;

    public void SetEntity(EntityKey key, EntityState state)
    {
        Witness?.EntitySet(this, key, Entities.GetValueOrDefault(key), state);
        if (Side == SideName.New && state.IsSigned && Entities.GetValueOrDefault(key) is { IsSigned: false } accepted)
        {
            Bases[key] = new AcceptedBase(accepted.Version, accepted.FieldHashes);
        }

        if (state.Base is { } agreed)
        {
            Bases[key] = agreed;
            state = state with { Base = null };
        }

        Entities[key] = state;
        ChangedUtc[key] = UtcNow;
    }

    public EntityKey? LocalKey(EntityKey key) =>
        Side == SideName.Legacy ? key : NewIds.TryGetValue(key, out var id) ? key with { Id = id } : null;

    public SideState StateOf(EntityKey key) =>
        new(FenceRow, RowOf(key), Entities.GetValueOrDefault(key)) { IsQuarantined = Quarantine.ContainsKey(key) };

    public FenceRow FenceRow => Fence ?? throw new NotMigratedException("notes", Side);

    /// <summary>All public ids of a kind that have rows, entity rows or map rows.</summary>
    public SortedSet<long> Ids(string kind)
    {
        SortedSet<long> ids = [.. Entities.Keys.Where(key => key.Kind == kind).Select(key => key.Id)];
        ids.UnionWith(NewIds.Keys.Where(key => key.Kind == kind).Select(key => key.Id));
        if (Side == SideName.Legacy)
        {
            ids.UnionWith(Rows.Keys.Where(key => key.Kind == kind).Select(key => key.Id));
        }

        return ids;
    }
}

internal sealed class JournalRow
{
    public required long Seq { get; init; }

    public required EntityKey Key { get; init; }

    public required EntityVersion Version { get; init; }

    /// <summary>0 for our own writes.</summary>
    public long ForeignSeq { get; init; }

    public required DateTime CreatedUtc { get; init; }

    public string Actor { get; init; } = "";

    public string Owner { get; set; } = "";

    public long Generation { get; set; }

    public DateTime? LeaseUntil { get; set; }

    public DateTime? DueUtc { get; set; }

    public int Attempts { get; set; }

    public string LastError { get; set; } = "";

    public bool Parked { get; set; }

    public bool Quarantined { get; set; }

    public bool IsOpen => !Parked && !Quarantined;
}
