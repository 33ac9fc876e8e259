using Strangler.Findings;

namespace Strangler.MySql;

/// <summary>Reads only, on the background's connections.</summary>
internal sealed class MySqlReferencedRows(MySqlSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IReferencedRows
{
    public async Task<IReadOnlyList<SharedRow>> SharedAsync(string kind, string table, long after, int limit, CancellationToken cancellationToken)
    {
        var (sql, reference, referenced, key) = Of(kind, table);
        return await side.ListAsync(
            new Batch().Add($"""
                SELECT r.{sql.RootKey}, t.{key}, COUNT(o.{sql.RootKey}), MIN(o.{sql.RootKey}) FROM {sql.Root} r
                JOIN {referenced} t ON t.{key} = r.{reference}
                JOIN {sql.Root} o ON o.{reference} = r.{reference} AND o.{sql.RootKey} <> r.{sql.RootKey}
                WHERE r.{sql.RootKey} > {after} GROUP BY r.{sql.RootKey}, t.{key} ORDER BY r.{sql.RootKey} LIMIT {limit}
                """),
            reader => new SharedRow(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3)),
            cancellationToken,
            background: true).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<long>> UnreferencedAsync(string kind, string table, long after, int limit, CancellationToken cancellationToken)
    {
        var (sql, reference, referenced, key) = Of(kind, table);
        return await side.ListAsync(
            new Batch().Add($"""
                SELECT t.{key} FROM {referenced} t WHERE t.{key} > {after}
                AND NOT EXISTS (SELECT 1 FROM {sql.Root} r WHERE r.{reference} = t.{key}) ORDER BY t.{key} LIMIT {limit}
                """),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
    }

    private (AggregateSql Sql, Sql Reference, Sql Table, Sql Key) Of(string kind, string table)
    {
        var sql = kinds[kind];
        var at = sql.Layout.IndexOf(table);
        return (sql, sql.ColumnNames[0][sql.Layout.Root.IndexOf(sql.Layout.Tables[at].ReferencedBy!)], sql.Names[at], sql.Keys[at]);
    }
}
