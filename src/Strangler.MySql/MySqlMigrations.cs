using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Strangler.DualWrite;
using Strangler.Migrations;

namespace Strangler.MySql;

/// <summary>A MySQL or MariaDB database under migration.</summary>
public static class MySqlMigrations
{
    public const string Store = "mysql";

    /// <param name="options">The database.</param>
    /// <param name="side">The side that it is; for messages.</param>
    public static IMigrationDatabase Database(MySqlSideOptions options, SideName side) =>
        new MySqlMigrationDatabase(MySqlDatabase.Of(options), side);

    /// <summary>Reads the migration files for MySQL below a folder, each step checked by <see cref="MySqlMigrationLint"/>.</summary>
    public static Task<MigrationCatalog> ReadCatalogAsync(string folder, CancellationToken cancellationToken) =>
        MigrationCatalog.ReadAsync(folder, Store, MySqlMigrationLint.Check, cancellationToken);
}

/// <summary>
/// The rule of a step: <em>one statement that can be told to have happened when it is run a second time</em>. MySQL commits DDL implicitly,
/// so a run may die after the statement and before its record. Allowed are DDL with IF [NOT] EXISTS or OR REPLACE (harmless the second
/// time); ALTER TABLE and CREATE INDEX (the second time they fail with "already exists" or "no such", which counts as done only for a step
/// that was begun before); INSERT, UPDATE, DELETE (their record is in the same transaction).
/// </summary>
public static partial class MySqlMigrationLint
{
    /// <summary>What is wrong with a step; null when nothing is.</summary>
    public static string? Check(string statement)
    {
        var skeleton = SqlText.Skeleton(statement).Trim();
        if (skeleton.TrimEnd(';').Contains(';', StringComparison.Ordinal) && !Compound().IsMatch(skeleton))
        {
            return "more than one statement; put a line '-- step' between them.";
        }

        return Rerunnable().IsMatch(skeleton) || Atomic().IsMatch(skeleton) || Transactional().IsMatch(skeleton)
            ? null
            : "cannot be recognised as done when a killed run is resumed; write IF [NOT] EXISTS or OR REPLACE, "
                + "or one ALTER TABLE, CREATE INDEX, INSERT, UPDATE or DELETE.";
    }

    /// <summary>Whether the step and its record are one transaction.</summary>
    internal static bool IsTransactional(string statement) => Transactional().IsMatch(SqlText.Skeleton(statement).Trim());

    [GeneratedRegex(@"^CREATE\s+(OR\s+REPLACE\s+)?(DEFINER\s*=\s*\S+\s+)?(TRIGGER|PROCEDURE|FUNCTION)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Compound();

    [GeneratedRegex(
        @"^(CREATE\s+TABLE\s+IF\s+NOT\s+EXISTS|DROP\s+(TABLE|VIEW|TRIGGER|PROCEDURE|FUNCTION)\s+IF\s+EXISTS"
            + @"|CREATE\s+OR\s+REPLACE|CREATE\s+(DEFINER\s*=\s*\S+\s+)?TRIGGER\s+IF\s+NOT\s+EXISTS)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Rerunnable();

    [GeneratedRegex(@"^(ALTER\s+TABLE|CREATE\s+(UNIQUE\s+|FULLTEXT\s+)?INDEX|DROP\s+INDEX)\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Atomic();

    [GeneratedRegex(@"^(INSERT|REPLACE|UPDATE|DELETE)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Transactional();
}

internal sealed class MySqlMigrationDatabase(MySqlDatabase database, SideName name) : IMigrationDatabase
{
    private readonly MySqlSide _side = new(name, MigrationCatalog.SideTables, database);

    public string Store => MySqlMigrations.Store;

    public string Display => database.Display;

    public Task<IReadOnlyList<string>> PreflightAsync(CancellationToken cancellationToken) =>
        _side.UseAsync(
            background: true,
            async (connection, token) => await MySqlPreflight.CheckAsync(_side, connection, token).ConfigureAwait(false),
            cancellationToken);

    public async Task<IReadOnlyList<MigrationRecord>> ReadRecordsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _side.ListAsync(
                new Batch().Add($"SELECT context, name, checksum, started, done, done_prefix, steps FROM strangler_schema_migration"),
                reader => new MigrationRecord(
                    reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4),
                        reader.GetString(5), reader.GetInt32(6)),
                cancellationToken).ConfigureAwait(false);
        }
        catch (NotMigratedException)
        {
            return [];
        }
    }

    public async Task<IMigrationSession> LockAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        var connection = await _side.OpenAsync(background: true, cancellationToken).ConfigureAwait(false);
        var session = new MySqlMigrationSession(_side, connection);
        try
        {
            await session.LockAsync(wait, cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}

internal sealed class MySqlMigrationSession(MySqlSide side, DbConnection connection) : IMigrationSession
{
    public async Task LockAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        // The name is the server's, not the database's; at most 64 characters.
        var name = $"strangler_migrate_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(connection.Database)))[..16]}";
        var got = await ScalarAsync(new Batch().Add($"SELECT GET_LOCK({name}, {Math.Max(0, wait.TotalSeconds)})"), cancellationToken)
            .ConfigureAwait(false);
        if (got != 1)
        {
            throw new MigrationException($"{side.Database.Display}: a migration is already running; wait for it, or end its connection.");
        }

        // What the runner writes down is the one table that no migration file can create.
        await ExecuteAsync(
            new Batch().Add($"""
                CREATE TABLE IF NOT EXISTS strangler_schema_migration (
                    context VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                    name VARCHAR(190) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                    started INT NOT NULL,
                    done INT NOT NULL,
                    done_prefix CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                    steps INT NOT NULL,
                    began_at DATETIME(6) NOT NULL,
                    done_at DATETIME(6) NULL,
                    PRIMARY KEY (context, name)
                ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
                """),
            cancellationToken).ConfigureAwait(false);
    }

    public async Task ApplyStepAsync(MigrationFile file, int step, bool mayHaveHappened, CancellationToken cancellationToken)
    {
        await ExecuteAsync(Started(file, step), cancellationToken).ConfigureAwait(false);
        var statement = new Sql(file.Steps[step - 1]);
        try
        {
            if (MySqlMigrationLint.IsTransactional(statement.Text))
            {
                var batch = new Batch().Add($"START TRANSACTION").Add($"{statement}");
                Done(batch, file, step);
                await ExecuteAsync(batch.Add($"COMMIT"), cancellationToken).ConfigureAwait(false);
                return;
            }

            await ExecuteAsync(new Batch().Add($"{statement}"), cancellationToken).ConfigureAwait(false);
        }
        catch (DbException e) when (mayHaveHappened && HasHappened(e))
        {
        }
        catch (DbException e) when (
            MySqlDriver.Classify(e) is not (MySqlErrorKind.ConnectionLost or MySqlErrorKind.Timeout or MySqlErrorKind.QueryKilled))
        {
            // The server has refused it, and a single statement is atomic: it has not happened.
            await MySqlSide.RollBackAsync(connection).ConfigureAwait(false);
            await ExecuteAsync(Started(file, step - 1), CancellationToken.None).ConfigureAwait(false);
            throw new MigrationException(
                $"{file.Path}: step {step} failed on {side.Database.Display}: {e.Message} Correct it and run again.", e);
        }

        var done = new Batch();
        Done(done, file, step);
        await ExecuteAsync(done, cancellationToken).ConfigureAwait(false);
    }

    public Task EnsureFenceAsync(string context, SideName sideName, CancellationToken cancellationToken)
    {
        var role = FenceSql.Of(sideName == SideName.Legacy ? FenceRole.Lead : FenceRole.Follower);
        return ExecuteAsync(
            new Batch().Add($"""
                INSERT IGNORE INTO strangler_fence (context, role, stage, epoch, dual_epoch)
                VALUES ({context}, {role}, {nameof(Stage.LegacyOnly)}, 1, 0)
                """),
            cancellationToken);
    }

    /// <summary>The lock ends with the session, which a pool would keep; so it is given back by name.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await ExecuteAsync(new Batch().Add($"DO RELEASE_ALL_LOCKS()"), CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
        {
            // A connection that is lost has lost its locks.
        }

        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static Batch Started(MigrationFile file, int step) => new Batch().Add($"""
        INSERT INTO strangler_schema_migration (context, name, checksum, started, done, done_prefix, steps, began_at)
        VALUES ({file.Context}, {file.Name}, {file.Checksum}, {step}, 0, {file.PrefixChecksum(0)}, {file.Steps.Count}, UTC_TIMESTAMP(6))
        ON DUPLICATE KEY UPDATE checksum = VALUES(checksum), started = VALUES(started), steps = VALUES(steps)
        """);

    private static void Done(Batch batch, MigrationFile file, int step) => batch.Add($"""
        UPDATE strangler_schema_migration SET done = {step}, done_prefix = {file.PrefixChecksum(step)}, done_at = UTC_TIMESTAMP(6)
        WHERE context = {file.Context} AND name = {file.Name}
        """);

    // Table, column, key or constraint exists already; column or key to be dropped is gone.
    private static bool HasHappened(DbException e) =>
        AlreadyThere.Any(text => e.Message.Contains(text, StringComparison.OrdinalIgnoreCase));

    private static readonly string[] AlreadyThere =
        ["Duplicate column name", "Duplicate key name", "already exists", "Duplicate foreign key", "check that",
            "Multiple primary key defined", "Duplicate check constraint"];

    private Task<int> ExecuteAsync(Batch batch, CancellationToken cancellationToken) =>
        side.ExecuteAsync(connection, batch, true, cancellationToken);

    private Task<long?> ScalarAsync(Batch batch, CancellationToken cancellationToken) =>
        side.ScalarAsync(connection, batch, true, cancellationToken);
}
