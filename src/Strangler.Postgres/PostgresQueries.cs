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
                var batch = SelectFence(PostgresSide.BeginSnapshot(new Batch()));
                var fence = await side.QueryAsync(
                    connection, batch, (reader, inner) => FenceSql.ReadAsync(reader, side, inner), null, token).ConfigureAwait(false);
                // The transaction was opened by text, so there is no object to carry.
                var result = await connection.RunAsync(
                    (open, inner) => query(open, null, inner), side.Database.CommandTimeout(Lane.IsBackground), token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"COMMIT"), null, token).ConfigureAwait(false);
                return (fence, result);
            },
            cancellationToken);

    public Task<(FenceRow Fence, List<T> Rows)> ListAsync<T>(
        FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken) => side.QueryAsync(
        new Batch().Part($"SELECT {FenceSql.Columns}, q.* FROM strangler_fence f LEFT JOIN LATERAL (").Formatted(statement)
            .Add($") q ON true WHERE f.context = {side.Context}"),
        async (reader, token) => (
            await FenceSql.ReadAsync(reader, side, token).ConfigureAwait(false),
            await FencedRows.ReadAsync(reader, FenceSql.Width, row, token).ConfigureAwait(false)),
        cancellationToken);

    public Task<(FenceRow Fence, T Result)> ReadAsync<T>(
        IReadOnlyList<FormattableString> statements, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var batch = SelectFence(PostgresSide.BeginSnapshot(new Batch()));
        foreach (var statement in statements)
        {
            batch.Formatted(statement).End();
        }

        return side.QueryAsync(
            batch.Add($"COMMIT"),
            async (reader, token) =>
            {
                var fence = await FenceSql.ReadAsync(reader, side, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return (fence, await read(reader, token).ConfigureAwait(false));
            },
            cancellationToken);
    }

    private Batch SelectFence(Batch batch) => batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
}
