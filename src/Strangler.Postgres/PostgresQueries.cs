using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresQueries(PostgresSide side) : ISqlQueries
{
    // What the fence said last: between two flips it says nothing else.
    private volatile Seen? _seen;

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
        new Batch().Part($"SELECT (SELECT {FenceSql.Packed} FROM strangler_fence f WHERE f.context = {side.Context}), q.* FROM (SELECT) one LEFT JOIN (")
            .Formatted(statement).Add($") q ON true"),
        async (reader, token) =>
        {
            await reader.ReadAsync(token).ConfigureAwait(false);
            return (Fence(reader), await FencedRows.ReadAsync(reader, 1, row, token).ConfigureAwait(false));
        },
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

    private FenceRow Fence(DbDataReader reader)
    {
        if (reader.IsDBNull(0))
        {
            throw side.NotMigrated();
        }

        var packed = reader.GetString(0);
        if (_seen is not { } seen || seen.Packed != packed)
        {
            _seen = seen = new Seen(packed, FenceSql.Unpack(packed, side.Name));
        }

        return seen.Fence;
    }

    private sealed record Seen(string Packed, FenceRow Fence);
}
