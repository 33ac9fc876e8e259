using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.Tests.Doubles;

internal sealed class LegacyNotes(ISideStore store) : SideRepository<TestEntity>(
    store, TestLens.Legacy, new TestConverter(), TestLens.Kind);

internal sealed class NewNotes(ISideStore store) : SideRepository<TestEntity>(store, TestLens.New, new TestConverter(), TestLens.Kind);

internal sealed class Notes(DualWriter writer, LegacyNotes legacy, NewNotes @new)
    : RepositoryWrapper<TestEntity>(writer, legacy, @new, new TestConverter(), TestLens.Kind);

/// <summary>One process of the service over two databases in memory.</summary>
internal sealed class TestProcess
{
    private readonly MergeRules _rules;

    private TestProcess(InMemorySides memory, int seed, Action<ContextOptions>? configure, MergeRules rules)
    {
        (Memory, _rules) = (memory, rules);
        var options = new ContextOptions { ForeignWritersNone = true, ShadowReadMinimum = 0, ShadowReadSample = 0, IdBlock = 100 };
        configure?.Invoke(options);
        var (legacy, @new) = (new LegacyNotes(memory.Sides.Legacy.Store), new NewNotes(memory.Sides.New.Store));
        Runtime = new ContextRuntime(
            memory.Sides, [new EntityKind(TestLens.Kind, legacy, @new) { Merging = rules }], options, new FieldHasher(new byte[16], 1), memory.Time,
            NullLoggerFactory.Instance, $"replica-{seed}",
            (point, side) => Hook?.Invoke(point, side) ?? default) { Random = new Random(seed) };
        Writer = new DualWriter(Runtime);
        Notes = new Notes(Writer, legacy, @new);
        Applier = new FollowerApplier(Runtime);
        Relay = new Relay(Runtime);
        Cutover = new CutoverService(Runtime);
    }

    public InMemorySides Memory { get; }

    public ContextRuntime Runtime { get; }

    /// <summary>Called at each point that this process reaches.</summary>
    public Hook? Hook { get; set; }

    public DualWriter Writer { get; }

    public Notes Notes { get; }

    public FollowerApplier Applier { get; }

    public Relay Relay { get; }

    public CutoverService Cutover { get; }

    public static EntityKey Key(long id) => new(TestLens.Kind, id);

    /// <summary>A process over databases of its own, which stand in the stage given.</summary>
    public static TestProcess In(Stage stage, TestTimeProvider time, Action<ContextOptions>? configure = null, MergeRules? rules = null)
    {
        var memory = new InMemorySides(time);
        if (stage != Stage.LegacyOnly)
        {
            memory.SetStage(stage, epoch: 5, dualEpoch: 2);
        }

        var process = new TestProcess(memory, 1, configure, rules ?? TestLens.Rules);
        memory.NewDatabase.IdBlocks[TestLens.Kind] = new Queue<long>(Enumerable.Range(500, 100).Select(id => (long)id));
        return process;
    }

    /// <summary>A second process over the same databases.</summary>
    public TestProcess Another(int seed, Action<ContextOptions>? configure = null) => new(Memory.Another(), seed, configure, _rules);

    public async Task<TestEntity> AddAsync(string name, long amount = 0, string? requestKey = null)
    {
        var note = new TestEntity { Name = name, Amount = amount };
        await Notes.StoreAsync(note, default, requestKey);
        return note;
    }

    /// <summary>
    /// A note whose name of 30 characters legacy cannot hold, while the new side leads. No write through the wrapper brings one in: the name comes past it, and
    /// the next write of the note carries it along.
    /// </summary>
    public async Task<TestEntity> AddTooRichForLegacyAsync()
    {
        var id = (await AddAsync("short")).Id;
        var key = Memory.NewDatabase.LocalKey(Key(id))!.Value;
        var row = Memory.NewDatabase.Rows[key].Clone();
        row.Root[0] = new string('x', 30);
        Memory.NewDatabase.Rows[key] = row;
        var note = await FindAsync(id);
        note.Amount++;
        await Notes.StoreAsync(note, default);
        return note;
    }

    public async Task<TestEntity> FindAsync(long id) =>
        await Notes.FindAsync(id, default) ?? throw new InvalidOperationException($"{id} is not there");

    public CutoverRequest Request(string reason = "test", bool force = false) => new()
    {
        Actor = Runtime.Replica,
        Reason = reason,
        Force = force,
        TypedConfirmation = "notes",
    };

    public Task<StageView> AdvanceAsync() => Cutover.AdvanceAsync(Request(), null, default);

    public Task<StageView> BackAsync() => Cutover.BackAsync(Request(), null, default);

    /// <summary>Stands in for backfill and reconciliation: brings every legacy row over and notes that both were done.</summary>
    public async Task BackfillAsync()
    {
        long[] ids;
        lock (Memory.LegacyDatabase.Gate)
        {
            ids = [.. Memory.LegacyDatabase.Ids(TestLens.Kind).Union(Memory.NewDatabase.Ids(TestLens.Kind))];
        }

        foreach (var id in ids)
        {
            try
            {
                await Applier.ApplyAsync(Key(id), default, SideName.New);
            }
            catch (UnreadableException)
            {
            }
        }

        await BackfillOnPaperAsync();
    }

    /// <summary>Only notes that both were done.</summary>
    public async Task BackfillOnPaperAsync()
    {
        Memory.NewDatabase.Checkpoints[TestLens.Kind] = new BackfillCheckpoint(
            Memory.LegacyDatabase.Fence!.DualEpoch, 1, 0, 0, BackfillPhase.Done, Memory.NewDatabase.UtcNow);
        await ReconcileAsync("clean");
    }

    public async Task ReconcileAsync(string outcome)
    {
        Memory.Time.Advance(TimeSpan.FromSeconds(1));
        var run = await Memory.Sides.Reconciliations.BeginAsync(true, "", default);
        await Memory.Sides.Reconciliations.EndAsync(run, outcome, "{}", default);
    }

    public Record? Legacy(long id) => Memory.LegacyDatabase.RowOf(Key(id)) is { } row ? TestLens.Legacy.Get(row) : null;

    public Record? New(long id) => Memory.NewDatabase.RowOf(Key(id)) is { } row ? TestLens.New.Get(row) : null;

    /// <summary>I2 and I4: both sides say the same, nothing waits, and the id map is a bijection.</summary>
    public void AssertBothSidesAgree()
    {
        foreach (var id in Memory.LegacyDatabase.Ids(TestLens.Kind).Union(Memory.NewDatabase.Ids(TestLens.Kind)))
        {
            var (legacy, @new) = (Legacy(id), New(id));
            Assert.That(legacy is null, Is.EqualTo(@new is null), $"{id} is on one side only");
            Assert.That(legacy is null || legacy.AgreesWith(@new!), Is.True, $"{id} differs");
        }

        var lead = Memory.LegacyDatabase.Fence!.AnswersReads ? Memory.LegacyDatabase : Memory.NewDatabase;
        Assert.That(lead.Journal, Is.Empty);
        AssertIdMapIsABijection();
    }

    public void AssertIdMapIsABijection()
    {
        var database = Memory.NewDatabase;
        Assert.That(database.NewIds.Values.Distinct().Count(), Is.EqualTo(database.NewIds.Count));
        Assert.That(database.PublicIds, Has.Count.EqualTo(database.NewIds.Count));
        Assert.That(database.Rows.Keys.All(database.PublicIds.ContainsKey), Is.True, "a new row without a map row");
    }
}
