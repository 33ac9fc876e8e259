using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>A context in DualWrite over databases in memory, with ways to plant what must be found.</summary>
internal sealed class World
{
    public const long DualEpoch = 2;

    public World()
        : this(new TestTimeProvider())
    {
    }

    private World(TestTimeProvider time)
        : this(time, new InMemorySides(time))
    {
        Sides.SetStage(Stage.DualWrite, DualEpoch, DualEpoch);
    }

    private World(TestTimeProvider time, InMemorySides sides)
    {
        Time = time;
        Sides = sides;
        Runtime = new ContextRuntime(
            sides.Sides,
            [new EntityKind(
                TestLens.Kind,
                new PlainRepository(sides.Sides.Legacy.Store, TestLens.Legacy),
                new PlainRepository(sides.Sides.New.Store, TestLens.New))],
            new ContextOptions(),
            new FieldHasher(new byte[32], 1),
            time,
            NullLoggerFactory.Instance);
    }

    public TestTimeProvider Time { get; }

    public InMemorySides Sides { get; }

    public ContextRuntime Runtime { get; }

    public ReconciliationOptions Options { get; } = new() { FirstChunk = 7, MaxChunk = 7 };

    public BackfillOptions Backfill { get; } = new() { FirstChunk = 7, MaxChunk = 7 };

    public InMemoryDatabase Legacy => Sides.LegacyDatabase;

    public InMemoryDatabase New => Sides.NewDatabase;

    /// <summary>Twenty notes, 10, 20 … 200, copied to the new side.</summary>
    public static World Filled()
    {
        var world = new World();
        for (var id = 10; id <= 200; id += 10)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id * 100, id % 30 == 0 ? "C" : id % 20 == 0 ? "P" : "O");
        }

        world.Run(() => world.RunBackfillAsync());
        return world;
    }

    public static EntityKey Key(long id) => new(TestLens.Kind, id);

    /// <summary>Another process over the same databases.</summary>
    public World Restarted() => new(Time, Sides.Another());

    public void Run(Func<Task> scenario, int seed = 1) => Simulation.Run(seed, Time, scenario);

    public T Run<T>(Func<Task<T>> scenario, int seed = 1)
    {
        T? result = default;
        Simulation.Run(seed, Time, async () => result = await scenario());
        return result!;
    }

    public Task<BackfillResult> RunBackfillAsync(IProgress<BackfillProgress>? progress = null) =>
        new BackfillJob(Runtime, Backfill).RunAsync(TestLens.Kind, progress, CancellationToken.None);

    public Task<ReconciliationReport> ReconcileAsync(ReconciliationScope? scope = null, IProgress<ReconciliationProgress>? progress = null) =>
        new Reconciler(Runtime, Options).RunAsync(scope ?? new ReconciliationScope { Kind = TestLens.Kind }, progress, CancellationToken.None);

    public ReconciliationReport Reconcile(ReconciliationScope? scope = null, int seed = 1) => Run(() => ReconcileAsync(scope), seed);

    /// <summary>Lets the new side lead, as a finished flip would.</summary>
    public void LetNewLead() => Sides.SetStage(Stage.NewLeads, DualEpoch + 2, DualEpoch);

    public EntityKey NewKey(long id) => New.LocalKey(Key(id)) ?? throw new InvalidOperationException($"{id} has no map row.");

    public object?[] NewRoot(long id) => New.Rows[NewKey(id)].Root;

    /// <summary>Changes a column of the new side behind everybody's back.</summary>
    public void TamperNew(long id, int column, object? value)
    {
        var row = New.Rows[NewKey(id)].Clone();
        row.Root[column] = value;
        New.Rows[NewKey(id)] = row;
    }

    /// <summary>Puts a row with a map row on the new side; without an accepted state.</summary>
    public void PlantNew(long id, AggregateRow? row)
    {
        var newId = New.NextId(TestLens.Kind);
        New.NewIds.Add(Key(id), newId);
        New.PublicIds.Add(Key(newId), id);
        if (row is not null)
        {
            New.Rows[Key(newId)] = row;
        }
    }

    public void Raise(SideName side, long id, long counter, bool tombstone = false)
    {
        var hashes = New.Entities.GetValueOrDefault(Key(id))?.FieldHashes ?? [];
        Sides.Of(side).Entities[Key(id)] = new EntityState(new EntityVersion(DualEpoch, counter), 0, tombstone, hashes);
    }

    public void Journal(SideName side, long id, long counter, TimeSpan age = default, bool parked = false) =>
        Sides.Of(side).Journal.Add(new JournalRow
        {
            Seq = ++Sides.Of(side).JournalIncrement,
            Key = Key(id),
            Version = new EntityVersion(DualEpoch, counter),
            CreatedUtc = Sides.Of(side).UtcNow - age,
            Parked = parked,
        });

    /// <summary>A write of ours on legacy, journalled but not applied; null deletes.</summary>
    public async Task WriteAsync(long id, AggregateRow? row)
    {
        await using var transaction = await Sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Key(id)), CancellationToken.None);
        var version = transaction.State.Version(transaction.State.Fence.DualEpoch).Next();
        await transaction.SaveAsync(Key(id), transaction.State.Row, row, CancellationToken.None);
        await transaction.SetEntityAsync(Key(id), new EntityState(version, transaction.State.Entity?.ForeignSeq ?? 0, row is null, []), CancellationToken.None);
        await transaction.AppendJournalAsync(Key(id), version, "test", CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    /// <summary>Brings a key from legacy to the new side, as the relay would.</summary>
    public async Task ApplyAsync(long id)
    {
        await using var transaction = await Sides.Sides.New.Store.BeginAsync(new WriteIntent(Key(id)), CancellationToken.None);
        var lead = await Sides.Sides.Legacy.Store.ReadAsync(Key(id), CancellationToken.None);
        var version = lead.Version(lead.Fence.DualEpoch);
        if (LeadVersion.IsNewsTo(transaction.State.Entity, version, lead.Entity?.ForeignSeq ?? 0))
        {
            var record = lead.Row is { } row ? TestLens.Legacy.Get(row) : null;
            var present = transaction.State.Row is { } was ? TestLens.New.Get(was) : null;
            var filled = record is null ? null : RecordMerge.Fill(record, present, TestLens.Legacy);
            await transaction.SaveAsync(
                Key(id), transaction.State.Row, filled is null ? null : TestLens.New.Put(filled, transaction.State.Row), CancellationToken.None);
            await transaction.SetEntityAsync(
                Key(id),
                new EntityState(version, lead.Entity?.ForeignSeq ?? 0, filled is null, filled is null ? [] : Runtime.Hasher.Hash(filled)),
                CancellationToken.None);
            await transaction.CommitAsync(CancellationToken.None);
        }

        await Sides.Sides.Legacy.Journal.SettleAsync(Key(id), version, lead.Entity?.ForeignSeq ?? 0, CancellationToken.None);
    }

    /// <summary>Both sides' visible content, for comparing them apart from any code under test: id → name, amount, cancelled, and paid where legacy can tell.</summary>
    public (SortedDictionary<long, string> Legacy, SortedDictionary<long, string> New) Contents()
    {
        var legacy = new SortedDictionary<long, string>();
        var @new = new SortedDictionary<long, string>();
        foreach (var (key, row) in Legacy.Rows)
        {
            legacy[key.Id] = $"{row.Root[0]}|{row.Root[1]}|{row.Root[2]}";
        }

        foreach (var (key, row) in New.Rows)
        {
            var letter = (long)row.Root[2]! == 1 ? "C" : (long)row.Root[3]! == 1 ? "P" : "O";
            @new[New.PublicIds[key]] = $"{row.Root[0]}|{row.Root[1]}|{letter}";
        }

        return (legacy, @new);
    }

    private sealed class PlainRepository(ISideStore store, IRecordLens lens) : ISideRepository
    {
        public ISideStore Store => store;

        public IRecordLens Lens => lens;

        public Task<Record?> PutAsync(ISideTransaction transaction, EntityKey key, Record? record, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}

/// <summary>Collects what is reported, at once and on the reporting thread.</summary>
internal sealed class Collected<T> : IProgress<T>
{
    public List<T> All { get; } = [];

    public void Report(T value) => All.Add(value);
}
