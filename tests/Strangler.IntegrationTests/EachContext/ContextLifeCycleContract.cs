using System.Collections.Concurrent;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// The whole life of a context on real servers: every stage forward and back with writers hammering through every flip from two replicas. One assertion:
/// both sides are identical, and nothing acknowledged is missing. One subclass a context.
/// </summary>
/// <typeparam name="TEntity">The context's kind of entity. One field of it stands for all: each writer counts its entities' values.</typeparam>
public abstract class ContextLifeCycleContract<TEntity>
    where TEntity : class
{
    private const int Writers = 4;

    [Test]
    public async Task Forward_and_back_and_forward_again_under_load_nothing_is_lost([Values] bool oneTransaction)
    {
        if (oneTransaction && !CanBeOneTransaction)
        {
            var refused = Assert.ThrowsAsync<ConfigurationException>(() => CreateWorldAsync(ContextWorld.OneTransaction))!;
            Assert.That(refused.Message, Does.Contain("oneTransaction"));
            return;
        }

        using var joint = new JointCount();
        await using var world = await CreateWorldAsync(oneTransaction ? ContextWorld.OneTransaction : null);
        await world.FillExamplesAsync(Rows, includeUnreadable: true);
        var acknowledged = new ConcurrentDictionary<long, long>();
        var conflicts = new ConcurrentQueue<ConflictException>();
        var replicas = new[] { world.Host, world.Open() };
        await using (Load.Start(
            [
                .. replicas.Select<ContextHost, Func<CancellationToken, Task>>(replica => stop => replica.Relay.RunAsync(stop)),
            ],
            [
                .. Enumerable.Range(0, Writers).Select<int, Func<CancellationToken, Task>>(
                    number => stop => WriteAsync(WrapperOf(replicas[number % 2]), number, acknowledged, conflicts, stop)),
            ]))
        {
            foreach (var stage in UnderLoad)
            {
                await world.MoveToAsync(stage);
            }
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync(world);
        Assert.That(acknowledged, Has.Count.GreaterThan(Writers));

        // Nobody else writes a writer's entities. What it has loaded while the new side led it cannot save in LegacyOnly, where no version tells; there is one way there.
        Assert.That(conflicts, Has.Count.LessThanOrEqualTo(Writers));
        await AssertNoEchoAsync(world);
        Assert.That(joint.Count, oneTransaction ? Is.GreaterThan(Writers) : Is.Zero);
        foreach (var (id, number) in acknowledged)
        {
            await AssertBothHoldAsync(world, id, number);
        }
    }

    [Test]
    public async Task A_create_returns_the_public_id_in_every_stage_and_old_ids_go_on_working()
    {
        await using var world = await CreateWorldAsync();
        var created = new List<(long Id, long Number)>();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            var entity = New(1000 + created.Count);
            await WrapperOf(world.Host).StoreAsync(entity, CancellationToken.None);
            created.Add((IdOf(entity), 1000 + created.Count));
            foreach (var (id, number) in created)
            {
                Assert.That(await FindNumberAsync(world, id), Is.EqualTo(number), $"{id} in {stage}");
            }
        }

        Assert.That(created.Select(one => one.Id), Is.Unique);
        foreach (var (id, _) in created)
        {
            var newId = await world.Host.Sides.IdMap.FindNewIdAsync(world.Kind, id, CancellationToken.None);
            Assert.That(newId, Is.Not.Null.And.Not.EqualTo(id), "new ids start far away from public ones");
        }
    }

    [Test]
    public async Task A_retried_create_with_the_same_request_key_returns_the_first_result_also_across_a_flip()
    {
        await using var world = await CreateWorldAsync();
        await world.MoveToAsync(Stage.ShadowRead);
        var first = New(4711);
        await WrapperOf(world.Host).StoreAsync(first, CancellationToken.None, "request-1");
        var again = New(4711);
        await WrapperOf(world.Open()).StoreAsync(again, CancellationToken.None, "request-1");
        await world.MoveToAsync(Stage.NewLeads);
        var afterFlip = New(4711);
        await WrapperOf(world.Host).StoreAsync(afterFlip, CancellationToken.None, "request-1");
        Assert.That((IdOf(again), IdOf(afterFlip)), Is.EqualTo((IdOf(first), IdOf(first))));
        Assert.That((await world.ReconcileAsync()).LegacyRows, Is.EqualTo(1));
    }

    [Test]
    public async Task A_deleted_entity_is_gone_on_both_sides_and_stays_gone()
    {
        await using var world = await CreateWorldAsync();
        foreach (var stage in new[] { Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var entity = New(500);
            await WrapperOf(world.Host).StoreAsync(entity, CancellationToken.None);
            await WrapperOf(world.Host).DeleteAsync(IdOf(entity), CancellationToken.None);
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            Assert.That(await WrapperOf(world.Host).FindAsync(IdOf(entity), CancellationToken.None), Is.Null);
            Assert.That(await world.RecordAsync(SideName.Legacy, IdOf(entity)), Is.Null);
            Assert.That(await world.RecordAsync(SideName.New, IdOf(entity)), Is.Null);
        }

        await AssertCleanAsync(world);
    }

    [Test]
    public async Task In_legacy_only_the_new_database_is_never_contacted()
    {
        await using var world = await CreateWorldAsync();
        await world.NewDatabase.DisposeAsync();
        var entity = New(500);
        await WrapperOf(world.Host).StoreAsync(entity, CancellationToken.None);
        Change(entity, 600);
        await WrapperOf(world.Host).StoreAsync(entity, CancellationToken.None);
        Assert.That(await FindNumberAsync(world, IdOf(entity)), Is.EqualTo(600));
        Assert.That(await WrapperOf(world.Host).FindAsync(IdOf(entity) + 1, CancellationToken.None), Is.Null);
    }

    /// <summary>I9: a program that knows nothing of us inserts, updates and deletes in the legacy tables while legacy leads.</summary>
    [Test]
    public async Task What_another_program_writes_while_legacy_leads_reaches_the_new_side([Values(Stage.DualWrite, Stage.ShadowRead)] Stage stage)
    {
        const long Foreign = 9_000_001;
        await using var world = await CreateWorldAsync();
        await world.MoveToAsync(stage);
        var ours = New(1);
        await WrapperOf(world.Host).StoreAsync(ours, CancellationToken.None);
        await world.RunForeignAsync(ForeignInsert(Foreign, 2));
        await world.RunForeignAsync(ForeignUpdate(IdOf(ours), 3));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertBothHoldAsync(world, Foreign, 2);
        await AssertBothHoldAsync(world, IdOf(ours), 3);

        // An instance from before is stale now: saving it would undo what the program wrote.
        Change(ours, 4);
        Assert.That(() => WrapperOf(world.Host).StoreAsync(ours, CancellationToken.None), Throws.TypeOf<ConflictException>());
        var seen = (await WrapperOf(world.Host).FindAsync(Foreign, CancellationToken.None))!;
        Change(seen, 5);
        await WrapperOf(world.Host).StoreAsync(seen, CancellationToken.None);
        await AssertBothHoldAsync(world, Foreign, 5);
        await world.RunForeignAsync(ForeignDelete(Foreign));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await world.RecordAsync(SideName.New, Foreign), Is.Null);
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task Ids_that_cannot_be_are_refused_and_unknown_ones_are_nothing()
    {
        await using var world = await CreateWorldAsync();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var wrapper = WrapperOf(world.Host);
            foreach (var id in new[] { 0L, -1, long.MinValue })
            {
                Assert.That(() => wrapper.FindAsync(id, CancellationToken.None), Throws.TypeOf<ArgumentOutOfRangeException>(), $"{id} in {stage}");
                Assert.That(() => wrapper.DeleteAsync(id, CancellationToken.None), Throws.TypeOf<ArgumentOutOfRangeException>(), $"{id} in {stage}");
            }

            Assert.That(await wrapper.FindAsync(123_456, CancellationToken.None), Is.Null, $"{stage}");
            Assert.That(await wrapper.FindAsync(long.MaxValue, CancellationToken.None), Is.Null, $"{stage}");
            await wrapper.DeleteAsync(123_456, CancellationToken.None);
        }
    }

    /// <summary>Where it goes under load.</summary>
    private protected virtual IReadOnlyList<Stage> UnderLoad =>
        [Stage.NewLeads, Stage.DualWrite, Stage.NewLeads, Stage.LegacyOnly, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads];

    /// <summary>How many there are when the load begins.</summary>
    private protected virtual int Rows => 1_500;

    /// <summary>Whether one transaction can span both sides; else the option is refused.</summary>
    private protected virtual bool CanBeOneTransaction => true;

    private protected abstract Task<ContextWorld> CreateWorldAsync(string? options = null);

    private protected abstract RepositoryWrapper<TEntity> WrapperOf(ContextHost host);

    /// <summary>A new entity with that number in the field that stands for all.</summary>
    private protected abstract TEntity New(long number);

    private protected abstract void Change(TEntity entity, long number);

    private protected abstract long NumberOf(TEntity entity);

    private protected abstract long IdOf(TEntity entity);

    /// <summary>The field, and its value for a number.</summary>
    private protected abstract (string Field, object? Value) FieldOf(long number);

    /// <summary>SQL of a program that knows nothing of us.</summary>
    private protected abstract string ForeignInsert(long id, long number);

    private protected abstract string ForeignUpdate(long id, long number);

    private protected abstract string ForeignDelete(long id);

    private static async Task AssertCleanAsync(ContextWorld world)
    {
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    // None of our own writes may look like another program's.
    private static async Task AssertNoEchoAsync(ContextWorld world)
    {
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            var echoes = await database.EchoesAsync();
            Assert.That(echoes, Is.Empty, () => $"{database.Name}\n{string.Join('\n', world.Logs.Lines.Where(line => !line.StartsWith("Information", StringComparison.Ordinal)).TakeLast(20))}");
        }
    }

    private async Task AssertBothHoldAsync(ContextWorld world, long id, long number)
    {
        var (field, value) = FieldOf(number);
        var (legacy, @new) = (await world.RecordAsync(SideName.Legacy, id), await world.RecordAsync(SideName.New, id));
        Assert.That((legacy?[field], @new?[field]), Is.EqualTo((value, value)), $"{world.Kind} {id}");
    }

    private async Task<long?> FindNumberAsync(ContextWorld world, long id) =>
        await WrapperOf(world.Host).FindAsync(id, CancellationToken.None) is { } entity ? NumberOf(entity) : null;

    // A writer of its own entities; what it was told last is what both sides must hold.
    private async Task WriteAsync(
        RepositoryWrapper<TEntity> wrapper, int number, ConcurrentDictionary<long, long> acknowledged, ConcurrentQueue<ConflictException> conflicts,
        CancellationToken stop)
    {
        var random = new Random(number);
        var mine = new List<long>();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (mine.Count == 0 || random.Next(4) == 0)
                {
                    var entity = New(random.Next(1, 100_000));
                    await wrapper.StoreAsync(entity, CancellationToken.None, $"{number}-{Guid.NewGuid():N}");
                    mine.Add(IdOf(entity));
                    acknowledged[IdOf(entity)] = NumberOf(entity);
                }
                else
                {
                    var id = mine[random.Next(mine.Count)];
                    var entity = await wrapper.FindAsync(id, CancellationToken.None) ?? throw new AssertionException($"{id} has disappeared.");
                    Assert.That(NumberOf(entity), Is.EqualTo(acknowledged[id]), "a read showed a state older than the caller's own write");
                    Change(entity, random.Next(1, 100_000));
                    await wrapper.StoreAsync(entity, CancellationToken.None);
                    acknowledged[id] = NumberOf(entity);
                }
            }
            catch (SwitchingException)
            {
                // Refused for certain; the writer goes on with something else.
            }
            catch (ConflictException exception)
            {
                conflicts.Enqueue(exception);
            }
        }
    }
}
