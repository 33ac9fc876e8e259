using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.IntegrationTests.MySql;
using Strangler.Mapping;
using Strangler.Postgres;

namespace Strangler.IntegrationTests.Postgres;

internal sealed class PostgresSideStoreTests : NewSideStoreContract
{
    private PostgresTestSide? _side;

    protected override NewSide New => _side!.New;

    protected override string NoDate => "1000-01-01";

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

    protected override NewSide OpenAnother() => PostgresTestSide.Open(_side!.Options);

    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var made = _side = await PostgresTestSide.CreateAsync();
        return new StoreUnderTest(made.New.Seams, made.SetFenceAsync, made.DisposeAsync);
    }

    protected override Task SetFenceFieldAsync(string field, string value) => _side!.RunAsync($"UPDATE strangler_fence SET {field} = '{value}'");

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((PostgresSideTransaction)transaction).FlushAsync(default);

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
