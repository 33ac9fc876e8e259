using System.Data;
using System.Data.Common;

namespace Strangler.MySql.Blocking;

/// <summary>By plain statements, like the transactions that commands open themselves: so both may be mixed, and the isolation level holds
/// for this transaction only.</summary>
internal sealed class BlockingTransaction(BlockingConnection connection, IsolationLevel isolationLevel) : DbTransaction
{
    private bool _isOver;

    public override IsolationLevel IsolationLevel => isolationLevel;

    protected override DbConnection? DbConnection => _isOver ? null : connection;

    public static DbCommand Begin(BlockingConnection connection, IsolationLevel isolationLevel)
    {
        var command = connection.CreateCommand();
        command.CommandText = isolationLevel switch
        {
            IsolationLevel.Unspecified => "START TRANSACTION",
            IsolationLevel.ReadUncommitted => "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; START TRANSACTION",
            IsolationLevel.ReadCommitted => "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION",
            IsolationLevel.RepeatableRead => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION",
            IsolationLevel.Serializable => "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; START TRANSACTION",
            IsolationLevel.Snapshot => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT",
            _ => throw new NotSupportedException($"MySQL has no isolation level {isolationLevel}."),
        };
        return command;
    }

    public override void Commit() => End("COMMIT");

    public override void Rollback() => End("ROLLBACK");

    public override Task CommitAsync(CancellationToken cancellationToken = default) => EndAsync("COMMIT", cancellationToken);

    public override Task RollbackAsync(CancellationToken cancellationToken = default) => EndAsync("ROLLBACK", cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        if (!_isOver && connection.State == ConnectionState.Open)
        {
            try
            {
                await EndAsync("ROLLBACK", CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
            {
                // A session that can't even roll back is given up; the server then does.
                connection.Session.Break();
            }
        }
        _isOver = true;
        await base.DisposeAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isOver && connection.State == ConnectionState.Open)
        {
            try
            {
                End("ROLLBACK");
            }
            catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
            {
                connection.Session.Break();
            }
        }
        _isOver = true;
        base.Dispose(disposing);
    }

    private void End(string text)
    {
        using var command = Take(text);
        command.ExecuteNonQuery();
    }

    private async Task EndAsync(string text, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var command = Take(text);
        await using (command.ConfigureAwait(false))
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    private DbCommand Take(string text)
    {
        if (_isOver)
            throw new InvalidOperationException("The transaction has ended already.");
        var command = connection.CreateCommand();
        command.CommandText = text;
        // Whatever becomes of it: after a failed COMMIT the outcome is unknown and there is nothing to roll back by hand.
        _isOver = true;
        return command;
    }
}
