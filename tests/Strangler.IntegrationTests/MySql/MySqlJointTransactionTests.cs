using System.Data.Common;
using System.Globalization;
using Dapper;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.MySql;

/// <summary>
/// The follower's part in the lead's own transaction: both or the lead alone, and a session that is back on its own database, whatever happened. Case 41.
/// </summary>
[CancelAfter(120_000)]
internal sealed class MySqlJointTransactionTests
{
    private static readonly EntityKey Seven = new("thing", 7);
    private static readonly EntityState First = new(new EntityVersion(4, 1), 0, false, [1]);
    private MySqlTestSides _sides = null!;

    private IJointTransactions Joint => _sides.Sides.Joint!;

    [SetUp]
    public async Task MakeSides()
    {
        _sides = await MySqlTestSides.CreateAsync();
        await _sides.SetFenceAsync(SideName.Legacy, new FenceRow(FenceRole.Lead, Stage.DualWrite, 5, 4));
        await _sides.SetFenceAsync(SideName.New, new FenceRow(FenceRole.Follower, Stage.DualWrite, 5, 4));
    }

    [TearDown]
    public async Task DropSides() => await _sides.DisposeAsync();

    [Test]
    public async Task Both_are_written_by_one_commit_and_the_lead_is_read_back_as_the_server_has_it()
    {
        await _sides.RunAsync(SideName.Legacy, "CREATE TRIGGER shout BEFORE INSERT ON thing FOR EACH ROW SET NEW.name = UPPER(NEW.name)");
        await using var lead = await BeginLeadAsync();
        var part = await Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default);
        await WritePartAsync(part);
        Assert.That(await NamesAsync(SideName.Legacy), Is.Empty);
        await lead.CommitAsync(default);
        Assert.That(part.LeadRow!.Root[0], Is.EqualTo("A"));
        Assert.That((await NamesAsync(SideName.Legacy), await NamesAsync(SideName.New)), Is.EqualTo(("A", "A")));
        Assert.That(await _sides.Sides.IdMap.FindNewIdAsync("thing", 7, default), Is.EqualTo(MySqlTestSides.FirstNewId));
        Assert.That((await _sides.Sides.New.Store.ReadAsync(Seven, default)).Entity!.Version, Is.EqualTo(First.Version));
        await AssertSessionsAreHomeAsync();
    }

    [Test]
    public async Task A_part_that_is_given_up_leaves_nothing_and_the_lead_goes_on()
    {
        await using (var lead = await BeginLeadAsync())
        {
            await using (var part = (await Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default)).Follower)
            {
                await part.SaveAsync(Seven, null, Row("new"), default);
            }

            await lead.AppendJournalAsync(Seven, First.Version, "test", default);
            await lead.CommitAsync(default);
        }

        await AssertLeadAloneAsync();
    }

    [Test]
    public async Task A_part_that_fails_with_the_commit_is_taken_back_and_the_lead_commits_alone()
    {
        await _sides.RunAsync(SideName.New, "ALTER TABLE thing MODIFY name VARCHAR(3) NOT NULL");
        await using (var lead = await BeginLeadAsync("much too long"))
        {
            await WritePartAsync(await Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default));
            var failure = Assert.ThrowsAsync<FollowerPartException>(() => lead.CommitAsync(default))!;
            Assert.That(failure.ToString(), Does.Not.Contain("much"));
            await lead.AppendJournalAsync(Seven, First.Version, "test", default);
            await lead.CommitAsync(default);
        }

        await AssertLeadAloneAsync();
    }

    [Test]
    public async Task A_lock_of_the_followers_is_waited_for_a_second_and_costs_only_the_part()
    {
        await _sides.RunAsync(SideName.New, "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter) VALUES ('tests', 'thing', 7, 3, 1)");
        await using (var other = await _sides.New.OpenAsync())
        {
            await other.ExecuteAsync("START TRANSACTION; SELECT * FROM strangler_entity FOR UPDATE");
            await using var lead = await BeginLeadAsync();
            Assert.ThrowsAsync<FollowerPartException>(() => Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default));
            await lead.AppendJournalAsync(Seven, First.Version, "test", default);
            await lead.CommitAsync(default);
        }

        await AssertLeadAloneAsync();
    }

    /// <summary>A deadlock takes the lead's part along: nothing is committed, and the whole is to be repeated.</summary>
    [Test]
    public async Task A_deadlock_in_the_part_is_the_leads_own_failure()
    {
        await _sides.RunAsync(SideName.New, "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter) VALUES ('tests', 'thing', 7, 3, 1)");
        await using var lead = await BeginLeadAsync();
        await using var other = await _sides.New.OpenAsync();

        // Heavy, so that the server takes the other one for the victim.
        await other.ExecuteAsync("""
            CREATE TABLE heavy (id INT PRIMARY KEY); START TRANSACTION; INSERT INTO heavy SELECT seq FROM seq_1_to_2000;
            SELECT * FROM strangler_entity FOR UPDATE
            """);
        var part = Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default);
        var circle = other.ExecuteAsync($"SELECT * FROM `{_sides.Legacy.Name}`.strangler_entity WHERE `key` = 7 FOR UPDATE");
        var failure = Assert.ThrowsAsync<SideUnavailableException>(() => part)!;
        Assert.That((failure.Side, failure.IsTransient), Is.EqualTo((SideName.Legacy, true)));
        await circle;
        Assert.That(await NamesAsync(SideName.Legacy), Is.Empty);
        await AssertSessionsAreHomeAsync();
    }

    /// <summary>What the lead itself cannot do is not to be taken for the follower's failure, although both travel together.</summary>
    [Test]
    public async Task A_failure_of_the_leads_own_statements_is_told_as_such()
    {
        await _sides.RunAsync(SideName.Legacy, "INSERT INTO thing (id, name, flag) VALUES (8, 'there', 0)");
        await using (var lead = await _sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Seven), default))
        {
            await lead.SaveAsync(Seven with { Id = 8 }, null, Row("again"), default);
            Assert.ThrowsAsync<DuplicateKeyException>(() => Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default));
        }

        await AssertSessionsAreHomeAsync();
    }

    [Test]
    public async Task The_caller_may_give_up_while_the_part_waits()
    {
        await using (var other = await _sides.New.OpenAsync())
        {
            await other.ExecuteAsync("START TRANSACTION; SELECT * FROM strangler_fence FOR UPDATE");
            await using var lead = await BeginLeadAsync();
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
            Assert.CatchAsync<OperationCanceledException>(() => Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), patience.Token));
        }

        Assert.That(await NamesAsync(SideName.Legacy), Is.Empty);
        await AssertSessionsAreHomeAsync();
    }

    /// <summary>The engine knows cancellations and the stores' own failures; a driver's exception would go past it to the frontend.</summary>
    [Test]
    public async Task A_failure_while_the_caller_gives_up_is_a_cancellation([Values] bool isOwnDone, [Values(1213, 1205)] int number)
    {
        await using (var lead = (MySqlOwnTransaction)await BeginLeadAsync())
        {
            var part = (MySqlFollowerPart)(await Joint.BeginFollowerAsync(lead, new WriteIntent(Seven), default)).Follower;
            using var patience = new CancellationTokenSource();
            var batch = new Batch().Add($"SELECT 1").Add($"SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {new Sql(number.ToString(CultureInfo.InvariantCulture))}");
            var failure = Assert.CatchAsync(() => lead.RunPartAsync(
                part,
                batch,
                async (reader, _) =>
                {
                    await patience.CancelAsync();
                    return await reader.NextResultAsync(CancellationToken.None);
                },
                () => isOwnDone,
                patience.Token));
            var told = failure is FollowerPartException ? failure.InnerException : failure;
            Assert.That(told, Is.InstanceOf<OperationCanceledException>());
            Assert.That(told!.InnerException, Is.InstanceOf<DbException>());
        }

        Assert.That(await NamesAsync(SideName.Legacy), Is.Empty);
        await AssertSessionsAreHomeAsync();
    }

    [Test]
    public async Task It_is_possible_only_on_one_server_and_with_the_grants_for_both_sides()
    {
        Assert.That(await Joint.ProblemAsync(default), Is.Null);
        var user = $"u{Guid.NewGuid():N}"[..16];
        await _sides.RunAsync(SideName.Legacy, $"""
            CREATE USER {user}@'%' IDENTIFIED BY 'secret'; GRANT ALL ON `{_sides.Legacy.Name}`.* TO {user}@'%';
            GRANT SELECT, INSERT, UPDATE ON `{_sides.New.Name}`.* TO {user}@'%'
            """);
        try
        {
            var poor = await ProblemOfAsync(builder => (builder["User ID"], builder["Password"]) = (user, "secret"));
            Assert.That(poor, Does.Contain("DELETE command denied").And.Contain("GRANT").And.Not.Contain("secret"));
            var elsewhere = await ProblemOfAsync(builder => builder["Server"] = "LOCALHOST");
            Assert.That(elsewhere, Does.Contain("LOCALHOST:").And.Contain("one server"));
        }
        finally
        {
            await _sides.RunAsync(SideName.Legacy, $"DROP USER {user}@'%'");
        }
    }

    private async Task<string?> ProblemOfAsync(Action<DbConnectionStringBuilder> change)
    {
        var builder = new DbConnectionStringBuilder { ConnectionString = _sides.Legacy.ConnectionString };
        change(builder);
        var legacy = new MySqlSideOptions { ConnectionString = builder.ConnectionString };
        var kinds = new Dictionary<string, (AggregateLayout, AggregateLayout)> { ["thing"] = (SideStoreContract.Layout, SideStoreContract.Layout) };
        try
        {
            return await MySqlSides.Create(legacy, _sides.NewOptions, MySqlTestSides.Context, kinds).Joint!.ProblemAsync(default);
        }
        finally
        {
            await MySqlSides.CloseAsync(legacy);
        }
    }

    private async Task<ISideTransaction> BeginLeadAsync(string name = "a")
    {
        var lead = await _sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Seven), default);
        await lead.SaveAsync(Seven, null, Row(name), default);
        await lead.SetEntityAsync(Seven, First, default);
        return lead;
    }

    private static async Task WritePartAsync(JointPart part)
    {
        await part.Follower.SaveAsync(Seven, null, part.LeadRow, default);
        await part.Follower.SetEntityAsync(Seven, First, default);
        await part.Follower.CommitAsync(default);
    }

    private async Task AssertLeadAloneAsync()
    {
        Assert.That(await NamesAsync(SideName.Legacy), Is.Not.Empty);
        Assert.That(await NamesAsync(SideName.New), Is.Empty);
        Assert.That((await _sides.Sides.Legacy.Journal.DepthAsync(default)).Open, Is.EqualTo(1));
        Assert.That((await _sides.Sides.New.Store.ReadAsync(Seven, default)).Entity?.Version.Epoch ?? 3, Is.EqualTo(3));
        await AssertSessionsAreHomeAsync();
    }

    /// <summary>Sessions are kept without a reset; one that stayed on the other database would write its next transaction there.</summary>
    private async Task AssertSessionsAreHomeAsync()
    {
        foreach (var (options, database) in new[] { (_sides.LegacyOptions, _sides.Legacy), (_sides.NewOptions, _sides.New) })
        {
            await using var connection = await MySqlDatabase.Of(options).OpenAsync(background: false, asNew: false, default);
            Assert.That(await connection.ExecuteScalarAsync<string>("SELECT DATABASE()"), Is.EqualTo(database.Name));
            Assert.That(await connection.ExecuteScalarAsync<long>("SELECT @@in_transaction"), Is.Zero);
        }
    }

    private async Task<string> NamesAsync(SideName side) => string.Join(',', await _sides.QueryAsync<string>(side, "SELECT name FROM thing"));

    private static AggregateRow Row(string name) => new(SideStoreContract.Layout, [[[name, null, 0L, null, null, null, null, null]], [], []]);
}
