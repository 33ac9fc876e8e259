using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Strangler.MySql.Blocking;

/// <summary>The driver's command with its parameters; asynchronous executions block one of the pool's threads.</summary>
internal sealed class BlockingCommand : DbCommand
{
    private readonly DbCommand _raw;
    private BlockingConnection _connection;
    private DbTransaction? _transaction;

    public BlockingCommand(BlockingConnection connection, DbCommand raw)
    {
        (_connection, _raw) = (connection, raw);
        CommandTimeout = (int)Math.Ceiling(connection.Session.Pool.Options.CommandTimeout.TotalSeconds);
    }

    [AllowNull]
    public override string CommandText
    {
        get => _raw.CommandText;
        set => _raw.CommandText = value;
    }

    /// <summary>Seconds; zero means none.</summary>
    public override int CommandTimeout { get; set; }

    public override CommandType CommandType
    {
        get => _raw.CommandType;
        set => _raw.CommandType = value;
    }

    public override bool DesignTimeVisible { get; set; }

    public override UpdateRowSource UpdatedRowSource
    {
        get => _raw.UpdatedRowSource;
        set => _raw.UpdatedRowSource = value;
    }

    protected override DbConnection? DbConnection
    {
        get => _connection;
        set
        {
            if (value is not BlockingConnection connection)
                throw new NotSupportedException("The command is of another data source's kind.");
            (_connection, _raw.Connection) = (connection, connection.Session.Raw);
        }
    }

    protected override DbParameterCollection DbParameterCollection => _raw.Parameters;

    // Kept for callers that ask; the server knows the session's transaction without it.
    protected override DbTransaction? DbTransaction
    {
        get => _transaction;
        set => _transaction = value;
    }

    private TimeSpan Limit => TimeSpan.FromSeconds(CommandTimeout);

    /// <summary>Only what runs now is cancelled; a reader that is closed early sees to its rows itself.</summary>
    public override void Cancel() => _connection.Session.RequestKill();

    public override void Prepare() => Session(sync: true).Call(PrepareRaw);

    public override Task PrepareAsync(CancellationToken cancellationToken = default) =>
        Session(sync: false).CallAsync(PrepareRaw, Limit, cancellationToken);

    public override int ExecuteNonQuery() => Session(sync: true).Call(_raw.ExecuteNonQuery);

    public override Task<int> ExecuteNonQueryAsync(CancellationToken cancellationToken) =>
        Session(sync: false).CallAsync(_raw.ExecuteNonQuery, Limit, cancellationToken);

    public override object? ExecuteScalar()
    {
        using var reader = ExecuteDbDataReader(CommandBehavior.Default);
        var value = reader.Read() ? reader.GetValue(0) : null;
        // A later statement of the text may have failed.
        while (reader.NextResult())
        {
        }
        return value;
    }

    public override async Task<object?> ExecuteScalarAsync(CancellationToken cancellationToken)
    {
        var reader = await ExecuteDbDataReaderAsync(CommandBehavior.Default, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            var value = await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? reader.GetValue(0) : null;
            // A later statement of the text may have failed.
            while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
            {
            }
            return value;
        }
    }

    protected override DbParameter CreateDbParameter() => _raw.CreateParameter();

    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior)
    {
        var session = Session(sync: true);
        return session.Call(() => Open(session, behavior));
    }

    protected override async Task<DbDataReader> ExecuteDbDataReaderAsync(CommandBehavior behavior, CancellationToken cancellationToken)
    {
        var session = Session(sync: false);
        return await session.CallAsync(() => Open(session, behavior), Limit, cancellationToken).ConfigureAwait(false);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _raw.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>The driver's own timeout is for synchronous calls only: two timers over one call would fight over the connection.</summary>
    private BlockingSession Session(bool sync)
    {
        var session = _connection.Session;
        if (session.OpenReader is not null)
            throw new InvalidOperationException("A reader is open on this connection; close it first.");
        _raw.CommandTimeout = sync ? CommandTimeout : 0;
        return session;
    }

    private bool PrepareRaw()
    {
        _raw.Prepare();
        return true;
    }

    private BlockingReader Open(BlockingSession session, CommandBehavior behavior)
    {
        // SingleRow would make the driver set sql_select_limit for the whole session, in round trips of their own.
        var rows = _raw.ExecuteReader(behavior & (CommandBehavior.KeyInfo | CommandBehavior.SchemaOnly))
            ?? throw new MySqlStateException(MySqlErrorKind.QueryKilled, "The statement was ended by KILL QUERY.");
        var reader = new BlockingReader(_connection, session, rows, Limit, behavior.HasFlag(CommandBehavior.CloseConnection));
        try
        {
            reader.FetchFirst();
            return reader;
        }
        catch
        {
            reader.Forget();
            throw;
        }
    }
}
