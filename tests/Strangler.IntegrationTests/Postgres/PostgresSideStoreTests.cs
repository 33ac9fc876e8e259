using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.IntegrationTests.MySql;
using Strangler.Mapping;
using Strangler.Postgres;

namespace Strangler.IntegrationTests.Postgres;

internal sealed class PostgresSideStoreTests() : SideStoreContract(SideName.New)
{
    private static readonly FenceRow Following = new(FenceRole.Follower, Stage.DualWrite, 5, 4);
    private PostgresTestSide? _side;

    protected override string NoDate => "1000-01-01";

    /// <summary>A build that slept through a release: it refuses, rather than to take the unknown for something that it knows.</summary>
    [TestCase("role", "observer")]
    [TestCase("stage", "Frozen")]
    [Category("Case25")]
    public async Task A_fence_that_a_newer_build_has_set_is_refused_and_nothing_is_written(string column, string value)
    {
        await _side!.RunAsync($"UPDATE strangler_fence SET {column} = '{value}'");
        var key = new EntityKey(Kind, 7);
        foreach (var act in new Func<Task>[]
        {
            () => Seams.Fence.ReadAsync(default),
            () => Seams.Store.ReadAsync(key, default),
            async () => await (await Seams.Store.BeginAsync(new WriteIntent(key), default)).DisposeAsync(),
        })
        {
            var refused = Assert.ThrowsAsync<SideUnavailableException>(() => act())!;
            Assert.That(refused.Message, Does.Contain("newer build"));
            Assert.That(refused.IsTransient, Is.False);
        }
    }

    /// <summary>Case 33: whoever waited for a flip must see what it has set, whatever the database's default isolation is.</summary>
    [Test]
    [Category("Case33")]
    public async Task A_writer_that_waited_for_the_fence_sees_what_was_set_meanwhile()
    {
        await _side!.RunAsync($"ALTER DATABASE \"{_side.Database.Name}\" SET default_transaction_isolation = 'repeatable read'");
        var options = new PostgresSideOptions { ConnectionString = _side.Options.ConnectionString };
        await using (var flip = await _side.Database.OpenAsync())
        {
            var begin = flip.CreateCommand();
            var side = new PostgresSide(SideName.New, Context, PostgresDatabase.Of(options));
            begin.CommandText = $"BEGIN; {side.LockFence(new Batch())}".Replace("$1", FenceNumber(side));
            await begin.ExecuteNonQueryAsync();
            var waiting = PostgresTestSide.Open(options).Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
            await UntilAsync(
                """
                SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """,
                1);
            begin.CommandText = "UPDATE strangler_fence SET epoch = 77; COMMIT";
            await begin.ExecuteNonQueryAsync();

            await using var transaction = await waiting;
            Assert.That(transaction.State.Fence.Epoch, Is.EqualTo(77));
        }

        await PostgresSides.CloseAsync(options);
    }

    [Test]
    public async Task A_client_that_falls_silent_within_a_transaction_is_cut_off_and_its_locks_end()
    {
        var options = new PostgresSideOptions { ConnectionString = _side!.Options.ConnectionString, TransactionDeadline = TimeSpan.FromSeconds(2) };
        var silent = await PostgresTestSide.Open(options).Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
        Assert.That(
            () => Seams.Fence.CompareAndSetAsync(silent.State.Fence, silent.State.Fence with { Epoch = 6 }, TimeSpan.FromMilliseconds(50), default),
            Throws.TypeOf<FenceBusyException>());

        Assert.That(
            await Seams.Fence.CompareAndSetAsync(silent.State.Fence, silent.State.Fence with { Epoch = 6 }, TimeSpan.FromSeconds(10), default), Is.True);

        await silent.SetEntityAsync(new EntityKey(Kind, 7), new EntityState(new EntityVersion(4, 1), 0, false, []), default);
        Assert.ThrowsAsync<SideUnavailableException>(() => silent.CommitAsync(default));
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 7), default)).Entity, Is.Null);
        await PostgresSides.CloseAsync(options);
    }

    /// <summary>Case 19.</summary>
    [Test]
    [Category("Case19")]
    public async Task A_chunk_writes_inserts_changes_and_removals_and_a_live_write_that_slipped_in_wins()
    {
        await _side!.SetFenceAsync(Following);
        var target = _side.New.BackfillTarget;
        var (first, second) = (Row("a", "1", 1, 2, 3, "2020-02-29", "2016-05-17 11:42:02", [0, 1], "extra", ["x", "y"]), Simple("b"));
        await using (var chunk = await target.BeginChunkAsync(Kind, 1, 100, default))
        {
            Assert.That(chunk.Fence, Is.EqualTo(Following));
            await chunk.WriteAsync([Write(3, null, first), Write(5, null, second)], default);
            await chunk.CommitAsync(new BackfillCheckpoint(4, 1, 101, 2, BackfillPhase.Copying, null), default);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 3), default)).Row!.SameAs(first), Is.True);
        Assert.That(await target.ReadCheckpointAsync(Kind, default), Is.EqualTo(new BackfillCheckpoint(4, 1, 101, 2, BackfillPhase.Copying, null)));

        await using (var chunk = await target.BeginChunkAsync(Kind, 1, 100, default))
        {
            var rows = await chunk.ReadRowsAsync([3, 5, 9], default);
            Assert.That(rows.Keys, Is.EquivalentTo(new long[] { 3, 5 }));
            Assert.That(rows[3].SameAs(first), Is.True);
            await chunk.WriteAsync([Write(3, rows[3], second), Write(5, rows[5], null)], default);
            await SaveLiveAsync(9);
            var late = Assert.ThrowsAsync<SideUnavailableException>(() => chunk.WriteAsync([Write(9, null, Simple("late"))], default))!;
            Assert.That(late.IsTransient, Is.True);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 9), default)).Row!.Root[0], Is.EqualTo("live"));
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 3), default)).Row!.SameAs(first), Is.True, "nothing of a chunk that failed is kept");
    }

    [Test]
    public async Task Reserved_ids_are_given_out_once_to_processes_that_ask_at_the_same_time()
    {
        await _side!.New.IdPool.AddAsync(Kind, [new IdBlock(100, 129), new IdBlock(1000, 1058, 2)], default);
        await _side.New.IdPool.AddAsync(Kind, [new IdBlock(100, 129)], default);
        Assert.That(await _side.New.IdPool.LeftAsync(Kind, default), Is.EqualTo(60));
        var processes = Enumerable.Range(0, 6).Select(_ => PostgresTestSide.Open(_side.Options).IdPool).ToList();

        var taken = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => processes[i % 6].TakeAsync(Kind, default)));

        Assert.That(taken, Is.EquivalentTo(Enumerable.Range(100, 30).Concat(Enumerable.Range(0, 30).Select(i => 1000 + (2 * i))).Select(id => (long)id)));
        Assert.ThrowsAsync<IdsExhaustedException>(() => processes[0].TakeAsync(Kind, default));
        await _side.SetFenceAsync(new FenceRow(FenceRole.Lead, Stage.NewOnly, 9, 4));
        Assert.That(await processes[1].TakeAsync(Kind, default), Is.EqualTo(1059));
    }

    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var made = _side = await PostgresTestSide.CreateAsync();
        return new StoreUnderTest(made.New.Seams, made.SetFenceAsync, made.DisposeAsync);
    }

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((PostgresSideTransaction)transaction).FlushAsync(default);

    private static BackfillWrite Write(long id, AggregateRow? was, AggregateRow? now) =>
        new(id, was, now, new EntityState(new EntityVersion(4, was is null ? 0 : 1), 0, now is null, now is null ? [] : [1, 2, 3]));

    private async Task SaveLiveAsync(long id)
    {
        await using var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, id)), default);
        await WriteAsync(transaction, id, null, Simple("live"));
        await transaction.CommitAsync(default);
    }

    // The lock's number, as a literal for a session that is not ours.
    private static string FenceNumber(PostgresSide side) =>
        side.LockFence(new Batch()).ToCommand(new Npgsql.NpgsqlConnection()).BatchCommands[0].Parameters[0].Value!.ToString()!;

    private async Task UntilAsync(string count, long least)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await _side!.QueryAsync<long>(count)).Single() < least)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), patience.Token);
        }
    }
}
