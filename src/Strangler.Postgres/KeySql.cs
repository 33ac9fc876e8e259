using Npgsql;
using Strangler.DualWrite;

namespace Strangler.Postgres;

/// <summary>The ids that a select is bound to: a range, or a list.</summary>
internal readonly record struct KeySet(long From, long To, long[]? Ids)
{
    /// <summary>Appends the condition behind the column's name.</summary>
    public Batch Append(Batch batch) => Ids is { } ids ? batch.Part($" = ANY({ids})") : batch.Part($" BETWEEN {From} AND {To}");
}

/// <summary>Keys without rows: what an incremental run compares, and what a sample or the keys of some time are chosen from.</summary>
internal static class KeySql
{
    /// <summary>One snapshot. A root row is only asked for its key.</summary>
    public static Task<MarkPage> MarksAsync(PostgresSide side, KeyedRows rows, long from, long to, CancellationToken cancellationToken) =>
        side.QueryAsync(
            rows.SelectKeys(
                    PostgresSide.BeginRange(new Batch()).Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}"), from, to)
                .Add($"""
                    SELECT e.key, {EntitySql.Columns} FROM strangler_entity e
                    WHERE e.context = {side.Context} AND e.kind = {rows.Sql.Kind} AND e.key BETWEEN {from} AND {to} ORDER BY e.key
                    """)
                .Add($"COMMIT"),
            (reader, token) => ReadAsync(side, reader, token),
            cancellationToken,
            background: true);

    /// <summary>Of rows (or map rows) and entity rows so many each: the first of both together are the first of all.</summary>
    public static Task<IReadOnlyList<long>> KeysAsync(PostgresSide side, KeyedRows rows, long after, int limit, CancellationToken cancellationToken)
    {
        var (source, key) = rows.Keys;
        return IdsAsync(
            side,
            new Batch().Add($"""
                (SELECT CAST({key} AS bigint) AS id FROM {source} AND {key} > {after} ORDER BY {key} LIMIT {limit})
                UNION
                (SELECT key FROM strangler_entity WHERE context = {side.Context} AND kind = {rows.Sql.Kind} AND key > {after} ORDER BY key LIMIT {limit})
                ORDER BY id LIMIT {limit}
                """),
            cancellationToken);
    }

    /// <summary>No index on the time: one would cost every write of every entity. The table is walked in the order of its key.</summary>
    public static Task<IReadOnlyList<long>> TouchedAsync(
        PostgresSide side, string kind, DateTime sinceUtc, long after, int limit, CancellationToken cancellationToken) =>
        IdsAsync(
            side,
            new Batch().Add($"""
                SELECT key FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND key > {after}
                AND (changed_at IS NULL OR changed_at >= {Times.Stored(sinceUtc)}) ORDER BY key LIMIT {limit}
                """),
            cancellationToken);

    private static async Task<IReadOnlyList<long>> IdsAsync(PostgresSide side, Batch batch, CancellationToken cancellationToken) =>
        await side.ListAsync(batch, reader => reader.GetInt64(0), cancellationToken, background: true).ConfigureAwait(false);

    private static async Task<MarkPage> ReadAsync(PostgresSide side, NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var fence = await FenceSql.ReadAsync(reader, side, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<(long Id, bool Present)> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add((reader.GetInt64(0), reader.GetBoolean(1)));
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return new MarkPage(fence, await JoinAsync(reader, rows, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<List<KeyMark>> JoinAsync(
        NpgsqlDataReader reader, List<(long Id, bool Present)> rows, CancellationToken cancellationToken)
    {
        List<KeyMark> marks = new(rows.Count);
        var at = 0;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            if (EntitySql.Read(reader, 1) is not { } entity)
            {
                continue;
            }

            for (; at < rows.Count && rows[at].Id < id; at++)
            {
                marks.Add(new KeyMark(rows[at].Id, rows[at].Present, null));
            }

            var isRow = at < rows.Count && rows[at].Id == id;
            marks.Add(new KeyMark(id, isRow && rows[at].Present, entity));
            at += isRow ? 1 : 0;
        }

        marks.AddRange(rows.Skip(at).Select(row => new KeyMark(row.Id, row.Present, null)));
        return marks;
    }
}

/// <summary>What is wrong with an id map: rows that it leads nobody to, and rows that it leads two to. Its unique key may have been
/// dropped.</summary>
internal static class MapSql
{
    public static async Task<IReadOnlyList<long>> UnmappedAsync(
        PostgresSide side, AggregateSql sql, long after, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT t0.{sql.RootKey} FROM {sql.Root} t0 WHERE t0.{sql.RootKey} > {after} AND NOT EXISTS (
                    SELECT 1 FROM strangler_id_map m WHERE m.context = {side.Context} AND m.kind = {sql.Kind} AND m.new_id = t0.{sql.RootKey})
                ORDER BY t0.{sql.RootKey} LIMIT {limit}
                """),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);

    public static async Task<IReadOnlyDictionary<long, long>> SharedAsync(
        PostgresSide side, string kind, int limit, CancellationToken cancellationToken)
    {
        if (await HasUniqueKeyAsync(side, cancellationToken).ConfigureAwait(false))
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
    private static Task<bool> HasUniqueKeyAsync(PostgresSide side, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
                    WHERE i.indrelid = 'strangler_id_map'::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND a.attname = 'new_id')
                """),
            reader => reader.GetBoolean(0),
            cancellationToken,
            background: true);
}
