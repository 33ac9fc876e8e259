using System.Data.Common;
using System.Globalization;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

internal sealed class MySqlBackfillTarget(MySqlSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IBackfillTarget
{
    public Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT dual_epoch, pass, next_id, written_in_pass, phase, completed_at FROM strangler_backfill
                WHERE context = {side.Context} AND kind = {kind}
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? new BackfillCheckpoint(
                    reader.GetInt64(0), reader.GetInt32(1), reader.GetInt64(2), reader.GetInt64(3),
                        Enum.Parse<BackfillPhase>(reader.GetString(4)),
                    reader.IsDBNull(5) ? null : FenceSql.Utc(reader, 5))
                : null,
            cancellationToken,
            background: true);

    public async Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        await MySqlBackfillChunk.BeginAsync(side, kinds[kind], from, to, cancellationToken).ConfigureAwait(false);
}

/// <summary>
/// One chunk's transaction. Existing entity rows of the range are locked from the beginning; missing ones are inserted plainly and first of
/// all, so a live apply that slipped in makes the chunk fail with a transient error before it has written much, and the live write wins. No
/// gaps are locked: creates never wait for a backfill.
/// </summary>
internal sealed class MySqlBackfillChunk : IBackfillChunk
{
    private const int IdsAStatement = 1000;
    private const int UpdateParameters = 4000;

    private readonly MySqlSide _side;
    private readonly AggregateSql _sql;
    private readonly AggregateWriter _writer;
    private readonly ReferenceTranslation _references;
    private readonly PreparedConnection _prepared;
    private readonly long _from;
    private readonly long _to;
    private readonly Dictionary<long, EntityState> _entities = [];
    private readonly HashSet<long> _locked = [];
    private readonly Dictionary<long, long> _newIds = [];
    private FenceRow? _fence;
    private bool _isOver;

    private MySqlBackfillChunk(MySqlSide side, AggregateSql sql, PreparedConnection prepared, long from, long to)
    {
        (_side, _sql, _prepared, _from, _to) = (side, sql, prepared, from, to);
        _writer = new AggregateWriter(sql);
        _references = new ReferenceTranslation(side.Context, sql);
    }

    public FenceRow Fence => _fence!;

    private DbConnection Connection => _prepared.Connection;

    public IReadOnlyDictionary<long, EntityState> Entities => _entities;

    public static async Task<MySqlBackfillChunk> BeginAsync(MySqlSide side, AggregateSql sql, long from, long to,
        CancellationToken cancellationToken)
    {
        if (side.Database.Unpark() is { } parked)
        {
            try
            {
                return await BeginAsync(side, sql, parked, from, to, cancellationToken).ConfigureAwait(false);
            }
            catch (SideUnavailableException e) when (e.InnerException is { } cause
                && MySqlDriver.Classify(cause) == MySqlErrorKind.ConnectionLost)
            {
                // It had died while it was parked (the server was restarted); nothing has happened on it.
            }
        }

        var connection = await side.OpenAsync(background: true, cancellationToken).ConfigureAwait(false);
        return await BeginAsync(side, sql, new PreparedConnection(connection), from, to, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<MySqlBackfillChunk> BeginAsync(
        MySqlSide side, AggregateSql sql, PreparedConnection prepared, long from, long to, CancellationToken cancellationToken)
    {
        var chunk = new MySqlBackfillChunk(side, sql, prepared, from, to);
        try
        {
            var batch = side.BeginWrite(new Batch(), background: true);
            batch.Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context} LOCK IN SHARE MODE");
            batch.Add($"""
                SELECT e.`key`, {EntitySql.Columns} FROM strangler_entity e FORCE INDEX (PRIMARY)
                WHERE e.context = {side.Context} AND e.kind = {sql.Kind} AND e.`key` BETWEEN {from} AND {to} FOR UPDATE
                """);
            batch.Add($"""
                SELECT public_id, new_id FROM strangler_id_map
                WHERE context = {side.Context} AND kind = {sql.Kind} AND public_id BETWEEN {from} AND {to}
                """);
            await chunk.RunAsync(batch, chunk.ReadOpeningAsync, cancellationToken).ConfigureAwait(false);
            return chunk;
        }
        catch
        {
            await chunk.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(IReadOnlyCollection<long> ids,
        CancellationToken cancellationToken)
    {
        Dictionary<long, AggregateRow> rows = [];
        foreach (var some in ids.Where(_newIds.ContainsKey).Order().Chunk(IdsAStatement))
        {
            var batch = new Batch();
            batch.Part($"SELECT m.public_id, {_sql.Columns} FROM strangler_id_map m");
            batch.Part($" JOIN {_sql.Root} t0 ON t0.{_sql.RootKey} = m.new_id{_sql.Joins}");
            OfIds(batch, some);
            foreach (var table in _sql.Manys)
            {
                batch.Part($"SELECT m.public_id, {_sql.ManyColumns[table]} FROM strangler_id_map m");
                batch.Part($" JOIN {_sql.Names[table]} x ON x.{_sql.Keys[table]} = m.new_id");
                OfIds(batch, some);
            }

            await RunAsync(batch, (reader, token) => ReadRowsAsync(reader, rows, token), cancellationToken).ConfigureAwait(false);
        }

        return rows;
    }

    public async Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        await WriteEntitiesAsync(writes, cancellationToken).ConfigureAwait(false);
        writes = await TranslatedAsync(writes, cancellationToken).ConfigureAwait(false);
        await InsertAsync(writes.Where(write => write is { Was: null, Now: not null }).ToList(), cancellationToken).ConfigureAwait(false);
        var batch = new Batch();
        foreach (var write in writes.Where(write => write.Was is not null))
        {
            var key = _newIds[write.Id];
            if (write.Now is null)
            {
                _writer.Delete(batch, key, write.Was!);
            }
            else
            {
                // Rows of Many tables may lie at other places than 0, 1, 2 …: where they differ they are written anew.
                _writer.Update(batch, key, write.Was!, write.Now, _sql.Manys.ToArray().ToHashSet());
            }

            if (batch.Parameters > UpdateParameters)
            {
                await RunAsync(batch, cancellationToken).ConfigureAwait(false);
                batch.Clear();
            }
        }

        if (!batch.IsEmpty)
        {
            await RunAsync(batch, cancellationToken).ConfigureAwait(false);
        }
    }

    public Task QuarantineAsync(IReadOnlyList<QuarantineEntry> entries, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"DELETE FROM strangler_quarantine WHERE context = {_side.Context} AND kind = {_sql.Kind}");
        batch.Part($" AND `key` BETWEEN {_from} AND {_to}");
        if (entries.Count > 0)
        {
            batch.Part($" AND `key` NOT IN");
            Lists.In(batch, entries.Select(entry => entry.Id));
        }

        batch.End();
        foreach (var entry in entries)
        {
            MySqlQuarantine.Put(batch, _side.Context, _sql.Kind, entry);
        }

        return RunAsync(batch, cancellationToken);
    }

    public Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at) VALUES ");
        var separator = "";
        foreach (var (id, (requestKey, version), _) in requests)
        {
            batch.Raw(separator);
            batch.Part($"""
                ({_side.Context}, {_sql.Kind}, {RequestKeys.Encode(requestKey)}, {id}, {version.Epoch}, {version.Counter}, UTC_TIMESTAMP(6))
                """);
            separator = ", ";
        }

        batch.Raw(" ON DUPLICATE KEY UPDATE id = id");
        return RunAsync(batch.End(), cancellationToken);
    }

    public async Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        var completed = checkpoint.CompletedUtc is { } moment ? Clock.Text(moment) : null;
        batch.Add($"""
            REPLACE INTO strangler_backfill (context, kind, dual_epoch, pass, next_id, written_in_pass, phase, completed_at)
            VALUES ({_side.Context}, {_sql.Kind}, {checkpoint.DualEpoch}, {checkpoint.Pass}, {checkpoint.NextId},
            {checkpoint.WrittenInPass},
                {checkpoint.Phase.ToString()}, {completed})
            """);
        await RunAsync(MySqlSide.EndWrite(batch), cancellationToken, commits: true).ConfigureAwait(false);
        _isOver = true;
        await _side.Database.ParkAsync(_prepared).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await MySqlSide.RollBackAsync(Connection).ConfigureAwait(false);
            await _prepared.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<object?> ReadOpeningAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        _fence = await reader.ReadAsync(cancellationToken).ConfigureAwait(false) 
            ? FenceSql.Read(reader, 0, _side.Name)
            : throw _side.NotMigrated();
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _locked.Add(reader.GetInt64(0));
            if (EntitySql.Read(reader, 1) is { } entity)
            {
                _entities.Add(reader.GetInt64(0), entity);
            }
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _newIds.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        return null;
    }

    private void OfIds(Batch batch, IEnumerable<long> ids)
    {
        batch.Part($" WHERE m.context = {_side.Context} AND m.kind = {_sql.Kind} AND m.public_id IN");
        Lists.In(batch, ids);
        batch.Part($" FOR UPDATE").End();
    }

    private async Task<object?> ReadRowsAsync(DbDataReader reader, Dictionary<long, AggregateRow> rows, CancellationToken cancellationToken)
    {
        _sql.CheckTypes(reader, 1);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = reader.GetInt64(0);
            rows.Add(id, _sql.ReadSingles(reader, 1, id)!);
        }

        foreach (var (place, table) in _sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            List<(long Id, long Ordinal, object?[] Row)> found = [];
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var id = reader.GetInt64(0);
                found.Add((id, reader.GetInt64(1), AggregateSql.ReadColumns(reader, 2, table, id, _sql.Side)));
            }

            foreach (var group in found.GroupBy(entry => entry.Id))
            {
                rows[group.Key].Tables[place] = group.OrderBy(entry => entry.Ordinal).Select(entry => entry.Row).ToArray();
            }
        }

        return null;
    }

    private async Task WriteEntitiesAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        var head = new Sql(
            "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes) VALUES ");
        var added = new MultiInsert(head);
        var changed = new MultiInsert(head, """
             ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), counter = VALUES(counter), foreign_seq = VALUES(foreign_seq),
             tombstone = VALUES(tombstone), field_hashes = VALUES(field_hashes), writer = ''
            """);
        foreach (var write in writes)
        {
            var state = write.State;
            (_locked.Contains(write.Id) ? changed : added).Add(null, null,
                [_side.Context, _sql.Kind, write.Id, state.Version.Epoch, state.Version.Counter, state.ForeignSeq,
                    state.Tombstone ? 1 : 0, state.FieldHashes]);
        }

        await InsertAsync(added, cancellationToken).ConfigureAwait(false);
        await InsertAsync(changed, cancellationToken).ConfigureAwait(false);
        _locked.UnionWith(writes.Select(write => write.Id));
    }

    private async Task<IReadOnlyList<BackfillWrite>> TranslatedAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        if (!writes.Any(write => _references.IsNeeded(write.Was, write.Now)))
        {
            return writes;
        }

        var (rows, newIds) = await _references.TranslateAsync(
            [.. writes.Select(write => write.Was), .. writes.Select(write => write.Now)],
            async (batch, read, token) => await RunAsync(batch, read, token).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        foreach (var ((kind, id), newId) in newIds)
        {
            if (kind == _sql.Kind)
            {
                _newIds.TryAdd(id, newId);
            }
        }

        return [.. writes.Select((write, i) => write with { Was = rows[i], Now = rows[writes.Count + i] })];
    }

    private async Task InsertAsync(List<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count == 0)
        {
            return;
        }

        var roots = writes.Select(write => write.Now!.Root).ToArray();
        for (var table = 1; table < _sql.Layout.Tables.Count; table++)
        {
            if (_writer.IsReferenced(table))
            {
                await InsertReferencedAsync(table, writes, roots, cancellationToken).ConfigureAwait(false);
            }
        }

        await InsertRootsAsync(writes, roots, cancellationToken).ConfigureAwait(false);
        for (var table = 1; table < _sql.Layout.Tables.Count; table++)
        {
            if (_sql.Layout.Tables[table] is { Parent: null, Role: not TableRole.Referenced })
            {
                var keys = writes.ConvertAll(write => (object)_newIds[write.Id]);
                await InsertDependentsAsync(table, writes, keys, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task InsertRootsAsync(List<BackfillWrite> writes, object?[][] roots, CancellationToken cancellationToken)
    {
        var reborn = new MultiInsert(_sql.Inserts[0].WithKey);
        var fresh = new MultiInsert(_sql.Inserts[0].WithoutKey);
        List<long> allotting = [];
        for (var i = 0; i < writes.Count; i++)
        {
            if (_newIds.TryGetValue(writes[i].Id, out var newId))
            {
                reborn.Add(newId, null, roots[i]);
            }
            else
            {
                fresh.Add(null, null, roots[i]);
                allotting.Add(writes[i].Id);
            }
        }

        await InsertAsync(reborn, cancellationToken).ConfigureAwait(false);
        var ids = await AllotAsync(fresh, cancellationToken).ConfigureAwait(false);
        var map = new MultiInsert(new Sql("INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES "));
        for (var i = 0; i < ids.Count; i++)
        {
            _newIds.Add(allotting[i], ids[i]);
            map.Add(null, null, [_side.Context, _sql.Kind, allotting[i], ids[i]]);
        }

        await InsertAsync(map, cancellationToken).ConfigureAwait(false);
    }

    private async Task InsertReferencedAsync(int table, List<BackfillWrite> writes, object?[][] roots, CancellationToken cancellationToken)
    {
        var having = Enumerable.Range(0, writes.Count).Where(i => writes[i].Now!.Tables[table].Count > 0).ToList();
        var insert = new MultiInsert(_sql.Inserts[table].WithoutKey);
        having.ForEach(i => insert.Add(null, null, writes[i].Now!.Tables[table][0]));
        var ids = await AllotAsync(insert, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < having.Count; i++)
        {
            roots[having[i]] = (object?[])roots[having[i]].Clone();
            roots[having[i]][_writer.ReferenceOf(table)] = ids[i];
        }

        foreach (var child in _writer.Children(table))
        {
            await InsertDependentsAsync(child, having.ConvertAll(i => writes[i]), ids.ConvertAll(id => (object)id), cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private Task InsertDependentsAsync(int table, List<BackfillWrite> writes, List<object> keys, CancellationToken cancellationToken)
    {
        var many = _sql.Layout.Tables[table].Role == TableRole.Many;
        var insert = new MultiInsert(_sql.Inserts[table].WithKey);
        for (var i = 0; i < writes.Count; i++)
        {
            var rows = writes[i].Now!.Tables[table];
            for (var row = 0; row < rows.Count; row++)
            {
                insert.Add(keys[i], many ? row : null, rows[row]);
            }
        }

        return InsertAsync(insert, cancellationToken);
    }

    /// <summary>An insert of a known number of rows gets consecutive ids; the first of them comes back.</summary>
    private async Task<List<long>> AllotAsync(MultiInsert insert, CancellationToken cancellationToken)
    {
        List<long> ids = new(insert.Count);
        foreach (var (from, count) in insert.Slices())
        {
            await InsertAsync(insert, from, count, cancellationToken).ConfigureAwait(false);
            var ask = new Batch().Add($"SELECT LAST_INSERT_ID(), @@SESSION.auto_increment_increment");
            var (first, step) = await RunAsync(ask, ReadFirstIdAsync, cancellationToken).ConfigureAwait(false);
            ids.AddRange(Enumerable.Range(0, count).Select(i => first + (i * step)));
        }

        return ids;
    }

    private static async Task<(long First, long Step)> ReadFirstIdAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return (Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture),
            Convert.ToInt64(reader.GetValue(1), CultureInfo.InvariantCulture));
    }

    private async Task InsertAsync(MultiInsert insert, CancellationToken cancellationToken)
    {
        foreach (var (first, count) in insert.Slices())
        {
            await InsertAsync(insert, first, count, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task<int> InsertAsync(MultiInsert insert, int first, int count, CancellationToken cancellationToken) =>
        RunAsync(
            async token =>
            {
                if (!MultiInsert.IsPrepared(count))
                {
                    return await _side.ExecuteAsync(Connection, insert.Statement(first, count), true, token).ConfigureAwait(false);
                }

                var command =
                    await _prepared.PreparedAsync(insert, first, count, _side.Database.CommandTimeout(background: true), token)
                    .ConfigureAwait(false);
                return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
            },
            cancellationToken);

    private Task RunAsync(Batch batch, CancellationToken cancellationToken, bool commits = false) =>
        RunAsync(token => _side.ExecuteAsync(Connection, batch, true, token), cancellationToken, commits);

    private Task<T> RunAsync<T>(Batch batch, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        RunAsync(token => _side.QueryAsync(Connection, batch, read, true, token), cancellationToken);

    private async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken, bool commits = false)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        try
        {
            return await work(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            var failure = Failure(e, commits, cancellationToken);
            await DisposeAsync().ConfigureAwait(false);
            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    private Exception Failure(Exception e, bool commits, CancellationToken cancellationToken)
    {
        var kind = MySqlDriver.Classify(e);
        if (commits && kind is MySqlErrorKind.ConnectionLost or MySqlErrorKind.Timeout)
        {
            return new CommitOutcomeUnknownException(_side.Name, e);
        }

        return kind == MySqlErrorKind.Duplicate
            ? new SideUnavailableException(_side.Name, "a live write came in between; the chunk is to be read and written again.", true,
                MySqlSide.Cause(e))
            : _side.Translate(e, cancellationToken) ?? e;
    }
}
