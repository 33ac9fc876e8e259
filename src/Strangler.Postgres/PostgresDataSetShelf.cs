using Strangler.DataSets;

namespace Strangler.Postgres;

/// <summary>Keeps the rows of each table <c>t</c> of the context in <c>kept_t</c>, which is empty otherwise. The row of the context is the lock.</summary>
internal sealed class PostgresDataSetShelf(PostgresSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IDataSetShelf
{
    private const string Prefix = "kept_";

    private readonly (Sql Table, Sql Kept)[] _tables =
    [
        .. kinds.Values.SelectMany(kind => kind.Layout.Tables).Select(
            table => (new Sql(AggregateSql.Quote(table.Name)), new Sql(AggregateSql.Quote(Prefix + table.Name)))),
    ];

    /// <remarks>REPEATABLE READ: all tables as of one moment. Who comes second fails and tries again.</remarks>
    public Task<bool> KeepAsync(CancellationToken cancellationToken) => side.UseAsync(
        background: true,
        async (connection, token) =>
        {
            // Waits for a publication that is under way, and then reads what it has left.
            var isKept = await IsKeptAsync(connection, new Sql(" FOR SHARE"), token).ConfigureAwait(false);
            if (isKept)
            {
                return false;
            }

            var batch = new Batch().Add($"BEGIN ISOLATION LEVEL REPEATABLE READ");
            batch.Add($"INSERT INTO strangler_dataset (context) VALUES ({side.Context}) ON CONFLICT DO NOTHING");
            batch.Add($"UPDATE strangler_dataset SET kept_since = now() WHERE context = {side.Context} AND kept_since IS NULL RETURNING 1");
            var isOurs = await side.QueryAsync(
                connection, batch,
                async (reader, inner) => await reader.ReadAsync(inner).ConfigureAwait(false),
                true, token).ConfigureAwait(false);
            batch.Clear();
            foreach (var (table, kept) in isOurs ? _tables : [])
            {
                batch.Add($"INSERT INTO {kept} SELECT * FROM {table}");
            }

            await side.ExecuteAsync(connection, batch.Add($"COMMIT"), true, token).ConfigureAwait(false);
            return isOurs;
        },
        cancellationToken);

    public Task<bool> IsKeptAsync(CancellationToken cancellationToken) => side.UseAsync(
        background: true, (connection, token) => IsKeptAsync(connection, new Sql(""), token), cancellationToken);

    /// <remarks>DELETE, since TRUNCATE would empty the table under the snapshots of readers.</remarks>
    public Task<bool> PublishAsync(Func<CancellationToken, Task<bool>> isWhole, CancellationToken cancellationToken) => side.UseAsync(
        background: true,
        async (connection, token) =>
        {
            await side.ExecuteAsync(connection, new Batch().Add($"BEGIN"), true, token).ConfigureAwait(false);
            var isKept = await IsKeptAsync(connection, new Sql(" FOR UPDATE"), token).ConfigureAwait(false);
            if (!isKept || !await isWhole(token).ConfigureAwait(false))
            {
                await side.ExecuteAsync(connection, new Batch().Add($"ROLLBACK"), true, token).ConfigureAwait(false);
                return !isKept;
            }

            var batch = new Batch();
            foreach (var (_, kept) in _tables)
            {
                batch.Add($"DELETE FROM {kept}");
            }

            batch.Add($"UPDATE strangler_dataset SET kept_since = NULL WHERE context = {side.Context}");
            await side.ExecuteAsync(connection, batch.Add($"COMMIT"), true, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private Task<bool> IsKeptAsync(PostgresConnection connection, Sql locking, CancellationToken cancellationToken) => side.QueryAsync(
        connection,
        new Batch().Add($"SELECT kept_since IS NOT NULL FROM strangler_dataset WHERE context = {side.Context}{locking}"),
        async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) && reader.GetBoolean(0),
        true,
        cancellationToken);
}
