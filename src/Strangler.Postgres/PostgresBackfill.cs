using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Postgres;

internal sealed class PostgresBackfillTarget(PostgresSide side, IReadOnlyDictionary<string, AggregateSql> kinds) : IBackfillTarget
{
    public Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT dual_epoch, pass, next_id, written_in_pass, phase, completed_at FROM strangler_backfill
                WHERE context = {side.Context} AND kind = {kind}
                """),
            reader => new BackfillCheckpoint(
                reader.GetInt64(0), reader.GetInt32(1), reader.GetInt64(2), reader.GetInt64(3), Enum.Parse<BackfillPhase>(reader.GetString(4)),
                Times.UtcOrNull(reader, 5)),
            cancellationToken,
            background: true);

    public async Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        await PostgresBackfillChunk.BeginAsync(side, kinds[kind], from, to, cancellationToken).ConfigureAwait(false);
}

/// <summary>
/// One chunk's transaction. Existing entity rows of the range are locked from the beginning; missing ones are inserted plainly and first of
/// all, so a live apply that slipped in makes the chunk fail with a transient error before it has written much, and the live write wins.
/// </summary>
/// <remarks>What is new comes by binary COPY, table by table; its ids are taken from the root's sequence before.</remarks>
internal sealed class PostgresBackfillChunk : IBackfillChunk
{
    private const int UpdateParameters = 4000;
    private static readonly CopyTable Entity = new(new Sql("strangler_entity"),
    [
        ("context", NpgsqlDbType.Text), ("kind", NpgsqlDbType.Text), ("key", NpgsqlDbType.Bigint), ("epoch", NpgsqlDbType.Bigint),
        ("counter", NpgsqlDbType.Bigint), ("foreign_seq", NpgsqlDbType.Bigint), ("tombstone", NpgsqlDbType.Boolean),
        ("field_hashes", NpgsqlDbType.Bytea), ("changed_at", NpgsqlDbType.TimestampTz),
    ]);

    private static readonly CopyTable Map = new(new Sql("strangler_id_map"),
        [("context", NpgsqlDbType.Text), ("kind", NpgsqlDbType.Text), ("public_id", NpgsqlDbType.Bigint), ("new_id", NpgsqlDbType.Bigint)]);

    private readonly PostgresSide _side;
    private readonly AggregateSql _sql;
    private readonly AggregateWriter _writer;
    private readonly ReferenceTranslation _references;
    private readonly PostgresConnection _connection;
    private readonly long _from;
    private readonly long _to;
    private readonly Dictionary<long, EntityState> _entities = [];
    private readonly HashSet<long> _locked = [];
    private readonly Dictionary<long, long> _newIds = [];
    private FenceRow? _fence;
    private DateTime _now;
    private bool _isOver;

    private PostgresBackfillChunk(PostgresSide side, AggregateSql sql, PostgresConnection connection, long from, long to)
    {
        (_side, _sql, _connection, _from, _to) = (side, sql, connection, from, to);
        _writer = new AggregateWriter(sql);
        _references = new ReferenceTranslation(side.Context, sql);
    }

    public FenceRow Fence => _fence!;

    public IReadOnlyDictionary<long, EntityState> Entities => _entities;

    public static async Task<PostgresBackfillChunk> BeginAsync(
        PostgresSide side, AggregateSql sql, long from, long to, CancellationToken cancellationToken)
    {
        var chunk = new PostgresBackfillChunk(side, sql, await side.OpenAsync(background: true, cancellationToken).ConfigureAwait(false), from, to);
        try
        {
            var batch = side.ShareFence(side.BeginWrite(new Batch(), background: true));
            batch.Add($"SELECT {FenceSql.Columns}, statement_timestamp() FROM strangler_fence f WHERE f.context = {side.Context}");
            batch.Add($"""
                SELECT e.key, {EntitySql.Columns} FROM strangler_entity e
                WHERE e.context = {side.Context} AND e.kind = {sql.Kind} AND e.key BETWEEN {from} AND {to} ORDER BY e.key FOR UPDATE
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

    public async Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(
        IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        long[] mapped = [.. ids.Where(_newIds.ContainsKey).Order()];
        if (mapped.Length == 0)
        {
            return new Dictionary<long, AggregateRow>();
        }

        // By the roots first, in a statement of its own: what the others see is then what the locks keep.
        var (context, kind) = (_side.Context, _sql.Kind);
        var batch = new Batch().Add($"""
            SELECT 1 FROM strangler_id_map m JOIN {_sql.Root} t0 ON t0.{_sql.RootKey} = m.new_id
            WHERE m.context = {context} AND m.kind = {kind} AND m.public_id = ANY({mapped}) ORDER BY m.public_id FOR UPDATE OF t0
            """);
        batch.Add($"""
            SELECT m.public_id, {_sql.Columns} FROM strangler_id_map m JOIN {_sql.Root} t0 ON t0.{_sql.RootKey} = m.new_id{_sql.Joins}
            WHERE m.context = {context} AND m.kind = {kind} AND m.public_id = ANY({mapped})
            """);
        foreach (var table in _sql.Manys)
        {
            batch.Add($"""
                SELECT m.public_id, {_sql.ManyColumns[table]} FROM strangler_id_map m JOIN {_sql.Names[table]} x ON x.{_sql.Keys[table]} = m.new_id
                WHERE m.context = {context} AND m.kind = {kind} AND m.public_id = ANY({mapped}) ORDER BY m.public_id, x.ordinal
                """);
        }

        return await RunAsync(batch, ReadRowsAsync, cancellationToken).ConfigureAwait(false);
    }

    public async Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        await WriteEntitiesAsync(writes, cancellationToken).ConfigureAwait(false);
        writes = await TranslatedAsync(writes, cancellationToken).ConfigureAwait(false);
        await InsertAsync(writes.Where(write => write is { Was: null, Now: not null }).ToList(), cancellationToken).ConfigureAwait(false);
        var batch = new Batch();
        foreach (var write in writes.Where(write => write.Was is not null))
        {
            if (write.Now is null)
            {
                _writer.Delete(batch, _newIds[write.Id], write.Was!);
            }
            else
            {
                // Rows of Many tables may lie at other places than 0, 1, 2 …: where they differ they are written anew.
                _writer.Update(batch, _newIds[write.Id], write.Was!, write.Now, _sql.Manys.ToArray().ToHashSet());
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
        var batch = new Batch().Add($"""
            DELETE FROM strangler_quarantine WHERE context = {_side.Context} AND kind = {_sql.Kind} AND key BETWEEN {_from} AND {_to}
            AND key <> ALL({entries.Select(entry => entry.Id).ToArray()})
            """);
        foreach (var entry in entries)
        {
            PostgresQuarantine.Put(batch, _side.Context, _sql.Kind, entry);
        }

        return RunAsync(batch, cancellationToken);
    }

    public Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken) =>
        requests.Count == 0
            ? Task.CompletedTask
            : RunAsync(
                new Batch().Add($"""
                    INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at)
                    SELECT {_side.Context}, {_sql.Kind}, u.request_key, u.public_id, u.epoch, u.counter, statement_timestamp()
                    FROM unnest({requests.Select(one => RequestKeys.Encode(one.Request.RequestKey)).ToArray()},
                        {requests.Select(one => one.Id).ToArray()}, {requests.Select(one => one.Request.Version.Epoch).ToArray()},
                        {requests.Select(one => one.Request.Version.Counter).ToArray()}) AS u (request_key, public_id, epoch, counter)
                    ON CONFLICT (context, request_key) DO NOTHING
                    """),
                cancellationToken);

    public async Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"""
            INSERT INTO strangler_backfill (context, kind, dual_epoch, pass, next_id, written_in_pass, phase, completed_at)
            VALUES ({_side.Context}, {_sql.Kind}, {checkpoint.DualEpoch}, {checkpoint.Pass}, {checkpoint.NextId}, {checkpoint.WrittenInPass},
                {checkpoint.Phase.ToString()}, {Times.Stored(checkpoint.CompletedUtc)})
            ON CONFLICT (context, kind) DO UPDATE SET dual_epoch = EXCLUDED.dual_epoch, pass = EXCLUDED.pass, next_id = EXCLUDED.next_id,
                written_in_pass = EXCLUDED.written_in_pass, phase = EXCLUDED.phase, completed_at = EXCLUDED.completed_at
            """);
        await RunAsync(PostgresSide.EndWrite(batch), cancellationToken, commits: true).ConfigureAwait(false);
        _isOver = true;
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await PostgresSide.RollBackAsync(_connection).ConfigureAwait(false);
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<object?> ReadOpeningAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        // The first result is the fence's lock.
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        _fence = await FenceSql.ReadAsync(reader, _side, cancellationToken).ConfigureAwait(false);
        _now = Times.Utc(reader, FenceSql.Width);
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

    private async Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<long, AggregateRow> rows = [];
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows.Add(reader.GetInt64(0), _sql.ReadSingles(reader, 1)!);
        }

        foreach (var (place, table) in _sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                var row = rows[reader.GetInt64(0)];
                if (row.Tables[place] is not List<object?[]> list)
                {
                    row.Tables[place] = list = [];
                }

                list.Add(_sql.ReadColumns(reader, 2, table));
            }
        }

        return rows;
    }

    private async Task WriteEntitiesAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        var added = writes.Where(write => !_locked.Contains(write.Id)).Select(write => new object?[]
        {
            _side.Context, _sql.Kind, write.Id, write.State.Version.Epoch, write.State.Version.Counter, write.State.ForeignSeq,
            write.State.Tombstone, write.State.FieldHashes, _now,
        }).ToList();
        await CopyAsync(Entity, added, cancellationToken).ConfigureAwait(false);
        var changed = writes.Where(write => _locked.Contains(write.Id)).ToList();
        if (changed.Count > 0)
        {
            await RunAsync(Change(changed), cancellationToken).ConfigureAwait(false);
        }

        _locked.UnionWith(writes.Select(write => write.Id));
    }

    private Batch Change(List<BackfillWrite> writes) => new Batch().Add($"""
        UPDATE strangler_entity e SET epoch = u.epoch, counter = u.counter, foreign_seq = u.foreign_seq, tombstone = u.tombstone,
            field_hashes = u.field_hashes, writer = '', changed_at = statement_timestamp()
        FROM unnest({writes.Select(write => write.Id).ToArray()}, {writes.Select(write => write.State.Version.Epoch).ToArray()},
            {writes.Select(write => write.State.Version.Counter).ToArray()}, {writes.Select(write => write.State.ForeignSeq).ToArray()},
            {writes.Select(write => write.State.Tombstone).ToArray()}, {writes.Select(write => write.State.FieldHashes).ToArray()})
            AS u (key, epoch, counter, foreign_seq, tombstone, field_hashes)
        WHERE e.context = {_side.Context} AND e.kind = {_sql.Kind} AND e.key = u.key
        """);

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
        foreach (var ((_, id), newId) in newIds.Where(pair => pair.Key.Kind == _sql.Kind))
        {
            _newIds.TryAdd(id, newId);
        }

        return [.. writes.Select((write, i) => write with { Was = rows[i], Now = rows[writes.Count + i] })];
    }

    private async Task InsertAsync(List<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        if (writes.Count == 0)
        {
            return;
        }

        await AllotAsync(writes.Select(write => write.Id).Where(id => !_newIds.ContainsKey(id)).ToList(), cancellationToken).ConfigureAwait(false);
        for (var table = 0; table < _sql.Layout.Tables.Count; table++)
        {
            var rows = new List<object?[]>(writes.Count);
            var isNumbered = _sql.Layout.Tables[table].HasOrdinal;
            foreach (var write in writes)
            {
                var (key, ordinal) = (_newIds[write.Id], 0);
                rows.AddRange(write.Now!.Tables[table].Select(row => isNumbered ? (object?[])[key, ordinal++, .. row] : [key, .. row]));
            }

            if (rows.Count > 0)
            {
                await CopyAsync(await CopyTableAsync(table, cancellationToken).ConfigureAwait(false), rows, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task AllotAsync(List<long> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
        {
            return;
        }

        var allotted = await RunAsync(
            new Batch().Add($"SELECT {_sql.NextId} FROM generate_series(1, {ids.Count})"),
            async (reader, token) =>
            {
                List<long> taken = new(ids.Count);
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    taken.Add(reader.GetInt64(0));
                }

                return taken;
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var (id, newId) in ids.Zip(allotted))
        {
            _newIds.Add(id, newId);
        }

        await CopyAsync(Map, ids.Select(id => new object?[] { _side.Context, _sql.Kind, id, _newIds[id] }).ToList(), cancellationToken)
            .ConfigureAwait(false);
    }

    // COPY converts nothing: what a column is has to be known.
    private async Task<CopyTable> CopyTableAsync(int table, CancellationToken cancellationToken)
    {
        if (_sql.CopyTables[table] is { } known)
        {
            return known;
        }

        var layout = _sql.Layout.Tables[table];
        var types = await RunAsync(
            new Batch().Add($"""
                SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
                WHERE a.attrelid = to_regclass({_sql.Names[table].Text}) AND a.attnum > 0 AND NOT a.attisdropped
                """),
            async (reader, token) =>
            {
                Dictionary<string, string> found = new(StringComparer.Ordinal);
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    found.Add(reader.GetString(0), reader.GetString(1));
                }

                return found;
            },
            cancellationToken).ConfigureAwait(false);
        IEnumerable<string> names = [layout.KeyColumn, .. layout.HasOrdinal ? ["ordinal"] : Array.Empty<string>(), .. layout.Columns.Select(column => column.Name)];
        return _sql.CopyTables[table] = new CopyTable(
            _sql.Names[table], [.. names.Select(name => (name, CopyTable.TypeOf(layout.Name, name, types.GetValueOrDefault(name))))]);
    }

    private Task CopyAsync(CopyTable table, List<object?[]> rows, CancellationToken cancellationToken) =>
        rows.Count == 0
            ? Task.CompletedTask
            : RunAsync(
                token => _connection.RunAsync(
                    (open, inner) => table.CopyAsync(open, rows, _side.Options.BackgroundCommandTimeout, inner), _side.Options.BackgroundCommandTimeout, token),
                cancellationToken);

    private Task RunAsync(Batch batch, CancellationToken cancellationToken, bool commits = false) =>
        RunAsync(token => _side.ExecuteAsync(_connection, batch, true, token), cancellationToken, commits);

    private Task<T> RunAsync<T>(Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        RunAsync(token => _side.QueryAsync(_connection, batch, read, true, token), cancellationToken);

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
            if (failure is SideUnavailableException { IsConnectionLost: true })
            {
                _side.Database.ForgetIdle(background: true);
            }

            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    private Exception Failure(Exception e, bool commits, CancellationToken cancellationToken)
    {
        var kind = PostgresErrors.Classify(e);
        if (commits && kind is PostgresErrorKind.ConnectionLost or PostgresErrorKind.Timeout or PostgresErrorKind.Cancelled)
        {
            return new CommitOutcomeUnknownException(_side.Name, e);
        }

        return kind == PostgresErrorKind.Duplicate
            ? new SideUnavailableException(
                _side.Name, "a live write came in between; the chunk is to be read and written again.", true, PostgresErrors.Cause(e))
            : _side.Translate(e, cancellationToken) ?? e;
    }
}

/// <summary>A table as the target of a binary COPY.</summary>
internal sealed class CopyTable(Sql table, IReadOnlyList<(string Name, NpgsqlDbType Type)> columns)
{
    private readonly string _command =
        $"COPY {table.Text} ({string.Join(", ", columns.Select(column => AggregateSql.Quote(column.Name)))}) FROM STDIN (FORMAT BINARY)";

    /// <summary>Of a column, by the name that the server gives its type.</summary>
    public static NpgsqlDbType TypeOf(string table, string column, string? type) => type switch
    {
        "bigint" => NpgsqlDbType.Bigint,
        "integer" => NpgsqlDbType.Integer,
        "smallint" => NpgsqlDbType.Smallint,
        "boolean" => NpgsqlDbType.Boolean,
        "text" => NpgsqlDbType.Text,
        "character varying" => NpgsqlDbType.Varchar,
        "bytea" => NpgsqlDbType.Bytea,
        "double precision" => NpgsqlDbType.Double,
        "real" => NpgsqlDbType.Real,
        "timestamp without time zone" => NpgsqlDbType.Timestamp,
        "date" => NpgsqlDbType.Date,
        null => throw new InvalidOperationException($"{table} has no column {column}; correct the mapping or the table."),
        _ => throw new InvalidOperationException(
            $"{table}.{column} is of the type {type}; an aggregate's table has bigint, integer, smallint, boolean, text, character varying, bytea, "
            + "timestamp without time zone and date."),
    };

    public async Task<int> CopyAsync(NpgsqlConnection connection, List<object?[]> rows, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var importer = await connection.BeginBinaryImportAsync(_command, cancellationToken).ConfigureAwait(false);
        await using (importer.ConfigureAwait(false))
        {
            importer.Timeout = timeout;
            foreach (var row in rows)
            {
                await importer.StartRowAsync(cancellationToken).ConfigureAwait(false);
                for (var i = 0; i < row.Length; i++)
                {
                    await WriteAsync(importer, columns[i].Type, row[i], cancellationToken).ConfigureAwait(false);
                }
            }

            await importer.CompleteAsync(cancellationToken).ConfigureAwait(false);
            return rows.Count;
        }
    }

    private static Task WriteAsync(NpgsqlBinaryImporter importer, NpgsqlDbType type, object? value, CancellationToken cancellationToken) =>
        (type, value) switch
        {
            (_, null) => importer.WriteNullAsync(cancellationToken),
            (NpgsqlDbType.Bigint, long number) => importer.WriteAsync(number, type, cancellationToken),
            (NpgsqlDbType.Integer, long number) => importer.WriteAsync(checked((int)number), type, cancellationToken),
            (NpgsqlDbType.Smallint, long number) => importer.WriteAsync(checked((short)number), type, cancellationToken),
            (NpgsqlDbType.Real, double number) => importer.WriteAsync((float)number, type, cancellationToken),
            (NpgsqlDbType.Boolean, long flag) => importer.WriteAsync(flag != 0, type, cancellationToken),
            (NpgsqlDbType.Timestamp, string time) => importer.WriteAsync(
                DateTime.ParseExact(time, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), type, cancellationToken),
            (NpgsqlDbType.Date, string date) => importer.WriteAsync(
                DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture), type, cancellationToken),
            (_, string text) => importer.WriteAsync(text, type, cancellationToken),
            (_, byte[] bytes) => importer.WriteAsync(bytes, type, cancellationToken),
            (_, int number) => importer.WriteAsync(number, type, cancellationToken),
            (_, bool flag) => importer.WriteAsync(flag, type, cancellationToken),
            (_, DateTime time) => importer.WriteAsync(time, type, cancellationToken),
            _ => importer.WriteAsync(value, type, cancellationToken),
        };
}
