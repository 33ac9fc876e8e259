using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Strangler.DualWrite;
using Strangler.Migrations;

namespace Strangler.Postgres;

/// <summary>A PostgreSQL database under migration.</summary>
public static class PostgresMigrations
{
    public const string Store = "postgres";

    /// <param name="options">The database.</param>
    /// <param name="side">The side that it is; for messages.</param>
    public static IMigrationDatabase Database(PostgresSideOptions options, SideName side) =>
        new PostgresMigrationDatabase(PostgresDatabase.Of(options), side);

    /// <summary>Reads the migration files for PostgreSQL below a folder, each step checked by <see cref="PostgresMigrationLint"/>.</summary>
    public static Task<MigrationCatalog> ReadCatalogAsync(string folder, CancellationToken cancellationToken) =>
        MigrationCatalog.ReadAsync(folder, Store, PostgresMigrationLint.Check, cancellationToken);
}

/// <summary>
/// The rule of a step: one statement that can be part of a transaction. It and its record are committed together, so that a run which is killed
/// anywhere leaves either both or neither.
/// </summary>
public static partial class PostgresMigrationLint
{
    /// <summary>What is wrong with a step; null when nothing is.</summary>
    public static string? Check(string statement)
    {
        var skeleton = SqlText.Skeleton(Dollars().Replace(statement, "''")).Trim();
        if (skeleton.TrimEnd(';').Contains(';', StringComparison.Ordinal))
        {
            return "more than one statement; put a line '-- step' between them.";
        }

        return OutOfTransactions().Match(skeleton) is { Success: true, Value: var what }
            ? $"'{what}' cannot be part of a transaction, and a step and its record are one."
            : null;
    }

    [GeneratedRegex(
        @"^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|PREPARE\s+TRANSACTION|VACUUM|ALTER\s+SYSTEM"
            + @"|(CREATE|DROP)\s+(DATABASE|TABLESPACE)|(CREATE|ALTER|DROP)\s+SUBSCRIPTION)\b|\bCONCURRENTLY\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OutOfTransactions();

    // $$ … $$ and $tag$ … $tag$: quoted text.
    [GeneratedRegex(@"(\$(?:[A-Za-z_]\w*)?\$).*?\1", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Dollars();
}

internal sealed class PostgresMigrationDatabase(PostgresDatabase database, SideName name) : IMigrationDatabase
{
    private static readonly Version Least = new(13, 0);

    private readonly PostgresSide _side = new(name, MigrationCatalog.SideTables, database);

    public string Store => PostgresMigrations.Store;

    public string Display => database.Display;

    public Task<IReadOnlyList<string>> PreflightAsync(CancellationToken cancellationToken) =>
        _side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var batch = new Batch().Add($"""
                    SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', current_setting('server_encoding'),
                        COALESCE(current_schema(), ''), COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false)
                    """);
                return await _side.QueryAsync(
                    connection, batch, (reader, inner) => CheckAsync(connection.ServerVersion, reader, inner), true, token).ConfigureAwait(false);
            },
            cancellationToken);

    public async Task<IReadOnlyList<MigrationRecord>> ReadRecordsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _side.ListAsync(
                new Batch().Add($"SELECT context, name, checksum, started, done, done_prefix, steps FROM strangler_schema_migration"),
                reader => new MigrationRecord(
                    reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4), reader.GetString(5),
                    reader.GetInt32(6)),
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
        var session = new PostgresMigrationSession(_side, connection);
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

    private static async Task<IReadOnlyList<string>> CheckAsync(Version version, NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        List<string> problems = [];
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        if (version < Least)
        {
            problems.Add($"the server is PostgreSQL {version}; {Least.Major} or newer is needed.");
        }

        if (reader.GetBoolean(0) || reader.GetBoolean(1))
        {
            problems.Add("the server is a standby or read-only (transaction_read_only is on); connect to the primary.");
        }

        if (reader.GetString(2) != "UTF8")
        {
            problems.Add($"the database's encoding is {reader.GetString(2)}; make it with ENCODING 'UTF8', which holds all that texts can be.");
        }

        if (reader.GetString(3).Length == 0)
        {
            problems.Add("none of the schemas of its search_path exists; create one, or name it in the connection string: Search Path=….");
        }
        else if (!reader.GetBoolean(4))
        {
            problems.Add($"its user may not create tables; run: GRANT CREATE, USAGE ON SCHEMA {reader.GetString(3)} TO it.");
        }

        return problems;
    }
}

internal sealed class PostgresMigrationSession(PostgresSide side, PostgresConnection connection) : IMigrationSession
{
    // One a database; the number says nothing else.
    private const long Lock = 0x7374_726d_6967_7261;

    public async Task LockAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        var milliseconds = new Sql(Math.Max(1, (long)wait.TotalMilliseconds).ToString(CultureInfo.InvariantCulture));
        try
        {
            await ExecuteAsync(
                new Batch().Add($"SET lock_timeout = {milliseconds}").Add($"SELECT pg_advisory_lock({Lock})").Add($"SET lock_timeout = 0"), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (DbException e) when (PostgresErrors.Classify(e) == PostgresErrorKind.LockWaitTimeout)
        {
            throw new MigrationException($"{side.Database.Display}: a migration is already running; wait for it, or end its connection.", e);
        }

        // What the runner writes down is the one table that no migration file can create.
        await ExecuteAsync(
            new Batch().Add($"""
                CREATE TABLE IF NOT EXISTS strangler_schema_migration (
                    context text NOT NULL,
                    name text NOT NULL,
                    checksum text NOT NULL,
                    started integer NOT NULL,
                    done integer NOT NULL,
                    done_prefix text NOT NULL,
                    steps integer NOT NULL,
                    began_at timestamptz NOT NULL,
                    done_at timestamptz,
                    PRIMARY KEY (context, name)
                )
                """),
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Nothing may have happened without its record, whatever an earlier run was doing when it died.</summary>
    public async Task ApplyStepAsync(MigrationFile file, int step, bool mayHaveHappened, CancellationToken cancellationToken)
    {
        var batch = new Batch()
            .Add($"BEGIN ISOLATION LEVEL READ COMMITTED")
            .Add($"{new Sql(file.Steps[step - 1])}")
            .Add($"""
                INSERT INTO strangler_schema_migration (context, name, checksum, started, done, done_prefix, steps, began_at, done_at)
                VALUES ({file.Context}, {file.Name}, {file.Checksum}, {step}, {step}, {file.PrefixChecksum(step)}, {file.Steps.Count},
                    statement_timestamp(), statement_timestamp())
                ON CONFLICT (context, name) DO UPDATE SET checksum = EXCLUDED.checksum, started = EXCLUDED.started, done = EXCLUDED.done,
                    done_prefix = EXCLUDED.done_prefix, steps = EXCLUDED.steps, done_at = EXCLUDED.done_at
                """)
            .Add($"COMMIT");
        try
        {
            await ExecuteAsync(batch, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e)
        {
            await PostgresSide.RollBackAsync(connection).ConfigureAwait(false);
            throw new MigrationException(
                $"{file.Path}: step {step} failed on {side.Database.Display}: {PostgresErrors.MessageOf(e)} Correct it and run again.", e);
        }
    }

    public Task EnsureFenceAsync(string context, SideName sideName, CancellationToken cancellationToken)
    {
        var role = FenceSql.Of(sideName == SideName.Legacy ? FenceRole.Lead : FenceRole.Follower);
        return ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_fence (context, role, stage, epoch, dual_epoch)
                VALUES ({context}, {role}, {nameof(Stage.LegacyOnly)}, 1, 0) ON CONFLICT (context) DO NOTHING
                """),
            cancellationToken);
    }

    /// <summary>The lock ends with the session, which a pool would keep; so it is given back.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (connection.IsOpen)
            {
                await ExecuteAsync(new Batch().Add($"SELECT pg_advisory_unlock_all()").Add($"RESET lock_timeout"), CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
        {
            // A connection that is lost has lost its locks.
        }

        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private Task<int> ExecuteAsync(Batch batch, CancellationToken cancellationToken) =>
        side.ExecuteAsync(connection, batch, true, cancellationToken);
}
