using System.Data;
using System.Data.Common;

namespace Strangler.MySql;

/// <summary>
/// A connection with the multi-row inserts prepared on it. Preparing 500 rows costs as much as executing them ten times, so a backfill
/// keeps it from chunk to chunk: one connection of the background pool, parked in <see cref="MySqlDatabase"/> in between.
/// </summary>
internal sealed class PreparedConnection(DbConnection connection) : IAsyncDisposable
{
    private readonly Dictionary<(string Shape, int Rows), DbCommand> _commands = [];

    public DbConnection Connection { get; } = connection;

    public bool IsOpen => Connection.State == ConnectionState.Open;

    public async Task<DbCommand> PreparedAsync(MultiInsert insert, int first, int count, TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        if (!_commands.TryGetValue((insert.Shape, count), out var command))
        {
            command = insert.Statement(first, count).ToCommand(Connection, timeout);
            await command.PrepareAsync(cancellationToken).ConfigureAwait(false);
            _commands.Add((insert.Shape, count), command);
        }

        insert.Bind(command, first, count);
        return command;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var command in _commands.Values)
        {
            await command.DisposeAsync().ConfigureAwait(false);
        }

        _commands.Clear();
        await Connection.DisposeAsync().ConfigureAwait(false);
    }
}
