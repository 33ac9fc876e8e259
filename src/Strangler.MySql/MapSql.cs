using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>
/// What is wrong with an id map: rows that it leads nobody to, and rows that it leads two to. Its unique key may have been dropped: then
/// nothing may rest on the key's index either, or every row would be looked for in all of the map.
/// </summary>
internal static class MapSql
{
    public static async Task<IReadOnlyList<long>> UnmappedAsync(
        MySqlSide side, AggregateSql sql, string kind, long after, int limit, CancellationToken cancellationToken)
    {
        var batch = await HasUniqueKeyAsync(side, cancellationToken).ConfigureAwait(false)
            ? new Batch().Add($"""
                SELECT t0.{sql.RootKey} FROM {sql.Root} t0
                LEFT JOIN strangler_id_map m ON m.context = {side.Context} AND m.kind = {kind} AND m.new_id = t0.{sql.RootKey}
                WHERE t0.{sql.RootKey} > {after} AND m.new_id IS NULL ORDER BY t0.{sql.RootKey} LIMIT {limit}
                """)
            : new Batch().Add($"""
                SELECT t0.{sql.RootKey} FROM {sql.Root} t0
                LEFT JOIN (SELECT DISTINCT new_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind}) m
                    ON m.new_id = t0.{sql.RootKey}
                WHERE t0.{sql.RootKey} > {after} AND m.new_id IS NULL ORDER BY t0.{sql.RootKey} LIMIT {limit}
                """);
        return await side.ListAsync(batch, reader => reader.GetInt64(0), cancellationToken, background: true).ConfigureAwait(false);
    }

    public static async Task<IReadOnlyDictionary<long, long>> SharedAsync(
        MySqlSide side, string kind, int limit, CancellationToken cancellationToken)
    {
        if (side.Name == SideName.Legacy || await HasUniqueKeyAsync(side, cancellationToken).ConfigureAwait(false))
        {
            return new Dictionary<long, long>();
        }

        var rows = await side.ListAsync(
            new Batch().Add($"""
                SELECT m.public_id, s.first_id FROM strangler_id_map m
                JOIN (SELECT new_id, MIN(public_id) AS first_id FROM strangler_id_map WHERE context = {side.Context} AND kind = {kind}
                    GROUP BY new_id HAVING COUNT(*) > 1) s ON s.new_id = m.new_id
                WHERE m.context = {side.Context} AND m.kind = {kind} AND m.public_id <> s.first_id ORDER BY m.public_id LIMIT {limit}
                """),
            reader => (Id: reader.GetInt64(0), First: reader.GetInt64(1)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return rows.ToDictionary(row => row.Id, row => row.First);
    }

    // Of any name: somebody may have put it back by hand.
    private static async Task<bool> HasUniqueKeyAsync(MySqlSide side, CancellationToken cancellationToken)
    {
        var keys = await side.ListAsync(
            new Batch().Add($"""
                SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'strangler_id_map'
                    AND COLUMN_NAME = 'new_id' AND NON_UNIQUE = 0
                """),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return keys[0] > 0;
    }
}
