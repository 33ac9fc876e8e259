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
        FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .Part($"SELECT {FenceSql.Columns}, q.* FROM strangler_fence f LEFT JOIN (").Formatted(statement)
            .Add($") q ON TRUE WHERE f.context = {side.Context}");
        return side.UseAsync(
            background: null,
            (connection, token) => side.QueryAsync(
                connection,
                batch,
                async (reader, inner) =>
                {
                    // The one row of the fence is there also where the statement has none.
                    var fence = await ReadFenceAsync(reader, inner).ConfigureAwait(false);
                    List<T> rows = [];
                    if (!reader.IsDBNull(FenceSql.Width))
                    {
                        do
                        {
                            rows.Add(row(reader, FenceSql.Width));
                        }
                        while (await reader.ReadAsync(inner).ConfigureAwait(false));
                    }

                    return (fence, rows);
                },
                null,
                token),
            cancellationToken,
            keepsSession: true);
    }

    public Task<(FenceRow Fence, T Result)> ReadAsync<T>(
        IReadOnlyList<FormattableString> statements, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var batch = SelectFence(MySqlSide.BeginSnapshot(new Batch()));
        foreach (var statement in statements)
        {
            batch.Formatted(statement).End();
        }

        batch.Add($"COMMIT");
        return side.UseAsync(
            background: null,
            (connection, token) => side.QueryAsync(
                connection,
                batch,
                async (reader, inner) =>
                {
                    var fence = await ReadFenceAsync(reader, inner).ConfigureAwait(false);
                    await reader.NextResultAsync(inner).ConfigureAwait(false);
                    return (fence, await read(reader, inner).ConfigureAwait(false));
                },
                null,
                token),
            cancellationToken,
            keepsSession: true);
    }

    private Batch SelectFence(Batch batch) => batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");

    private async Task<FenceRow> ReadFenceAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? FenceSql.Read(reader, 0, Side) : throw side.NotMigrated();
}
