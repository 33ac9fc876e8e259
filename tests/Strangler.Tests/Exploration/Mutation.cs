using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Merging;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>
/// A deliberate fault: seams that behave as they would if the engine, or a store, lacked one of its precautions. The exploration has to find each.
/// </summary>
internal sealed class Mutation(string name, string what, Action<Faulty> change)
{
    public string Name { get; } = name;

    public string What { get; } = what;

    /// <summary>Schedules within which it has to be found.</summary>
    public int Within { get; init; } = 50_000;

    public ContextSides Apply(World world, InMemorySides memory, ModelProcess process)
    {
        var faulty = new Faulty(world, memory, process);
        change(faulty);
        return faulty.Sides();
    }

    public override string ToString() => Name;
}

/// <summary>The seams of one process while some of them are exchanged.</summary>
internal sealed class Faulty(World world, InMemorySides memory, ModelProcess process)
{
    private readonly Dictionary<SideName, SideSeams> _seams = new()
    {
        [SideName.Legacy] = memory.Sides.Legacy,
        [SideName.New] = memory.Sides.New,
    };

    public World World { get; } = world;

    public InMemorySides Memory { get; } = memory;

    public ModelProcess Process { get; } = process;

    public IPublicIds PublicIds { get; set; } = memory.Sides.PublicIds;

    public IBackfillTarget Target { get; set; } = memory.Sides.BackfillTarget;

    public IMergeLog Merges { get; set; } = memory.Sides.Merges;

    /// <summary>Null, unless the fault is there: it needs transactions as the double makes them.</summary>
    public IJointTransactions? Joint { get; set; }

    public void Stores(Func<ISideStore, ISideStore> change) => Each(seams => seams with { Store = change(seams.Store) });

    public void Fences(Func<IFence, IFence> change) => Each(seams => seams with { Fence = change(seams.Fence) });

    public void Journals(Func<IJournal, IJournal> change) => Each(seams => seams with { Journal = change(seams.Journal) });

    /// <summary>One step of this process, with all that may happen to it there.</summary>
    public async Task StepAsync(SideName side, string step, Action act)
    {
        var schedule = Memory.Schedule!;
        await schedule.PassAsync(Memory, side, step, before: true, default);
        act();
        await schedule.PassAsync(Memory, side, step, before: false, default);
    }

    public ContextSides Sides() => new()
    {
        Context = Memory.Sides.Context,
        Legacy = _seams[SideName.Legacy],
        New = _seams[SideName.New],
        IdMap = Memory.Sides.IdMap,
        PublicIds = PublicIds,
        BackfillTarget = Target,
        Quarantine = Memory.Sides.Quarantine,
        Reconciliations = Memory.Sides.Reconciliations,
        ReconciliationLease = Memory.Sides.ReconciliationLease,
        ShadowLog = Memory.Sides.ShadowLog,
        Obligations = Memory.Sides.Obligations,
        Purges = Memory.Sides.Purges,
        Merges = Merges,
        Capture = Memory.Sides.Capture,
        Replicas = Memory.Sides.Replicas,
        Joint = Joint,
    };

    public void Audits(Func<IAudit, IAudit> change) => Each(seams => seams with { Audit = change(seams.Audit) });

    private void Each(Func<SideSeams, SideSeams> change)
    {
        foreach (var side in Enum.GetValues<SideName>())
        {
            _seams[side] = change(_seams[side]);
        }
    }
}
