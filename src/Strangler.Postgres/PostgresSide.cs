using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Strangler.DualWrite;
using Strangler.Schemas;

namespace Strangler.Postgres;

/// <summary>One side of one context: runs batches on its database and says every failure in the engine's words.</summary>
internal sealed class PostgresSide(SideName name, string context, PostgresDatabase database)
{
    private static readonly TimeSpan RollBackPatience = TimeSpan.FromSeconds(5);

    // Of the name alone: contexts of one database never share it, and a collision would only make two wait for one another.
    private readonly long _fence = BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"strangler_fence/{context}")));

    public SideName Name { get; } = name;

    public string Context { get; } = context;

    public PostgresDatabase Database { get; } = database;

    public PostgresSideOptions Options => Database.Options;

    /// <summary>The number of the fence's advisory lock.</summary>
    public long FenceLock => _fence;

    /// <summary>
    /// READ COMMITTED, whatever the database's default is: each statement sees what was committed when it began, so that a read behind a lock
    /// sees what its holder has left. Under REPEATABLE READ a transaction that waited for the fence would read the epoch of its snapshot.
    /// The server cuts a connection that falls silent within the transaction: so the locks of a client that is frozen or cut off end
    /// without it.
    /// </summary>
    /// <remarks>On legacy capture is silent for it: by a setting of the transaction, which ends with it, however it ends.</remarks>
    public Batch BeginWrite(Batch batch, bool background, TimeSpan? lockTimeout = null)
    {
        batch.Add($"BEGIN ISOLATION LEVEL READ COMMITTED")
            .Add($"SET LOCAL lock_timeout = {Milliseconds(lockTimeout ?? Database.LockTimeout(background))}")
            .Add($"SET LOCAL idle_in_transaction_session_timeout = {Milliseconds(Options.TransactionDeadline)}");
        return Name == SideName.Legacy ? batch.Add($"SET LOCAL {CaptureSql.Own} = {new Sql(AggregateSql.Literal(Context))}") : batch;
    }

    public static Batch EndWrite(Batch batch) => batch.Add($"COMMIT");

    /// <summary>One snapshot for several statements.</summary>
    public static Batch BeginSnapshot(Batch batch) => batch.Add($"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");

    /// <summary>
    /// The same for a range: the tables are walked by their keys, one range after another. A plan for what the statistics say (there may be
    /// none yet, in the middle of a backfill) could read whole tables for each range instead.
    /// </summary>
    public static Batch BeginRange(Batch batch) => BeginSnapshot(batch)
        .Add($"SET LOCAL enable_seqscan = off").Add($"SET LOCAL enable_hashjoin = off").Add($"SET LOCAL enable_mergejoin = off").Add($"SET LOCAL jit = off");

    /// <summary>
    /// The fence's lock, shared: a result of one row to be passed over. Whoever sets the fence takes it alone. It is no lock of the row: a
    /// shared one would write to the row for every write of anybody. The row is to be read by a statement behind it.
    /// </summary>
    public Batch ShareFence(Batch batch) => batch.Add($"SELECT pg_advisory_xact_lock_shared({_fence})");

    /// <summary>Likewise, alone.</summary>
    public Batch LockFence(Batch batch) => batch.Add($"SELECT pg_advisory_xact_lock({_fence})");

    /// <summary>Statements without results as one transaction. Returns the affected rows of all together.</summary>
    public Task<int> WriteAsync(Batch batch, CancellationToken cancellationToken, bool? background = null) =>
        UseAsync(
            background,
            (connection, token) => ExecuteAsync(
                connection, EndWrite(BeginWrite(new Batch(), background ?? Lane.IsBackground).Append(batch)), background, token),
            cancellationToken);

    /// <summary>A transaction with results, read by <paramref name="read"/> in their order.</summary>
    public Task<T> WriteAsync<T>(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken, bool? background = null,
        TimeSpan? lockTimeout = null) =>
        UseAsync(
            background,
            (connection, token) => QueryAsync(
                connection, EndWrite(BeginWrite(new Batch(), background ?? Lane.IsBackground, lockTimeout).Append(batch)), read, background, token),
            cancellationToken);

    /// <summary>
    /// A batch that only reads, with its results read by <paramref name="read"/> in their order. Asked once more where the connection turned out to be lost:
    /// it may have been cut as it lay in the pool, of which nobody is told before.
    /// </summary>
    public async Task<T> QueryAsync<T>(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken, bool? background = null)
    {
        try
        {
            return await UseAsync(background, Ask, cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (e.IsConnectionLost)
        {
            return await UseAsync(background, Ask, cancellationToken).ConfigureAwait(false);
        }

        Task<T> Ask(PostgresConnection connection, CancellationToken token) => QueryAsync(connection, batch, read, background, token);
    }

    /// <summary>The rows of a single result.</summary>
    public Task<List<T>> ListAsync<T>(
        Batch batch, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken, bool? background = null) =>
        QueryAsync(batch, (reader, token) => RowsAsync(reader, row, token), cancellationToken, background);

    /// <summary>The same on a connection that more is done with.</summary>
    public Task<List<T>> ListAsync<T>(
        PostgresConnection connection, Batch batch, Func<NpgsqlDataReader, T> row, bool? background, CancellationToken cancellationToken) =>
        QueryAsync(connection, batch, (reader, token) => RowsAsync(reader, row, token), background, cancellationToken);

    /// <summary>The rows of the present result.</summary>
    public static async Task<List<T>> RowsAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken)
    {
        List<T> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <summary>The first row of a single result, or the default when there is none.</summary>
    public Task<T?> FirstAsync<T>(
        Batch batch, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken, bool? background = null) =>
        QueryAsync(
            batch,
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? row(reader) : default,
            cancellationToken,
            background);

    public Task<int> ExecuteAsync(PostgresConnection connection, Batch batch, bool? background, CancellationToken cancellationToken) =>
        connection.RunAsync(
            async (open, token) =>
            {
                var command = batch.ToCommand(open);
                await using (command.ConfigureAwait(false))
                {
                    return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                }
            },
            Database.CommandTimeout(background ?? Lane.IsBackground),
            cancellationToken);

    public Task<T> QueryAsync<T>(
        PostgresConnection connection, Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, bool? background,
        CancellationToken cancellationToken) =>
        connection.RunAsync(
            (open, token) => QueryAsync(open, batch, read, token), Database.CommandTimeout(background ?? Lane.IsBackground), cancellationToken);

    /// <summary>Lends a connection; after a failure nothing of an open transaction is left behind.</summary>
    public async Task<T> UseAsync<T>(
        bool? background, Func<PostgresConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var lane = background ?? Lane.IsBackground;
        var connection = await OpenAsync(lane, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                return await work(connection, cancellationToken).ConfigureAwait(false);
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
                    Database.ForgetIdle(lane);
                }

                throw translated;
            }
        }
    }

    public async Task<PostgresConnection> OpenAsync(bool background, CancellationToken cancellationToken)
    {
        try
        {
            return await Database.OpenAsync(background, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (Translate(e, cancellationToken, opening: true) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Never throws: a connection that cannot even roll back is closed, and then the server does it.</summary>
    public static async Task RollBackAsync(PostgresConnection connection)
    {
        if (!connection.IsOpen)
        {
            return;
        }

        try
        {
            await connection.RunAsync(
                async (open, token) =>
                {
                    var command = new Batch().Add($"ROLLBACK").ToCommand(open);
                    await using (command.ConfigureAwait(false))
                    {
                        return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
                    }
                },
                RollBackPatience,
                CancellationToken.None).ConfigureAwait(false);
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
            return new OperationCanceledException("The caller cancelled the database call.", PostgresErrors.Cause(exception), cancellationToken);
        }

        var kind = PostgresErrors.Classify(exception);
        if (kind == PostgresErrorKind.NoSuchTable
            && (Name == SideName.New || exception.Message.Contains("strangler_", StringComparison.Ordinal)))
        {
            return new NotMigratedException(Context, Name, exception);
        }

        if (Name == SideName.Legacy && kind is PostgresErrorKind.NoSuchColumn or PostgresErrorKind.NoSuchTable or PostgresErrorKind.WrongType)
        {
            return new SchemaMismatchException(Context, PostgresErrors.MessageOf(exception), PostgresErrors.Cause(exception));
        }

        var (reason, transient) = Reason(exception, kind, opening);
        return new SideUnavailableException(Name, reason, transient, PostgresErrors.Cause(exception))
        {
            IsOutage = IsOutage(kind),
            IsConnectionLost = kind == PostgresErrorKind.ConnectionLost && !opening,
        };
    }

    public Exception NotMigrated() => new NotMigratedException(Context, Name);

    private static async Task<T> QueryAsync<T>(
        NpgsqlConnection connection, Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var command = batch.ToCommand(connection);
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

    private (string Reason, bool IsTransient) Reason(Exception exception, PostgresErrorKind kind, bool opening) => kind switch
    {
        PostgresErrorKind.Unreachable => ($"no connection to {Database.Display}; is the server up, and are host and port right?", true),
        PostgresErrorKind.AccessDenied =>
            ($"{Database.Display} refuses access; check user, password and grants ({PostgresErrors.MessageOf(exception)})", false),
        PostgresErrorKind.UnknownDatabase =>
            ($"{Database.Display}: there is no such database; create it or correct the connection string.", false),
        PostgresErrorKind.LockWaitTimeout => ("a row stayed locked by another transaction; try again.", true),
        PostgresErrorKind.Deadlock => ("chosen as the victim of a deadlock; try again.", true),
        PostgresErrorKind.ConnectionLost => opening
            ? ($"no connection to {Database.Display}; is the server up, and are host and port right?", true)
            : ($"the connection to {Database.Display} was lost.", true),
        PostgresErrorKind.Timeout => ($"{Database.Display} did not answer in time.", true),
        PostgresErrorKind.ReadOnly => ($"{Database.Display} takes no writes at the moment (a standby, or read-only).", true),
        PostgresErrorKind.DiskFull => ($"{Database.Display}: its disk is full.", true),
        PostgresErrorKind.Cancelled => ("the statement was cancelled on the server.", true),
        PostgresErrorKind.ForeignKey =>
            ("a row that this one refers to, or that refers to it, is not as it must be yet (foreign key).", true),
        _ => (PostgresErrors.MessageOf(exception), false),
    };

    private static bool IsOutage(PostgresErrorKind kind) => kind is PostgresErrorKind.Unreachable or PostgresErrorKind.ConnectionLost
        or PostgresErrorKind.Timeout or PostgresErrorKind.ReadOnly or PostgresErrorKind.DiskFull;

    // Settings take no parameters.
    private static Sql Milliseconds(TimeSpan time) =>
        new(Math.Max(1, (long)Math.Ceiling(time.TotalMilliseconds)).ToString(CultureInfo.InvariantCulture));
}
