using System.Collections.Frozen;
using Strangler.Backfill;
using Strangler.Capture;
using Strangler.Cutover;
using Strangler.DataSets;
using Strangler.Hooks;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Merging;
using Strangler.Purging;
using Strangler.Reconciliation;
using Strangler.Schemas;

namespace Strangler.DualWrite;

/// <summary>The legacy half of a context, whatever store it is in.</summary>
public sealed record LegacySide(
    SideSeams Seams, IReplicas Replicas, IIdBlocks IdBlocks, ICapture Capture, ICensus Census, ILegacyTables Tables)
{
    /// <summary>Kinds whose ids nobody allots.</summary>
    public IReadOnlySet<string> NaturalKinds { get; init; } = FrozenSet<string>.Empty;
}

/// <summary>The new half of a context, whatever store it is in.</summary>
public sealed record NewSide(
    SideSeams Seams,
    IIdMap IdMap,
    IIdPool IdPool,
    IBackfillTarget BackfillTarget,
    IQuarantine Quarantine,
    IReconciliationHistory Reconciliations,
    IReconciliationLease ReconciliationLease,
    IShadowLog ShadowLog,
    IObligationLog Obligations,
    IMergeLog Merges,
    IPurgeLog Purges,
    ISchedules Schedules)
{
    /// <summary>Keeps data sets for readers; null where the store has none.</summary>
    public IDataSetShelf? Shelf { get; init; }

    /// <summary>Both halves of a context.</summary>
    /// <param name="context">The context's name.</param>
    /// <param name="legacy">The other half.</param>
    /// <param name="hook">Stops the reserving of ids at its steps, for tests.</param>
    /// <param name="joint">Transactions over both; null where none spans the two.</param>
    public ContextSides With(string context, LegacySide legacy, Hook? hook, IJointTransactions? joint = null) => new()
    {
        Context = context,
        Legacy = legacy.Seams,
        New = Seams,
        IdMap = IdMap,
        PublicIds = new PublicIds(legacy.IdBlocks, IdPool, hook) { Natural = legacy.NaturalKinds },
        BackfillTarget = BackfillTarget,
        Quarantine = Quarantine,
        Reconciliations = Reconciliations,
        ReconciliationLease = ReconciliationLease,
        Schedules = Schedules,
        ShadowLog = ShadowLog,
        Obligations = Obligations,
        Merges = Merges,
        Purges = Purges,
        Shelf = Shelf,
        Replicas = legacy.Replicas,
        Capture = legacy.Capture,
        Census = legacy.Census,
        LegacyTables = legacy.Tables,
        Joint = joint,
    };
}
