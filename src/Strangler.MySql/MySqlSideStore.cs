using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>One side of one context in MySQL or MariaDB.</summary>
internal sealed class MySqlSideStore(MySqlSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : ISideStore
{
    public SideName Side => side.Name;

    /// <summary>
    /// One statement where the aggregate has only tables with at most one row: it is one snapshot by itself. Else a read-only snapshot
    /// transaction whose statements travel together.
    /// </summary>
    public Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var sql = Kind(key.Kind);
        var batch = new Batch();
        if (sql.HasMany)
        {
            MySqlSide.BeginSnapshot(batch);
        }

        batch.Part($"SELECT {FenceSql.Columns}, {EntitySql.Columns}, {sql.Columns}");
        if (Side == SideName.New)
        {
            MySqlQuarantine.SelectIsListed(batch, side.Context, key);
        }

        batch.Part($" FROM strangler_fence f");
        batch.Part($" LEFT JOIN strangler_entity e ON e.context = f.context AND e.kind = {key.Kind} AND e.`key` = {key.Id}");
        if (Side == SideName.New)
        {
            batch.Part($" LEFT JOIN strangler_id_map m ON m.context = f.context AND m.kind = {key.Kind} AND m.public_id = {key.Id}");
            batch.Part($" LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} = m.new_id");
        }
        else
        {
            batch.Part($" LEFT JOIN {sql.Root} t0 ON ");
            sql.AddKeyIs(batch, key.Id);
        }

        batch.Part($"{sql.Joins} WHERE f.context = {side.Context}").End();
        foreach (var table in sql.Manys)
        {
            SelectMany(batch, sql, table, key);
        }

        if (sql.HasMany)
        {
            batch.Add($"COMMIT");
        }

        return side.QueryAsync(
            batch, (reader, token) => ReadStateAsync(reader, sql, key, token), cancellationToken, keepsSession: true);
    }

    public async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken) =>
        await MySqlOwnTransaction.BeginAsync(side, Kind(intent.Key.Kind), intent, cancellationToken).ConfigureAwait(false);

    public Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT request_key, epoch, counter FROM strangler_request");
        batch.Part($" WHERE context = {side.Context} AND kind = {key.Kind} AND public_id = {key.Id}");
        if (after is { } version)
        {
            batch.Part($" AND (epoch > {version.Epoch} OR (epoch = {version.Epoch} AND counter > {version.Counter}))");
        }

        batch.Part($" ORDER BY id").End();
        return ToReadOnlyAsync(side.ListAsync(
            batch,
            reader => new StoredRequest(RequestKeys.Decode(reader.GetFieldValue<byte[]>(0)),
                new EntityVersion(reader.GetInt64(1), reader.GetInt64(2))),
            cancellationToken));
    }

    public Task<IReadOnlyList<EntityRequest>> RequestsAsync(
        string kind, EntityRequest? after, int limit, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT public_id, request_key, epoch, counter, id FROM strangler_request FORCE INDEX (strangler_request_entity)");
        batch.Part($" WHERE context = {side.Context} AND kind = {kind}");
        if (after is { } last)
        {
            batch.Part($" AND public_id >= {last.Id} AND (public_id > {last.Id} OR id > {last.Sequence})");
        }

        batch.Part($" ORDER BY public_id, id LIMIT {limit}").End();
        return ToReadOnlyAsync(side.ListAsync(
            batch,
            reader => new EntityRequest(
                reader.GetInt64(0),
                new StoredRequest(
                    RequestKeys.Decode(reader.GetFieldValue<byte[]>(1)), new EntityVersion(reader.GetInt64(2), reader.GetInt64(3))),
                reader.GetInt64(4)),
            cancellationToken,
            background: true));
    }

    /// <summary>Ids first, from a plain read: a DELETE takes no index hint, and would lock what it walks over.</summary>
    public Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var ids = await side.QueryAsync(
                    connection,
                    new Batch().Add($"""
                        SELECT id FROM strangler_request FORCE INDEX (strangler_request_age) WHERE context = {side.Context}
                        AND created_at < UTC_TIMESTAMP(6) - INTERVAL {(long)age.TotalMicroseconds} MICROSECOND ORDER BY created_at LIMIT {limit}
                        """),
                    ReadIdsAsync,
                    true,
                    token).ConfigureAwait(false);
                if (ids.Count > 0)
                {
                    var delete = side.BeginWrite(new Batch(), background: true);
                    delete.Part($"DELETE FROM strangler_request WHERE id IN");
                    Lists.In(delete, ids);
                    await side.ExecuteAsync(connection, MySqlSide.EndWrite(delete.End()), true, token).ConfigureAwait(false);
                }

                return ids.Count;
            },
            cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        VersionSql.ReadAsync(side, kind, after, limit, cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        VersionSql.ReadAsync(side, kind, ids, cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        ReadRangeAsync(kind, new KeySet(from, to, null), cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        ReadRangeAsync(kind, new KeySet(0, 0, ids.Count == 0 ? [0] : ids), cancellationToken);

    /// <summary>One snapshot, one round trip; every table by one ordered select, put together in memory.</summary>
    private Task<RangeSnapshot> ReadRangeAsync(string kind, KeySet keys, CancellationToken cancellationToken)
    {
        var sql = Kind(kind);
        var batch = MySqlSide.BeginSnapshot(new Batch());
        batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
        if (Side == SideName.New)
        {
            batch.Part($"""
                SELECT m.public_id, m.new_id, {sql.Columns} FROM strangler_id_map m LEFT JOIN {sql.Root} t0 ON t0.{sql.RootKey} =
                m.new_id{sql.Joins}
                WHERE m.context = {side.Context} AND m.kind = {kind} AND m.public_id
                """);
            keys.Append(batch).Part($" ORDER BY m.public_id").End();
        }
        else
        {
            batch.Part($"SELECT {sql.KeyValueOfRoot}, NULL, {sql.Columns} FROM {sql.Root} t0{sql.Joins} WHERE {sql.KeyValueOfRoot}");
            keys.Append(batch).Part($" ORDER BY 1").End();
        }

        foreach (var table in sql.Manys)
        {
            SelectManyRange(batch, sql, table, kind, keys);
        }

        batch.Part($"""
            SELECT e.`key`, {EntitySql.Columns} FROM strangler_entity e
            WHERE e.context = {side.Context} AND e.kind = {kind} AND e.`key`
            """);
        keys.Append(batch).Part($" ORDER BY e.`key`").End();
        batch.Part($"""
            SELECT `key`, MIN(created_at), MAX(state = 'parked') FROM strangler_journal
            WHERE context = {side.Context} AND kind = {kind} AND `key`
            """);
        keys.Append(batch).Part($" GROUP BY `key`").End();
        batch.Add($"COMMIT");
        return side.QueryAsync(batch, (reader, token) => ReadRangeAsync(reader, sql, token), cancellationToken, background: true);
    }

    public Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        KeySql.MarksAsync(side, Kind(kind), kind, from, to, cancellationToken);

    public Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        KeySql.KeysAsync(side, KeySource(Kind(kind)), kind, after, limit, cancellationToken);

    public Task<IReadOnlyList<long>> TouchedAsync(string kind, DateTime sinceUtc, long after, int limit,
        CancellationToken cancellationToken) =>
        KeySql.TouchedAsync(side, kind, sinceUtc, after, limit, cancellationToken);

    /// <summary>The nearest end of a chunk among root rows (or map rows) and entity rows: so gaps full of tombstones are cut into chunks as
    /// well.</summary>
    public Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken)
    {
        var sql = Kind(kind);
        var skip = Math.Max(0, rows - 1);
        var (source, key) = KeySource(sql);
        var batch = new Batch();
        batch.Part($"SELECT (SELECT {key} FROM ").Part($"{source}").Part($" WHERE ");
        OfKind(batch, kind);
        batch.Part($"{key} >= {from} ORDER BY {key} LIMIT 1 OFFSET {skip}), (SELECT MAX({key}) FROM {source} WHERE ");
        OfKind(batch, kind);
        batch.Part($"{key} >= {from}), ");
        batch.Part($"""
            (SELECT `key` FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND `key` >= {from}
                ORDER BY `key` LIMIT 1 OFFSET {skip}),
            (SELECT MAX(`key`) FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND `key` >= {from})
            """).End();
        return side.QueryAsync(
            batch,
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                var (end, last) = (Least(At(reader, 0), At(reader, 2)), Most(At(reader, 1), At(reader, 3)));
                return end ?? last;
            },
            cancellationToken,
            background: true);
    }

    /// <summary>The row count is the server's estimate, exact for small tables.</summary>
    public Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken)
    {
        const long Small = 100_000;
        var sql = Kind(kind);
        var (source, key) = KeySource(sql);
        var batch = new Batch();
        foreach (var edge in (ReadOnlySpan<Sql>)[new("MIN"), new("MAX")])
        {
            batch.Part($"SELECT {edge}({key}) FROM {source}");
            if (Side == SideName.New)
            {
                batch.Part($" WHERE context = {side.Context} AND kind = {kind}");
            }

            batch.End();
            batch.Add($"SELECT {edge}(`key`) FROM strangler_entity WHERE context = {side.Context} AND kind = {kind}");
        }

        batch.Add($"""
            SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {sql.Layout.Root.Name}
            """);
        return side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var (bounds, estimate) = await side.QueryAsync(connection, batch, ReadBoundsAsync, true, token).ConfigureAwait(false);
                if (estimate < Small)
                {
                    var count = new Batch().Add($"SELECT COUNT(*) FROM {sql.Root}");
                    estimate = await side.QueryAsync(connection, count, ScalarAsync, true, token).ConfigureAwait(false) ?? 0;
                }

                return bounds with { Rows = estimate };
            },
            cancellationToken);
    }

    public Task<long> CountAsync(string kind, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
                await side.ScalarAsync(connection, new Batch().Add($"SELECT COUNT(*) FROM {Kind(kind).Root}"), true,
                    token).ConfigureAwait(false) ?? 0,
            cancellationToken);

    public Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken)
    {
        if (Side == SideName.Legacy)
        {
            return Task.FromResult<IReadOnlyList<long>>([]);
        }

        return MapSql.UnmappedAsync(side, Kind(kind), kind, after, limit, cancellationToken);
    }

    public Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) =>
        MapSql.SharedAsync(side, kind, limit, cancellationToken);

    /// <summary>The rows of one Many table of one key, in order: key of the entity, ordinal, columns.</summary>
    private void SelectMany(Batch batch, AggregateSql sql, int table, EntityKey key)
    {
        batch.Part($"SELECT {key.Id}, {sql.ManyColumns[table]} FROM ");
        if (Side == SideName.New)
        {
            batch.Part($"strangler_id_map m JOIN {sql.Names[table]} x ON x.{sql.Keys[table]} = m.new_id");
            batch.Part($" WHERE m.context = {side.Context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} ORDER BY {sql.ManyOrder[table]}").End();
        }
        else
        {
            batch.Part($"{sql.Names[table]} x WHERE x.{sql.Keys[table]} = {key.Id}{sql.OfContext[table]} ORDER BY {sql.ManyOrder[table]}").End();
        }
    }

    // On the new side only the public id is ordered by: together with the ordinal of the other table it would cost a sort on the server.
    private void SelectManyRange(Batch batch, AggregateSql sql, int table, string kind, KeySet keys)
    {
        if (Side == SideName.New)
        {
            batch.Part($"""
                SELECT m.public_id, {sql.ManyColumns[table]} FROM strangler_id_map m
                STRAIGHT_JOIN {sql.Names[table]} x ON x.{sql.Keys[table]} = m.new_id
                WHERE m.context = {side.Context} AND m.kind = {kind} AND m.public_id
                """);
            keys.Append(batch).Part($" ORDER BY m.public_id").End();
        }
        else
        {
            batch.Part($"SELECT x.{sql.Keys[table]}, {sql.ManyColumns[table]} FROM {sql.Names[table]} x WHERE x.{sql.Keys[table]}");
            keys.Append(batch).Part($"{sql.OfContext[table]} ORDER BY x.{sql.Keys[table]}, {sql.ManyOrder[table]}").End();
        }
    }

    private async Task<SideState> ReadStateAsync(DbDataReader reader, AggregateSql sql, EntityKey key, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, Side);
        var entity = EntitySql.Read(reader, FenceSql.Width);
        sql.CheckTypes(reader, FenceSql.Width + EntitySql.Width);
        var row = sql.ReadSingles(reader, FenceSql.Width + EntitySql.Width, key.Id);
        var isQuarantined = Side == SideName.New && reader.GetInt64(FenceSql.Width + EntitySql.Width + sql.Width) != 0;
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw MoreThanOne(sql, key.Id);
        }

        foreach (var table in sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            List<object?[]> rows = [];
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                rows.Add(AggregateSql.ReadColumns(reader, 2, table.Item, key.Id, Side));
            }

            if (row is not null && rows.Count > 0)
            {
                row.Tables[table.Index] = rows;
            }
        }

        return new SideState(fence, row, entity) { IsQuarantined = isQuarantined };
    }

    private async Task<RangeSnapshot> ReadRangeAsync(DbDataReader reader, AggregateSql sql, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, Side);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        sql.CheckTypes(reader, 2);
        List<RangeItem> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            if (rows.Count > 0 && rows[^1].Id == id)
            {
                throw MoreThanOne(sql, id);
            }

            rows.Add(new RangeItem(id, sql.ReadSingles(reader, 2, id), null, reader.IsDBNull(1) ? null : reader.GetInt64(1)));
        }

        foreach (var (place, table) in sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            await AttachAsync(reader, rows, place, table, cancellationToken).ConfigureAwait(false);
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var items = await WithEntitiesAsync(reader, rows, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        Dictionary<long, JournalMark> marks = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            marks.Add(reader.GetInt64(0), new JournalMark(FenceSql.Utc(reader, 1), reader.GetInt64(2) != 0));
        }

        return new RangeSnapshot(fence, items, marks);
    }

    /// <summary>Many rows come in the order of the items; rows of one item are sorted by ordinal here.</summary>
    private async Task AttachAsync(
        DbDataReader reader, List<RangeItem> items, int place, TableLayout table, CancellationToken cancellationToken)
    {
        List<(long Ordinal, object?[] Row)> rows = [];
        var (at, present) = (0, long.MinValue);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            if (id != present)
            {
                Attach();
                present = id;
            }

            rows.Add((reader.GetInt64(1), AggregateSql.ReadColumns(reader, 2, table, id, Side)));
        }

        Attach();

        void Attach()
        {
            if (rows.Count == 0)
            {
                return;
            }

            while (at < items.Count && items[at].Id < present)
            {
                at++;
            }

            if (at < items.Count && items[at].Id == present && items[at].Row is { } row)
            {
                row.Tables[place] = rows.OrderBy(entry => entry.Ordinal).Select(entry => entry.Row).ToArray();
            }

            rows.Clear();
        }
    }

    private static async Task<List<RangeItem>> WithEntitiesAsync(DbDataReader reader, List<RangeItem> rows,
        CancellationToken cancellationToken)
    {
        List<RangeItem> items = new(rows.Count);
        var at = 0;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            if (EntitySql.Read(reader, 1) is not { } entity)
            {
                continue;
            }

            while (at < rows.Count && rows[at].Id < id)
            {
                items.Add(rows[at++]);
            }

            items.Add(at < rows.Count && rows[at].Id == id ? rows[at++] with { Entity = entity } : new RangeItem(id, null, entity, null));
        }

        items.AddRange(rows.Skip(at));
        return items;
    }

    private static async Task<(KeyBounds Bounds, long Estimate)> ReadBoundsAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        var values = new long?[5];
        for (var i = 0; i < values.Length; i++)
        {
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                values[i] = At(reader, 0);
            }

            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        }

        return (new KeyBounds(Least(values[0], values[1]) ?? 1, Most(values[2], values[3]) ?? 0, 0), values[4] ?? 0);
    }

    private static async Task<List<long>> ReadIdsAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<long> ids = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            ids.Add(reader.GetInt64(0));
        }

        return ids;
    }

    private static async Task<long?> ScalarAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? At(reader, 0) : null;

    private (Sql Source, Sql Key) KeySource(AggregateSql sql) =>
        Side == SideName.New ? (new Sql("strangler_id_map"), new Sql("public_id")) : (sql.Root, sql.KeyValue);

    private void OfKind(Batch batch, string kind)
    {
        if (Side == SideName.New)
        {
            batch.Part($"context = {side.Context} AND kind = {kind} AND ");
        }
    }

    private AggregateSql Kind(string kind) => kinds.TryGetValue(kind, out var sql)
        ? sql
        : throw new ArgumentException($"Context {side.Context} has no kind '{kind}'; it has {string.Join(", ", kinds.Keys)}.",
            nameof(kind));

    private static UnreadableException MoreThanOne(AggregateSql sql, long id) =>
        new(sql.Layout.Root.Name, "a table that the mapping declares one-to-one has more than one row") { Id = id };

    private static long? At(DbDataReader reader, int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetInt64(ordinal);

    private static long? Least(long? a, long? b) => a is null ? b : b is null ? a : Math.Min(a.Value, b.Value);

    private static long? Most(long? a, long? b) => a is null ? b : b is null ? a : Math.Max(a.Value, b.Value);

    private static async Task<IReadOnlyList<T>> ToReadOnlyAsync<T>(Task<List<T>> rows) => await rows.ConfigureAwait(false);
}
