using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// A write transaction. Round trips: one to begin with everything that is read under lock, one to commit with everything that was written;
/// one more where legacy allots the id.
/// </summary>
/// <remarks>
/// Locks, in this order: fence (shared); on legacy the aggregate's rows, then the entity row, as another program's write and its capture
/// trigger take them; on the new side the entity row, then the rest. Where neither exists yet, the entity row is inserted with epoch 0 as
/// something
/// to lock: without it two applies of one new key would both read "nothing accepted" and the older one could win. Such a row never outlives
/// the transaction.
/// </remarks>
internal abstract class MySqlSideTransaction : ISideTransaction
{
    private readonly AggregateSql _sql;
    private readonly AggregateWriter _writer;
    private readonly ReferenceTranslation _references;
    private readonly HashSet<int> _shared = [];
    private readonly WriteIntent _intent;
    private SideState? _state;
    private long? _newId;
    private HashSet<int>? _sparse;
    private bool _hasPlaceholder;
    private EntityKey _lastSaved;
    private bool _savesRequest;

    protected MySqlSideTransaction(MySqlSide side, AggregateSql sql, WriteIntent intent)
    {
        (Side, _sql, _intent) = (side, sql, intent);
        _writer = new AggregateWriter(sql);
        _references = new ReferenceTranslation(side.Context, sql);
    }

    public SideState State => _state!;

    public RequestResult? Request { get; private set; }

    public SideName SideName => Side.Name;

    protected MySqlSide Side { get; }

    /// <summary>What was written and not sent yet.</summary>
    protected Batch Pending { get; } = new();

    protected bool HasWritten { get; private set; }

    protected bool IsOver { get; set; }

    public async Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        _lastSaved = key;
        HasWritten = true;
        if (Side.Name == SideName.New)
        {
            return await SaveNewAsync(key, was, now, cancellationToken).ConfigureAwait(false);
        }

        if (was is null && now is not null)
        {
            if (_sql.Layout.Root.NaturalKey is { } natural && natural.IdOf(now.Root) != key.Id)
            {
                throw new ArgumentException($"{key} is not what the row's key says; an entity with a natural key has its id from the start.", nameof(key));
            }

            _writer.Insert(Pending, key.Id == 0 ? null : _sql.StoredKey(key.Id), now);
            return key.Id == 0 ? await AllottedIdAsync(cancellationToken).ConfigureAwait(false) : key.Id;
        }

        Change(_sql.StoredKey(key.Id), was, now);
        return key.Id;
    }

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        _hasPlaceholder &= key != _intent.Key || (state.Version.Epoch == 0 && state.ForeignSeq == 0);
        HasWritten = true;
        EntitySql.Upsert(Pending, Side.Name, Side.Context, key, state);
        return Task.CompletedTask;
    }

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        HasWritten = true;
        var origin = foreignSeq > 0 ? "foreign" : "own";
        Pending.Add($"""
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
            VALUES ({Side.Context}, {key.Kind}, {key.Id}, {version.Epoch}, {version.Counter}, {foreignSeq}, {origin}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),
            {Texts.Cut(actor, 190)})
            """);
        return Task.CompletedTask;
    }

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        HasWritten = true;
        MySqlMergeLog.Forget(Pending, Side.Context, key);
        return Task.CompletedTask;
    }

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        if (Side.Name == SideName.New)
        {
            HasWritten = true;
            MySqlQuarantine.Remove(Pending, Side.Context, key);
        }

        return Task.CompletedTask;
    }

    /// <summary>The caller's own key must be new: a second insert of it means that the same request runs twice. Keys that travel with an
    /// entity's state may be there.</summary>
    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsOver, this);
        HasWritten = true;
        var own = requestKey == _intent.RequestKey;
        _savesRequest |= own;
        Pending.Part($"""
            INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at)
            VALUES ({Side.Context}, {_intent.Key.Kind}, {RequestKeys.Encode(requestKey)}, {id}, {version.Epoch}, {version.Counter},
            UTC_TIMESTAMP(6))
            """);
        Pending.Raw(own ? "" : " ON DUPLICATE KEY UPDATE id = id");
        Pending.End();
        return Task.CompletedTask;
    }

    public abstract Task CommitAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();

    /// <summary>Sends what is buffered now; for tests that need a transaction that has written but not committed.</summary>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        await RunAsync<object?>(Pending, null, cancellationToken).ConfigureAwait(false);
        Pending.Clear();
    }

    /// <summary>The entity's rows as this transaction leaves them, for <see cref="ReadBackAsync"/>.</summary>
    protected void SelectBack(Batch batch, EntityKey key) => SelectAggregate(batch, key, new Sql(""));

    protected Task<AggregateRow?> ReadBackAsync(DbDataReader reader, EntityKey key, CancellationToken cancellationToken) =>
        ReadAggregateAsync(reader, key, cancellationToken);

    protected void RemovePlaceholder()
    {
        if (_hasPlaceholder)
        {
            _hasPlaceholder = false;
            Pending.Add($"""
                DELETE FROM strangler_entity WHERE context = {Side.Context} AND kind = {_intent.Key.Kind} AND `key` = {_intent.Key.Id}
                AND epoch = 0 AND foreign_seq = 0
                """);
        }
    }

    private bool AsksQuarantine => Side.Name == SideName.New && _intent.Key.Id != 0;

    /// <summary>What is read under lock at the beginning.</summary>
    protected Batch Open(Batch batch)
    {
        var (key, context) = (_intent.Key, Side.Context);
        batch.Part($"SELECT {FenceSql.Columns}");
        if (AsksQuarantine)
        {
            MySqlQuarantine.SelectIsListed(batch, context, key);
        }

        batch.Part($" FROM strangler_fence f WHERE f.context = {context} LOCK IN SHARE MODE").End();
        if (key.Id != 0)
        {
            LockEntity(batch, key);
        }

        // After the locks: the same request may be running, and what it did is seen only once it has let them go.
        if (_intent.RequestKey is { } request)
        {
            batch.Add($"""
                SELECT public_id, epoch, counter FROM strangler_request WHERE context = {context} AND request_key =
                {RequestKeys.Encode(request)}
                """);
        }

        return batch;
    }

    private void LockEntity(Batch batch, EntityKey key)
    {
        var context = Side.Context;
        if (Side.Name == SideName.Legacy)
        {
            LockLegacyRows(batch, key);
        }

        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, `key`) SELECT f.context, {key.Kind}, {key.Id} FROM strangler_fence f
            WHERE f.context = {context} AND {FenceSql.IsDual} ON DUPLICATE KEY UPDATE counter = strangler_entity.counter
            """);
        batch.Add($"""
            SELECT {EntitySql.Columns} FROM strangler_entity e WHERE e.context = {context} AND e.kind = {key.Kind} AND e.`key` = {key.Id}
            FOR UPDATE
            """);
        SelectAggregate(batch, key, new Sql(" FOR UPDATE"));
        CountSharers(batch, key);
    }

    // Behind the lock of the referenced row: with a foreign key, whoever is about to refer to it waits there, and has not been counted.
    private void CountSharers(Batch batch, EntityKey key)
    {
        foreach (var table in _sql.Shared)
        {
            var reference = _sql.ColumnNames[0][_writer.ReferenceOf(table)];
            batch.Add($"""
                SELECT COUNT(*) FROM {_sql.Root} o JOIN {_sql.Root} t0 ON o.{reference} = t0.{reference} AND o.{_sql.RootKey} <> t0.{_sql.RootKey}
                WHERE t0.{_sql.RootKey} = {key.Id}
                """);
        }
    }

    // All of the aggregate's rows before the entity row: another program that changes a companion has that row when its trigger asks for
    // the
    // entity row. The keys are named since a join of which nothing is selected may be left out.
    private void LockLegacyRows(Batch batch, EntityKey key)
    {
        batch.Part($"SELECT {_sql.SingleKeys} FROM {_sql.Root} t0{_sql.Joins} WHERE ");
        _sql.AddKeyIs(batch, key.Id);
        batch.Part($" FOR UPDATE").End();
        foreach (var table in _sql.Manys)
        {
            batch.Add($"""
                SELECT COUNT(*) FROM {_sql.Names[table]} x FORCE INDEX ({_sql.ManyIndex[table]})
                WHERE x.{_sql.Keys[table]} = {key.Id}{_sql.OfContext[table]} FOR UPDATE
                """);
        }
    }

    private void SelectAggregate(Batch batch, EntityKey key, Sql locking)
    {
        var context = Side.Context;
        if (Side.Name == SideName.New)
        {
            batch.Add($"""
                SELECT m.new_id, {_sql.Columns} FROM strangler_id_map m LEFT JOIN {_sql.Root} t0 ON t0.{_sql.RootKey} = m.new_id{_sql.Joins}
                WHERE m.context = {context} AND m.kind = {key.Kind} AND m.public_id = {key.Id}{locking}
                """);
        }
        else
        {
            batch.Part($"SELECT NULL, {_sql.Columns} FROM {_sql.Root} t0{_sql.Joins} WHERE ");
            _sql.AddKeyIs(batch, key.Id);
            batch.Part($"{locking}").End();
        }

        foreach (var table in _sql.Manys)
        {
            if (Side.Name == SideName.New)
            {
                batch.Add($"""
                    SELECT {_sql.ManyColumns[table]} FROM strangler_id_map m JOIN {_sql.Names[table]} x FORCE INDEX (PRIMARY)
                    ON x.{_sql.Keys[table]} = m.new_id
                    WHERE m.context = {context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} ORDER BY {_sql.ManyOrder[table]}{locking}
                    """);
            }
            else
            {
                batch.Add($"""
                    SELECT {_sql.ManyColumns[table]} FROM {_sql.Names[table]} x FORCE INDEX ({_sql.ManyIndex[table]})
                    WHERE x.{_sql.Keys[table]} = {key.Id}{_sql.OfContext[table]} ORDER BY {_sql.ManyOrder[table]}{locking}
                    """);
            }
        }
    }

    protected async Task<object?> ReadOpeningAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw Side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, Side.Name);
        var isQuarantined = AsksQuarantine && reader.GetInt64(FenceSql.Width) != 0;
        _state = _intent.Key.Id == 0
            ? new SideState(fence, null, null)
            : (await ReadEntityAsync(reader, fence, cancellationToken).ConfigureAwait(false)) with { IsQuarantined = isQuarantined };
        if (_intent.RequestKey is not null)
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                Request = new RequestResult(reader.GetInt64(0), new EntityVersion(reader.GetInt64(1), reader.GetInt64(2)));
            }
        }

        return null;
    }

    private async Task<SideState> ReadEntityAsync(DbDataReader reader, FenceRow fence, CancellationToken cancellationToken)
    {
        for (var locks = Side.Name == SideName.Legacy ? 1 + _sql.Manys.Length : 0; locks > 0; locks--)
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        EntityState? entity = null;
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            entity = EntitySql.Read(reader, 0);
            _hasPlaceholder = EntitySql.IsPlaceholder(reader, 0);
        }

        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var row = await ReadAggregateAsync(reader, _intent.Key, cancellationToken).ConfigureAwait(false);
        foreach (var table in _sql.Shared)
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) && reader.GetInt64(0) > 0)
            {
                _shared.Add(table);
            }
        }

        return new SideState(fence, row, entity);
    }

    private async Task<AggregateRow?> ReadAggregateAsync(DbDataReader reader, EntityKey key, CancellationToken cancellationToken)
    {
        AggregateRow? row = null;
        _sql.CheckTypes(reader, 1);
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _newId = reader.IsDBNull(0) ? null : reader.GetInt64(0);
            row = _sql.ReadSingles(reader, 1, key.Id);
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                throw new UnreadableException(_sql.Layout.Root.Name, "a table that the mapping declares one-to-one has more than one row")
                {
                    Id = key.Id,
                };
            }
        }

        foreach (var (place, table) in _sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            List<object?[]> rows = [];
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (table.HasOrdinal && reader.GetInt64(0) != rows.Count)
                {
                    (_sparse ??= []).Add(place);
                }

                rows.Add(AggregateSql.ReadColumns(reader, 1, table, key.Id, Side.Name));
            }

            if (row is not null && rows.Count > 0)
            {
                row.Tables[place] = rows;
            }
        }

        return row;
    }

    private async Task<long> SaveNewAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        if (key.Id < 1)
        {
            throw new ArgumentException($"The new side is addressed by public id; take one from the reserved ids first ({key}).",
                nameof(key));
        }

        var newId = key == _intent.Key ? _newId : await FindNewIdAsync(key, cancellationToken).ConfigureAwait(false);
        if (_references.IsNeeded(was, now))
        {
            var translated = await _references.TranslateAsync([was, now], RunAsync, cancellationToken).ConfigureAwait(false);
            (was, now) = (translated.Rows[0], translated.Rows[1]);
            newId ??= translated.NewIds.TryGetValue((key.Kind, key.Id), out var allotted) ? allotted : null;
        }

        if (was is null && now is not null)
        {
            // A mapped id without a row was deleted and is born again: same pair for ever.
            _writer.Insert(Pending, newId, now);
            if (newId is null)
            {
                Pending.Add($"""
                    INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ({Side.Context}, {key.Kind}, {key.Id},
                    {AggregateWriter.NewKey})
                    """);
            }
        }
        else if (was is not null)
        {
            Change(newId ?? throw new InvalidOperationException($"{key} is not mapped, so it cannot be changed."), was, now);
        }

        return key.Id;
    }

    private void Change(object id, AggregateRow? was, AggregateRow? now)
    {
        if (was is not null && now is not null)
        {
            _writer.Update(Pending, id, was, now, _sparse, _shared);
        }
        else if (was is not null)
        {
            _writer.Delete(Pending, id, was, _shared);
        }
    }

    private async Task<long> AllottedIdAsync(CancellationToken cancellationToken)
    {
        Pending.Add($"SELECT {AggregateWriter.NewKey}");
        var id = await RunAsync(Pending, FirstAsync, cancellationToken).ConfigureAwait(false);
        Pending.Clear();
        return id ?? throw new InvalidOperationException($"{_sql.Layout.Root.Name} allotted no id; its key column must be AUTO_INCREMENT.");
    }

    private Task<long?> FindNewIdAsync(EntityKey key, CancellationToken cancellationToken) =>
        RunAsync(
            new Batch().Add($"""
                SELECT new_id FROM strangler_id_map WHERE context = {Side.Context} AND kind = {key.Kind} AND public_id = {key.Id} FOR
                UPDATE
                """),
            FirstAsync,
            cancellationToken);

    private static async Task<long?> FirstAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) && !reader.IsDBNull(0)
            ? Convert.ToInt64(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture)
            : null;

    /// <summary>One round trip. After a failure nothing of the transaction is kept and it cannot be used any more.</summary>
    protected abstract Task<T?> RunAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>>? read, CancellationToken cancellationToken);

    /// <summary>A statement's failure in the engine's words.</summary>
    protected Exception Explain(Exception e, CancellationToken cancellationToken)
    {
        if (MySqlDriver.Classify(e) == MySqlErrorKind.Duplicate)
        {
            // Two transactions with one request key: the other one has won, and a retry finds its result.
            return _savesRequest && e.Message.Contains("strangler_request_key", StringComparison.Ordinal)
                ? new SideUnavailableException(Side.Name, "the same request is being carried out already; try again.", true,
                    MySqlSide.Cause(e))
                : new DuplicateKeyException(_lastSaved, MySqlSide.Cause(e));
        }

        return Side.Translate(e, cancellationToken) ?? e;
    }
}
