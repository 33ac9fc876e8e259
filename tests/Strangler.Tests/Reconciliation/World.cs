using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;
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
                new Repository(sides.Sides.Legacy.Store, TestLens.Legacy),
                new Repository(sides.Sides.New.Store, TestLens.New))],
            new ContextOptions { ForeignWritersNone = true },
            new FieldHasher(new byte[32], 1),
            time,
            NullLoggerFactory.Instance)
        {
            Random = new Random(1),
        };
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

    /// <summary>The same databases, seen through other stores and lenses.</summary>
    public ContextRuntime Seen(Func<ISideStore, ISideStore> store, Func<IRecordLens, IRecordLens> lens, IServerLoad? load = null)
    {
        var sides = Sides.Sides;
        var (legacy, @new) = (store(sides.Legacy.Store), store(sides.New.Store));
        var seen = sides with
        {
            Legacy = sides.Legacy with { Store = legacy, Load = load },
            New = sides.New with { Store = @new },
        };
        var kind = new EntityKind(TestLens.Kind, new Repository(legacy, lens(TestLens.Legacy)), new Repository(@new, lens(TestLens.New)));
        return new ContextRuntime(seen, [kind], new ContextOptions { ForeignWritersNone = true }, new FieldHasher(new byte[32], 1), Time,
            NullLoggerFactory.Instance) { Random = new Random(1) };
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

    public Task<ReconciliationReport> ReconcileAsync(
        ReconciliationScope? scope = null, IProgress<ReconciliationProgress>? progress = null) =>
        new Reconciler(Runtime, Options).RunAsync(
            scope ?? new ReconciliationScope { Kind = TestLens.Kind }, progress, CancellationToken.None);

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

    /// <summary>Changes a column of the new side as an accepted write would: its entity row knows.</summary>
    public void EnrichNew(long id, int column, object? value)
    {
        TamperNew(id, column, value);
        var (legacy, @new) = (TestLens.Legacy.Get(Legacy.Rows[Key(id)]), TestLens.New.Get(New.Rows[NewKey(id)]));
        New.Entities[Key(id)] = New.Entities[Key(id)] with { FieldHashes = AcceptedHashes.Of(Runtime.Hasher, legacy, @new) };
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

    /// <summary>The side whose fence says lead; null in the middle of a flip.</summary>
    public SideName? Lead =>
        Legacy.FenceRow.Role == FenceRole.Lead ? SideName.Legacy : New.FenceRow.Role == FenceRole.Lead ? SideName.New : null;

    /// <summary>A write of ours on legacy, journalled but not applied; null deletes.</summary>
    public Task WriteAsync(long id, AggregateRow? row) => WriteAsync(id, row is null ? null : TestLens.Legacy.Get(row));

    /// <summary>A write of ours on the side that leads, journalled but not applied; null deletes. Waits while a flip is on.</summary>
    public async Task WriteAsync(long id, Record? record)
    {
        while (true)
        {
            if (Lead is { } side)
            {
                await using var transaction = await Sides.Sides.Of(side).Store.BeginAsync(new WriteIntent(Key(id)), CancellationToken.None);
                if (transaction.State.Fence.Role == FenceRole.Lead)
                {
                    await WriteAsync(transaction, side, id, record);
                    return;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), Time);
        }
    }

    /// <summary>The engine's own apply.</summary>
    public FollowerApplier Applier() => new(Runtime);

    /// <summary>Brings a key from the lead to the follower, as the relay would.</summary>
    public async Task ApplyAsync(long id)
    {
        var side = New.FenceRow.AnswersReads ? SideName.New : SideName.Legacy;
        var follower = Stages.Other(side);
        await using var transaction = await Sides.Sides.Of(follower).Store.BeginAsync(new WriteIntent(Key(id)), CancellationToken.None);
        var lead = await Sides.Sides.Of(side).Store.ReadAsync(Key(id), CancellationToken.None);
        if (transaction.State.Fence.Role != FenceRole.Follower || !lead.Fence.AnswersReads)
        {
            return;
        }

        var (version, seq) = (lead.Version(lead.Fence.DualEpoch), lead.Entity?.ForeignSeq ?? 0);
        if (LeadVersion.IsNewsTo(transaction.State.Entity, version, seq))
        {
            var record = lead.Row is { } row ? Lens(side).Get(row) : null;
            var present = transaction.State.Row is { } was ? Lens(follower).Get(was) : null;
            var filled = record is null ? null : RecordMerge.Fill(record, present, Lens(side));
            var state = new EntityState(version, seq, filled is null, filled is null ? [] : Runtime.Hasher.Hash(filled));
            await transaction.SaveAsync(
                Key(id), transaction.State.Row, filled is null ? null : Lens(follower).Put(filled, transaction.State.Row),
                CancellationToken.None);
            await transaction.SetEntityAsync(Key(id), state, CancellationToken.None);
            await transaction.CommitAsync(CancellationToken.None);
        }

        await Sides.Sides.Of(side).Journal.SettleAsync(Key(id), version, seq, CancellationToken.None);
    }

    /// <summary>Applies what the lead's journal lists until it lists nothing.</summary>
    public async Task DrainAsync()
    {
        var journal = (New.FenceRow.AnswersReads ? New : Legacy).Journal;
        while (journal.Count > 0)
        {
            await ApplyAsync(journal[0].Key.Id);
        }
    }

    /// <summary>A flip as in PROTOCOL §6, to the side that follows.</summary>
    public async Task FlipAsync()
    {
        var old = Lead!.Value;
        var (from, to) = (Sides.Sides.Of(old).Fence, Sides.Sides.Of(Stages.Other(old)).Fence);
        var (was, follower) = (await from.ReadAsync(CancellationToken.None), await to.ReadAsync(CancellationToken.None));
        var (epoch, stage) = (was.Epoch + 1, old == SideName.Legacy ? Stage.NewLeads : Stage.ShadowRead);
        await Set(from, was, was with { Role = FenceRole.Switching, Epoch = epoch });
        await DrainAsync();
        await Set(to, follower, follower with { Role = FenceRole.Prepared, Epoch = epoch });
        await Set(from, was with { Role = FenceRole.Switching, Epoch = epoch },
            was with { Role = FenceRole.Follower, Stage = stage, Epoch = epoch });
        await Set(to, follower with { Role = FenceRole.Prepared, Epoch = epoch },
            follower with { Role = FenceRole.Lead, Stage = stage, Epoch = epoch });

        static async Task Set(IFence fence, FenceRow expected, FenceRow next) =>
            Assert.That(await fence.CompareAndSetAsync(expected, next, TimeSpan.FromSeconds(30), CancellationToken.None), Is.True);
    }

    private async Task WriteAsync(ISideTransaction transaction, SideName side, long id, Record? record)
    {
        var state = transaction.State;
        var version = state.Version(state.Fence.DualEpoch).Next();
        var hashes = record is null ? [] : Runtime.Hasher.Hash(record);
        await transaction.SaveAsync(Key(id), state.Row, record is null ? null : Lens(side).Put(record, state.Row), CancellationToken.None);
        await transaction.SetEntityAsync(Key(id), new EntityState(version, state.Entity?.ForeignSeq ?? 0, record is null, hashes),
            CancellationToken.None);
        await transaction.AppendJournalAsync(Key(id), version, "test", CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private static TestLens Lens(SideName side) => side == SideName.Legacy ? TestLens.Legacy : TestLens.New;

    /// <summary>Both sides' visible content, for comparing them apart from any code under test: id → name, amount, cancelled, and paid
    /// where legacy can tell.</summary>
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

    public NoteWrapper Notes()
    {
        var kind = Runtime.Kinds[TestLens.Kind];
        return new NoteWrapper(new DualWriter(Runtime), (SideRepository<TestEntity>)kind.Legacy, (SideRepository<TestEntity>)kind.New);
    }

    public sealed class NoteWrapper(DualWriter writer, SideRepository<TestEntity> legacy, SideRepository<TestEntity> @new)
        : RepositoryWrapper<TestEntity>(writer, legacy, @new, new TestConverter(), TestLens.Kind);

    private sealed class Repository(ISideStore store, IRecordLens lens)
        : SideRepository<TestEntity>(store, lens, new TestConverter(), TestLens.Kind);
}

/// <summary>Collects what is reported, at once and on the reporting thread.</summary>
internal sealed class Collected<T> : IProgress<T>
{
    public List<T> All { get; } = [];

    public void Report(T value) => All.Add(value);
}
