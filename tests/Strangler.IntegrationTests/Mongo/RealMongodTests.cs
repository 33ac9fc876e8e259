using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>What the test server does not have, so that only a mongod can show that we use it rightly.</summary>
[Category("RequiresMongod")]
[CancelAfter(120_000)]
public sealed class RealMongodTests
{
    private MongoTestDatabase _database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabase()
    {
        _database = await MongoServers.CreateDatabaseAsync("real");
        if (!_database.Server.IsReal)
            Assert.Ignore("No mongod: neither STRANGLER_MONGO names one nor is one in the PATH.");
    }

    [OneTimeTearDown]
    public async Task DropDatabase() => await _database.DisposeAsync();

    [Test]
    public async Task A_unique_index_under_a_collation_takes_Strasse_for_STRASSE(CancellationToken cancellationToken)
    {
        await using var session = await _database.OpenAsync();
        await session.RunAsync(BsonDocument.Of(("createIndexes", "streets"), ("indexes", BsonArray.Of(BsonDocument.Of(
            ("key", BsonDocument.Of(("name", 1))), ("name", "one_name"), ("unique", true),
            ("collation", BsonDocument.Of(("locale", "de"), ("strength", 2))))))), cancellationToken);
        await session.InsertAsync("streets", [BsonDocument.Of(("_id", 1), ("name", "Strasse"))], true, cancellationToken);

        var result = await session.InsertAsync("streets", [BsonDocument.Of(("_id", 2), ("name", "STRASSE"))], true, cancellationToken);

        Assert.That(result.Errors.Single().Failure,
            Has.Property("Kind").EqualTo(MongoErrorKind.Duplicate).And.Property("Index").EqualTo("one_name"));
    }

    [Test]
    public async Task A_read_of_several_collections_is_one_snapshot_in_one_round_trip(CancellationToken cancellationToken)
    {
        await using var session = await _database.OpenAsync();
        await session.InsertAsync("fence", [BsonDocument.Of(("_id", "c"), ("epoch", 1L))], true, cancellationToken);
        await session.InsertAsync("data", [BsonDocument.Of(("_id", 1), ("epoch", 1L))], true, cancellationToken);
        var sameEpoch = BsonDocument.Of(("$expr", BsonDocument.Of(("$eq", BsonArray.Of("$epoch", "$$epoch")))));
        var lookup = BsonDocument.Of(("from", "fence"), ("as", "fence"), ("let", BsonDocument.Of(("epoch", "$epoch"))),
            ("pipeline", BsonArray.Of(BsonDocument.Of(("$match", sameEpoch)))));
        var read = BsonDocument.Of(("aggregate", "data"), ("cursor", BsonDocument.Empty),
            ("readConcern", BsonDocument.Of(("level", "snapshot"))),
            ("pipeline", BsonArray.Of(BsonDocument.Of(("$match", BsonDocument.Of(("_id", 1)))), BsonDocument.Of(("$lookup", lookup)))));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writer = Task.Run(async () =>
        {
            await using var other = await _database.OpenAsync();
            var raise = BsonDocument.Of(("$inc", BsonDocument.Of(("epoch", 1L))));
            while (!stop.IsCancellationRequested)
            {
                other.BeginTransaction(TimeSpan.FromSeconds(10));
                await other.UpdateAsync("fence", [new(BsonDocument.Of(("_id", "c")), raise)], true, cancellationToken);
                await other.UpdateAsync("data", [new(BsonDocument.Of(("_id", 1)), raise)], true, cancellationToken);
                await other.CommitAsync();
            }
        }, cancellationToken);
        for (var i = 0; i < 200; i++)
        {
            await using var cursor = await session.OpenCursorAsync(read, cancellationToken);
            Assert.That(await cursor.NextBatchAsync(cancellationToken), Is.True);
            Assert.That(cursor[0]["fence"].AsArray, Has.Count.EqualTo(1), "both of the same moment");
        }
        await stop.CancelAsync();
        await writer;
    }
}
