using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace Strangler.MySql.Blocking;

/// <summary>A rented session. It comes open; closing returns it.</summary>
internal sealed class BlockingConnection(BlockingSession session) : DbConnection
{
    private bool _isClosed;

    public BlockingSession Session => _isClosed ? throw new InvalidOperationException("The connection is closed.") : session;

    [AllowNull]
    public override string ConnectionString
    {
        // Without its password; the pool alone connects.
        get => session.Pool.Display;
        set => throw new NotSupportedException("A data source's connection can't be pointed elsewhere.");
    }

    public override string Database => session.Raw.Database;

    public override string DataSource => session.Raw.DataSource;

    public override string ServerVersion => session.Raw.ServerVersion;

    public override ConnectionState State =>
        _isClosed ? ConnectionState.Closed : session.IsBroken ? ConnectionState.Broken : ConnectionState.Open;

    public override void Open() => throw new NotSupportedException("Open a new connection from the data source.");

    public override Task OpenAsync(CancellationToken cancellationToken) =>
        throw new NotSupportedException("Open a new connection from the data source.");

    public override void ChangeDatabase(string databaseName) => throw new NotSupportedException("Name the database in the statement.");

    public override void Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        session.Pool.Return(session);
    }

    public override async Task CloseAsync()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        await session.Pool.ReturnAsync(session).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Close();
        base.Dispose(disposing);
    }

    protected override DbCommand CreateDbCommand() => new BlockingCommand(this, Session.Raw.CreateCommand());

    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel)
    {
        using var begin = BlockingTransaction.Begin(this, isolationLevel);
        begin.ExecuteNonQuery();
        return new BlockingTransaction(this, isolationLevel);
    }

    protected override async ValueTask<DbTransaction> BeginDbTransactionAsync(
        IsolationLevel isolationLevel, CancellationToken cancellationToken)
    {
        var begin = BlockingTransaction.Begin(this, isolationLevel);
        await using (begin.ConfigureAwait(false))
            await begin.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return new BlockingTransaction(this, isolationLevel);
    }
}
