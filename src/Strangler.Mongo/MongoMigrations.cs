using System.Security.Cryptography;
using Strangler.DualWrite;
using Strangler.Migrations;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>A MongoDB database under migration.</summary>
public static class MongoMigrations
{
    public const string Store = "mongo";

    /// <param name="options">The database.</param>
    /// <param name="side">The side that it is; for messages.</param>
    public static IMigrationDatabase Database(MongoSideOptions options, SideName side) => new MongoMigrationDatabase(MongoDatabase.Of(options), side);

    /// <summary>Reads the migration files for MongoDB below a folder, each step checked by <see cref="MongoMigrationLint"/>.</summary>
    public static Task<MigrationCatalog> ReadCatalogAsync(string folder, CancellationToken cancellationToken) =>
        MigrationCatalog.ReadAsync(folder, Store, MongoMigrationLint.Check, cancellationToken, "json");
}

/// <summary>
/// The rule of a step: one command in extended JSON that makes or changes a collection, its validator or its indexes; lines <c>-- …</c> are comments. Such
/// commands can be no part of a transaction, so each must be one that can be given twice.
/// </summary>
public static class MongoMigrationLint
{
    private static readonly string[] Allowed = ["create", "createIndexes", "collMod", "dropIndexes", "drop"];

    /// <summary>What is wrong with a step; null when nothing is.</summary>
    public static string? Check(string statement)
    {
        try
        {
            var command = Parse(statement);
            return command.Count == 0 || !Allowed.Contains(command[0].Name)
                ? $"the command must begin with one of {string.Join(", ", Allowed)}."
                : command[0].Value.Type == BsonType.String ? null : $"{command[0].Name} must name a collection.";
        }
        catch (FormatException e)
        {
            return $"this is no extended JSON: {e.Message}";
        }
    }

    internal static BsonDocument Parse(string statement) => ExtendedJson.Read(SqlText.WithoutComments(statement));
}

internal sealed class MongoMigrationDatabase(MongoDatabase database, SideName name) : IMigrationDatabase
{
    public const string Records = "strangler_schema_migration";
    public const string Lock = "strangler_migration_lock";

    private readonly MongoSide _side = new(name, MigrationCatalog.SideTables, database);

    public string Store => MongoMigrations.Store;

    public string Display => database.Display;

    public async Task<IReadOnlyList<string>> PreflightAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _side.CheckTopologyAsync(cancellationToken).ConfigureAwait(false);
            return [];
        }
        catch (SideUnavailableException e) when (IsUnsuitable(e))
        {
            return [e.InnerException!.Message];
        }
    }

    /// <summary>None of a server that cannot be used: that it cannot is among the problems.</summary>
    public async Task<IReadOnlyList<MigrationRecord>> ReadRecordsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await _side.FindAsync(Records, BsonDocument.Empty, cancellationToken, background: true).ConfigureAwait(false))
                .ConvertAll(record => new MigrationRecord(
                    record.At("_id.context").AsString, record.At("_id.name").AsString, record.Text("checksum"), (int)record.Number("started"),
                    (int)record.Number("done"), record.Text("done_prefix"), (int)record.Number("steps")));
        }
        catch (SideUnavailableException e) when (IsUnsuitable(e))
        {
            return [];
        }
    }

    private static bool IsUnsuitable(SideUnavailableException e) => e.InnerException is MongoFailureException { Kind: MongoErrorKind.Unsuitable };

    public async Task<IMigrationSession> LockAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        var session = new MongoMigrationSession(_side);
        await session.LockAsync(wait, cancellationToken).ConfigureAwait(false);
        return session;
    }
}

/// <summary>
/// The lock is a lease, for the server has no locks that end with a connection; it is renewed before every step. A run that dies leaves it for as long as
/// a lease lasts. A step that outlives its lease does no harm either: each can be given twice, and its record is not written.
/// </summary>
internal sealed class MongoMigrationSession(MongoSide side) : IMigrationSession
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly string[] Validating = ["validator", "validationLevel", "validationAction"];

    private readonly string _token = RandomNumberGenerator.GetHexString(16, lowercase: true);

    public async Task LockAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        var began = side.Options.Time.GetTimestamp();
        while (!await TryLockAsync(cancellationToken).ConfigureAwait(false))
        {
            if (side.Options.Time.GetElapsedTime(began) >= wait)
            {
                throw new MigrationException(
                    $"{side.Database.Display}: a migration is already running; wait for it. If it has died, its lock ends within {Lease.TotalSeconds:0} s.");
            }

            await Task.Delay(Pause, side.Options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task ApplyStepAsync(MigrationFile file, int step, bool mayHaveHappened, CancellationToken cancellationToken)
    {
        await RecordAsync(file, step, step - 1, cancellationToken).ConfigureAwait(false);
        try
        {
            await KeepingLockAsync(
                token => side.UnhurriedAsync(
                    (session, inner) => RunAsync(session, MongoMigrationLint.Parse(file.Steps[step - 1]), mayHaveHappened, inner), token),
                cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (!e.IsOutage)
        {
            await TryRecordAsync(file, step - 1, step - 1, cancellationToken).ConfigureAwait(false);
            throw new MigrationException(
                $"{file.Path}: step {step} failed on {side.Database.Display}: {e.InnerException?.Message ?? e.Message} Correct it and run again.", e);
        }

        await RecordAsync(file, step, step, cancellationToken).ConfigureAwait(false);
    }

    public Task EnsureFenceAsync(string context, SideName sideName, CancellationToken cancellationToken)
    {
        var fence = new FenceRow(sideName == SideName.Legacy ? FenceRole.Lead : FenceRole.Follower, Stage.LegacyOnly, 1, 0);
        return side.UpdateAsync(
            Names.Fence, new(Keys.Filter(context), BsonDocument.Of(("$setOnInsert", FenceDocuments.Of(fence))), Upsert: true), cancellationToken, background: true);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await side.DeleteAsync(
                MongoMigrationDatabase.Lock, Keys.Filter("lock").With("token", _token), CancellationToken.None, background: true).ConfigureAwait(false);
        }
        catch (SideUnavailableException)
        {
            // It ends by itself.
        }
    }

    private async Task<bool> TryLockAsync(CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        var isFree = Keys.Filter("lock").With("$or", BsonArray.Of(
            BsonDocument.Of(("token", _token)), BsonDocument.Of(("until_at", BsonDocument.Of(("$lt", Times.Of(now)))))));
        try
        {
            var take = BsonDocument.Of(("token", _token), ("until_at", Times.After(now, Lease)));
            return await side.UpdateAsync(
                MongoMigrationDatabase.Lock, new(isFree, BsonDocument.Of(("$set", take)), Upsert: true), cancellationToken, background: true)
                .ConfigureAwait(false) == 1;
        }
        catch (SideUnavailableException e) when (e.InnerException is MongoFailureException { Kind: MongoErrorKind.Duplicate })
        {
            // It is there, and another's: the upsert met it.
            return false;
        }
    }

    // An index may take hours to build, and a lease is short.
    private async Task KeepingLockAsync(Func<CancellationToken, Task> step, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var keeping = KeepLockAsync(over.Token);
        try
        {
            await step(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await keeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Not to be renewed for once does no harm: the next time comes before the lease is over, and each step can be given twice.
    private async Task KeepLockAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Lease / 4, side.Options.Time, cancellationToken).ConfigureAwait(false);
            try
            {
                await TryLockAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (SideUnavailableException)
            {
                continue;
            }
        }
    }

    private async Task RecordAsync(MigrationFile file, int started, int done, CancellationToken cancellationToken)
    {
        if (!await TryRecordAsync(file, started, done, cancellationToken).ConfigureAwait(false))
        {
            throw new MigrationException($"{side.Database.Display}: another migration has taken over in the meantime; run again.");
        }
    }

    /// <summary>
    /// Only who has the lock records. Should it be lost between the two, no record is set back all the same: where another run has done more, the filter finds
    /// nothing and the upsert meets the record.
    /// </summary>
    private async Task<bool> TryRecordAsync(MigrationFile file, int started, int done, CancellationToken cancellationToken)
    {
        if (!await TryLockAsync(cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        try
        {
            await WriteRecordAsync(file, started, done, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (SideUnavailableException e) when (e.InnerException is MongoFailureException { Kind: MongoErrorKind.Duplicate })
        {
            return false;
        }
    }

    private Task WriteRecordAsync(MigrationFile file, int started, int done, CancellationToken cancellationToken)
    {
        var id = Keys.Filter(BsonDocument.Of(("context", file.Context), ("name", file.Name))).With("done", BsonDocument.Of(("$lte", done)));
        var set = BsonDocument.Of(
            ("checksum", file.Checksum), ("started", started), ("done", done), ("done_prefix", file.PrefixChecksum(done)), ("steps", file.Steps.Count));
        return side.UpdateAsync(
            MongoMigrationDatabase.Records, new(id, BsonDocument.Of(("$set", set), ("$currentDate", BsonDocument.Of(("at", true)))), Upsert: true), cancellationToken,
            background: true);
    }

    private static async Task RunAsync(MongoSession session, BsonDocument command, bool mayHaveHappened, CancellationToken cancellationToken)
    {
        try
        {
            await session.RunAsync(command.With("writeConcern", BsonDocument.Of(("w", "majority"))), cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e) when (command[0].Name == "create" && e.Kind == MongoErrorKind.Exists)
        {
            var validator = await ValidatorAsync(session, command[0].Value, cancellationToken).ConfigureAwait(false);
            if (mayHaveHappened && validator.Equals(command["validator"], BsonComparison.FieldOrder | BsonComparison.NumericType))
            {
                return;
            }

            if (!validator.IsMissing || !await MayBeTakenOverAsync(session, command, cancellationToken).ConfigureAwait(false))
            {
                throw;
            }

            await ValidateAsync(session, command, cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e) when (mayHaveHappened && command[0].Name == "drop" && e.Kind == MongoErrorKind.NoSuchCollection)
        {
            // It is gone.
        }
        catch (MongoFailureException e) when (mayHaveHappened && command[0].Name == "dropIndexes" && e.Code == 27)
        {
            // Likewise (IndexNotFound).
        }
    }

    /// <summary>Missing when it has none; null when there is no such collection (any more), which no step's is.</summary>
    private static async Task<BsonValue> ValidatorAsync(MongoSession session, BsonValue collection, CancellationToken cancellationToken)
    {
        var found = await session.AllAsync(
            BsonDocument.Of(("listCollections", 1), ("filter", BsonDocument.Of(("name", collection)))), cancellationToken).ConfigureAwait(false);
        return found.Count == 1 ? found[0].At("options.validator") : BsonValue.Null;
    }

    /// <summary>
    /// Whether a collection without a validator is one that came into being by being written to: ours by its name, or nothing is in it. Another program's
    /// documents are not taken for the new side's. Only a validator can be given later, not what else a collection is made with.
    /// </summary>
    private static async Task<bool> MayBeTakenOverAsync(MongoSession session, BsonDocument create, CancellationToken cancellationToken) =>
        create.Skip(1).All(field => Validating.Contains(field.Name))
        && (create[0].Value.AsString.StartsWith(Names.Prefix, StringComparison.Ordinal)
            || await session.FirstAsync(create[0].Value.AsString, BsonDocument.Empty, cancellationToken).ConfigureAwait(false) is null);

    private static async Task ValidateAsync(MongoSession session, BsonDocument create, CancellationToken cancellationToken)
    {
        if (create.Count > 1)
        {
            var change = BsonDocument.FromElements([new("collMod", create[0].Value), .. create.Skip(1)]);
            await session.RunAsync(change.With("writeConcern", BsonDocument.Of(("w", "majority"))), cancellationToken).ConfigureAwait(false);
        }
    }
}
