using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.MySql;

internal sealed class MySqlQueries(MySqlSide side) : ISqlQueries
{
    public SideName Side => side.Name;

    public SqlDialect Dialect => SqlDialect.MySql;

    public Task<(FenceRow Fence, T Result)> QueryAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: null,
            async (connection, token) =>
            {
                var batch = SelectFence(MySqlSide.BeginSnapshot(new Batch()));
                var fence = await side.QueryAsync(connection, batch, ReadFenceAsync, null, token).ConfigureAwait(false);
                // The transaction was opened by text, so there is no object to carry.
                var result = await query(connection, null, token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"COMMIT"), null, token).ConfigureAwait(false);
                return (fence, result);
            },
            cancellationToken);

    public Task<(FenceRow Fence, List<T> Rows)> ListAsync<T>(
        FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken) => side.QueryAsync(
        new Batch().Add($"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .Part($"SELECT {FenceSql.Columns}, q.* FROM strangler_fence f LEFT JOIN (").Formatted(statement)
            .Add($") q ON TRUE WHERE f.context = {side.Context}"),
        async (reader, token) => (
            await ReadFenceAsync(reader, token).ConfigureAwait(false),
            await FencedRows.ReadAsync(reader, FenceSql.Width, row, token).ConfigureAwait(false)),
        cancellationToken,
        keepsSession: true);

    public Task<(FenceRow Fence, T Result)> ReadAsync<T>(
        IReadOnlyList<FormattableString> statements, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var batch = SelectFence(MySqlSide.BeginSnapshot(new Batch()));
        foreach (var statement in statements)
        {
            batch.Formatted(statement).End();
        }

        return side.QueryAsync(
            batch.Add($"COMMIT"),
            async (reader, token) =>
            {
                var fence = await ReadFenceAsync(reader, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return (fence, await read(reader, token).ConfigureAwait(false));
            },
            cancellationToken,
            keepsSession: true);
    }

    private Batch SelectFence(Batch batch) => batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");

    private async Task<FenceRow> ReadFenceAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? FenceSql.Read(reader, 0, Side) : throw side.NotMigrated();
}
