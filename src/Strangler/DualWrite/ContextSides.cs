using Strangler.Answers;
using Strangler.Backfill;
using Strangler.Capture;
using Strangler.Cutover;
using Strangler.DataSets;
using Strangler.Findings;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Merging;
using Strangler.Purging;
using Strangler.Reconciliation;
using Strangler.Schemas;
using Strangler.Timeline;

namespace Strangler.DualWrite;

/// <summary>All seams of one context, as its two stores give them out.</summary>
public sealed record ContextSides
{
    /// <summary>The context's name.</summary>
    public required string Context { get; init; }

    public required SideSeams Legacy { get; init; }

    public required SideSeams New { get; init; }

    public required IIdMap IdMap { get; init; }

    public required IPublicIds PublicIds { get; init; }

    public required IBackfillTarget BackfillTarget { get; init; }

    public required IQuarantine Quarantine { get; init; }

    public required IReconciliationHistory Reconciliations { get; init; }

    public required IReconciliationLease ReconciliationLease { get; init; }

    /// <summary>Scheduled reconciliations; null where the new side's store keeps none: then every service would run each of them.</summary>
    public ISchedules? Schedules { get; init; }

    public required IShadowLog ShadowLog { get; init; }

    public required IObligationLog Obligations { get; init; }

    /// <summary>Conflicts with other programs' writes, and what merging them rests on.</summary>
    public required IMergeLog Merges { get; init; }

    /// <summary>How far purges have come.</summary>
    public required IPurgeLog Purges { get; init; }

    /// <summary>Keeps data sets for readers of the new side; null where its store has none.</summary>
    public IDataSetShelf? Shelf { get; init; }

    public required IReplicas Replicas { get; init; }

    /// <summary>Of other programs' writes to legacy; null where legacy's store has none.</summary>
    public ICapture? Capture { get; init; }

    /// <summary>Who else writes legacy; null where legacy's store cannot tell.</summary>
    public ICensus? Census { get; init; }

    /// <summary>Legacy's tables as they are; null where legacy's store does not show them.</summary>
    public ILegacyTables? LegacyTables { get; init; }

    /// <summary>One transaction over both sides; null where the two are never on one server.</summary>
    public IJointTransactions? Joint { get; init; }

    public SideSeams Of(SideName side) => side == SideName.Legacy ? Legacy : New;
}

/// <summary>What both sides have alike.</summary>
public sealed record SideSeams(ISideStore Store, IFence Fence, IJournal Journal, IAudit Audit)
{
    /// <summary>The side's database for a context's own read models; null where the side is not an SQL store.</summary>
    public ISqlQueries? Queries { get; init; }

    /// <summary>The same of a side that is no SQL store; null where it is one.</summary>
    public IRowQueries? Rows { get; init; }

    /// <summary>How busy the side's server is; null where that cannot be asked.</summary>
    public IServerLoad? Load { get; init; }

    /// <summary>Legacy only: whose the rows of referenced tables are; null where a store cannot tell.</summary>
    public IReferencedRows? ReferencedRows { get; init; }

    /// <summary>Whether the side's server is a replica, and how far its own replicas are behind; null where a store does not replicate.</summary>
    public IReplication? Replication { get; init; }

    /// <summary>Answers of operators' requests that carried a key; null where a store keeps none.</summary>
    public IAnswerLog? Answers { get; init; }

    /// <summary>What the side's tables tell of one entity; null where a store keeps no such record.</summary>
    public IEntityTraces? Traces { get; init; }
}

/// <summary>One kind of entity with its repositories on both sides.</summary>
public sealed record EntityKind(string Name, ISideRepository Legacy, ISideRepository New)
{
    /// <summary>Who is right where another program and the new side have changed the same, as the mapping declares.</summary>
    public MergeRules Merging { get; init; } = MergeRules.Undeclared;

    public ISideRepository Of(SideName side) => side == SideName.Legacy ? Legacy : New;
}
