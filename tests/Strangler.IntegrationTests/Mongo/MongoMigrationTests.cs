using Strangler.DualWrite;
using Strangler.IntegrationTests.MySql;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

[CancelAfter(120_000)]
internal sealed class MongoMigrationTests
{
    private MongoTestDatabase _database = null!;
    private MongoSideOptions _options = null!;

    [SetUp]
    public async Task CreateDatabase()
    {
        _database = await MongoServers.CreateDatabaseAsync("migrations");
        _options = new MongoSideOptions { ConnectionString = _database.ConnectionString };
    }

    [TearDown]
    public async Task DropDatabase()
    {
        await MongoSides.CloseAsync(_options);
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Applied_once_everything_is_there_and_a_second_run_finds_nothing_to_do()
    {
        var runner = await RunnerAsync();
        Assert.That((await runner.StatusAsync(default)).IsUpToDate, Is.False);

        Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);
        Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);

        var fence = await MongoTestSide.Open(_options).Seams.Fence.ReadAsync(default);
        Assert.That(fence, Is.EqualTo(new FenceRow(FenceRole.Follower, Stage.LegacyOnly, 1, 0)));
        await using var session = await _database.OpenAsync();
        var refused = (await session.InsertAsync("strangler_id_map", [BsonDocument.Of(("_id", "no key"))], true, default)).Errors.Single();
        Assert.That(refused.Failure.Kind, Is.EqualTo(MongoErrorKind.Invalid));
    }

    /// <summary>A command cannot be part of a transaction: its record may lack what has happened.</summary>
    [Test]
    public async Task A_run_that_died_before_it_had_noted_what_it_did_is_gone_on_with([Values] bool isTheSame)
    {
        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, default);
        var first = catalog.Files[0];
        var database = MongoMigrations.Database(_options, SideName.New);
        await using (var session = await _database.OpenAsync())
        {
            var create = ExtendedJson.Read(SqlText.WithoutComments(first.Steps[0]));
            var other = BsonDocument.Of(("$jsonSchema", BsonDocument.Of(("required", BsonArray.Of("another")))));
            await session.RunAsync(isTheSame ? create : create.With("validator", other), default);
            await session.InsertAsync("strangler_schema_migration", [BsonDocument.Of(
                ("_id", BsonDocument.Of(("context", first.Context), ("name", first.Name))), ("checksum", first.Checksum), ("started", 1), ("done", 0),
                ("done_prefix", first.PrefixChecksum(0)), ("steps", first.Steps.Count))], true, default);
        }

        var runner = new MigrationRunner([new MigrationTarget(SideName.New, ["tests"], database, catalog)]);
        if (isTheSame)
        {
            Assert.That((await runner.ApplyAsync(null, default)).IsUpToDate, Is.True);
            return;
        }

        var failed = Assert.ThrowsAsync<MigrationException>(() => runner.ApplyAsync(null, default))!;
        Assert.That(failed.Message, Does.Contain("step 1 failed"));
    }

    /// <summary>Whatever writes to a collection makes it where it is not there, without a validator.</summary>
    [Test]
    public async Task A_collection_that_a_write_has_made_before_it_was_migrated_gets_its_validator()
    {
        await using var session = await _database.OpenAsync();
        await session.InsertAsync("strangler_answer", [BsonDocument.Of(("_id", "early"))], true, default);

        Assert.That((await (await RunnerAsync()).ApplyAsync(null, default)).IsUpToDate, Is.True);

        var refused = (await session.InsertAsync("strangler_answer", [BsonDocument.Of(("_id", "late"))], true, default)).Errors.Single();
        Assert.That(refused.Failure.Kind, Is.EqualTo(MongoErrorKind.Invalid));
    }

    [Test]
    public async Task A_collection_of_another_program_s_is_not_taken_over_unless_it_is_empty([Values] bool isEmpty)
    {
        await using var session = await _database.OpenAsync();
        await session.InsertAsync("taken", [BsonDocument.Of(("_id", 1))], true, default);
        if (isEmpty)
        {
            await session.DeleteAsync("taken", [new(BsonDocument.Empty, Many: true)], true, default);
        }

        var file = MigrationFile.Parse("tests", "0001_taken", "0001_taken.json", """{ "create": "taken", "validator": { "x": { "$exists": true } } }""");
        await using var run = await MongoMigrations.Database(_options, SideName.New).LockAsync(TimeSpan.FromSeconds(1), default);
        if (isEmpty)
        {
            await run.ApplyStepAsync(file, 1, mayHaveHappened: false, default);
            Assert.That((await session.InsertAsync("taken", [BsonDocument.Of(("_id", 2))], true, default)).Errors, Is.Not.Empty);
            return;
        }

        Assert.That(Assert.ThrowsAsync<MigrationException>(() => run.ApplyStepAsync(file, 1, false, default))!.Message, Does.Contain("already exists"));
    }

    [Test]
    public async Task A_run_that_has_lost_its_lock_records_nothing_and_nothing_that_was_done_is_set_back()
    {
        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, default);
        var first = catalog.Files[0];
        await using var slow = await MongoMigrations.Database(_options, SideName.New).LockAsync(TimeSpan.FromSeconds(1), default);
        await slow.ApplyStepAsync(first, 1, mayHaveHappened: false, default);
        await SetAsync("strangler_migration_lock", ("token", "the winner's"));

        Assert.That(
            Assert.ThrowsAsync<MigrationException>(() => slow.ApplyStepAsync(first, 2, mayHaveHappened: false, default))!.Message, Does.Contain("taken over"));
        Assert.That((await RecordAsync())["done"], Is.EqualTo((BsonValue)1));

        // The lock back in time, and the record of who was faster.
        await SetAsync("strangler_migration_lock", ("until_at", BsonValue.FromMilliseconds(0)));
        await SetAsync("strangler_schema_migration", ("done", 3));
        Assert.ThrowsAsync<MigrationException>(() => slow.ApplyStepAsync(first, 2, mayHaveHappened: true, default));
        Assert.That((await RecordAsync())["done"], Is.EqualTo((BsonValue)3));

        async Task SetAsync(string collection, (string, BsonValue) field)
        {
            await using var session = await _database.OpenAsync();
            await session.UpdateAsync(collection, [new(BsonDocument.Empty, BsonDocument.Of(("$set", BsonDocument.Of(field))), Many: true)], true, default);
        }

        async Task<BsonDocument> RecordAsync()
        {
            await using var session = await _database.OpenAsync();
            return (await session.FindAsync("strangler_schema_migration", BsonDocument.Empty, default)).Single();
        }
    }

    [Test]
    public async Task Two_runs_at_once_exclude_each_other_until_the_first_has_ended()
    {
        var database = MongoMigrations.Database(_options, SideName.New);
        await using (await database.LockAsync(TimeSpan.FromSeconds(1), default))
        {
            var refused = Assert.ThrowsAsync<MigrationException>(() => database.LockAsync(TimeSpan.FromMilliseconds(50), default))!;
            Assert.That(refused.Message, Does.Contain("already running"));
        }

        await (await database.LockAsync(TimeSpan.FromMilliseconds(50), default)).DisposeAsync();
    }

    [Test]
    public async Task An_index_may_take_longer_to_build_than_other_commands_may_take(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync();
        var options = new MongoSideOptions { ConnectionString = server.ConnectionString("slow"), BackgroundCommandTimeout = TimeSpan.FromSeconds(1) };
        await using (var source = MongoDataSource.Create(options.ConnectionString, new()))
        await using (var session = await source.OpenAsync(cancellationToken))
        {
            var slow = BsonDocument.Of(("failCommands", BsonArray.Of("createIndexes")), ("blockConnection", true), ("blockTimeMS", 2_200));
            await session.RunAsync(
                BsonDocument.Of(("configureFailPoint", "failCommand"), ("mode", BsonDocument.Of(("times", 1))), ("data", slow)), cancellationToken, "admin");
        }

        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, cancellationToken);
        var runner = new MigrationRunner([new MigrationTarget(SideName.New, ["tests"], MongoMigrations.Database(options, SideName.New), catalog)]);
        Assert.That((await runner.ApplyAsync(null, cancellationToken)).IsUpToDate, Is.True);
        await MongoSides.CloseAsync(options);
    }

    [Test]
    public async Task A_standalone_server_is_refused_with_the_commands_that_convert_it_and_nothing_is_written(CancellationToken cancellationToken)
    {
        await using var server = await MongoServers.StartPrivateAsync(new() { IsStandalone = true });
        var options = new MongoSideOptions { ConnectionString = server.ConnectionString("standalone") };
        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, cancellationToken);
        var runner = new MigrationRunner([new MigrationTarget(SideName.New, ["tests"], MongoMigrations.Database(options, SideName.New), catalog)]);

        var refused = Assert.ThrowsAsync<MigrationException>(() => runner.ApplyAsync(null, cancellationToken))!;

        Assert.That(refused.Message, Does.Contain("rs.initiate()").And.Contain("--replSet"));
        await using var source = MongoDataSource.Create(MongoAddress.Direct(options.ConnectionString), new());
        await using (var session = await source.OpenAsync(cancellationToken))
        {
            Assert.That(await session.AllAsync(BsonDocument.Of(("listCollections", 1)), cancellationToken), Is.Empty);
        }

        await MongoSides.CloseAsync(options);
    }

    private async Task<MigrationRunner> RunnerAsync()
    {
        var catalog = await MongoMigrations.ReadCatalogAsync(MySqlTestSides.MigrationsFolder, default);
        return new MigrationRunner([new MigrationTarget(SideName.New, ["tests"], MongoMigrations.Database(_options, SideName.New), catalog)]);
    }
}
