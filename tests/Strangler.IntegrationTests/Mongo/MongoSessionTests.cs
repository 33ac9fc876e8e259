using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Strangler.DualWrite;
using Strangler.Mongo;
using Strangler.Mongo.Bson;
using Strangler.Tests.Mongo;

namespace Strangler.IntegrationTests.Mongo;

[CancelAfter(120_000)]
public sealed class MongoSessionTests
{
    // Far below what hopeless calls would take, far above what a busy machine needs.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private MongoTestDatabase _database = null!;
    private MongoSession _session = null!;

    [OneTimeSetUp]
    public async Task CreateDatabase() => _database = await MongoServers.CreateDatabaseAsync("session");

    [OneTimeTearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [SetUp]
    public async Task Open() => _session = await _database.OpenAsync();

    [TearDown]
    public async Task Close() => await _session.DisposeAsync();

    /// <summary>So that no member which the others have left can answer what this process has moved on from.</summary>
    [Test]
    public async Task What_is_read_after_a_write_is_asked_to_be_no_older_than_it_also_by_another_session(CancellationToken cancellationToken)
    {
        await using var writer = await _database.OpenAsync();
        await using var reader = await _database.OpenAsync();
        await writer.InsertAsync("causal", [BsonDocument.Of(("_id", 1))], true, cancellationToken);
        var before = await AskedAsync();
        // Majority, snapshot and local; a real server has to take the time with each of them.
        Assert.That((await reader.ReadAsync(BsonDocument.Of(("count", "causal")), cancellationToken)).Number("n"), Is.EqualTo(1));
        var snapshot = BsonDocument.Of(
            ("aggregate", "causal"), ("pipeline", BsonArray.Of()), ("cursor", BsonDocument.Empty), ("readConcern", BsonDocument.Of(("level", "snapshot"))));
        Assert.That(await reader.AllAsync(snapshot, cancellationToken), Has.Count.EqualTo(1));
        Assert.That(await reader.LatestAsync("causal", BsonDocument.Of(("_id", 1)), cancellationToken), Is.Not.Null);
        reader.BeginTransaction(TimeSpan.FromSeconds(10));
        Assert.That(await reader.FindAsync("causal", BsonDocument.Empty, cancellationToken), Has.Count.EqualTo(1));
        await reader.FindAsync("causal", BsonDocument.Empty, cancellationToken);
        await reader.CommitAsync();
        if (!_database.Server.IsReal)
            Assert.That(await AskedAsync() - before, Is.EqualTo(4), "each read, and the first of the transaction");

        async Task<long> AskedAsync()
        {
            await using var session = await _database.OpenAsync();
            var status = await session.RunAsync(BsonDocument.Of(("serverStatus", 1)), cancellationToken, "admin");
            return status.Number("readConcernCounters.afterClusterTime");
        }
    }

    /// <summary>What only the primary has, its own time too, may be taken back: who asks for it waits for the others, or for ever.</summary>
    [Test]
    public async Task Only_what_the_majority_has_is_asked_for_again(CancellationToken cancellationToken)
    {
        await using var source = MongoDataSource.Create(_database.ConnectionString, new());
        await using var session = await source.OpenAsync(cancellationToken);
        await session.RunAsync(BsonDocument.Of(("hello", 1)), cancellationToken, "admin");
        await session.LatestAsync("seen", BsonDocument.Empty, cancellationToken);
        await session.RunAsync(BsonDocument.Of(("insert", "seen"), ("documents", BsonArray.Of(BsonDocument.Of(("x", 1))))), cancellationToken);
        Assert.That(source.Clock.Latest, Is.Null);

        await session.FirstAsync("seen", BsonDocument.Empty, cancellationToken);
        var read = source.Clock.Latest;
        Assert.That(read, Is.Not.Null);

        await session.InsertAsync("seen", [BsonDocument.Of(("x", 1))], true, cancellationToken);
        var written = source.Clock.Latest;
        Assert.That(written, Is.GreaterThan(read));

        session.BeginTransaction(Minute);
        await session.InsertAsync("seen", [BsonDocument.Of(("x", 1))], true, cancellationToken);
        Assert.That(source.Clock.Latest, Is.EqualTo(written));
        await session.CommitAsync();
        var committed = source.Clock.Latest;
        Assert.That(committed, Is.GreaterThan(written));

        await using var elsewhere = await _database.OpenAsync();
        await elsewhere.InsertAsync("seen", [BsonDocument.Of(("x", 1))], true, cancellationToken);
        await session.AllAsync(
            BsonDocument.Of(
                ("aggregate", "seen"), ("pipeline", BsonArray.Of()), ("cursor", BsonDocument.Empty), ("readConcern", BsonDocument.Of(("level", "snapshot")))),
            cancellationToken);
        Assert.That(source.Clock.Latest, Is.GreaterThan(committed));
    }

    [Test]
    public async Task Documents_of_every_type_come_back_as_they_were(CancellationToken cancellationToken)
    {
        // Undefined, DBPointer and symbol are types that servers have begun to refuse; dates before the year 1 our test server cannot
        // look at.
        var document = BsonDocument.Of(("_id", 1),
            ("d", BsonSamples.AllTypes.Without("undefined").Without("pointer").Without("symbol").Without("").Without("a.b").Without("$x")));
        (await _session.InsertAsync("types", [document], ordered: true, cancellationToken)).ThrowIfFailed();

        var read = await OnlyAsync("types", BsonDocument.Of(("_id", 1)), cancellationToken);

        Assert.That(read.ToBytes(), Is.EqualTo(document.ToBytes()));
    }

    [Test]
    public async Task A_result_of_many_batches_comes_whole_and_in_order(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("many", 1050, cancellationToken);
        await using var cursor = await _session.OpenCursorAsync(
            BsonDocument.Of(("find", "many"), ("filter", BsonDocument.Empty), ("sort", BsonDocument.Of(("_id", 1))), ("batchSize", 100)),
                cancellationToken);
        List<int> ids = [];
        var batches = 0;
        while (await cursor.NextBatchAsync(cancellationToken))
        {
            batches++;
            ids.AddRange(Enumerable.Range(0, cursor.Count).Select(i => cursor[i]["_id"].AsInt32));
            // The session is free for other commands between batches.
            Assert.That((await OnlyAsync("many", BsonDocument.Of(("_id", 7)), cancellationToken))["_id"].AsInt32, Is.EqualTo(7));
        }
        Assert.Multiple(() =>
        {
            Assert.That(ids, Is.EqualTo(Enumerable.Range(0, 1050)));
            Assert.That(batches, Is.EqualTo(11));
            Assert.That(cursor.IsExhausted, Is.True);
        });
    }

    [Test]
    public async Task A_cursor_that_is_left_early_is_forgotten_by_the_server(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("left", 300, cancellationToken);
        BsonDocument first;
        await using (var cursor = await _session.OpenCursorAsync(BsonDocument.Of(("find", "left"), ("batchSize", 10)), cancellationToken))
        {
            Assert.That(await cursor.NextBatchAsync(cancellationToken), Is.True);
            first = cursor[0];
        }
        Assert.That(first["_id"].AsInt32, Is.Zero);
        var status = await _session.RunAsync(BsonDocument.Of(("serverStatus", 1)), cancellationToken);
        Assert.That(status.At("metrics.cursor.open.total").TryGetInt64(out var open) ? open : -1, Is.Zero);
    }

    [Test]
    public async Task Aggregations_are_cursors_like_any_other(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("sums", 10, cancellationToken);
        var command = BsonDocument.Of(("aggregate", "sums"), ("cursor", BsonDocument.Empty), ("pipeline", BsonArray.Of(
            BsonDocument.Of(("$match", BsonDocument.Of(("_id", BsonDocument.Of(("$lt", 5)))))),
            BsonDocument.Of(("$group", BsonDocument.Of(("_id", BsonValue.Null), ("sum", BsonDocument.Of(("$sum", "$_id")))))))));
        await using var cursor = await _session.OpenCursorAsync(command, cancellationToken);
        List<BsonDocument> found = [];
        await foreach (var document in cursor.DocumentsAsync(cancellationToken))
            found.Add(document);
        Assert.That(found.Single()["sum"].TryGetInt64(out var sum) ? sum : -1, Is.EqualTo(10));
    }

    [Test]
    public async Task Writes_say_what_they_did(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("writes", 10, cancellationToken);
        var updated = await _session.UpdateAsync("writes",
            [
                new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$set", BsonDocument.Of(("x", 1))))),
                new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$set", BsonDocument.Of(("x", 1))))),
                new(BsonDocument.Of(("_id", 77)), BsonDocument.Of(("$inc", BsonDocument.Of(("x", 5L)))), Upsert: true),
                new(BsonDocument.Of(("_id", BsonDocument.Of(("$lt", 3)))), BsonDocument.Of(("$unset", BsonDocument.Of(("v", "")))),
                    Many: true),
            ], ordered: true, cancellationToken);
        var deleted = await _session.DeleteAsync("writes", [new(BsonDocument.Of(("_id", BsonDocument.Of(("$gte", 8)))), Many: true)],
            ordered: true, cancellationToken);
        var value = await _session.FindAndModifyAsync(BsonDocument.Of(
            ("findAndModify", "writes"), ("query", BsonDocument.Of(("_id", 3))),
                ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("n", 1L))))), ("new", true)), cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That((updated.Count, updated.Modified), Is.EqualTo((6, 4)));
            Assert.That(updated.Upserted.Single().Place, Is.EqualTo(2));
            Assert.That(updated.Upserted.Single().Id, Is.EqualTo((BsonValue)77));
            Assert.That(deleted.Count, Is.EqualTo(3), "8, 9 and 77");
            Assert.That(value.AsDocument["n"], Is.EqualTo((BsonValue)1L));
        });
    }

    [Test]
    public async Task Of_unordered_writes_only_those_fail_that_must(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("unordered", 5, cancellationToken);
        var documents = Enumerable.Range(3, 5).Select(i => BsonDocument.Of(("_id", i), ("mail", "jane@example.org"))).ToList();

        var result = await _session.InsertAsync("unordered", documents, ordered: false, cancellationToken);

        Assert.Multiple(() =>
        {
            Assert.That(result.Count, Is.EqualTo(3));
            Assert.That(result.Errors.Select(error => error.Place), Is.EqualTo(new[] { 0, 1 }));
            Assert.That(result.Errors[0].Failure.Kind, Is.EqualTo(MongoErrorKind.Duplicate));
            Assert.That(result.Errors[0].Failure.Index, Is.EqualTo("_id_"));
        });
        var ordered = await _session.InsertAsync("unordered", [BsonDocument.Of(("_id", 0)), BsonDocument.Of(("_id", 100))], ordered: true,
            cancellationToken);
        Assert.That((ordered.Count, ordered.Errors.Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task More_than_one_command_can_hold_is_cut_into_several(CancellationToken cancellationToken)
    {
        var text = new string('x', 1_000_000);
        var documents = Enumerable.Range(0, 20).Select(i => BsonDocument.Of(("_id", i == 15 ? 3 : i), ("text", text))).ToList();

        var result = await _session.InsertAsync("large", documents, ordered: false, cancellationToken);

        Assert.That((result.Count, result.Errors.Single().Place), Is.EqualTo((19, 15)));
    }

    [Test]
    public async Task Unique_and_partial_indexes_and_validators_say_what_they_refuse_without_values(CancellationToken cancellationToken)
    {
        await _session.RunAsync(BsonDocument.Of(("create", "people"), ("validator", BsonDocument.Of(("$jsonSchema", BsonDocument.Of(
            ("bsonType", "object"), ("required", BsonArray.Of("mail")),
                ("properties", BsonDocument.Of(("mail", BsonDocument.Of(("bsonType", "string")))))))))), cancellationToken);
        await _session.RunAsync(BsonDocument.Of(("createIndexes", "people"), ("indexes", BsonArray.Of(BsonDocument.Of(
            ("key", BsonDocument.Of(("mail", 1))), ("name", "one_mail"), ("unique", true),
            ("partialFilterExpression", BsonDocument.Of(("active", true))))))), cancellationToken);
        var jane = BsonDocument.Of(("_id", 1), ("mail", "jane@example.org"), ("active", true));
        (await _session.InsertAsync("people", [jane, jane.With("_id", 2).With("active", false)], true, cancellationToken)).ThrowIfFailed();

        var twice = (await _session.InsertAsync("people", [jane.With("_id", 3)], true, cancellationToken)).Errors.Single().Failure;
        var invalid = (await _session.InsertAsync("people", [BsonDocument.Of(("_id", 4), ("mail", 5))], true,
            cancellationToken)).Errors.Single().Failure;

        Assert.Multiple(() =>
        {
            Assert.That((twice.Kind, twice.Index), Is.EqualTo((MongoErrorKind.Duplicate, "one_mail")));
            Assert.That(twice.ToString(), Does.Not.Contain("jane"));
            Assert.That(invalid.Kind, Is.EqualTo(MongoErrorKind.Invalid));
            Assert.That(twice.IsTransient || invalid.IsTransient, Is.False);
        });
    }

    [Test]
    public void A_command_that_nobody_knows_is_a_failure_that_does_not_pass() =>
        Assert.That(Assert.ThrowsAsync<MongoFailureException>(() =>
            _session.RunAsync(BsonDocument.Of(("noSuchCommand", 1)), CancellationToken.None))!,
            Has.Property("Kind").EqualTo(MongoErrorKind.Other).And.Property("Code").EqualTo(59).And.Property("IsTransient").False);

    [Test]
    public async Task A_transaction_is_seen_whole_or_not_at_all(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("whole", 3, cancellationToken);
        await using var other = await _database.OpenAsync();
        _session.BeginTransaction(Minute);
        await _session.InsertAsync("whole", [BsonDocument.Of(("_id", 10))], true, cancellationToken);
        await _session.DeleteAsync("whole", [new(BsonDocument.Of(("_id", 0)))], true, cancellationToken);
        Assert.That(await IdsAsync(_session, "whole", cancellationToken), Is.EqualTo(new[] { 1, 2, 10 }), "its own");
        Assert.That(await IdsAsync(other, "whole", cancellationToken), Is.EqualTo(new[] { 0, 1, 2 }), "another's, before");
        await _session.CommitAsync();
        Assert.That(await IdsAsync(other, "whole", cancellationToken), Is.EqualTo(new[] { 1, 2, 10 }), "another's, after");

        _session.BeginTransaction(Minute);
        await _session.DeleteAsync("whole", [new(BsonDocument.Empty, Many: true)], true, cancellationToken);
        await _session.AbortAsync();
        Assert.That(await IdsAsync(_session, "whole", cancellationToken), Is.EqualTo(new[] { 1, 2, 10 }), "aborted");

        await using (var third = await _database.OpenAsync())
        {
            third.BeginTransaction(Minute);
            await third.InsertAsync("whole", [BsonDocument.Of(("_id", 99))], true, cancellationToken);
        }
        Assert.That(await IdsAsync(_session, "whole", cancellationToken), Is.EqualTo(new[] { 1, 2, 10 }), "given back open");
    }

    [Test]
    public async Task A_transaction_reads_one_snapshot(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("snapshot", 2, cancellationToken);
        await using var other = await _database.OpenAsync();
        _session.BeginTransaction(Minute);
        await IdsAsync(_session, "snapshot", cancellationToken);
        await other.InsertAsync("snapshot", [BsonDocument.Of(("_id", 5))], true, cancellationToken);
        await other.UpdateAsync("snapshot",
            [new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$set", BsonDocument.Of(("v", "changed")))))], true, cancellationToken);

        Assert.That(await IdsAsync(_session, "snapshot", cancellationToken), Is.EqualTo(new[] { 0, 1 }));
        Assert.That((await OnlyAsync("snapshot", BsonDocument.Of(("_id", 1)), cancellationToken))["v"].AsString, Is.Not.EqualTo("changed"));
        await _session.CommitAsync();
        Assert.That(await IdsAsync(_session, "snapshot", cancellationToken), Is.EqualTo(new[] { 0, 1, 5 }));
    }

    [TestCase(true, TestName = "Of_two_open_transactions_on_one_document_the_second_conflicts")]
    [TestCase(false, TestName = "What_was_committed_since_the_snapshot_conflicts")]
    public async Task Conflicts(bool isOpen, CancellationToken cancellationToken)
    {
        var collection = $"conflict{isOpen}";
        await InsertNumbersAsync(collection, 2, cancellationToken);
        await using var other = await _database.OpenAsync();
        _session.BeginTransaction(Minute);
        await IdsAsync(_session, collection, cancellationToken);
        other.BeginTransaction(Minute);
        await IncrementAsync(other, collection, cancellationToken);
        if (!isOpen)
            await other.CommitAsync();

        var e = Assert.ThrowsAsync<MongoFailureException>(() => IncrementAsync(_session, collection, cancellationToken))!;

        Assert.Multiple(() =>
        {
            Assert.That(e.Kind, Is.EqualTo(MongoErrorKind.WriteConflict));
            Assert.That(e.IsTransientTransaction, Is.True);
        });
        await _session.AbortAsync();
        if (isOpen)
            await other.CommitAsync();
        _session.BeginTransaction(Minute);
        await IncrementAsync(_session, collection, cancellationToken);
        await _session.CommitAsync();
        Assert.That((await OnlyAsync(collection, BsonDocument.Of(("_id", 1)), cancellationToken))["n"], Is.EqualTo((BsonValue)2));
    }

    [Test]
    public async Task A_duplicate_ends_the_transaction_and_is_no_conflict(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("duplicate", 2, cancellationToken);
        _session.BeginTransaction(Minute);
        await _session.InsertAsync("duplicate", [BsonDocument.Of(("_id", 50))], true, cancellationToken);
        var e = Assert.ThrowsAsync<MongoFailureException>(() =>
            _session.InsertAsync("duplicate", [BsonDocument.Of(("_id", 1))], true, cancellationToken))!;
        Assert.That((e.Kind, e.IsTransientTransaction), Is.EqualTo((MongoErrorKind.Duplicate, false)));
        await _session.AbortAsync();
        Assert.That(await IdsAsync(_session, "duplicate", cancellationToken), Is.EqualTo(new[] { 0, 1 }));
    }

    [Test]
    public async Task A_change_that_changes_nothing_conflicts_with_nobody(CancellationToken cancellationToken)
    {
        // Why a lock must be a real change.
        await InsertNumbersAsync("nothing", 2, cancellationToken);
        await using var other = await _database.OpenAsync();
        MongoUpdate same = new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$set", BsonDocument.Of(("v", "number 1")))));
        _session.BeginTransaction(Minute);
        Assert.That((await _session.UpdateAsync("nothing", [same], true, cancellationToken)).Modified, Is.Zero);
        await IncrementAsync(other, "nothing", cancellationToken);
        Assert.DoesNotThrowAsync(_session.CommitAsync);
    }

    [Test]
    public async Task Who_is_in_no_transaction_waits_for_one_and_then_writes(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("waits", 2, cancellationToken);
        await using var other = await _database.OpenAsync();
        _session.BeginTransaction(Minute);
        await IncrementAsync(_session, "waits", cancellationToken);
        var waiting = IncrementAsync(other, "waits", cancellationToken);
        await _session.CommitAsync();
        await waiting.WaitAsync(Soon, cancellationToken);
        Assert.That((await OnlyAsync("waits", BsonDocument.Of(("_id", 1)), cancellationToken))["n"], Is.EqualTo((BsonValue)2));
    }

    [Test]
    public async Task Increments_in_concurrent_transactions_are_all_there(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("increments", 2, cancellationToken);
        var side = Side(_database.ConnectionString);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            for (var i = 0; i < 5; i++)
            {
                // An operator, as the engine, tries again what is transient.
                while (!await OnceAsync())
                {
                }
            }

            async Task<bool> OnceAsync()
            {
                try
                {
                    return await side.InTransactionAsync(
                        false,
                        async (session, token) =>
                        {
                            var now = (await OnlyAsync(session, "increments", BsonDocument.Of(("_id", 1)), token))["n"];
                            var next = now.IsMissing ? 1 : now.AsInt32 + 1;
                            await session.UpdateAsync("increments",
                                [new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$set", BsonDocument.Of(("n", next)))))], true, token);
                            return true;
                        },
                        cancellationToken);
                }
                catch (SideUnavailableException e) when (e is { IsTransient: true, IsOutage: false })
                {
                    return false;
                }
            }
        }));
        Assert.That((await OnlyAsync("increments", BsonDocument.Of(("_id", 1)), cancellationToken))["n"], Is.EqualTo((BsonValue)30));
        await MongoDatabase.CloseAsync(side.Options);
    }

    [Test]
    public async Task A_change_stream_tells_everything_once_and_goes_on_from_a_token(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("watched", 2, cancellationToken);
        BsonDocument token;
        await using (var stream = await _session.OpenCursorAsync(Watch(), cancellationToken))
        {
            await stream.NextBatchAsync(cancellationToken);
            await using var other = await _database.OpenAsync();
            other.BeginTransaction(Minute);
            await other.InsertAsync("watched", [BsonDocument.Of(("_id", 7))], true, cancellationToken);
            await IncrementAsync(other, "watched", cancellationToken);
            await other.CommitAsync();
            await other.DeleteAsync("watched", [new(BsonDocument.Of(("_id", 0)))], true, cancellationToken);
            var events = await TakeAsync(stream, 3, cancellationToken);
            Assert.Multiple(() =>
            {
                Assert.That(events.Select(e => e["operationType"].AsString), Is.EqualTo(new[] { "insert", "update", "delete" }));
                Assert.That(events[1].At("updateDescription.updatedFields.n"), Is.EqualTo((BsonValue)1));
                Assert.That(events[0]["lsid"], Is.EqualTo(events[1]["lsid"]), "of one transaction");
                Assert.That(events[0]["txnNumber"].IsMissing, Is.False);
                Assert.That(events[2]["txnNumber"].IsMissing || events[2]["txnNumber"] != events[0]["txnNumber"], Is.True);
            });
            token = events[1]["_id"].AsDocument;
            Assert.That(stream.ResumeToken, Is.Not.Null);
        }
        await using var resumed = await _session.OpenCursorAsync(Watch(("resumeAfter", token)), cancellationToken);
        Assert.That((await TakeAsync(resumed, 1, cancellationToken))[0]["operationType"].AsString, Is.EqualTo("delete"));
    }

    [Test]
    public async Task A_token_that_the_server_has_forgotten_is_told_apart(CancellationToken cancellationToken)
    {
        if (_database.Server.IsReal)
            Assert.Ignore("An oplog of a mongod cannot be shortened at will.");
        await using var server = await MongoServers.StartPrivateAsync();
        await using var source = MongoDataSource.Create(server.ConnectionString("forgotten"), new());
        await using var session = await source.OpenAsync(cancellationToken);
        BsonDocument token;
        await using (var stream = await session.OpenCursorAsync(Watch(), cancellationToken))
            token = stream.ResumeToken!;
        await session.InsertAsync("watched", [BsonDocument.Of(("_id", 1)), BsonDocument.Of(("_id", 2))], true, cancellationToken);
        await session.RunAsync(BsonDocument.Of(("trimOplog", 1)), cancellationToken);

        var e = Assert.ThrowsAsync<MongoFailureException>(() => session.OpenCursorAsync(Watch(("resumeAfter", token)), cancellationToken))!;

        Assert.That((e.Kind, e.IsTransient), Is.EqualTo((MongoErrorKind.HistoryLost, false)));
    }

    [Test]
    public async Task A_pool_that_is_empty_makes_others_wait_and_then_says_so(CancellationToken cancellationToken)
    {
        await using var small = MongoDataSource.Create(_database.ConnectionString,
            new() { MaxPoolSize = 2, ConnectTimeout = TimeSpan.FromSeconds(1) });
        var one = await small.OpenAsync(cancellationToken);
        await using var two = await small.OpenAsync(cancellationToken);
        var e = Assert.ThrowsAsync<MongoFailureException>(() => small.OpenAsync(cancellationToken))!;
        Assert.That((e.Kind, e.IsTransient), Is.EqualTo((MongoErrorKind.Timeout, true)));
        Assert.That(e.Message, Does.Contain("All 2 sessions"));
        var waiting = small.OpenAsync(cancellationToken);
        await one.DisposeAsync();
        await using var three = await waiting;
        Assert.That((await three.RunAsync(BsonDocument.Of(("ping", 1)), cancellationToken))["ok"].TryGetInt64(out var ok) ? ok : 0,
            Is.EqualTo(1));
    }

    [Test]
    public async Task Background_work_takes_no_session_from_callers(CancellationToken cancellationToken)
    {
        var side = Side(_database.ConnectionString, options =>
        {
            options.ForegroundConnections = options.BackgroundConnections = 1;
            options.ConnectTimeout = TimeSpan.FromSeconds(1);
        });
        await using (await side.OpenAsync(background: true, cancellationToken))
        {
            using (Lane.EnterBackground())
                Assert.ThrowsAsync<SideUnavailableException>(() => side.UseAsync(null, (_, _) => Task.FromResult(1), cancellationToken));
            Assert.That(await side.UseAsync(null, (_, _) => Task.FromResult(1), cancellationToken), Is.EqualTo(1));
        }
        await MongoDatabase.CloseAsync(side.Options);
    }

    [Test]
    public async Task One_call_at_a_time(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("alone", 2, cancellationToken);
        await using var other = await _database.OpenAsync();
        other.BeginTransaction(Minute);
        await IncrementAsync(other, "alone", cancellationToken);
        var waiting = IncrementAsync(_session, "alone", cancellationToken);
        Assert.ThrowsAsync<InvalidOperationException>(() => _session.RunAsync(BsonDocument.Of(("ping", 1)), cancellationToken));
        await other.AbortAsync();
        await waiting;
    }

    [Test]
    public async Task A_call_that_is_cancelled_is_ended_on_the_server_too(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("cancelled", 2, cancellationToken);
        await using var holder = await _database.OpenAsync();
        holder.BeginTransaction(Minute);
        await IncrementAsync(holder, "cancelled", cancellationToken);
        await using (var session = await _database.OpenAsync())
        {
            using var stop = new CancellationTokenSource();
            var waiting = IncrementAsync(session, "cancelled", stop.Token);
            await stop.CancelAsync();
            Assert.CatchAsync<OperationCanceledException>(() => waiting.WaitAsync(Soon, cancellationToken));
            Assert.ThrowsAsync<MongoFailureException>(() => session.RunAsync(BsonDocument.Of(("ping", 1)), cancellationToken), "given up");
        }
        await holder.CommitAsync();
        Assert.That((await OnlyAsync("cancelled", BsonDocument.Of(("_id", 1)), cancellationToken))["n"], Is.EqualTo((BsonValue)1),
            "only the holder's");
    }

    [Test]
    public async Task A_call_that_takes_too_long_ends_at_its_deadline(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("late", 2, cancellationToken);
        await using var holder = await _database.OpenAsync();
        holder.BeginTransaction(Minute);
        await IncrementAsync(holder, "late", cancellationToken);
        await using var hasty = MongoDataSource.Create(_database.ConnectionString, new() { CommandTimeout = TimeSpan.FromSeconds(1) });
        await using var session = await hasty.OpenAsync(cancellationToken);
        var clock = Stopwatch.StartNew();
        var e = Assert.ThrowsAsync<MongoFailureException>(() => IncrementAsync(session, "late", cancellationToken))!;
        Assert.Multiple(() =>
        {
            Assert.That((e.Kind, e.IsTransient), Is.EqualTo((MongoErrorKind.Timeout, true)));
            Assert.That(clock.Elapsed, Is.LessThan(Soon));
        });
    }

    [Test]
    public async Task A_transaction_that_takes_too_long_is_over(CancellationToken cancellationToken)
    {
        await InsertNumbersAsync("over", 2, cancellationToken);
        await using var holder = await _database.OpenAsync();
        holder.BeginTransaction(TimeSpan.FromSeconds(2));
        await IncrementAsync(holder, "over", cancellationToken);
        var clock = Stopwatch.StartNew();
        MongoFailureException? e = null;
        while (e is null && clock.Elapsed < Soon)
        {
            try
            {
                await holder.ReadAsync(BsonDocument.Of(("find", "over")), cancellationToken);
            }
            catch (MongoFailureException failure)
            {
                e = failure;
            }
        }
        Assert.That(e!.Kind, Is.EqualTo(MongoErrorKind.Timeout));
        await holder.DisposeAsync();
        await IncrementAsync(_session, "over", cancellationToken).WaitAsync(Soon, cancellationToken);
        Assert.That((await OnlyAsync("over", BsonDocument.Of(("_id", 1)), cancellationToken))["n"], Is.EqualTo((BsonValue)1));
    }

    [Test]
    public async Task A_server_that_accepts_and_says_nothing_holds_nobody_beyond_the_deadline(CancellationToken cancellationToken)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        await using var source = MongoDataSource.Create($"mongodb://127.0.0.1:{port}/x?directConnection=true",
            new() { ConnectTimeout = TimeSpan.FromSeconds(1), MaxPoolSize = 2 });
        for (var round = 0; round < 2; round++)
        {
            var all = Enumerable.Range(0, 3).Select(_ => PingAsync(source, cancellationToken)).ToList();
            foreach (var one in all)
            {
                var e = Assert.CatchAsync<MongoFailureException>(() => one.WaitAsync(Soon, cancellationToken))!;
                Assert.That(e.Kind, Is.EqualTo(MongoErrorKind.Unreachable).Or.EqualTo(MongoErrorKind.Timeout), e.Message);
                Assert.That(e.IsTransient, Is.True);
            }
        }
        using var stop = new CancellationTokenSource();
        var cancelled = PingAsync(source, stop.Token);
        await stop.CancelAsync();
        Assert.CatchAsync<OperationCanceledException>(() => cancelled.WaitAsync(Soon, cancellationToken));
    }

    [Test]
    public async Task Nobody_at_the_port_is_an_outage(CancellationToken cancellationToken)
    {
        var side = Side("mongodb://127.0.0.1:1/x?replicaSet=rs0", options => options.ConnectTimeout = TimeSpan.FromSeconds(1));
        var e = Assert.ThrowsAsync<SideUnavailableException>(() =>
            side.UseAsync(false, (session, token) => session.RunAsync(BsonDocument.Of(("ping", 1)), token), cancellationToken))!;
        Assert.That((e.IsTransient, e.IsOutage, e.IsConnectionLost), Is.EqualTo((true, true, false)), e.ToString());
        await MongoDatabase.CloseAsync(side.Options);
    }

    /// <summary>A service in whose stage nothing is asked of the new side starts all the same.</summary>
    [Test]
    public async Task A_name_that_DNS_does_not_answer_for_is_an_outage_and_no_wrong_configuration(CancellationToken cancellationToken)
    {
        var options = new MongoSideOptions { ConnectionString = "mongodb+srv://u:p@cluster.nowhere.invalid/x", ConnectTimeout = TimeSpan.FromSeconds(1) };
        Assert.That(MongoSides.ProblemOf(options), Is.Null);
        var side = new MongoSide(SideName.New, "donations", MongoDatabase.Of(options));
        var e = Assert.ThrowsAsync<SideUnavailableException>(() => side.FindAsync("t", BsonDocument.Empty, cancellationToken))!;
        Assert.That((e.IsTransient, e.IsOutage), Is.EqualTo((true, true)), e.ToString());
        await MongoDatabase.CloseAsync(options);

        var wrong = new MongoSideOptions { ConnectionString = "mongodb+srv://u:p@cluster.nowhere.invalid/x?tls=perhaps" };
        Assert.That(MongoSides.ProblemOf(wrong), Does.Contain("does not understand").And.Not.Contain("u:p"));
    }

    internal static MongoSide Side(string connectionString, Action<MongoSideOptions>? configure = null)
    {
        var options = new MongoSideOptions { ConnectionString = connectionString };
        configure?.Invoke(options);
        return new(SideName.New, "donations", MongoDatabase.Of(options));
    }

    internal static Task IncrementAsync(MongoSession session, string collection, CancellationToken cancellationToken) =>
        session.UpdateAsync(collection, [new(BsonDocument.Of(("_id", 1)), BsonDocument.Of(("$inc", BsonDocument.Of(("n", 1)))))], true,
            cancellationToken);

    internal static async Task<BsonDocument> OnlyAsync(MongoSession session, string collection, BsonDocument filter,
        CancellationToken cancellationToken)
    {
        await using var cursor = await session.OpenCursorAsync(BsonDocument.Of(("find", collection), ("filter", filter), ("limit", 1)),
            cancellationToken);
        return await cursor.NextBatchAsync(cancellationToken) ? cursor[0] : BsonDocument.Empty;
    }

    private static async Task PingAsync(MongoDataSource source, CancellationToken cancellationToken)
    {
        await using var session = await source.OpenAsync(cancellationToken);
        await session.RunAsync(BsonDocument.Of(("ping", 1)), cancellationToken);
    }

    private static BsonDocument Watch(params (string, BsonValue)[] stage) => BsonDocument.Of(
        ("aggregate", "watched"), ("cursor", BsonDocument.Empty),
            ("pipeline", BsonArray.Of(BsonDocument.Of(("$changeStream", BsonDocument.Of(stage))))));

    private static async Task<List<BsonDocument>> TakeAsync(MongoCursor stream, int count, CancellationToken cancellationToken)
    {
        List<BsonDocument> events = [];
        while (events.Count < count && await stream.NextBatchAsync(cancellationToken, TimeSpan.FromMilliseconds(500)))
            events.AddRange(Enumerable.Range(0, stream.Count).Select(i => stream[i]));
        return events;
    }

    private static async Task<List<int>> IdsAsync(MongoSession session, string collection, CancellationToken cancellationToken)
    {
        await using var cursor = await session.OpenCursorAsync(BsonDocument.Of(("find", collection),
            ("sort", BsonDocument.Of(("_id", 1)))), cancellationToken);
        List<int> ids = [];
        await foreach (var document in cursor.DocumentsAsync(cancellationToken))
            ids.Add(document["_id"].AsInt32);
        return ids;
    }

    private Task<BsonDocument> OnlyAsync(string collection, BsonDocument filter, CancellationToken cancellationToken) =>
        OnlyAsync(_session, collection, filter, cancellationToken);

    private async Task InsertNumbersAsync(string collection, int count, CancellationToken cancellationToken) => (await _session.InsertAsync(
        collection, [.. Enumerable.Range(0, count).Select(i => BsonDocument.Of(("_id", i), ("v", $"number {i}")))], true,
            cancellationToken)).ThrowIfFailed();
}
