using Dapper;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

[CancelAfter(120_000)]
[NonParallelizable]
internal sealed class MySqlTransactionTests
{
    private const string Kind = "thing";
    private static readonly FenceRow Leading = new(FenceRole.Lead, Stage.DualWrite, 5, 4);
    private static readonly EntityKey Seven = new(Kind, 7);
    private MySqlTestSides _sides = null!;

    private ISideStore Legacy => _sides.Sides.Legacy.Store;

    private ISideStore New => _sides.Sides.New.Store;

    [SetUp]
    public async Task MakeSides()
    {
        _sides = await MySqlTestSides.CreateAsync();
        await _sides.SetFenceAsync(SideName.Legacy, Leading);
        await _sides.SetFenceAsync(SideName.New, new FenceRow(FenceRole.Follower, Stage.DualWrite, 5, 4));
    }

    [TearDown]
    public async Task DropSides() => await _sides.DisposeAsync();

    [Test]
    public void A_diff_names_only_changed_columns_and_rows()
    {
        var writer = new AggregateWriter(
            new AggregateSql("tests", Kind, new Dictionary<string, AggregateLayout> { [Kind] = SideStoreContract.Layout }, SideName.Legacy));
        var batch = new Batch();

        writer.Update(batch, 7L, Row("a", "1", ["x", "y", "z"]), Row("b", "1", ["x", "Y"]), null);

        Assert.That(batch.ToString(), Is.EqualTo("""
            UPDATE `thing` SET `name` = @p0 WHERE `id` = @p1;
            UPDATE `thing_note` SET `text` = @p2 WHERE `thing_id` = @p3 AND `ordinal` = @p4;
            DELETE x FROM `thing_note` x FORCE INDEX (`PRIMARY`) WHERE x.`thing_id` = @p5 AND `ordinal` >= @p6;

            """));
    }

    [Test]
    public void Identifiers_that_could_break_out_of_their_quotes_are_refused([Values("a`b", "", "a\0b")] string name) =>
        Assert.Throws<ArgumentException>(() => AggregateSql.Quote(name));

    [Test]
    public async Task Zero_dates_that_nobody_changes_survive_a_write()
    {
        await _sides.RunAsync(SideName.Legacy, """
            SET sql_mode = 'ALLOW_INVALID_DATES';
            INSERT INTO thing (id, name, flag, born, made, untouched) VALUES (7, 'a', 0, '2019-02-31', '0000-00-00 00:00:00', 'mine');
            """);
        await using (var transaction = await Legacy.BeginAsync(new WriteIntent(Seven), default))
        {
            var was = transaction.State.Row!;
            Assert.That(was.Root[5..7], Is.EqualTo(new[] { "2019-02-31", "0000-00-00 00:00:00" }));
            var now = was.Clone();
            now.Root[0] = "b";
            await transaction.SaveAsync(Seven, was, now, default);
            await transaction.CommitAsync(default);
        }

        var rows = await _sides.QueryAsync<string>(SideName.Legacy,
            "SELECT CONCAT_WS('|', name, CAST(born AS CHAR), CAST(made AS CHAR), untouched) FROM thing");
        Assert.That(rows, Is.EqualTo(new[] { "b|2019-02-31|0000-00-00 00:00:00|mine" }));
    }

    [Test]
    public async Task Legacy_allots_an_id_or_takes_the_given_one_and_a_duplicate_says_no_values()
    {
        Assert.That(await SaveAsync(Legacy, 0, Row("first", null, ["n"])), Is.EqualTo(1));
        Assert.That(await SaveAsync(Legacy, 0, Row("second", null, [])), Is.EqualTo(2));
        Assert.That(await SaveAsync(Legacy, 100, Row("given", null, [])), Is.EqualTo(100));
        Assert.That(await SaveAsync(Legacy, 0, Row("next", null, [])), Is.EqualTo(101));

        var duplicate = Assert.ThrowsAsync<DuplicateKeyException>(() => SaveAsync(Legacy, 100, Row("again", null, [])))!;

        Assert.That(duplicate.Key.Id, Is.EqualTo(100));
        Assert.That(duplicate.ToString(), Does.Not.Contain("'100'"));
        Assert.That(await _sides.QueryAsync<string>(SideName.Legacy, "SELECT name FROM thing WHERE id = 100"),
            Is.EqualTo(new[] { "given" }));
    }

    /// <summary>Invariant I4.</summary>
    [Test]
    public async Task Sixteen_applies_of_one_new_key_make_one_pair()
    {
        await Task.WhenAll(Enumerable.Range(1, 16).Select(async counter =>
        {
            await using var transaction = await New.BeginAsync(new WriteIntent(Seven), default);
            if (transaction.State.Entity?.Version.Counter >= counter)
            {
                return;
            }

            await transaction.SaveAsync(Seven, transaction.State.Row, Row($"{counter}", null, []), default);
            await transaction.SetEntityAsync(Seven, new EntityState(new EntityVersion(4, counter), 0, false, [1]), default);
            await transaction.CommitAsync(default);
        }));

        var newId = await _sides.Sides.IdMap.FindNewIdAsync(Kind, 7, default);
        Assert.That(newId, Is.EqualTo(MySqlTestSides.FirstNewId));
        Assert.That(await _sides.Sides.IdMap.FindPublicIdAsync(Kind, newId!.Value, default), Is.EqualTo(7));
        Assert.That(await _sides.QueryAsync<string>(SideName.New, "SELECT CONCAT(id, ' ', name) FROM thing"),
            Is.EqualTo(new[] { $"{newId} 16" }));
    }

    /// <summary>Where neither a row nor an entity row exists there is still something to lock; else both would read "nothing accepted" and
    /// the older state could win.</summary>
    [Test]
    public async Task The_second_writer_of_a_new_key_waits_and_sees_what_the_first_did([Values] SideName side,
        CancellationToken cancellationToken)
    {
        var store = _sides.Sides.Of(side).Store;
        await using var first = await store.BeginAsync(new WriteIntent(Seven), cancellationToken);
        var second = store.BeginAsync(new WriteIntent(Seven), cancellationToken);
        Assert.That(await Task.WhenAny(second, UntilWaitingAsync(cancellationToken)), Is.Not.SameAs(second));
        await first.SaveAsync(Seven, null, Row("first", null, []), cancellationToken);
        await first.SetEntityAsync(Seven, new EntityState(new EntityVersion(4, 2), 0, false, [1]), cancellationToken);
        await first.CommitAsync(cancellationToken);

        await using var transaction = await second;
        Assert.That(transaction.State.Entity!.Version.Counter, Is.EqualTo(2));
        Assert.That(transaction.State.Row!.Root[0], Is.EqualTo("first"));
    }

    /// <summary>A retry beside its first attempt must find what that did, not a state that somebody else seems to have changed.</summary>
    [Test]
    [Category("Case2")]
    public async Task A_request_that_waits_for_its_own_first_attempt_finds_its_result([Values] SideName side, [Values] bool exists,
        CancellationToken cancellationToken)
    {
        var store = _sides.Sides.Of(side).Store;
        if (exists)
        {
            await SaveAsync(store, 7, Row("before", null, []));
        }

        var intent = new WriteIntent(Seven, "request");
        await using var first = await store.BeginAsync(intent, cancellationToken);
        var second = store.BeginAsync(intent, cancellationToken);
        Assert.That(await Task.WhenAny(second, UntilWaitingAsync(cancellationToken)), Is.Not.SameAs(second));
        await first.SaveAsync(Seven, first.State.Row, Row("first", null, []), cancellationToken);
        await first.SetEntityAsync(Seven, new EntityState(new EntityVersion(4, 9), 0, false, [1]), cancellationToken);
        await first.SaveRequestAsync("request", 7, new EntityVersion(4, 9), cancellationToken);
        await first.CommitAsync(cancellationToken);

        await using var transaction = await second;
        Assert.That(transaction.Request, Is.EqualTo(new RequestResult(7, new EntityVersion(4, 9))));
    }

    [Test]
    public async Task A_key_that_is_born_again_keeps_its_pair()
    {
        await SaveAsync(New, 7, Row("a", null, ["n"]));
        var pair = await _sides.Sides.IdMap.FindNewIdAsync(Kind, 7, default);
        await using (var transaction = await New.BeginAsync(new WriteIntent(Seven), default))
        {
            await transaction.SaveAsync(Seven, transaction.State.Row, null, default);
            await transaction.CommitAsync(default);
        }

        Assert.That((await New.ReadRangeAsync(Kind, 1, 10, default)).Items.Single(), Is.EqualTo(new RangeItem(7, null, null, pair)));
        await SaveAsync(New, 7, Row("b", null, []));

        Assert.That(await _sides.Sides.IdMap.FindNewIdAsync(Kind, 7, default), Is.EqualTo(pair));
        await _sides.RunAsync(SideName.New, "INSERT INTO thing (name, flag) VALUES ('stray', 0)");
        Assert.That(await New.UnmappedAsync(Kind, long.MinValue, 10, default), Has.Count.EqualTo(1));
    }

    /// <summary>Case 33: a plain SELECT under REPEATABLE READ would return the epoch of its snapshot.</summary>
    [Test]
    public async Task A_writer_that_waited_for_the_fence_sees_the_new_epoch(CancellationToken cancellationToken)
    {
        await using var flipper = await _sides.Legacy.OpenAsync();
        await flipper.ExecuteAsync("START TRANSACTION; UPDATE strangler_fence SET epoch = 6 WHERE context = 'tests'");
        var writer = Legacy.BeginAsync(new WriteIntent(Seven), cancellationToken);
        await UntilWaitingAsync(cancellationToken);
        await flipper.ExecuteAsync("COMMIT");

        await using var transaction = await writer;
        Assert.That(transaction.State.Fence.Epoch, Is.EqualTo(6));
    }

    [Test]
    public async Task LegacyOnly_touches_nothing_but_the_fence_and_the_rows()
    {
        await _sides.SetFenceAsync(SideName.Legacy, new FenceRow(FenceRole.Lead, Stage.LegacyOnly, 1, 0));
        await _sides.RunAsync(SideName.Legacy,
            "CREATE TRIGGER alarm BEFORE INSERT ON strangler_entity FOR EACH ROW SIGNAL SQLSTATE '45000'");

        await SaveAsync(Legacy, 7, Row("a", null, []));
        await SaveAsync(Legacy, 0, Row("b", null, []));

        Assert.That(await _sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM thing"), Is.EqualTo(new[] { 2L }));
    }

    [Test]
    public async Task A_connection_that_is_killed_in_the_middle_leaves_nothing()
    {
        await using var transaction = await Legacy.BeginAsync(new WriteIntent(Seven), default);
        await transaction.SaveAsync(Seven, null, Row("a", null, ["n"]), default);
        await ((MySqlSideTransaction)transaction).FlushAsync(default);
        foreach (var id in await _sides.QueryAsync<long>(SideName.Legacy,
            "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_rows_modified > 0"))
        {
            await _sides.RunAsync(SideName.Legacy, $"KILL {id}");
        }

        var unknown = Assert.CatchAsync(() => transaction.CommitAsync(default));

        Assert.That(unknown, Is.TypeOf<CommitOutcomeUnknownException>());
        Assert.That((await Legacy.ReadAsync(Seven, default)).Row, Is.Null);
        Assert.That(await _sides.QueryAsync<long>(SideName.Legacy, "SELECT COUNT(*) FROM strangler_entity"), Is.EqualTo(new[] { 0L }));
    }

    [Test]
    public async Task A_transaction_that_falls_silent_loses_the_fence_by_itself()
    {
        var options =
            new MySqlSideOptions { ConnectionString = _sides.Legacy.ConnectionString, TransactionDeadline = TimeSpan.FromSeconds(2) };
        var silent =
            MySqlSides
            .CreateLegacy(options, MySqlTestSides.Context, new Dictionary<string, AggregateLayout> { [Kind] = SideStoreContract.Layout });
        await using var transaction = await silent.Seams.Store.BeginAsync(new WriteIntent(Seven), default);

        var flipped =
            await _sides.Sides.Legacy.Fence.CompareAndSetAsync(Leading, Leading with { Epoch = 6 }, TimeSpan.FromSeconds(10), default);

        Assert.That(flipped, Is.True);
        await transaction.SaveAsync(Seven, null, Row("late", null, []), default);
        Assert.That(Assert.CatchAsync(() => transaction.CommitAsync(default)),
            Is.TypeOf<SideUnavailableException>().Or.TypeOf<CommitOutcomeUnknownException>());
        Assert.That((await Legacy.ReadAsync(Seven, default)).Row, Is.Null);
        await MySqlSides.CloseAsync(options);
    }

    [Test]
    public async Task Our_own_writes_are_silent_for_capture_and_pooled_connections_are_not()
    {
        await _sides.RunAsync(SideName.Legacy, """
            CREATE TABLE seen (name VARCHAR(50));
            CREATE TRIGGER capture AFTER INSERT ON thing FOR EACH ROW INSERT INTO seen SELECT NEW.name FROM DUAL WHERE @strangler_own IS
            NULL;
            """);
        await SaveAsync(Legacy, 7, Row("ours", null, []));
        Assert.ThrowsAsync<DuplicateKeyException>(() => SaveAsync(Legacy, 7, Row("ours, twice", null, [])));
        await _sides.Sides.Legacy.Queries!.QueryAsync(
            (connection, _, _) => connection.ExecuteAsync("COMMIT; INSERT INTO thing (name, flag) VALUES ('theirs', 0)"), default);

        Assert.That(await _sides.QueryAsync<string>(SideName.Legacy, "SELECT name FROM seen"), Is.EqualTo(new[] { "theirs" }));
    }

    [Test]
    public async Task Read_models_come_with_the_fence_of_their_snapshot_and_write_nothing()
    {
        await SaveAsync(Legacy, 7, Row("a", null, []));

        var (fence, names) = await _sides.Sides.Legacy.Queries!.QueryAsync(
            async (connection, transaction, token) =>
                (await connection.QueryAsync<string>(
                    new CommandDefinition("SELECT name FROM thing", transaction: transaction, cancellationToken: token))).ToList(),
            default);

        Assert.That(fence, Is.EqualTo(Leading));
        Assert.That(names, Is.EqualTo(new[] { "a" }));
        Assert.CatchAsync<SideUnavailableException>(() => _sides.Sides.Legacy.Queries!.QueryAsync(
            (connection, _, _) => connection.ExecuteAsync("DELETE FROM thing"), default));
    }

    /// <summary>Case 37.</summary>
    [Test]
    public async Task Background_work_never_takes_a_callers_connection()
    {
        var options = new MySqlSideOptions
        {
            ConnectionString = _sides.Legacy.ConnectionString, ForegroundConnections = 1, BackgroundConnections = 1,
                ConnectTimeout = TimeSpan.FromSeconds(1),
        };
        var side = MySqlSides
            .CreateLegacy(options, MySqlTestSides.Context, new Dictionary<string, AggregateLayout> { [Kind] = SideStoreContract.Layout });
        var store = side.Seams.Store;
        ISideTransaction background;
        using (Lane.EnterBackground())
        {
            background = await store.BeginAsync(new WriteIntent(new EntityKey(Kind, 1)), default);
        }

        await using (background)
        {
            Assert.That(Assert.CatchAsync<SideUnavailableException>(() => store.BoundsAsync(Kind, default))!.IsTransient, Is.True);
            await using var foreground = await store.BeginAsync(new WriteIntent(new EntityKey(Kind, 2)), default);
            Assert.That(foreground.State.Fence, Is.EqualTo(Leading));
        }

        await MySqlSides.CloseAsync(options);
    }

    [TestCase("Password=wrong", "check user, password", false)]
    [TestCase("Port=1", "is the server up", true)]
    [TestCase("Database=strangler_no_such_database", "create it", false)]
    public async Task A_side_that_cannot_be_reached_says_what_to_do(string setting, string cure, bool transient)
    {
        var options = new MySqlSideOptions { ConnectionString = $"{_sides.Legacy.ConnectionString};{setting}" };
        var side = MySqlSides
            .CreateLegacy(options, MySqlTestSides.Context, new Dictionary<string, AggregateLayout> { [Kind] = SideStoreContract.Layout });

        var e = Assert.ThrowsAsync<SideUnavailableException>(() => side.Seams.Store.ReadAsync(Seven, default))!;

        Assert.That(e.Message, Does.Contain(cure).And.Not.Contain("wrong").And.Not.Contain("\n"));
        Assert.That(e.IsTransient, Is.EqualTo(transient));
        await MySqlSides.CloseAsync(options);
    }

    [Test]
    public async Task A_side_without_side_tables_is_not_migrated()
    {
        await _sides.RunAsync(SideName.Legacy, "DROP TABLE strangler_fence");
        Assert.ThrowsAsync<NotMigratedException>(() => Legacy.ReadAsync(Seven, default));
        Assert.ThrowsAsync<NotMigratedException>(() => Legacy.BeginAsync(new WriteIntent(Seven), default));

        await _sides.RunAsync(SideName.New, "DELETE FROM strangler_fence");
        Assert.ThrowsAsync<NotMigratedException>(() => _sides.Sides.New.Fence.ReadAsync(default));
        Assert.ThrowsAsync<NotMigratedException>(() => New.ReadRangeAsync(Kind, 1, 10, default));
    }

    private static AggregateRow Row(string name, string? amount, string[] notes) => new(SideStoreContract.Layout,
        [[[name, amount, 0L, null, null, null, null, null]], [], notes.Select(note => new object?[] { note, null }).ToList()]);

    private static async Task<long> SaveAsync(ISideStore store, long id, AggregateRow now)
    {
        // The intent locks nothing of the key: an insert meets what is there.
        await using var transaction = await store.BeginAsync(new WriteIntent(new EntityKey(Kind, 0)), default);
        var saved = await transaction.SaveAsync(new EntityKey(Kind, id), null, now, default);
        await transaction.CommitAsync(default);
        return saved;
    }

    private async Task UntilWaitingAsync(CancellationToken cancellationToken)
    {
        // Not innodb_trx: it is a cache that is not renewed while it is being asked all the time.
        await using var connection = await _sides.Legacy.OpenAsync();
        while ((await connection.QuerySingleAsync<(string, long Count)>(
            "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")).Count == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
