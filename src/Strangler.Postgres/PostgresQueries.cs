using System.Data.Common;
using System.Runtime.CompilerServices;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresQueries(PostgresSide side) : ISqlQueries
{
    // By the formats, which are constants of their contexts.
    private readonly ConditionalWeakTable<string, string> _beside = [];
    private readonly ConditionalWeakTable<string, string> _withoutRows = [];

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

    // The outer join that makes a row for the fence where there is none of the statement is dear: it is asked for only then.
    public async Task<(FenceRow Fence, List<T> Rows)> ListAsync<T>(
        FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken) =>
        await ListAsync(_beside.GetValue(statement.Format, _ => BesideTheFence(statement, "")), statement, row, cancellationToken).ConfigureAwait(false)
            ?? await ListAsync(
                _withoutRows.GetValue(statement.Format, _ => BesideTheFence(statement, "(SELECT) one LEFT JOIN ")), statement, row, cancellationToken).ConfigureAwait(false)
            ?? throw side.NotMigrated();

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

    // Null: there is no row.
    private Task<(FenceRow Fence, List<T> Rows)?> ListAsync<T>(
        string text, FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken) => side.QueryAsync(
        new Batch().Whole(text, statement.GetArguments()),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
            ? (Fence(reader), await FencedRows.ReadAsync(reader, 1, row, token).ConfigureAwait(false))
            : default((FenceRow, List<T>)?),
        cancellationToken);

    private string BesideTheFence(FormattableString statement, string join)
    {
        var batch = new Batch()
            .Part($"SELECT (SELECT {FenceSql.Packed} FROM strangler_fence f WHERE f.context = {new Sql(AggregateSql.Literal(side.Context))}), q.*")
            .Part($" FROM {new Sql(join)}(").Formatted(statement).Part($") q");
        return (join.Length > 0 ? batch.Part($" ON true") : batch).End().ToString();
    }

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
