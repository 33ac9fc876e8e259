using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.IntegrationTests.MySql;

[CancelAfter(120_000)]
internal sealed class MySqlBackfillTests
{
    private const string Kind = "thing";
    private static readonly BackfillCheckpoint Checkpoint = new(4, 1, 1001, 1000, BackfillPhase.Copying, null);
    private MySqlTestSides _sides = null!;

    private IBackfillTarget Target => _sides.Sides.BackfillTarget;

    [SetUp]
    public async Task MakeSides()
    {
        _sides = await MySqlTestSides.CreateAsync();
        await _sides.SetFenceAsync(SideName.New, new FenceRow(FenceRole.Follower, Stage.DualWrite, 5, 4));
    }

    [TearDown]
    public async Task DropSides() => await _sides.DisposeAsync();

    [Test]
    public async Task A_chunk_writes_rows_pairs_entity_rows_and_its_checkpoint_together()
    {
        await WriteAsync(Enumerable.Range(1, 1000).Select(id => Write(id, null, Row($"n{id}", id % 2 == 0, id % 3))));

        var range = await _sides.Sides.New.Store.ReadRangeAsync(Kind, 1, 2000, default);
        Assert.That(range.Items, Has.Count.EqualTo(1000));
        foreach (var item in range.Items)
        {
            Assert.That(item.Row!.SameAs(Row($"n{item.Id}", item.Id % 2 == 0, (int)(item.Id % 3))), Is.True);
            Assert.That(item.Entity!.Version, Is.EqualTo(new EntityVersion(4, 0)));
        }

        Assert.That(await Target.ReadCheckpointAsync(Kind, default), Is.EqualTo(Checkpoint));
        Assert.That(await _sides.Sides.New.Store.UnmappedAsync(Kind, long.MinValue, 10, default), Is.Empty);
    }

    [Test]
    public async Task Request_keys_are_stored_with_the_chunk_and_those_that_are_there_stay()
    {
        await using (var write = await _sides.Sides.New.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 1)), default))
        {
            await write.SaveRequestAsync("known", 1, new EntityVersion(4, 3), default);
            await write.CommitAsync(default);
        }

        List<EntityRequest> carried =
        [
            new(1, new StoredRequest("known", new EntityVersion(4, 1)), 1),
            .. Enumerable.Range(2, 499).Select(id => new EntityRequest(id, new StoredRequest($"r{id}", new EntityVersion(3, id)), id)),
        ];
        await using (var chunk = await Target.BeginChunkAsync(Kind, 1, 1, default))
        {
            await chunk.SaveRequestsAsync(carried, default);
            await chunk.CommitAsync(Checkpoint, default);
        }

        var stored = await _sides.Sides.New.Store.RequestsAsync(Kind, null, 1000, default);
        Assert.That(stored, Has.Count.EqualTo(500));
        Assert.That(stored[0].Request, Is.EqualTo(new StoredRequest("known", new EntityVersion(4, 3))));
        Assert.That(stored[^1].Request, Is.EqualTo(new StoredRequest("r500", new EntityVersion(3, 500))));
    }

    [Test]
    public async Task A_later_pass_changes_removes_and_brings_back()
    {
        await WriteAsync([Write(1, null, Row("1", true, 2)), Write(2, null, Row("2", false, 0)), Write(3, null, Row("3", true, 1))]);
        var pair = await _sides.Sides.IdMap.FindNewIdAsync(Kind, 3, default);
        IReadOnlyDictionary<long, AggregateRow> was;
        await using (var chunk = await Target.BeginChunkAsync(Kind, 1, 100, default))
        {
            Assert.That(chunk.Entities, Has.Count.EqualTo(3));
            was = await chunk.ReadRowsAsync([1, 2, 3, 4], default);
            Assert.That(was, Has.Count.EqualTo(3));
            await chunk.WriteAsync([Write(1, was[1], Row("one", false, 1)), Write(2, was[2], Row("2", true, 2)), Write(3, was[3], null)],
                default);
            await chunk.CommitAsync(Checkpoint, default);
        }

        var range = await _sides.Sides.New.Store.ReadRangeAsync(Kind, 1, 100, default);
        Assert.That(range.Items[0].Row!.SameAs(Row("one", false, 1)), Is.True);
        Assert.That(range.Items[1].Row!.SameAs(Row("2", true, 2)), Is.True);
        Assert.That((range.Items[2].Row, range.Items[2].Entity!.Tombstone), Is.EqualTo(((AggregateRow?)null, true)));

        await WriteAsync([Write(3, null, Row("again", true, 1))]);
        Assert.That(await _sides.Sides.IdMap.FindNewIdAsync(Kind, 3, default), Is.EqualTo(pair));
    }

    [Test]
    public async Task A_backfill_goes_on_after_its_kept_connection_has_died()
    {
        await WriteAsync([Write(1, null, Row("1", true, 2))]);
        foreach (var id in await _sides.QueryAsync<long>(SideName.New,
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"))
        {
            await _sides.RunAsync(SideName.New, $"KILL {id}");
        }

        await WriteAsync(Enumerable.Range(2, 60).Select(id => Write(id, null, Row($"{id}", true, 1))));

        Assert.That(await _sides.QueryAsync<long>(SideName.New, "SELECT COUNT(*) FROM thing"), Is.EqualTo(new[] { 61L }));
    }

    /// <summary>Case 19.</summary>
    [Test]
    public async Task A_live_write_that_slips_into_a_chunk_wins()
    {
        await using var chunk = await Target.BeginChunkAsync(Kind, 1, 100, default);
        await using (var live = await _sides.Sides.New.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 5)), default))
        {
            await live.SaveAsync(new EntityKey(Kind, 5), null, Row("live", false, 0), default);
            await live.SetEntityAsync(new EntityKey(Kind, 5), new EntityState(new EntityVersion(4, 2), 0, false, [1]), default);
            await live.CommitAsync(default);
        }

        var refused =
            Assert.ThrowsAsync<SideUnavailableException>(() =>
            chunk.WriteAsync([Write(4, null, Row("4", false, 0)), Write(5, null, Row("old", false, 0))], default))!;

        Assert.That(refused.IsTransient, Is.True);
        Assert.That(await _sides.QueryAsync<string>(SideName.New, "SELECT name FROM thing"), Is.EqualTo(new[] { "live" }));
    }

    [Test]
    public async Task Quarantine_keeps_signatures_while_the_reason_is_the_same_and_forgets_what_is_cured()
    {
        var since = new DateTime(2024, 5, 6, 7, 8, 9, DateTimeKind.Utc);
        await QuarantineAsync(new QuarantineEntry(3, "thing.name", "bad", since), new QuarantineEntry(4, "thing.name", "bad", since));
        Assert.That(await _sides.Sides.Quarantine.SignOffAsync(Kind, 3, "ada", "known", default), Is.EqualTo(1));
        Assert.That(await _sides.Sides.Quarantine.CountAsync(Kind, default), Is.EqualTo((2L, 1L)));

        await QuarantineAsync(new QuarantineEntry(3, "thing.name", "bad", since.AddDays(1)));
        Assert.That(await _sides.Sides.Quarantine.ListAsync(Kind, 10, default),
            Is.EqualTo(new[] { new QuarantineEntry(3, "thing.name", "bad", since, "ada", "known") }));

        await QuarantineAsync(new QuarantineEntry(3, "thing.name", "worse", since.AddDays(2)));
        Assert.That(await _sides.Sides.Quarantine.FindAsync(new EntityKey(Kind, 3), default),
            Is.EqualTo(new QuarantineEntry(3, "thing.name", "worse", since.AddDays(2))));
        await using var apply = await _sides.Sides.New.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 3)), default);
        await apply.LiftQuarantineAsync(new EntityKey(Kind, 3), default);
        Assert.That(await _sides.Sides.Quarantine.CountAsync(Kind, default), Is.EqualTo((1L, 1L)), "not before the commit");
        await apply.CommitAsync(default);
        Assert.That(await _sides.Sides.Quarantine.CountAsync(Kind, default), Is.EqualTo((0L, 0L)));
    }

    private static BackfillWrite Write(long id, AggregateRow? was, AggregateRow? now) =>
        new(id, was, now, new EntityState(new EntityVersion(4, 0), 0, now is null, now is null ? [] : [1, 2]));

    private static AggregateRow Row(string name, bool extra, int notes) => new(SideStoreContract.Layout,
        [[[name, "5", 1L, 2L, null, "2016-05-17", null, null]], extra ? [["x"]]
            : [], Enumerable.Range(0, notes).Select(i => new object?[] { $"{i}", null }).ToList()]);

    private async Task WriteAsync(IEnumerable<BackfillWrite> writes)
    {
        await using var chunk = await Target.BeginChunkAsync(Kind, 1, 1000, default);
        await chunk.WriteAsync(writes.ToList(), default);
        await chunk.CommitAsync(Checkpoint, default);
    }

    private async Task QuarantineAsync(params QuarantineEntry[] entries)
    {
        await using var chunk = await Target.BeginChunkAsync(Kind, 1, 100, default);
        await chunk.QuarantineAsync(entries, default);
        await chunk.CommitAsync(Checkpoint, default);
    }
}
