using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresQueries(PostgresSide side) : ISqlQueries
{
    public SideName Side => side.Name;

    public SqlDialect Dialect => SqlDialect.Postgres;

    public Task<(FenceRow Fence, T Result)> QueryAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: null,
            async (connection, token) =>
            {
                var batch = PostgresSide.BeginSnapshot(new Batch());
                batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
                var fence = await side.QueryAsync(
                    connection, batch, (reader, inner) => FenceSql.ReadAsync(reader, side, inner), null, token).ConfigureAwait(false);
                // The transaction was opened by text, so there is no object to carry.
                var result = await connection.RunAsync(
                    (open, inner) => query(open, null, inner), side.Database.CommandTimeout(Lane.IsBackground), token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"COMMIT"), null, token).ConfigureAwait(false);
                return (fence, result);
            },
            cancellationToken);
}
