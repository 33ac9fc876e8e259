using System.Data.Common;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>The ids that a select is bound to: a range, or a list.</summary>
internal readonly record struct KeySet(long From, long To, IReadOnlyCollection<long>? Ids)
{
    /// <summary>Appends the condition behind the column's name.</summary>
    public Batch Append(Batch batch)
    {
        if (Ids is { } ids)
        {
            batch.Part($" IN");
            Lists.In(batch, ids);
            return batch;
        }

        return batch.Part($" BETWEEN {From} AND {To}");
    }
}

/// <summary>Keys without rows: what an incremental run compares, and what a sample or the keys of some time are chosen from.</summary>
internal static class KeySql
{
    /// <summary>One snapshot. A root row is only asked for its key.</summary>
    public static Task<MarkPage> MarksAsync(MySqlSide side, AggregateSql sql, string kind, long from, long to,
        CancellationToken cancellationToken)
    {
        var batch = MySqlSide.BeginSnapshot(new Batch());
        batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
        if (side.Name == SideName.New)
        {
            batch.Add($"""
                SELECT m.public_id, t0.{sql.RootKey} IS NOT NULL FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id
                WHERE m.context = {side.Context} AND m.kind = {kind} AND m.public_id BETWEEN {from} AND {to} ORDER BY m.public_id
                """);
        }
        else
        {
            batch.Add($"SELECT {sql.KeyValueOfRoot}, 1 FROM {sql.Root} t0 WHERE {sql.KeyValueOfRoot} BETWEEN {from} AND {to} ORDER BY 1");
        }

        batch.Add($"""
            SELECT e.`key`, {EntitySql.Columns} FROM strangler_entity e
            WHERE e.context = {side.Context} AND e.kind = {kind} AND e.`key` BETWEEN {from} AND {to} ORDER BY e.`key`
            """);
        batch.Add($"COMMIT");
        return side.QueryAsync(batch, (reader, token) => ReadAsync(side, reader, token), cancellationToken, background: true);
    }

    /// <summary>Of rows (or map rows) and entity rows so many each: the first of both together are the first of all.</summary>
    public static Task<IReadOnlyList<long>> KeysAsync(
        MySqlSide side, (Sql Source, Sql Key) rows, string kind, long after, int limit, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"(SELECT {rows.Key} AS id FROM {rows.Source} WHERE ");
        if (side.Name == SideName.New)
        {
            batch.Part($"context = {side.Context} AND kind = {kind} AND ");
        }

        batch.Part($"""
            {rows.Key} > {after} ORDER BY {rows.Key} LIMIT {limit}) UNION
            (SELECT `key` FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND `key` > {after} ORDER BY `key` LIMIT {limit})
            ORDER BY id LIMIT {limit}
            """).End();
        return IdsAsync(side, batch, cancellationToken);
    }

    /// <summary>No index on the time: one would cost every write of every entity. The table is walked in the order of its key.</summary>
    public static Task<IReadOnlyList<long>> TouchedAsync(
        MySqlSide side, string kind, DateTime sinceUtc, long after, int limit, CancellationToken cancellationToken)
    {
        var since = (decimal)(sinceUtc - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond;
        return IdsAsync(
            side,
            new Batch().Add($"""
                SELECT `key` FROM strangler_entity FORCE INDEX (PRIMARY)
                WHERE context = {side.Context} AND kind = {kind} AND `key` > {after}
                AND (changed_at IS NULL OR UNIX_TIMESTAMP(changed_at) >= {since}) ORDER BY `key` LIMIT {limit}
                """),
            cancellationToken);
    }

    private static async Task<IReadOnlyList<long>> IdsAsync(MySqlSide side, Batch batch, CancellationToken cancellationToken) =>
        await side.ListAsync(batch, reader => reader.GetInt64(0), cancellationToken, background: true).ConfigureAwait(false);

    private static async Task<MarkPage> ReadAsync(MySqlSide side, DbDataReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, side.Name);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<(long Id, bool Present)> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add((reader.GetInt64(0), reader.GetInt64(1) != 0));
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return new MarkPage(fence, await JoinAsync(reader, rows, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<List<KeyMark>> JoinAsync(DbDataReader reader, List<(long Id, bool Present)> rows,
        CancellationToken cancellationToken)
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

/// <summary>One status variable; every user may read it.</summary>
internal sealed class MySqlLoad(MySqlSide side) : Reconciliation.IServerLoad
{
    public Task<long> ThreadsRunningAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SHOW GLOBAL STATUS LIKE 'Threads_running'"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? long.Parse(reader.GetString(1), System.Globalization.CultureInfo.InvariantCulture) : 0,
            cancellationToken,
            background: true,
            keepsSession: true);

    public Task<long> WritesAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SHOW GLOBAL STATUS WHERE Variable_name IN
                    ('Com_insert', 'Com_insert_select', 'Com_update', 'Com_update_multi', 'Com_delete', 'Com_delete_multi',
                    'Com_replace', 'Com_replace_select')
                """),
            async (reader, token) =>
            {
                var writes = 0L;
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    writes += long.Parse(reader.GetString(1), System.Globalization.CultureInfo.InvariantCulture);
                }

                return writes;
            },
            cancellationToken,
            background: true,
            keepsSession: true);
}
