using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Strangler.DualWrite;
using Strangler.Schemas;

namespace Strangler.MySql;

/// <summary>One side of one context: runs batches on its database and says every failure in the engine's words.</summary>
internal sealed partial class MySqlSide(SideName name, string context, MySqlDatabase database)
{
    /// <summary>
    /// Strict for what we write, yet the zero dates of legacy rows can be read and kept. Set explicitly: with ANSI_QUOTES or
    /// NO_BACKSLASH_ESCAPES as the server's default, a driver's own escaping of parameters would mean something else.
    /// </summary>
    private const string SqlMode = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

    public SideName Name { get; } = name;

    public string Context { get; } = context;

    public MySqlDatabase Database { get; } = database;

    public MySqlSideOptions Options => Database.Options;

    /// <summary>
    /// The session of a write: strict, with a bound on lock waits, marked as ours for the capture triggers, and cut by the server when it
    /// falls silent. Travels with the first statement. The server cuts a silent connection also within a transaction: so the locks of a
    /// client that is frozen or cut off end without it.
    /// </summary>
    public Batch WriteSession(Batch batch, bool background, int? lockSeconds = null) =>
        batch.Add($"""
            SET SESSION sql_mode = {SqlMode}, innodb_lock_wait_timeout = {lockSeconds ?? Database.LockSeconds(background)},
                wait_timeout = {(int)Math.Ceiling(Options.TransactionDeadline.TotalSeconds)}, @strangler_own = {Context}
            """);

    /// <summary>
    /// READ COMMITTED for writes: every read of such a transaction is a locking read of the latest commit (the fence above all: a plain
    /// SELECT under REPEATABLE READ returns the epoch of its snapshot), and no gap is locked, so that creates at the end of a table never
    /// wait for one another.
    /// </summary>
    public Batch BeginWrite(Batch batch, bool background, int? lockSeconds = null) =>
        WriteSession(batch, background, lockSeconds)
            .Add($"SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            .Add($"START TRANSACTION");

    public static Batch EndWrite(Batch batch) => batch.Add($"COMMIT").Add($"SET SESSION wait_timeout = DEFAULT, @strangler_own = NULL");

    public static Batch BeginSnapshot(Batch batch) =>
        batch.Add($"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").Add($"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");

    /// <summary>A batch without a result: one statement, or a whole transaction. Returns the affected rows of all statements
    /// together.</summary>
    public Task<int> ExecuteAsync(Batch batch, CancellationToken cancellationToken, bool? background = null, bool keepsSession = false) =>
        UseAsync(background, async (connection, token) =>
            await ExecuteAsync(connection, batch, background, token).ConfigureAwait(false), cancellationToken, keepsSession);

    /// <summary>A batch with results, read by <paramref name="read"/> in their order.</summary>
    public Task<T> QueryAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken, bool? background = null,
        bool keepsSession = false) =>
        UseAsync(background, (connection, token) => QueryAsync(connection, batch, read, background, token), cancellationToken, keepsSession);

    /// <summary>The rows of a single result.</summary>
    public Task<List<T>> ListAsync<T>(Batch batch, Func<DbDataReader, T> row, CancellationToken cancellationToken,
        bool? background = null) =>
        UseAsync(background, (connection, token) => ListAsync(connection, batch, row, background, token), cancellationToken);

    /// <summary>The same on a connection that more is done with.</summary>
    public Task<List<T>> ListAsync<T>(
        DbConnection connection, Batch batch, Func<DbDataReader, T> row, bool? background, CancellationToken cancellationToken) =>
        QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                List<T> rows = [];
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    rows.Add(row(reader));
                }

                return rows;
            },
            background,
            cancellationToken);

    public async Task<int> ExecuteAsync(DbConnection connection, Batch batch, bool? background, CancellationToken cancellationToken)
    {
        var command = batch.ToCommand(connection, Database.CommandTimeout(background ?? Lane.IsBackground));
        await using (command.ConfigureAwait(false))
        {
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The first value of the first row as a number; null when there is no row, or NULL in it.</summary>
    public Task<long?> ScalarAsync(DbConnection connection, Batch batch, bool? background, CancellationToken cancellationToken) =>
        QueryAsync(
            connection,
            batch,
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) && !reader.IsDBNull(0)
                ? Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture)
                : (long?)null,
            background,
            cancellationToken);

    public async Task<T> QueryAsync<T>(
        DbConnection connection, Batch batch, Func<DbDataReader, CancellationToken, Task<T>> read, bool? background,
            CancellationToken cancellationToken)
    {
        var command = batch.ToCommand(connection, Database.CommandTimeout(background ?? Lane.IsBackground));
        await using (command.ConfigureAwait(false))
        {
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                var result = await read(reader, cancellationToken).ConfigureAwait(false);
                // An error of a later statement of the batch shows only when its result is asked for.
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
                {
                }

                return result;
            }
        }
    }

    /// <summary>Lends a connection; after a failure nothing of an open transaction is left behind.</summary>
    /// <param name="background">Which pool; null: as the present lane says.</param>
    /// <param name="work">What to do with it.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <param name="keepsSession">The work rests on no session variable that it does not set, and leaves no transaction and no lock.</param>
    public async Task<T> UseAsync<T>(
        bool? background, Func<DbConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken, bool keepsSession = false)
    {
        var lane = background ?? Lane.IsBackground;
        var connection = await OpenAsync(lane, cancellationToken, asNew: !keepsSession).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                var result = await work(connection, cancellationToken).ConfigureAwait(false);
                if (keepsSession)
                {
                    MySqlDriver.Keep(connection);
                }

                return result;
            }
            catch (Exception e)
            {
                await RollBackAsync(connection).ConfigureAwait(false);
                if (Translate(e, cancellationToken) is not { } translated)
                {
                    throw;
                }

                if (translated is SideUnavailableException { IsConnectionLost: true })
                {
                    await Database.ForgetIdleAsync(lane).ConfigureAwait(false);
                }

                throw translated;
            }
        }
    }

    public async Task<DbConnection> OpenAsync(bool background, CancellationToken cancellationToken, bool asNew = true)
    {
        try
        {
            return await Database.OpenAsync(background, asNew, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (Translate(e, cancellationToken, opening: true) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Never throws: a connection that cannot even roll back is closed, and then the server does it.</summary>
    /// <param name="connection">Which may be lost.</param>
    /// <param name="home">The session's own database, where it may be on another one.</param>
    public static async Task RollBackAsync(DbConnection connection, Sql? home = null)
    {
        if (connection.State != ConnectionState.Open)
        {
            return;
        }

        try
        {
            var batch = new Batch().Add($"ROLLBACK");
            if (home is { } database)
            {
                batch.Add($"USE {database}");
            }

            var command = batch.ToCommand(connection, TimeSpan.FromSeconds(5));
            await using (command.ConfigureAwait(false))
            {
                await command.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException or IOException)
        {
            await connection.CloseAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The failure in the engine's words, an <see cref="OperationCanceledException"/> once the caller has given up; null when it is
    /// not the database's (a mistake of ours).</summary>
    public Exception? Translate(Exception exception, CancellationToken cancellationToken, bool opening = false)
    {
        if (exception is MistypedException mistyped && Name == SideName.Legacy)
        {
            return new SchemaMismatchException(Context, mistyped.What, mistyped);
        }

        if (exception is not (DbException or TimeoutException or IOException))
        {
            return null;
        }

        if (cancellationToken.IsCancellationRequested)
        {
            // Whatever it was: it came while the caller was giving up, and nobody who catches a cancellation knows a driver's exceptions.
            return new OperationCanceledException("The caller cancelled the database call.", Cause(exception), cancellationToken);
        }

        var kind = MySqlDriver.Classify(exception);
        if (kind == MySqlErrorKind.NoSuchTable
            && (Name == SideName.New || exception.Message.Contains("strangler_", StringComparison.Ordinal)))
        {
            return new NotMigratedException(Context, Name, exception);
        }

        if (Name == SideName.Legacy && kind is MySqlErrorKind.NoSuchColumn or MySqlErrorKind.NoSuchTable)
        {
            return new SchemaMismatchException(Context, WithoutValues(exception.Message), Cause(exception, kind));
        }

        var (reason, transient) = kind switch
        {
            MySqlErrorKind.Unreachable => ($"no connection to {Database.Display}; is the server up, and are host and port right?", true),
            MySqlErrorKind.AccessDenied =>
                ($"{Database.Display} refuses access; check user, password and grants ({exception.Message})", false),
            MySqlErrorKind.UnknownDatabase =>
                ($"{Database.Display}: there is no such database; create it or correct the connection string.", false),
            MySqlErrorKind.LockWaitTimeout => ("a row stayed locked by another transaction; try again.", true),
            MySqlErrorKind.Deadlock => ("chosen as the victim of a deadlock; try again.", true),
            MySqlErrorKind.ConnectionLost => opening
                ? ($"no connection to {Database.Display}; is the server up, and are host and port right?", true)
                : ($"the connection to {Database.Display} was lost.", true),
            MySqlErrorKind.Timeout => ($"{Database.Display} did not answer in time.", true),
            MySqlErrorKind.ReadOnly => ($"{Database.Display} takes no writes at the moment (read_only).", true),
            MySqlErrorKind.DiskFull => ($"{Database.Display}: its disk is full.", true),
            MySqlErrorKind.QueryKilled => ("the statement was ended by KILL QUERY.", true),
            _ when IsForeignKey(exception) =>
                ("a row that this one refers to, or that refers to it, is not as it must be yet (foreign key).", true),
            _ => (WithoutValues(exception.Message), false),
        };
        return new SideUnavailableException(Name, reason, transient, Cause(exception, kind))
        {
            IsOutage = IsOutage(kind),
            IsConnectionLost = kind == MySqlErrorKind.ConnectionLost && !opening,
        };
    }

    private static bool IsOutage(MySqlErrorKind kind) => kind is MySqlErrorKind.Unreachable or MySqlErrorKind.ConnectionLost
        or MySqlErrorKind.Timeout or MySqlErrorKind.ReadOnly or MySqlErrorKind.DiskFull;

    /// <summary>The cause to hand on: the server quotes values in some messages (<c>Duplicate entry 'jane@…'</c>), which may be personal
    /// and would end in a log.</summary>
    public static Exception Cause(Exception exception, MySqlErrorKind? kind = null)
    {
        var message = WithoutValues(exception.Message);
        return message == exception.Message ? exception : new MySqlStateException(kind ?? MySqlDriver.Classify(exception), message);
    }

    /// <summary>A message of the server without the values that it quotes; it does not escape quotes within them.</summary>
    internal static string WithoutValues(string message) => QuotedValue().Replace(GreedyValue().Replace(message, "$1'…'"), "'…'");

    public Exception NotMigrated() => new NotMigratedException(Context, Name);

    // Where the kind of message tells that a value begins, it ends where the message goes on for certain, or never.
    [GeneratedRegex("""\b(entry |value: |value |near )(?:'.*'(?= for key | for column | for function | at line )|'.*$)""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex GreedyValue();

    [GeneratedRegex("(?<!(column|key|table|user|database|field|host|variable|to|@) ?)'[^']*'",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex QuotedValue();

    // 1451, 1452: child before parent, or the parent's end before the child's. Retried, never parked (PROTOCOL §2).
    private static bool IsForeignKey(Exception exception) =>
        exception.Message.Contains("foreign key constraint fails", StringComparison.OrdinalIgnoreCase);
}
