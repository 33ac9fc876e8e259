using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>A context's real mapping over databases in memory, in DualWrite, filled and copied.</summary>
internal sealed class MappedWorld
{
    private static readonly FieldHasher Hasher = new(new byte[32], 1);

    private readonly CompiledMapping _mapping;
    private readonly InMemorySides _sides;

    /// <param name="mapping">Compiled.</param>
    /// <param name="rows">Legacy's rows; their ids are 20, 30 … so that there is room before, between and beyond.</param>
    public MappedWorld(CompiledMapping mapping, IEnumerable<AggregateRow> rows)
    {
        _mapping = mapping;
        Time = new TestTimeProvider();
        _sides = new InMemorySides(Time);
        _sides.SetStage(Stage.DualWrite, World.DualEpoch, World.DualEpoch);
        Runtime = Seen(store => store, lens => lens);
        foreach (var (row, at) in rows.Select((row, at) => (row, at)))
        {
            _sides.WriteForeign(new EntityKey(mapping.Kind, (at + 2) * 10), row, captured: false);
        }

        Run(() => new BackfillJob(Runtime, new BackfillOptions()).RunAsync(mapping.Kind, null, CancellationToken.None));
    }

    public TestTimeProvider Time { get; }

    public ContextRuntime Runtime { get; }

    public InMemoryDatabase New => _sides.NewDatabase;

    public InMemoryDatabase Legacy => _sides.LegacyDatabase;

    public void LetNewLead() => _sides.SetStage(Stage.NewLeads, World.DualEpoch + 2, World.DualEpoch);

    /// <summary>The same databases, seen through other stores and lenses.</summary>
    public ContextRuntime Seen(Func<ISideStore, ISideStore> store, Func<IRecordLens, IRecordLens> lens)
    {
        var sides = _sides.Sides;
        var (legacy, @new) = (store(sides.Legacy.Store), store(sides.New.Store));
        var seen = sides with { Legacy = sides.Legacy with { Store = legacy }, New = sides.New with { Store = @new } };
        var kind = new EntityKind(_mapping.Kind, new Repository(legacy, lens(_mapping.Legacy)), new Repository(@new, lens(_mapping.New)));
        return new ContextRuntime(
            seen, [kind], new ContextOptions { ForeignWritersNone = true }, Hasher, Time, NullLoggerFactory.Instance) { Random = new Random(1) };
    }

    /// <summary>In full, everything listed; declared differences in the fields given.</summary>
    public ReconciliationReport Reconcile(ContextRuntime? runtime = null, params IEnumerable<string> declared)
    {
        var options = new ReconciliationOptions
        {
            SamplesPerVerdict = 10_000,
            PauseForLag = TimeSpan.Zero,
            FirstChunk = 7,
            MaxChunk = 7,
            Declared = [.. declared.Select(field => new DeclaredDifference(field, "x", "y", DateOnly.MaxValue))],
        };
        return Run(() => new Reconciler(runtime ?? Runtime, options)
            .RunAsync(new ReconciliationScope { Kind = _mapping.Kind }, null, CancellationToken.None));
    }

    /// <summary>Removes a map row, as the planter wants it.</summary>
    public Task UnmapAsync(EntityKey key)
    {
        New.PublicIds.Remove(key with { Id = New.NewIds[key] });
        New.NewIds.Remove(key);
        return Task.CompletedTask;
    }

    public T Run<T>(Func<Task<T>> scenario)
    {
        T? result = default;
        Simulation.Run(1, Time, async () => result = await scenario());
        return result!;
    }

    private sealed class Repository(ISideStore store, IRecordLens lens)
        : SideRepository<TestEntity>(store, lens, new TestConverter(), TestLens.Kind);
}
