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
                var batch = MySqlSide.BeginSnapshot(new Batch());
                batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
                var fence = await side.QueryAsync(
                    connection,
                    batch,
                    async (reader, inner) => await reader.ReadAsync(inner).ConfigureAwait(false)
                        ? FenceSql.Read(reader, 0, Side)
                        : throw side.NotMigrated(),
                    null,
                    token).ConfigureAwait(false);
                // The transaction was opened by text, so there is no object to carry.
                var result = await query(connection, null, token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"COMMIT"), null, token).ConfigureAwait(false);
                return (fence, result);
            },
            cancellationToken);
}
