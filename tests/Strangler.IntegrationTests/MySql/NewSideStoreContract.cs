using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Mapping;

namespace Strangler.IntegrationTests.MySql;

/// <summary>What a store must do beside that where it is the new side.</summary>
public abstract class NewSideStoreContract() : SideStoreContract(SideName.New)
{
    protected static readonly FenceRow Following = new(FenceRole.Follower, Stage.DualWrite, 5, 4);

    protected abstract NewSide New { get; }

    /// <summary>Case 19.</summary>
    [Test]
    [Category("Case19")]
    public async Task A_chunk_writes_inserts_changes_and_removals_and_a_live_write_that_slipped_in_wins()
    {
        await SetFenceAsync(Following);
        var target = New.BackfillTarget;
        var (first, second) = (Row("a", "1", 1, 2, 3, "2020-02-29", "2016-05-17 11:42:02", [0, 1], "extra", ["x", "y"]), Simple("b"));
        await using (var chunk = await target.BeginChunkAsync(Kind, 1, 100, default))
        {
            Assert.That(chunk.Fence, Is.EqualTo(Following));
            await chunk.WriteAsync([Write(3, null, first), Write(5, null, second)], default);
            await chunk.QuarantineAsync([new QuarantineEntry(4, "place", "reason", new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc))], default);
            await chunk.SaveRequestsAsync([new EntityRequest(3, new StoredRequest("r", new EntityVersion(4, 0)), 0)], default);
            await chunk.CommitAsync(new BackfillCheckpoint(4, 1, 101, 2, BackfillPhase.Copying, null), default);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 3), default)).Row!.SameAs(first), Is.True);
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 4), default)).IsQuarantined, Is.True);
        Assert.That(await New.Quarantine.SignOffAsync(Kind, null, "me", "why", default), Is.EqualTo(1));
        Assert.That(await target.ReadCheckpointAsync(Kind, default), Is.EqualTo(new BackfillCheckpoint(4, 1, 101, 2, BackfillPhase.Copying, null)));

        await using (var chunk = await target.BeginChunkAsync(Kind, 1, 100, default))
        {
            var rows = await chunk.ReadRowsAsync([3, 5, 9], default);
            Assert.That(rows.Keys, Is.EquivalentTo(new long[] { 3, 5 }));
            Assert.That(rows[3].SameAs(first), Is.True);
            await chunk.QuarantineAsync([new QuarantineEntry(4, "place", "reason", DateTime.UnixEpoch)], default);
            await chunk.WriteAsync([Write(3, rows[3], second), Write(5, rows[5], null)], default);
            await SaveLiveAsync(9);
            var late = Assert.ThrowsAsync<SideUnavailableException>(() => chunk.WriteAsync([Write(9, null, Simple("late"))], default))!;
            Assert.That(late.IsTransient, Is.True);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 9), default)).Row!.Root[0], Is.EqualTo("live"));
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 3), default)).Row!.SameAs(first), Is.True, "nothing of a chunk that failed is kept");
        await using (var chunk = await target.BeginChunkAsync(Kind, 1, 100, default))
        {
            var rows = await chunk.ReadRowsAsync([3, 5], default);
            await chunk.WriteAsync([Write(3, rows[3], second), Write(5, rows[5], null)], default);
            await chunk.QuarantineAsync([new QuarantineEntry(4, "place", "reason", DateTime.UnixEpoch)], default);
            await chunk.CommitAsync(new BackfillCheckpoint(4, 2, 101, 2, BackfillPhase.Done, DateTime.UnixEpoch), default);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 3), default)).Row!.SameAs(second), Is.True);
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 5), default)).Entity!.Tombstone, Is.True);
        var entry = (await New.Quarantine.FindAsync(new EntityKey(Kind, 4), default))!;
        Assert.That((entry.SignedOffBy, entry.SinceUtc.Year), Is.EqualTo(("me", 2026)), "the same reason keeps its time and its sign-off");
        Assert.That(await New.Quarantine.CountAsync(Kind, default), Is.EqualTo((1L, 0L)));
    }

    [Test]
    public async Task Reserved_ids_are_given_out_once_to_processes_that_ask_at_the_same_time()
    {
        await New.IdPool.AddAsync(Kind, [new IdBlock(100, 129), new IdBlock(1000, 1058, 2)], default);
        await New.IdPool.AddAsync(Kind, [new IdBlock(100, 129)], default);
        Assert.That(await New.IdPool.LeftAsync(Kind, default), Is.EqualTo(60));
        var processes = Enumerable.Range(0, 6).Select(_ => OpenAnother().IdPool).ToList();

        var taken = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => processes[i % 6].TakeAsync(Kind, default)));

        Assert.That(taken, Is.EquivalentTo(Enumerable.Range(100, 30).Concat(Enumerable.Range(0, 30).Select(i => 1000 + (2 * i))).Select(id => (long)id)));
        Assert.ThrowsAsync<IdsExhaustedException>(() => processes[0].TakeAsync(Kind, default));
        await SetFenceAsync(new FenceRow(FenceRole.Lead, Stage.NewOnly, 9, 4));
        Assert.That(await processes[1].TakeAsync(Kind, default), Is.EqualTo(1059));
    }

    /// <summary>The side as another process has it.</summary>
    protected abstract NewSide OpenAnother();

    private static BackfillWrite Write(long id, AggregateRow? was, AggregateRow? now) =>
        new(id, was, now, new EntityState(new EntityVersion(4, was is null ? 0 : 1), 0, now is null, now is null ? [] : [1, 2, 3]));

    private async Task SaveLiveAsync(long id)
    {
        await using var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, id)), default);
        await WriteAsync(transaction, id, null, Simple("live"));
        await transaction.CommitAsync(default);
    }
}
