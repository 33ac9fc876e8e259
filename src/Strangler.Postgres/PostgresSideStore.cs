using Npgsql;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>One side of one context in PostgreSQL.</summary>
internal sealed class PostgresSideStore(PostgresSide side, IReadOnlyDictionary<string, KeyedRows> kinds) : ISideStore
{
    public SideName Side => side.Name;

    /// <summary>
    /// One statement where the aggregate has only tables with at most one row: it is one snapshot by itself. Else a read-only snapshot
    /// transaction whose statements travel together.
    /// </summary>
    public Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var rows = Kind(key.Kind);
        var batch = new Batch();
        if (rows.Sql.HasMany)
        {
            PostgresSide.BeginSnapshot(batch);
        }

        batch.Part($"SELECT {FenceSql.Columns}, {EntitySql.Columns}, {rows.Sql.Columns}");
        SelectIsListed(batch, key);
        batch.Part($"""
             FROM strangler_fence f
            LEFT JOIN strangler_entity e ON e.context = f.context AND e.kind = {key.Kind} AND e.key = {key.Id}
            """);
        rows.JoinSingles(batch, key.Id).Part($" WHERE f.context = {side.Context}").End();
        foreach (var table in rows.Sql.Manys)
        {
            rows.SelectMany(batch, table, key.Id);
        }

        if (rows.Sql.HasMany)
        {
            batch.Add($"COMMIT");
        }

        return side.QueryAsync(batch, (reader, token) => ReadStateAsync(reader, rows.Sql, key.Id, token), cancellationToken);
    }

    public async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken) =>
        await PostgresSideTransaction.BeginAsync(side, Kind(intent.Key.Kind), intent, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT request_key, epoch, counter FROM strangler_request");
        batch.Part($" WHERE context = {side.Context} AND kind = {key.Kind} AND public_id = {key.Id}");
        if (after is { } version)
        {
            batch.Part($" AND (epoch, counter) > ({version.Epoch}, {version.Counter})");
        }

        batch.Part($" ORDER BY id").End();
        return await side.ListAsync(
            batch,
            reader => new StoredRequest(
                RequestKeys.Decode(reader.GetFieldValue<byte[]>(0)), new EntityVersion(reader.GetInt64(1), reader.GetInt64(2))),
            cancellationToken).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<EntityRequest>> RequestsAsync(
        string kind, EntityRequest? after, int limit, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"SELECT public_id, request_key, epoch, counter, id FROM strangler_request WHERE context = {side.Context} AND kind = {kind}");
        if (after is { } last)
        {
            batch.Part($" AND (public_id, id) > ({last.Id}, {last.Sequence})");
        }

        batch.Part($" ORDER BY public_id, id LIMIT {limit}").End();
        return await side.ListAsync(
            batch,
            reader => new EntityRequest(
                reader.GetInt64(0),
                new StoredRequest(
                    RequestKeys.Decode(reader.GetFieldValue<byte[]>(1)), new EntityVersion(reader.GetInt64(2), reader.GetInt64(3))),
                reader.GetInt64(4)),
            cancellationToken,
            background: true).ConfigureAwait(false);
    }

    public Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_request WHERE id IN (
                    SELECT id FROM strangler_request WHERE context = {side.Context} AND created_at < statement_timestamp() - {Times.Whole(age)}
                    ORDER BY created_at LIMIT {limit})
                """),
            cancellationToken,
            background: true);

    public Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        VersionsAsync(
            new Batch().Add($"""
                SELECT e.key, e.epoch, e.counter, e.foreign_seq FROM strangler_entity e
                WHERE e.context = {side.Context} AND e.kind = {kind} AND e.key > {after} ORDER BY e.key LIMIT {limit}
                """),
            cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        VersionsAsync(
            new Batch().Add($"""
                SELECT e.key, e.epoch, e.counter, e.foreign_seq FROM strangler_entity e
                WHERE e.context = {side.Context} AND e.kind = {kind} AND e.key = ANY({ids.ToArray()}) ORDER BY e.key
                """),
            cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        ReadRangeAsync(kind, new KeySet(from, to, null), cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        ReadRangeAsync(kind, new KeySet(0, 0, ids.ToArray()), cancellationToken);

    public Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        KeySql.MarksAsync(side, Kind(kind), from, to, cancellationToken);

    public Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        KeySql.KeysAsync(side, Kind(kind), after, limit, cancellationToken);

    public Task<IReadOnlyList<long>> TouchedAsync(
        string kind, DateTime sinceUtc, long after, int limit, CancellationToken cancellationToken) =>
        KeySql.TouchedAsync(side, kind, sinceUtc, after, limit, cancellationToken);

    /// <summary>The nearest end of a chunk among rows (or map rows) and entity rows: so gaps full of tombstones are cut into chunks as well.</summary>
    public Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken)
    {
        var skip = Math.Max(0, rows - 1);
        var (source, key) = Kind(kind).Keys;
        return side.FirstAsync(
            new Batch().Add($"""
                SELECT COALESCE(
                    LEAST(
                        (SELECT {key} FROM {source} AND {key} >= {from} ORDER BY {key} LIMIT 1 OFFSET {skip}),
                        (SELECT key FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND key >= {from}
                            ORDER BY key LIMIT 1 OFFSET {skip})),
                    GREATEST(
                        (SELECT MAX({key}) FROM {source} AND {key} >= {from}),
                        (SELECT MAX(key) FROM strangler_entity WHERE context = {side.Context} AND kind = {kind} AND key >= {from})))
                """),
            reader => reader.IsDBNull(0) ? (long?)null : reader.GetInt64(0),
            cancellationToken,
            background: true);
    }

    /// <summary>The row count is the server's estimate, exact for small tables and for those that it has not counted yet.</summary>
    public async Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken)
    {
        const long Small = 100_000;
        var (source, key) = Kind(kind).Keys;
        var (bounds, estimate) = await side.FirstAsync(
            new Batch().Add($"""
                SELECT LEAST((SELECT MIN({key}) FROM {source}),
                        (SELECT MIN(key) FROM strangler_entity WHERE context = {side.Context} AND kind = {kind})),
                    GREATEST((SELECT MAX({key}) FROM {source}),
                        (SELECT MAX(key) FROM strangler_entity WHERE context = {side.Context} AND kind = {kind})),
                    (SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = to_regclass({Kind(kind).Sql.Root.Text}))
                """),
            reader => (new KeyBounds(reader.IsDBNull(0) ? 1 : reader.GetInt64(0), reader.IsDBNull(1) ? 0 : reader.GetInt64(1), 0),
                reader.IsDBNull(2) ? -1 : reader.GetInt64(2)),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return bounds with { Rows = estimate < Small ? await CountAsync(kind, cancellationToken).ConfigureAwait(false) : estimate };
    }

    public Task<long> CountAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT COUNT(*) FROM {Kind(kind).Sql.Root}"), reader => reader.GetInt64(0), cancellationToken, background: true);

    public Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        Side == SideName.Legacy
            ? Task.FromResult<IReadOnlyList<long>>([])
            : MapSql.UnmappedAsync(side, Kind(kind).Sql, after, limit, cancellationToken);

    public Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) =>
        Side == SideName.Legacy
            ? Task.FromResult<IReadOnlyDictionary<long, long>>(new Dictionary<long, long>())
            : MapSql.SharedAsync(side, kind, limit, cancellationToken);

    /// <summary>One snapshot, one round trip; every table by one ordered select, put together in memory.</summary>
    private Task<RangeSnapshot> ReadRangeAsync(string kind, KeySet keys, CancellationToken cancellationToken)
    {
        var rows = Kind(kind);
        var batch = PostgresSide.BeginRange(new Batch());
        batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}");
        rows.SelectSingles(batch, keys);
        foreach (var table in rows.Sql.Manys)
        {
            rows.SelectMany(batch, table, keys);
        }

        batch.Part($"SELECT e.key, {EntitySql.Columns} FROM strangler_entity e WHERE e.context = {side.Context} AND e.kind = {kind} AND e.key");
        keys.Append(batch).Part($" ORDER BY e.key").End();
        batch.Part($"SELECT key, MIN(created_at), bool_or(state = 'parked') FROM strangler_journal");
        batch.Part($" WHERE context = {side.Context} AND kind = {kind} AND key");
        keys.Append(batch).Part($" GROUP BY key").End();
        batch.Add($"COMMIT");
        return side.QueryAsync(batch, (reader, token) => ReadRangeAsync(reader, rows.Sql, token), cancellationToken, background: true);
    }

    private async Task<SideState> ReadStateAsync(NpgsqlDataReader reader, AggregateSql sql, long id, CancellationToken cancellationToken)
    {
        var fence = await FenceSql.ReadAsync(reader, side, cancellationToken).ConfigureAwait(false);
        var entity = EntitySql.Read(reader, FenceSql.Width);
        var row = sql.ReadSingles(reader, FenceSql.Width + EntitySql.Width);
        var isQuarantined = Side == SideName.New && reader.GetBoolean(FenceSql.Width + EntitySql.Width + sql.Width);
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw sql.MoreThanOne(id);
        }

        foreach (var (place, table) in sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            List<object?[]> rows = [];
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                rows.Add(sql.ReadColumns(reader, 1, table));
            }

            if (row is not null && rows.Count > 0)
            {
                row.Tables[place] = rows;
            }
        }

        return new SideState(fence, row, entity) { IsQuarantined = isQuarantined };
    }

    private async Task<RangeSnapshot> ReadRangeAsync(NpgsqlDataReader reader, AggregateSql sql, CancellationToken cancellationToken)
    {
        var fence = await FenceSql.ReadAsync(reader, side, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        List<RangeItem> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            if (rows.Count > 0 && rows[^1].Id == id)
            {
                throw sql.MoreThanOne(id);
            }

            rows.Add(new RangeItem(id, sql.ReadSingles(reader, 2), null, reader.IsDBNull(1) ? null : reader.GetInt64(1)));
        }

        foreach (var (place, table) in sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            await AttachAsync(reader, sql, rows, place, table, cancellationToken).ConfigureAwait(false);
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var items = await WithEntitiesAsync(reader, rows, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        Dictionary<long, JournalMark> marks = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            marks.Add(reader.GetInt64(0), new JournalMark(Times.Utc(reader, 1), reader.GetBoolean(2)));
        }

        return new RangeSnapshot(fence, items, marks);
    }

    /// <summary>Many rows come in the order of the items, and of their ordinals within one.</summary>
    private static async Task AttachAsync(
        NpgsqlDataReader reader, AggregateSql sql, List<RangeItem> items, int place, TableLayout table, CancellationToken cancellationToken)
    {
        var at = 0;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            while (at < items.Count && items[at].Id < id)
            {
                at++;
            }

            if (at < items.Count && items[at].Id == id && items[at].Row is { } row)
            {
                if (row.Tables[place] is not List<object?[]> rows)
                {
                    row.Tables[place] = rows = [];
                }

                rows.Add(sql.ReadColumns(reader, 2, table));
            }
        }
    }

    private static async Task<List<RangeItem>> WithEntitiesAsync(
        NpgsqlDataReader reader, List<RangeItem> rows, CancellationToken cancellationToken)
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

    /// <summary>Versions without rows, with the fence in the same snapshot.</summary>
    private Task<VersionPage> VersionsAsync(Batch select, CancellationToken cancellationToken) =>
        side.QueryAsync(
            PostgresSide.BeginSnapshot(new Batch())
                .Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}")
                .Append(select).Add($"COMMIT"),
            async (reader, token) =>
            {
                var fence = await FenceSql.ReadAsync(reader, side, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                List<KeyVersion> keys = [];
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    keys.Add(new KeyVersion(
                        reader.GetInt64(0), new EntityVersion(reader.GetInt64(1), reader.GetInt64(2)), reader.GetInt64(3)));
                }

                return new VersionPage(fence, keys);
            },
            cancellationToken,
            background: true);

    private void SelectIsListed(Batch batch, EntityKey key)
    {
        if (Side == SideName.New)
        {
            PostgresQuarantine.SelectIsListed(batch, side.Context, key);
        }
    }

    private KeyedRows Kind(string kind) => kinds.TryGetValue(kind, out var rows)
        ? rows
        : throw new ArgumentException($"Context {side.Context} has no kind '{kind}'; it has {string.Join(", ", kinds.Keys)}.", nameof(kind));
}
