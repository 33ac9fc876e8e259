using System.Data.Common;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>A fresh database of the shared MongoDB server, as the new side of a context's world.</summary>
internal sealed class MongoNewDatabase : TestDatabase
{
    private readonly MongoTestDatabase _database;
    private bool _isDropped;

    private MongoNewDatabase(MongoTestDatabase database)
        : base(database.ConnectionString, database.Name) => _database = database;

    public static async Task<MongoNewDatabase> MakeAsync() => new(await MongoServers.CreateDatabaseAsync("new"));

    public Task<MongoSession> OpenSessionAsync() => _database.OpenAsync();

    public override Task<DbConnection> OpenAsync() => throw new NotSupportedException($"{Name} speaks no SQL.");

    internal override async Task<List<string>> EchoesAsync()
    {
        await using var session = await OpenSessionAsync();
        var foreign = BsonDocument.Of(("foreign_seq", BsonDocument.Of(("$gt", 0L))));
        return (await session.FindAsync("strangler_entity", foreign, CancellationToken.None)).ConvertAll(entity => entity["_id"].ToString());
    }

    private protected override async Task DropAsync()
    {
        if (!_isDropped)
        {
            _isDropped = true;
            await _database.DisposeAsync();
        }
    }
}
