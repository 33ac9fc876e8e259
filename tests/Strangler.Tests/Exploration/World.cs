using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Exploration;

/// <summary>One process of the service: the real engine over the two databases, with a stage cache, breaker and relay of its own.</summary>
internal sealed class ModelProcess
{
    private static readonly FieldHasher Hasher = new(new byte[16], 1);

    private readonly List<TaskCompletionSource> _awaited = [];

    public ModelProcess(World world, InMemorySides memory, int seed, Mutation? mutation)
    {
        Memory = memory;
        var sides = mutation?.Apply(world, memory, this) ?? memory.Sides;
        Legacy = new LegacyNotes(sides.Legacy.Store);
        New = new NewNotes(sides.New.Store);
        Runtime = new ContextRuntime(
            sides, [new EntityKind(TestLens.Kind, Legacy, New) { Merging = world.Rules }], world.Options, Hasher, memory.Time, NullLoggerFactory.Instance, memory.Name)
        {
            Random = world.HasOneSignature ? new OneSignature(seed) : new Random(seed),
        };
        Writer = new DualWriter(Runtime);
        Relay = new Relay(Runtime);
        Cutover = new CutoverService(Runtime);
    }

    /// <summary>What a merge would keep if it asked for nothing that was agreed on before.</summary>
    public static byte[] Accepted(Record record, Record held) => AcceptedHashes.Of(Hasher, record, held);

    /// <summary>What a backfill keeps of a row that hides nothing.</summary>
    public static byte[] Accepted(Record record) => Hasher.Hash(record);

    public InMemorySides Memory { get; }

    public ContextRuntime Runtime { get; }

    public LegacyNotes Legacy { get; }

    public NewNotes New { get; }

    public DualWriter Writer { get; }

    public Relay Relay { get; }

    public CutoverService Cutover { get; }

    public DateTimeOffset FrozenUntil { get; set; }

    /// <summary>False: the process died before it was done; what it did in its last moment nobody was told.</summary>
    public async Task<bool> TryAsync(Task work)
    {
        // Not Task.WhenAny: it completes by way of the thread pool, where a simulation cannot follow.
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _awaited.Add(over);
        _ = SignalAsync(work, over);
        if (Memory.Dead)
        {
            over.TrySetResult();
        }

        await over.Task;
        _awaited.Remove(over);
        if (!work.IsCompleted)
        {
            return false;
        }

        await work;
        return true;
    }

    /// <summary>Everything of it stops for ever.</summary>
    public void Die()
    {
        Memory.Kill();
        _awaited.ForEach(over => over.TrySetResult());
    }

    private static async Task SignalAsync(Task work, TaskCompletionSource over)
    {
        try
        {
            await work;
        }
        catch (Exception) when (work.IsCompleted)
        {
            // Whoever awaits the work itself meets it.
        }

        over.TrySetResult();
    }
}

/// <summary>Two databases, the processes over them, and who watches.</summary>
internal sealed class World
{
    private readonly int _seed;
    private readonly Mutation? _mutation;
    private readonly InMemorySides _memory;
    private readonly List<ModelProcess> _processes = [];
    private int _born;
    private readonly Random _joint;
    private readonly int _howManyJoint;

    public World(int seed, Mutation? mutation, bool trace)
    {
        _seed = seed;
        _mutation = mutation;
        Time = new TestTimeProvider();
        Trace = trace ? new Trace(Time) : null;
        Random = new Random(seed);
        _memory = new InMemorySides(Time);
        Ledger = new Ledger(this);
        Chaos = new Chaos(this, seed + 1);
        _joint = new Random(seed + 3);
        _howManyJoint = _joint.Next(3);
        HasForeigners = _joint.Next(5) < 2;
        Rules = TestLens.RulesWith((FieldOwner)new Random(seed + 4).Next(3));
        Options = new ContextOptions
        {
            ForeignWritersNone = !HasForeigners, ShadowReadMinimum = 0, ShadowReadSample = 0, IdBlock = 20,
            RelayLease = TimeSpan.FromSeconds(4), FlipDeadline = TimeSpan.FromSeconds(Random.Next(2, 12)),
            MaxAttempts = Random.Next(1, 4), RelayBatch = Random.Next(1, 5),
            InlineApplyTimeout = TimeSpan.FromMilliseconds(Random.Next(2) == 0 ? 300 : 2000),
            FenceLockTimeout = TimeSpan.FromMilliseconds(Random.Next(2) == 0 ? 200 : 2000),
        };
    }

    public TestTimeProvider Time { get; }

    public Random Random { get; }

    public Trace? Trace { get; }

    public Ledger Ledger { get; }

    public Chaos Chaos { get; }

    public ContextOptions Options { get; }

    /// <summary>Who owns what; of existence anybody or nobody.</summary>
    public MergeRules Rules { get; }

    /// <summary>Whether other programs write legacy in this schedule.</summary>
    public bool HasForeigners { get; }

    /// <summary>Whether all writes are signed alike (a deliberate fault).</summary>
    public bool HasOneSignature { get; set; }

    /// <summary>Whether nobody says what callers want (a deliberate fault).</summary>
    public bool WishesAreForgotten { get; set; }

    /// <summary>State that a faulty part shares among all processes.</summary>
    public Dictionary<string, long> Shared { get; } = [];

    public InMemoryDatabase Of(SideName side) => _memory.Of(side);

    /// <summary>Other programs go past all processes, and know nothing of what goes wrong there.</summary>
    public InMemorySides Outside => _memory;

    public InMemoryDatabase Lead() => Of(SideName.New).FenceRow.AnswersReads ? Of(SideName.New) : Of(SideName.Legacy);

    /// <summary>Both sides as a finished move has left them, with a few entities, and the witness in its place.</summary>
    public void Begin(Stage stage, int entities)
    {
        _memory.SetStage(stage, epoch: 5, dualEpoch: stage == Stage.LegacyOnly ? 0 : 3);
        for (var id = 1; id <= entities; id++)
        {
            Plant(id, both: stage >= Stage.ShadowRead || (stage == Stage.LegacyOnly && Random.Next(2) == 0));
        }

        var @new = _memory.NewDatabase;
        if (stage >= Stage.ShadowRead)
        {
            @new.Checkpoints[TestLens.Kind] = new BackfillCheckpoint(3, 1, 0, 0, BackfillPhase.Done, @new.UtcNow);
        }

        if (stage != Stage.LegacyOnly)
        {
            _memory.LegacyDatabase.AutoIncrement[TestLens.Kind] = _memory.LegacyDatabase.LastReserved[TestLens.Kind] = 40;
            @new.IdBlocks[TestLens.Kind] = new Queue<long>(Enumerable.Range(11, 30).Select(id => (long)id));
        }

        if (Random.Next(4) == 0)
        {
            // What an aborted flip has left behind.
            var follower = Of(Stages.Other(Stages.LeadOf(stage)));
            follower.Fence = follower.FenceRow with { Role = FenceRole.Prepared, Epoch = 4 };
        }

        (_memory.LegacyDatabase.Witness, @new.Witness) = (Ledger, Ledger);
    }

    public ModelProcess Born()
    {
        var memory = _memory.Another();
        memory.Name = $"p{++_born}";
        memory.Schedule = Chaos;
        memory.LockWait = TimeSpan.FromSeconds(3);
        // None, some or all of the processes write both sides in one transaction.
        Options.OneTransaction = _howManyJoint == 2 || (_howManyJoint == 1 && _joint.Next(2) == 0);
        var process = new ModelProcess(this, memory, (_seed * 31) + _born, _mutation);
        _processes.Add(process);
        Trace?.Say($"process {memory.Name} starts");
        return process;
    }

    /// <summary>Any living process; another one is started when there is none.</summary>
    public ModelProcess Any()
    {
        var living = _processes.FindAll(process => !process.Memory.Dead);
        return living.Count == 0 ? Born() : living[Random.Next(living.Count)];
    }

    public void Kill(InMemorySides memory)
    {
        Trace?.Say($"  {memory.Name} dies");
        _processes.Find(process => process.Memory == memory)!.Die();
    }

    public void Freeze(InMemorySides memory, TimeSpan pause)
    {
        Trace?.Say($"  {memory.Name} freezes for {pause.TotalSeconds:0.0} s");
        _processes.Find(process => process.Memory == memory)!.FrozenUntil = Time.GetUtcNow() + pause;
    }

    public TimeSpan? FrozenFor(InMemorySides memory) =>
        _processes.Find(process => process.Memory == memory)?.FrozenUntil is { } until ? until - Time.GetUtcNow() : null;

    public Task DelayAsync(int milliseconds) => Task.Delay(TimeSpan.FromMilliseconds(milliseconds), Time);

    private void Plant(long id, bool both)
    {
        var (legacy, @new) = (_memory.LegacyDatabase, _memory.NewDatabase);
        var key = TestProcess.Key(id);
        var name = $"{Client.Personal}{id}";
        var row = TestLens.LegacyRow(name, id * 1000, "O");
        legacy.Rows[key] = row;
        legacy.AutoIncrement[TestLens.Kind] = Math.Max(10, id);
        if (both)
        {
            var newId = @new.NextId(TestLens.Kind);
            @new.NewIds[key] = newId;
            @new.PublicIds[key with { Id = newId }] = id;
            @new.Rows[key with { Id = newId }] = TestLens.NewRow(name, id * 1000, false, false);
            @new.Entities[key] = new EntityState(
                new EntityVersion(legacy.FenceRow.DualEpoch, 0), 0, false, ModelProcess.Accepted(TestLens.Legacy.Get(row)));
        }

        Ledger.Plant(key, TestLens.Legacy.Get(row));
    }
}
