using Strangler.DualWrite;
using Strangler.IntegrationTests.MySql;
using Strangler.Mapping;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>A database with the side collections and the contract's collection.</summary>
internal sealed class MongoTestSide : IAsyncDisposable
{
    public const string Context = "tests";

    private static readonly Dictionary<string, AggregateLayout> Kinds = new() { ["thing"] = SideStoreContract.Layout };

    private readonly MongoTestDatabase? _database;
    private readonly MongoDataSource _source;

    private MongoTestSide(string connectionString, TimeSpan? deadline, MongoTestDatabase? database)
    {
        (_database, _source) = (database, MongoDataSource.Create(connectionString, new()));
        Options = new MongoSideOptions
        {
            ConnectionString = connectionString, TransactionDeadline = deadline ?? TimeSpan.FromSeconds(15), BackgroundCommandTimeout = deadline ?? TimeSpan.FromMinutes(2),
        };
        New = Open(Options);
    }

    public MongoSideOptions Options { get; }

    public NewSide New { get; }

    public static NewSide Open(MongoSideOptions options) => MongoSides.CreateNew(options, Context, Kinds);

    public static async Task<MongoTestSide> CreateAsync()
    {
        var database = await MongoServers.CreateDatabaseAsync("new");
        return await MigrateAsync(new MongoTestSide(database.ConnectionString, null, database));
    }

    /// <summary>On a server of the test's own.</summary>
    public static Task<MongoTestSide> CreateAsync(string connectionString, TimeSpan deadline) =>
        MigrateAsync(new MongoTestSide(connectionString, deadline, null));

    private static async Task<MongoTestSide> MigrateAsync(MongoTestSide side)
    {
        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, default);
        var runner = new MigrationRunner([new MigrationTarget(SideName.New, [Context], MongoMigrations.Database(side.Options, SideName.New), catalog)]);
        Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);
        // Far from any legacy id, so that code which bypasses the map is found out.
        await side.UpdateAsync("strangler_sequence", BsonDocument.Of(("_id", BsonDocument.Of(("name", "thing")))), BsonDocument.Of(("$set", BsonDocument.Of(("last", 1_000_000L)))));
        return side;
    }

    public async Task UpdateAsync(string collection, BsonDocument filter, BsonDocument change)
    {
        await using var session = await OpenAsync();
        (await session.UpdateAsync(collection, [new MongoUpdate(filter, change, Upsert: collection == "strangler_sequence", Many: true)], true, default)).ThrowIfFailed();
    }

    public async Task<List<BsonDocument>> FindAsync(string collection, BsonDocument? filter = null)
    {
        await using var session = await OpenAsync();
        return await session.FindAsync(collection, filter ?? BsonDocument.Empty, default);
    }

    public Task<MongoSession> OpenAsync() => _source.OpenAsync(default);

    /// <summary>A command to the server.</summary>
    public async Task RunAsync(BsonDocument command)
    {
        await using var session = await OpenAsync();
        await session.RunAsync(command, default, "admin");
    }

    /// <summary>As a flip does it: the fence and all its slots.</summary>
    public async Task SetFenceAsync(FenceRow fence)
    {
        var change = BsonDocument.Of(("$set", FenceDocuments.Of(fence)));
        await UpdateAsync("strangler_fence", BsonDocument.Of(("_id", Context)), change);
        await UpdateAsync("strangler_fence_slot", BsonDocument.Of(("_id.context", Context)), change);
    }

    public async ValueTask DisposeAsync()
    {
        await MongoSides.CloseAsync(Options);
        await _source.DisposeAsync();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }
}
