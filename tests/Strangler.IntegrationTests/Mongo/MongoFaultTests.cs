using System.Diagnostics;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Faults;
using Strangler.LocalServers;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>Servers that die, freeze, refuse, and connections that are cut.</summary>
[CancelAfter(180_000)]
public sealed class MongoFaultTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private LocalMongo _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await MongoServers.StartPrivateAsync();

    [OneTimeTearDown]
    public async Task End() => await _server.DisposeAsync();

    [Test]
    public async Task What_was_acknowledged_survives_kill_9_and_what_was_open_is_gone(CancellationToken cancellationToken)
    {
        await using var source = Source("killed");
        await using (var session = await source.OpenAsync(cancellationToken))
        {
            await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
            session.BeginTransaction(Minute);
            await session.InsertAsync("t", [BsonDocument.Of(("_id", 2))], true, cancellationToken);

            await _server.KillAsync(cancellationToken);
            var e = Assert.ThrowsAsync<MongoFailureException>(() =>
                session.InsertAsync("t", [BsonDocument.Of(("_id", 3))], true, cancellationToken))!;
            Assert.That(e.IsTransient, Is.True, e.ToString());
        }
        await _server.RestartAsync(cancellationToken);
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
    }

    [Test]
    public async Task Reads_and_transactions_go_on_over_a_restart_without_an_error(CancellationToken cancellationToken)
    {
        await using var source = Source("restart");
        await using (var session = await source.OpenAsync(cancellationToken))
            await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        await _server.RestartAsync(cancellationToken);

        // The idle connections are dead, and nobody has noticed.
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
        var side = MongoSessionTests.Side(_server.ConnectionString("restart"));
        await side.InTransactionAsync(false, InsertAsync, cancellationToken);
        await _server.RestartAsync(cancellationToken);
        await side.InTransactionAsync(false, InsertAsync, cancellationToken);
        await MongoDatabase.CloseAsync(side.Options);

        static Task<MongoWriteResult> InsertAsync(MongoSession session, CancellationToken token) =>
            session.InsertAsync("t", [BsonDocument.Of(("x", 1))], true, token);
    }

    [Test]
    public async Task A_frozen_server_holds_a_call_neither_beyond_its_deadline_nor_its_token(CancellationToken cancellationToken)
    {
        await using var source = MongoDataSource.Create(_server.ConnectionString("frozen"),
            new() { CommandTimeout = TimeSpan.FromSeconds(2), MaxPoolSize = 4 });
        await using (var late = await source.OpenAsync(cancellationToken))
        await using (var cancelled = await source.OpenAsync(cancellationToken))
        {
            await _server.FreezeAsync(cancellationToken);
            try
            {
                using var stop = new CancellationTokenSource();
                var clock = Stopwatch.StartNew();
                var one = late.RunAsync(BsonDocument.Of(("ping", 1)), cancellationToken);
                var other = cancelled.RunAsync(BsonDocument.Of(("ping", 1)), stop.Token);
                await stop.CancelAsync();
                Assert.CatchAsync<OperationCanceledException>(() => other.WaitAsync(Soon, cancellationToken));
                var e = Assert.CatchAsync<MongoFailureException>(() => one.WaitAsync(Soon, cancellationToken))!;
                Assert.That(e.Kind, Is.EqualTo(MongoErrorKind.Timeout).Or.EqualTo(MongoErrorKind.ConnectionLost));
                Assert.That(clock.Elapsed, Is.LessThan(Soon));
            }
            finally
            {
                await _server.ThawAsync(cancellationToken);
            }
        }
        await EventuallyAsync(async () => (await TryIdsAsync(source, cancellationToken)) is not null, cancellationToken);
        await EventuallyAsync(() => Task.FromResult(source.Abandoned == 0), cancellationToken);
    }

    [Test]
    public async Task Calls_that_nobody_waits_for_are_bounded(CancellationToken cancellationToken)
    {
        await using var source = MongoDataSource.Create(_server.ConnectionString("bounded"),
            new() { CommandTimeout = TimeSpan.FromSeconds(3), ConnectTimeout = TimeSpan.FromSeconds(1), MaxPoolSize = 2,
                CancellationGrace = TimeSpan.FromMilliseconds(100) });
        await TryIdsAsync(source, cancellationToken);
        await _server.FreezeAsync(cancellationToken);
        try
        {
            for (var i = 0; i < 8; i++)
            {
                try
                {
                    await using var session = await source.OpenAsync(cancellationToken);
                    using var stop = new CancellationTokenSource();
                    var call = session.RunAsync(BsonDocument.Of(("ping", 1)), stop.Token);
                    await stop.CancelAsync();
                    await call;
                }
                catch (Exception e) when (e is OperationCanceledException or MongoFailureException { IsTransient: true })
                {
                    Assert.That(source.Abandoned, Is.LessThanOrEqualTo(4), "two that are borne, two that hold their places");
                }
            }
        }
        finally
        {
            await _server.ThawAsync(cancellationToken);
        }
        await EventuallyAsync(() => Task.FromResult(source.Abandoned == 0), cancellationToken);
        await EventuallyAsync(async () => (await TryIdsAsync(source, cancellationToken)) is not null, cancellationToken);
    }

    [TestCase(CommitCut.Before, false)]
    [TestCase(CommitCut.Within, false)]
    [TestCase(CommitCut.After, true)]
    public async Task A_commit_whose_connection_is_cut_once_happens_all_the_same(CommitCut cut, bool reached,
        CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        await using var source = Source($"cut{cut}", proxy.Port);
        await using var session = await source.OpenAsync(cancellationToken);
        await session.RunAsync(BsonDocument.Of(("create", "t")), cancellationToken);
        session.BeginTransaction(Minute);
        await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        proxy.CutStatements("commitTransaction", cut, most: 1);

        await session.CommitAsync();

        Assert.That(proxy.Cuts, Is.EqualTo(1), reached ? "asked again for what had happened" : "asked again for what had not");
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
    }

    [TestCase(CommitCut.Before)]
    [TestCase(CommitCut.After)]
    public async Task A_commit_that_nobody_answers_is_unknown_and_never_both(CommitCut cut, CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        var side = MongoSessionTests.Side(_server.ConnectionString($"unknown{cut}", proxy.Port), options =>
        {
            options.IsDirect = true;
            options.TransactionDeadline = TimeSpan.FromSeconds(2);
            options.ConnectTimeout = TimeSpan.FromSeconds(1);
        });
        await side.UseAsync(false, (session, token) => session.RunAsync(BsonDocument.Of(("create", "t")), token), cancellationToken);

        var e = Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => side.InTransactionAsync(
            false,
            async (session, token) =>
            {
                await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, token);
                proxy.CutStatements("commitTransaction", cut, most: int.MaxValue);
                return true;
            },
            cancellationToken))!;

        proxy.Pass();
        Assert.That(e.Side, Is.EqualTo(SideName.New));
        await using var source = Source($"unknown{cut}");
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(cut == CommitCut.After ? new[] { 1 } : []));
        await MongoDatabase.CloseAsync(side.Options);
    }

    [Test]
    public async Task A_commit_is_asked_for_again_also_after_the_server_was_killed(CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        await using var source = Source("killedcommit", proxy.Port);
        await using var session = await source.OpenAsync(cancellationToken);
        await session.RunAsync(BsonDocument.Of(("create", "t")), cancellationToken);
        session.BeginTransaction(Minute);
        await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        proxy.CutStatements("commitTransaction", CommitCut.After, most: int.MaxValue);
        var commit = session.CommitAsync();
        await EventuallyAsync(() => Task.FromResult(proxy.Cuts > 0), cancellationToken);
        await _server.KillAsync(cancellationToken);
        proxy.Pass();
        await _server.RestartAsync(cancellationToken);

        await commit.WaitAsync(Soon, cancellationToken);

        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
    }

    [TestCase(CommitCut.Before)]
    [TestCase(CommitCut.After)]
    public async Task In_a_transaction_a_write_whose_answer_is_lost_is_carried_out_once(CommitCut cut, CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        var side = MongoSessionTests.Side(_server.ConnectionString($"once{cut}", proxy.Port), options => options.IsDirect = true);
        await side.UseAsync(
            false, (session, token) => session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, token), cancellationToken);
        proxy.CutStatements("$inc", cut, most: 1);

        await side.InTransactionAsync(
            false,
            async (session, token) =>
            {
                await MongoSessionTests.IncrementAsync(session, "t", token);
                return true;
            },
            cancellationToken);

        Assert.That(proxy.Cuts, Is.EqualTo(1));
        var now = await side.UseAsync(
            false, (session, token) => MongoSessionTests.OnlyAsync(session, "t", BsonDocument.Of(("_id", 1)), token), cancellationToken);
        Assert.That(now["n"], Is.EqualTo((BsonValue)1));
        await MongoDatabase.CloseAsync(side.Options);
    }

    [TestCase(CommitCut.Before)]
    [TestCase(CommitCut.After)]
    public async Task A_statement_whose_answer_is_lost_is_a_lost_connection_and_not_repeated(CommitCut cut,
        CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        await using var source = Source($"statement{cut}", proxy.Port);
        await using var session = await source.OpenAsync(cancellationToken);
        await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        proxy.CutStatements("$inc", cut, most: 1);

        var e = Assert.ThrowsAsync<MongoFailureException>(() => MongoSessionTests.IncrementAsync(session, "t", cancellationToken))!;

        Assert.That((e.Kind, e.IsTransient), Is.EqualTo((MongoErrorKind.ConnectionLost, true)));
        var n = (await MongoSessionTests.OnlyAsync(session, "t", BsonDocument.Of(("_id", 1)), cancellationToken))["n"];
        Assert.That(n.TryGetInt64(out var times) ? times : 0, Is.EqualTo(cut == CommitCut.After ? 1 : 0));
    }

    [Test]
    public async Task A_read_whose_connection_is_cut_is_repeated_and_in_a_transaction_it_is_not(CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        await using var source = Source("reads", proxy.Port);
        await using var session = await source.OpenAsync(cancellationToken);
        await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        proxy.CutStatements("find", CommitCut.After, most: 1);
        Assert.That((await MongoSessionTests.OnlyAsync(session, "t", BsonDocument.Empty, cancellationToken))["_id"],
            Is.EqualTo((BsonValue)1));

        session.BeginTransaction(Minute);
        proxy.CutStatements("find", CommitCut.After, most: 1);
        var e = Assert.ThrowsAsync<MongoFailureException>(() =>
            MongoSessionTests.OnlyAsync(session, "t", BsonDocument.Empty, cancellationToken))!;
        Assert.That((e.Kind, e.IsTransientTransaction), Is.EqualTo((MongoErrorKind.ConnectionLost, true)));
        await session.DisposeAsync();
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
    }

    /// <summary>Else it would live for another minute, and whoever meets it would wait or fail.</summary>
    [Test]
    public async Task A_transaction_whose_connection_is_cut_is_ended_on_the_server(CancellationToken cancellationToken)
    {
        await using var proxy = FaultProxy.BeforeMongo(_server.Port);
        await using var source = Source("ended", proxy.Port);
        await using var session = await source.OpenAsync(cancellationToken);
        await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        session.BeginTransaction(Minute);
        await MongoSessionTests.IncrementAsync(session, "t", cancellationToken);
        proxy.CutStatements("find", CommitCut.After, most: 1);
        Assert.ThrowsAsync<MongoFailureException>(() => MongoSessionTests.OnlyAsync(session, "t", BsonDocument.Empty, cancellationToken));
        Assert.That(session.IsBroken, Is.True);

        await using var direct = Source("ended");
        await using var other = await direct.OpenAsync(cancellationToken);
        await MongoSessionTests.IncrementAsync(other, "t", cancellationToken).WaitAsync(Soon, cancellationToken);
        var now = await MongoSessionTests.OnlyAsync(other, "t", BsonDocument.Empty, cancellationToken);
        Assert.That(now["n"], Is.EqualTo((BsonValue)1));
    }

    [Test]
    public async Task A_server_that_steps_down_is_an_outage_that_passes(CancellationToken cancellationToken)
    {
        var side = MongoSessionTests.Side(_server.ConnectionString("stepdown"));
        await side.UseAsync(false, (session, token) => session.RunAsync(BsonDocument.Of(("create", "t")), token), cancellationToken);
        await FailAsync(side, BsonDocument.Of(("failCommands", BsonArray.Of("ping")), ("errorCode", 10107)), cancellationToken);
        var e = Assert.ThrowsAsync<SideUnavailableException>(() =>
            side.UseAsync(false, (session, token) => session.RunAsync(BsonDocument.Of(("ping", 1)), token), cancellationToken))!;
        Assert.That((e.IsTransient, e.IsOutage, e.IsConnectionLost), Is.EqualTo((true, true, false)));
        await MongoDatabase.CloseAsync(side.Options);
    }

    [Test]
    public async Task A_commit_that_the_majority_did_not_confirm_is_unknown_until_it_does(CancellationToken cancellationToken)
    {
        var side = MongoSessionTests.Side(_server.ConnectionString("majority"));
        await side.UseAsync(false, (session, token) => session.RunAsync(BsonDocument.Of(("create", "t")), token), cancellationToken);
        await FailAsync(side, BsonDocument.Of(("failCommands", BsonArray.Of("commitTransaction")), ("errorCode", 91),
            ("errorLabels", BsonArray.Of("RetryableWriteError"))), cancellationToken);
        await side.InTransactionAsync(
            false, async (session, token) => await session.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, token), cancellationToken);
        await using var source = Source("majority");
        Assert.That(await IdsAsync(source, cancellationToken), Is.EqualTo(new[] { 1 }));
        await MongoDatabase.CloseAsync(side.Options);
    }

    [Test]
    public async Task The_server_ends_what_a_dead_client_has_left_open(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync(new() { TransactionLifetime = TimeSpan.FromSeconds(1) });
        await using var source = MongoDataSource.Create(server.ConnectionString("dead"), new());
        await using var dead = await source.OpenAsync(cancellationToken);
        await dead.InsertAsync("t", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        dead.BeginTransaction(Minute);
        await MongoSessionTests.IncrementAsync(dead, "t", cancellationToken);

        await using var other = await source.OpenAsync(cancellationToken);
        await MongoSessionTests.IncrementAsync(other, "t", cancellationToken).WaitAsync(Soon, cancellationToken);

        var e = Assert.ThrowsAsync<MongoFailureException>(() => MongoSessionTests.IncrementAsync(dead, "t", cancellationToken))!;
        Assert.That((e.Kind, e.IsTransientTransaction), Is.EqualTo((MongoErrorKind.NoTransaction, true)));
    }

    [Test]
    public async Task A_standalone_server_is_refused_with_the_commands_that_convert_it(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync(new() { IsStandalone = true });
        var side = MongoSessionTests.Side(server.ConnectionString("standalone"));
        var e = Assert.ThrowsAsync<SideUnavailableException>(() => side.CheckTopologyAsync(cancellationToken))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.IsTransient, Is.False);
            Assert.That(e.Message, Does.Contain("--replSet rs0").And.Contain("rs.initiate()").And.Contain("replicaSet=rs0"));
        });
        // Whatever comes first, not the migration alone.
        var reading = Assert.ThrowsAsync<SideUnavailableException>(() => side.FindAsync("t", BsonDocument.Empty, cancellationToken))!;
        Assert.That(reading.Message, Does.Contain("rs.initiate()"));
        await MongoDatabase.CloseAsync(side.Options);
        var member = MongoSessionTests.Side(_server.ConnectionString("member"));
        Assert.DoesNotThrowAsync(() => member.CheckTopologyAsync(cancellationToken));
        await MongoDatabase.CloseAsync(member.Options);
    }

    private static Task FailAsync(MongoSide side, BsonDocument data, CancellationToken cancellationToken) => side.UseAsync(
        true,
        (session, token) => session.RunAsync(
            BsonDocument.Of(("configureFailPoint", "failCommand"), ("mode", BsonDocument.Of(("times", 1))), ("data", data)), token,
                "admin"),
        cancellationToken);

    private static async Task EventuallyAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
            await Task.Delay(20, cancellationToken);
    }

    private static async Task<List<int>?> TryIdsAsync(MongoDataSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await IdsAsync(source, cancellationToken);
        }
        catch (MongoFailureException e) when (e.IsTransient)
        {
            return null;
        }
    }

    private static async Task<List<int>> IdsAsync(MongoDataSource source, CancellationToken cancellationToken)
    {
        await using var session = await source.OpenAsync(cancellationToken);
        await using var cursor = await session.OpenCursorAsync(BsonDocument.Of(("find", "t"), ("sort", BsonDocument.Of(("_id", 1)))),
            cancellationToken);
        List<int> ids = [];
        await foreach (var document in cursor.DocumentsAsync(cancellationToken))
            ids.Add(document["_id"].AsInt32);
        return ids;
    }

    private MongoDataSource Source(string database, int? port = null) => MongoDataSource.Create(
        port is { } proxy ? _server.ConnectionString(database, proxy) : _server.ConnectionString(database), new());
}
