using System.Data.Common;
using Strangler.DualWrite;
using Strangler.IntegrationTests.MySql;
using Strangler.Mapping;
using Strangler.Postgres;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>The contract of stores on a legacy side, and what is peculiar of that.</summary>
internal sealed class PostgresLegacyStoreTests() : SideStoreContract(SideName.Legacy)
{
    private PostgresTestSide? _side;

    protected override string NoDate => "1000-01-01";

    [Test]
    public async Task An_id_that_legacy_allots_is_told_and_its_parts_hang_on_it([Values("BY DEFAULT", "ALWAYS")] string generated)
    {
        await _side!.RunAsync($"ALTER TABLE thing ALTER COLUMN id SET GENERATED {generated}; ALTER TABLE thing ALTER COLUMN id RESTART WITH 41");
        var row = Row("a", null, 0, null, null, null, null, null, "extra", ["x", "y"]);
        long id;
        await using (var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 0)), default))
        {
            id = await transaction.SaveAsync(new EntityKey(Kind, 0), null, row, default);
            await transaction.SetEntityAsync(new EntityKey(Kind, id), new EntityState(new EntityVersion(4, 1), 0, false, []), default);
            await transaction.CommitAsync(default);
        }

        Assert.That(id, Is.EqualTo(41));
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 41), default)).Row!.SameAs(row), Is.True);
        await SaveAsync(1000, null, row);
        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 1000), default)).Row!.SameAs(row), Is.True, "one that is known already");
    }

    /// <summary>In LegacyOnly nothing but the write itself happens.</summary>
    [Test]
    public async Task A_side_that_leads_alone_keeps_no_entity_rows()
    {
        await _side!.SetFenceAsync(new FenceRow(FenceRole.Lead, Stage.LegacyOnly, 5, 0));
        await using (var transaction = await Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default))
        {
            await transaction.SaveAsync(new EntityKey(Kind, 7), null, Simple("a"), default);
            await transaction.CommitAsync(default);
        }

        Assert.That((await Seams.Store.ReadAsync(new EntityKey(Kind, 7), default)).Row, Is.Not.Null);
        Assert.That(await _side.QueryAsync<long>("SELECT COUNT(*) FROM strangler_entity"), Is.EqualTo(new[] { 0L }));
    }

    [TestCase("ALTER TABLE thing RENAME COLUMN name TO called")]
    [TestCase("ALTER TABLE thing ALTER COLUMN flag TYPE text")]
    [TestCase("ALTER TABLE thing ALTER COLUMN name DROP NOT NULL; UPDATE thing SET name = NULL")]
    [TestCase("DROP TABLE thing_note")]
    public async Task A_table_that_is_not_as_the_mapping_says_is_nobodys_fault_but_its_own(string altered)
    {
        await SaveAsync(7, null, Simple("a"));
        await _side!.RunAsync(altered);
        Assert.That(() => Seams.Store.ReadAsync(new EntityKey(Kind, 7), default), Throws.TypeOf<Strangler.Schemas.SchemaMismatchException>());
        Assert.That(() => SaveAsync(7, Simple("a"), Simple("b")), Throws.TypeOf<Strangler.Schemas.SchemaMismatchException>());
    }

    /// <summary>The engine knows cancellations and the stores' own failures; a driver's exception would go past it to the frontend.</summary>
    [Test]
    public void A_failure_while_the_caller_gives_up_is_a_cancellation()
    {
        using var patience = new CancellationTokenSource();
        var side = new PostgresSide(SideName.Legacy, PostgresTestSide.Context, PostgresDatabase.Of(_side!.Options));
        var failure = Assert.CatchAsync(() => side.UseAsync(
            background: false,
            async (connection, _) =>
            {
                await patience.CancelAsync();
                var deadlock = new Batch().Add($"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$");
                return await side.ExecuteAsync(connection, deadlock, background: false, CancellationToken.None);
            },
            patience.Token));
        Assert.That(failure, Is.InstanceOf<OperationCanceledException>());
        Assert.That(failure!.InnerException, Is.InstanceOf<DbException>());
    }

    [Test]
    public async Task Dates_are_read_alike_whatever_way_of_writing_them_the_database_prefers()
    {
        await _side!.RunAsync($"ALTER DATABASE \"{_side.Database.Name}\" SET DateStyle = 'German'");
        var row = Row("a", null, 0, null, null, "2016-05-17", "2016-05-17 11:42:02", null, null, []);
        await SaveAsync(7, null, row);
        var options = new PostgresSideOptions { ConnectionString = _side.Options.ConnectionString };
        Assert.That((await PostgresTestSide.OpenLegacy(options).Seams.Store.ReadAsync(new EntityKey(Kind, 7), default)).Row!.SameAs(row), Is.True);
        await PostgresSides.CloseAsync(options);
    }

    [Test]
    public async Task Two_rows_where_there_may_be_one_are_unreadable()
    {
        await SaveAsync(7, null, Row("a", null, 0, null, null, null, null, null, "one", []));
        await _side!.RunAsync("ALTER TABLE thing_extra DROP CONSTRAINT thing_extra_pkey; INSERT INTO thing_extra VALUES (7, 'two')");
        Assert.That(() => Seams.Store.ReadAsync(new EntityKey(Kind, 7), default), Throws.TypeOf<UnreadableException>());
        Assert.That(() => Seams.Store.ReadRangeAsync(Kind, 1, 100, default), Throws.TypeOf<UnreadableException>());
        Assert.That(() => Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default), Throws.TypeOf<UnreadableException>());
    }

    /// <summary>Case 33: whoever waited for a flip must see what it has set, whatever the database's default isolation is.</summary>
    [Test]
    [Category("Case33")]
    public async Task A_writer_sees_what_another_has_committed_while_it_waited_for_his_row()
    {
        await _side!.RunAsync($"ALTER DATABASE \"{_side.Database.Name}\" SET default_transaction_isolation = 'repeatable read'");
        await SaveAsync(7, null, Row("a", null, 0, null, null, null, null, null, "before", []));
        var options = new PostgresSideOptions { ConnectionString = _side.Options.ConnectionString };
        await using (var theirs = await _side.Database.OpenAsync())
        {
            var command = theirs.CreateCommand();
            command.CommandText = "BEGIN; UPDATE thing_extra SET remark = 'theirs' WHERE thing_id = 7";
            await command.ExecuteNonQueryAsync();
            var waiting = PostgresTestSide.OpenLegacy(options).Seams.Store.BeginAsync(new WriteIntent(new EntityKey(Kind, 7)), default);
            await UntilAsync("SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'");
            command.CommandText = "COMMIT";
            await command.ExecuteNonQueryAsync();
            await using var transaction = await waiting;
            Assert.That(transaction.State.Row!.Tables[1][0][0], Is.EqualTo("theirs"));
        }

        await PostgresSides.CloseAsync(options);
    }

    protected override async Task<StoreUnderTest> CreateAsync(SideName side)
    {
        var made = _side = await PostgresTestSide.CreateAsync(side);
        return new StoreUnderTest(made.Seams, made.SetFenceAsync, made.DisposeAsync);
    }

    protected override Task SetFenceFieldAsync(string field, string value) => _side!.RunAsync($"UPDATE strangler_fence SET {field} = '{value}'");

    protected override Task BeginWritingAsync(ISideTransaction transaction) => ((PostgresSideTransaction)transaction).FlushAsync(default);

    private async Task UntilAsync(string count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await _side!.QueryAsync<long>(count)).Single() < 1)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), patience.Token);
        }
    }
}
