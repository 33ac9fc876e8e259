using System.Collections.Concurrent;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>
/// As <see cref="ContextLifeCycleContract{TEntity}"/>, of a context to which callers only add: what was acknowledged is there in every stage, as it was
/// written, and no caller changes it. One subclass a context.
/// </summary>
public abstract class AppendOnlyLifeCycleContract<TEntity>
    where TEntity : class
{
    private const int Rows = 800;
    private const int Writers = 4;
    private const long Foreign = 9_000_001;

    [Test]
    public async Task Forward_and_back_and_forward_again_under_load_nothing_is_lost([Values] bool oneTransaction)
    {
        using var joint = new JointCount();
        await using var world = await CreateWorldAsync(oneTransaction ? ContextWorld.OneTransaction : null);
        await world.FillExamplesAsync(Rows, includeUnreadable: true);
        var acknowledged = new ConcurrentDictionary<long, long>();
        var replicas = new[] { world.Host, world.Open() };
        await using (Load.Start(
            [.. replicas.Select<ContextHost, Func<CancellationToken, Task>>(replica => stop => replica.Relay.RunAsync(stop))],
            [
                .. Enumerable.Range(0, Writers).Select<int, Func<CancellationToken, Task>>(
                    number => stop => AddAsync(WrapperOf(replicas[number % 2]), number, acknowledged, stop)),
            ]))
        {
            foreach (var stage in new[] { Stage.NewLeads, Stage.DualWrite, Stage.NewLeads, Stage.LegacyOnly, Stage.NewLeads })
            {
                await world.MoveToAsync(stage);
            }
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync(world);
        Assert.That(acknowledged, Has.Count.GreaterThan(Writers));
        Assert.That(joint.Count, oneTransaction ? Is.GreaterThan(Writers) : Is.Zero);
        foreach (var (id, number) in acknowledged)
        {
            await AssertBothHoldAsync(world, id, number);
        }
    }

    [Test]
    public async Task An_addition_returns_the_public_id_in_every_stage_and_is_refused_a_second_time()
    {
        await using var world = await CreateWorldAsync();
        var added = new List<(long Id, long Number)>();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            var entity = New(0, 1000 + added.Count);
            await WrapperOf(world.Host).AppendAsync(entity, CancellationToken.None);
            added.Add((IdOf(entity), 1000 + added.Count));
            foreach (var (id, number) in added)
            {
                Assert.That(await FindNumberAsync(world, id), Is.EqualTo(number), $"{id} in {stage}");
            }

            var loaded = (await WrapperOf(world.Host).FindAsync(IdOf(entity), CancellationToken.None))!;
            Assert.That(() => WrapperOf(world.Host).AppendAsync(entity, CancellationToken.None), Throws.TypeOf<AppendOnlyException>(), $"stored, in {stage}");
            Assert.That(() => WrapperOf(world.Host).AppendAsync(loaded, CancellationToken.None), Throws.TypeOf<AppendOnlyException>(), $"loaded, in {stage}");
            Assert.That(
                () => WrapperOf(world.Host).AppendAsync(New(IdOf(entity), 7), CancellationToken.None), Throws.TypeOf<ConflictException>(), $"another of its id, in {stage}");
            Assert.That(await FindNumberAsync(world, IdOf(entity)), Is.EqualTo(added[^1].Number), $"in {stage}");
        }

        Assert.That(added.Select(one => one.Id), Is.Unique);
        foreach (var (id, _) in added)
        {
            var newId = await world.Host.Sides.IdMap.FindNewIdAsync(world.Kind, id, CancellationToken.None);
            Assert.That(newId, Is.Not.Null.And.Not.EqualTo(id), "new ids start far away from public ones");
        }
    }

    [Test]
    public async Task A_retried_addition_with_the_same_request_key_is_one_also_across_a_flip()
    {
        await using var world = await CreateWorldAsync();
        await world.MoveToAsync(Stage.ShadowRead);
        var (first, again, afterFlip) = (New(0, 4711), New(0, 4711), New(0, 4711));
        await WrapperOf(world.Host).AppendAsync(first, CancellationToken.None, "request-1");
        await WrapperOf(world.Open()).AppendAsync(again, CancellationToken.None, "request-1");
        await world.MoveToAsync(Stage.NewLeads);
        await WrapperOf(world.Host).AppendAsync(afterFlip, CancellationToken.None, "request-1");
        Assert.That((IdOf(again), IdOf(afterFlip)), Is.EqualTo((IdOf(first), IdOf(first))));
        Assert.That((await world.ReconcileAsync()).LegacyRows, Is.EqualTo(1));
    }

    [Test]
    public async Task In_legacy_only_the_new_database_is_never_contacted()
    {
        await using var world = await CreateWorldAsync();
        await world.NewDatabase.DisposeAsync();
        var entity = New(0, 500);
        await WrapperOf(world.Host).AppendAsync(entity, CancellationToken.None);
        Assert.That(await FindNumberAsync(world, IdOf(entity)), Is.EqualTo(500));
        Assert.That(await WrapperOf(world.Host).FindAsync(IdOf(entity) + 1, CancellationToken.None), Is.Null);
    }

    /// <summary>I9: a program that knows nothing of us adds, corrects and clears away in the legacy tables, whoever leads.</summary>
    [Test]
    public async Task What_another_program_does_to_the_legacy_rows_reaches_the_new_side([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateWorldAsync();
        await world.MoveToAsync(stage);
        var (ours, old) = (New(0, 1), New(0, 2));
        await WrapperOf(world.Host).AppendAsync(ours, CancellationToken.None);
        await WrapperOf(world.Host).AppendAsync(old, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await world.RunForeignAsync(ForeignInsert(Foreign, 3));
        await world.RunForeignAsync(ForeignUpdate(IdOf(ours), 4));
        await world.RunForeignAsync(ForeignDelete(IdOf(old)));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertBothHoldAsync(world, Foreign, 3);
        await AssertBothHoldAsync(world, IdOf(ours), 4);
        Assert.That(await world.RecordAsync(SideName.New, IdOf(old)), Is.Null);
        Assert.That(await WrapperOf(world.Host).FindAsync(IdOf(old), CancellationToken.None), Is.Null);
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task Ids_that_cannot_be_are_refused_and_unknown_ones_are_nothing()
    {
        await using var world = await CreateWorldAsync();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var id in new[] { 0L, -1, long.MinValue })
            {
                Assert.That(
                    () => WrapperOf(world.Host).FindAsync(id, CancellationToken.None), Throws.TypeOf<ArgumentOutOfRangeException>(), $"{id} in {stage}");
            }

            Assert.That(await WrapperOf(world.Host).FindAsync(123_456, CancellationToken.None), Is.Null, $"{stage}");
            Assert.That(await WrapperOf(world.Host).FindAsync(long.MaxValue, CancellationToken.None), Is.Null, $"{stage}");
        }
    }

    private protected abstract Task<ContextWorld> CreateWorldAsync(string? options = null);

    private protected abstract AppendOnlyWrapper<TEntity> WrapperOf(ContextHost host);

    /// <summary>A new one with that number in the field that stands for all.</summary>
    private protected abstract TEntity New(long id, long number);

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

    private async Task AssertBothHoldAsync(ContextWorld world, long id, long number)
    {
        var (field, value) = FieldOf(number);
        var (legacy, @new) = (await world.RecordAsync(SideName.Legacy, id), await world.RecordAsync(SideName.New, id));
        Assert.That((legacy?[field], @new?[field]), Is.EqualTo((value, value)), $"{world.Kind} {id}");
    }

    private async Task<long?> FindNumberAsync(ContextWorld world, long id) =>
        await WrapperOf(world.Host).FindAsync(id, CancellationToken.None) is { } entity ? NumberOf(entity) : null;

    // What a writer was told is there, it can read at once.
    private async Task AddAsync(AppendOnlyWrapper<TEntity> wrapper, int number, ConcurrentDictionary<long, long> acknowledged, CancellationToken stop)
    {
        var random = new Random(number);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var entity = New(0, random.Next(1, 100_000));
                await wrapper.AppendAsync(entity, CancellationToken.None, $"{number}-{Guid.NewGuid():N}");
                acknowledged[IdOf(entity)] = NumberOf(entity);
                var found = await wrapper.FindAsync(IdOf(entity), CancellationToken.None) ?? throw new AssertionException($"{IdOf(entity)} has disappeared.");
                Assert.That(NumberOf(found), Is.EqualTo(NumberOf(entity)));
            }
            catch (SwitchingException)
            {
                // Refused for certain; the writer goes on with the next.
            }
        }
    }
}
