using Npgsql;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>
/// A write transaction. Round trips: one to begin with everything that is read under lock, one to commit with everything that was written; one
/// more where legacy allots the id.
/// </summary>
/// <remarks>
/// Locks, in this order: fence (shared); on the new side the entity row, then the root's row; on legacy all of the aggregate's rows, then the entity
/// row, as another program's write and its capture trigger take them. Each is taken by a statement of its own before the statement that reads: under READ COMMITTED a statement that waits for a lock re-reads the locked row alone, and all else as it was before the wait.
/// Where the entity row does not exist yet, it is inserted with epoch 0 as something to lock: without it two applies of one new key would
/// both read "nothing accepted" and the older one could win. Such a row never outlives the transaction. The root's lock also keeps hands that
/// add rows to its companions waiting, by their foreign keys.
/// </remarks>
internal sealed class PostgresSideTransaction : ISideTransaction
{
    private readonly PostgresSide _side;
    private readonly KeyedRows _rows;
    private readonly AggregateSql _sql;
    private readonly WriteIntent _intent;
    private readonly PostgresConnection _connection;
    private readonly CancellationTokenSource _deadline;
    private readonly bool _background;
    private readonly AggregateWriter _writer;
    private readonly ReferenceTranslation _references;
    private readonly Batch _pending = new();
    private SideState? _state;
    private long? _newId;
    private HashSet<int>? _sparse;
    private bool _hasPlaceholder;
    private bool _hasWritten;
    private bool _isOver;
    private bool _savesRequest;
    private EntityKey _lastSaved;

    private PostgresSideTransaction(
        PostgresSide side, KeyedRows rows, WriteIntent intent, PostgresConnection connection, CancellationTokenSource deadline, bool background)
    {
        (_side, _rows, _sql, _intent, _connection, _deadline, _background) = (side, rows, rows.Sql, intent, connection, deadline, background);
        _writer = new AggregateWriter(_sql);
        _references = new ReferenceTranslation(side.Context, _sql);
    }

    public SideState State => _state!;

    public RequestResult? Request { get; private set; }

    public static async Task<PostgresSideTransaction> BeginAsync(
        PostgresSide side, KeyedRows rows, WriteIntent intent, CancellationToken cancellationToken)
    {
        var background = Lane.IsBackground;
        var connection = await side.OpenAsync(background, cancellationToken).ConfigureAwait(false);
        var deadline = new CancellationTokenSource(side.Options.TransactionDeadline, side.Options.Time);
        var transaction = new PostgresSideTransaction(side, rows, intent, connection, deadline, background);
        try
        {
            await transaction.RunAsync(transaction.Opening(), transaction.ReadOpeningAsync, cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _lastSaved = key;
        _hasWritten = true;
        return _side.Name == SideName.Legacy
            ? await SaveLegacyAsync(key, was, now, cancellationToken).ConfigureAwait(false)
            : await SaveNewAsync(key, was, now, cancellationToken).ConfigureAwait(false);
    }

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasPlaceholder &= key != _intent.Key || (state.Version.Epoch == 0 && state.ForeignSeq == 0);
        _hasWritten = true;
        EntitySql.Upsert(_pending, _side.Context, key, state);
        return Task.CompletedTask;
    }

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        var origin = foreignSeq > 0 ? "foreign" : "own";
        _pending.Add($"""
            INSERT INTO strangler_journal (context, kind, key, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
            VALUES ({_side.Context}, {key.Kind}, {key.Id}, {version.Epoch}, {version.Counter}, {foreignSeq}, {origin}, statement_timestamp(),
                statement_timestamp(), {Texts.Cut(actor, 190)})
            """);
        return Task.CompletedTask;
    }

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        PostgresMergeLog.Forget(_pending, _side.Context, key);
        return Task.CompletedTask;
    }

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        if (_side.Name == SideName.New)
        {
            PostgresQuarantine.Remove(_pending, _side.Context, key);
        }

        return Task.CompletedTask;
    }

    /// <summary>The caller's own key must be new: a second insert of it means that the same request runs twice. Keys that travel with an
    /// entity's state may be there.</summary>
    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        var own = requestKey == _intent.RequestKey;
        _savesRequest |= own;
        _pending.Part($"""
            INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at)
            VALUES ({_side.Context}, {_intent.Key.Kind}, {RequestKeys.Encode(requestKey)}, {id}, {version.Epoch}, {version.Counter},
                statement_timestamp())
            """).Raw(own ? "" : " ON CONFLICT (context, request_key) DO NOTHING").End();
        return Task.CompletedTask;
    }

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (_deadline.IsCancellationRequested)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw Late(new TimeoutException());
        }

        if (!_hasWritten)
        {
            // Nothing to keep, the placeholder least of all.
            await DisposeAsync().ConfigureAwait(false);
            return;
        }

        RemovePlaceholder();
        await RunAsync<object?>(PostgresSide.EndWrite(_pending), null, commits: true, cancellationToken).ConfigureAwait(false);
        _isOver = true;
        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await PostgresSide.RollBackAsync(_connection).ConfigureAwait(false);
        }

        _deadline.Dispose();
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Sends what is buffered now; for tests that need a transaction that has written but not committed.</summary>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        await RunAsync<object?>(_pending, null, commits: false, cancellationToken).ConfigureAwait(false);
        _pending.Clear();
    }

    private bool AsksQuarantine => _side.Name == SideName.New && _intent.Key.Id != 0;

    private Batch Opening()
    {
        var (key, context) = (_intent.Key, _side.Context);
        var batch = _side.ShareFence(_side.BeginWrite(new Batch(), _background));
        batch.Part($"SELECT {FenceSql.Columns}");
        if (AsksQuarantine)
        {
            PostgresQuarantine.SelectIsListed(batch, context, key);
        }

        batch.Part($" FROM strangler_fence f WHERE f.context = {context}").End();
        if (key.Id != 0)
        {
            LockEntity(batch, key);
        }

        // After the locks: the same request may be running, and what it did is seen only once it has let them go.
        if (_intent.RequestKey is { } request)
        {
            batch.Add($"""
                SELECT public_id, epoch, counter FROM strangler_request WHERE context = {context} AND request_key = {RequestKeys.Encode(request)}
                """);
        }

        return batch;
    }

    private void LockEntity(Batch batch, EntityKey key)
    {
        var context = _side.Context;
        if (_side.Name == SideName.Legacy)
        {
            _rows.Lock(batch, key.Id);
        }

        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, key) SELECT f.context, {key.Kind}, {key.Id} FROM strangler_fence f
            WHERE f.context = {context} AND {FenceSql.IsDual} ON CONFLICT (context, kind, key) DO NOTHING
            """);
        if (_side.Name == SideName.Legacy)
        {
            PostgresCapture.TakeUp(batch, context, key);
        }

        batch.Add($"""
            SELECT {EntitySql.Columns} FROM strangler_entity e WHERE e.context = {context} AND e.kind = {key.Kind} AND e.key = {key.Id} FOR UPDATE
            """);
        if (_side.Name == SideName.New)
        {
            _rows.Lock(batch, key.Id);
        }

        _rows.SelectSingles(batch, key.Id);
        foreach (var table in _sql.Manys)
        {
            _rows.SelectMany(batch, table, key.Id);
        }
    }

    private async Task<object?> ReadOpeningAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        // The first result is the fence's lock.
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        var fence = await FenceSql.ReadAsync(reader, _side, cancellationToken).ConfigureAwait(false);
        var isQuarantined = AsksQuarantine && reader.GetBoolean(FenceSql.Width);
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

    private async Task<SideState> ReadEntityAsync(NpgsqlDataReader reader, FenceRow fence, CancellationToken cancellationToken)
    {
        await PassLocksAsync(reader, SideName.Legacy, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        EntityState? entity = null;
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            entity = EntitySql.Read(reader, 0);
            _hasPlaceholder = EntitySql.IsPlaceholder(reader, 0);
        }

        await PassLocksAsync(reader, SideName.New, cancellationToken).ConfigureAwait(false);
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        AggregateRow? row = null;
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _newId = reader.IsDBNull(0) ? null : reader.GetInt64(0);
            row = _sql.ReadSingles(reader, 1);
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                throw _sql.MoreThanOne(_intent.Key.Id);
            }
        }

        foreach (var (place, table) in _sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            var rows = await ReadManyAsync(reader, place, table, cancellationToken).ConfigureAwait(false);
            if (row is not null && rows.Count > 0)
            {
                row.Tables[place] = rows;
            }
        }

        return new SideState(fence, row, entity);
    }

    private async Task PassLocksAsync(NpgsqlDataReader reader, SideName side, CancellationToken cancellationToken)
    {
        for (var locks = _side.Name == side ? _rows.Locks : 0; locks > 0; locks--)
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<List<object?[]>> ReadManyAsync(NpgsqlDataReader reader, int place, TableLayout table, CancellationToken cancellationToken)
    {
        List<object?[]> rows = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (table.HasOrdinal && reader.GetInt32(0) != rows.Count)
            {
                (_sparse ??= []).Add(place);
            }

            rows.Add(_sql.ReadColumns(reader, 1, table));
        }

        return rows;
    }

    private async Task<long> SaveLegacyAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        if (was is not null)
        {
            Change(key.Id, was, now);
        }
        else if (now is not null && _sql.Layout.Root.NaturalKey is { } natural && natural.IdOf(now.Root) != key.Id)
        {
            throw new ArgumentException($"{key} is not what the row's key says; an entity with a natural key has its id from the start.", nameof(key));
        }
        else if (now is not null && key.Id == 0)
        {
            return await InsertAllottedAsync(now, cancellationToken).ConfigureAwait(false);
        }
        else if (now is not null)
        {
            _writer.Insert(_pending, key.Id, now);
        }

        return key.Id;
    }

    private async Task<long> InsertAllottedAsync(AggregateRow now, CancellationToken cancellationToken)
    {
        _writer.InsertAllotted(_pending, now);
        var id = await RunAsync(_pending, FirstAsync, cancellationToken).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"{_sql.Layout.Root.Name} allotted no id; its key column needs a sequence (GENERATED … AS IDENTITY, or serial).");
        _pending.Clear();
        _writer.InsertDependents(_pending, id, now);
        return id;
    }

    private async Task<long> SaveNewAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        if (key.Id < 1)
        {
            throw new ArgumentException($"The new side is addressed by public id; take one from the reserved ids first ({key}).", nameof(key));
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
            Insert(key, newId, now);
        }
        else if (was is not null)
        {
            Change(newId ?? throw new InvalidOperationException($"{key} is not mapped, so it cannot be changed."), was, now);
        }

        return key.Id;
    }

    private void Insert(EntityKey key, long? newId, AggregateRow now)
    {
        // A mapped id without a row was deleted and is born again: same pair for ever.
        _writer.Insert(_pending, newId, now);
        if (newId is null)
        {
            _pending.Add($"""
                INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ({_side.Context}, {key.Kind}, {key.Id}, {_sql.AllottedId})
                """);
        }
    }

    private void Change(long newId, AggregateRow was, AggregateRow? now)
    {
        if (now is null)
        {
            _writer.Delete(_pending, newId, was);
        }
        else
        {
            _writer.Update(_pending, newId, was, now, _sparse);
        }
    }

    private void RemovePlaceholder()
    {
        if (_hasPlaceholder)
        {
            _hasPlaceholder = false;
            _pending.Add($"""
                DELETE FROM strangler_entity WHERE context = {_side.Context} AND kind = {_intent.Key.Kind} AND key = {_intent.Key.Id}
                AND epoch = 0 AND foreign_seq = 0
                """);
        }
    }

    private Task<long?> FindNewIdAsync(EntityKey key, CancellationToken cancellationToken) =>
        RunAsync(
            new Batch().Add($"""
                SELECT new_id FROM strangler_id_map WHERE context = {_side.Context} AND kind = {key.Kind} AND public_id = {key.Id} FOR UPDATE
                """),
            FirstAsync,
            cancellationToken);

    // The first row that any of the results has: statements before it may only have locked something.
    private static async Task<long?> FirstAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        do
        {
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return reader.IsDBNull(0) ? null : reader.GetInt64(0);
            }
        }
        while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false));

        return null;
    }

    private async Task<T?> RunAsync<T>(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken) =>
        await RunAsync(batch, read, commits: false, cancellationToken).ConfigureAwait(false);

    /// <summary>One round trip under the transaction's deadline. After a failure nothing of the transaction is kept and it cannot be used
    /// any more.</summary>
    private async Task<T?> RunAsync<T>(
        Batch batch, Func<NpgsqlDataReader, CancellationToken, Task<T>>? read, bool commits, CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _deadline.Token);
        try
        {
            if (read is not null)
            {
                return await _side.QueryAsync(_connection, batch, read, _background, both.Token).ConfigureAwait(false);
            }

            await _side.ExecuteAsync(_connection, batch, _background, both.Token).ConfigureAwait(false);
            return default;
        }
        catch (Exception e)
        {
            var failure = Failure(e, commits, cancellationToken);
            await DisposeAsync().ConfigureAwait(false);
            if (failure is SideUnavailableException { IsConnectionLost: true })
            {
                _side.Database.ForgetIdle(_background);
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
        if (commits && IsInterruption(e))
        {
            return new CommitOutcomeUnknownException(_side.Name, e);
        }

        return e is not OperationCanceledException ? Explain(e, cancellationToken)
            : cancellationToken.IsCancellationRequested ? e
            : Late(e);
    }

    // The server's end is one as well: its last words may come behind the answer to the COMMIT.
    private static bool IsInterruption(Exception e) => e is OperationCanceledException || PostgresErrors.Classify(e)
        is PostgresErrorKind.ConnectionLost or PostgresErrorKind.Timeout or PostgresErrorKind.Cancelled;

    private Exception Explain(Exception e, CancellationToken cancellationToken)
    {
        if (PostgresErrors.Classify(e) == PostgresErrorKind.Duplicate)
        {
            // Two transactions with one request key: the other one has won, and a retry finds its result.
            return _savesRequest && PostgresErrors.ConstraintOf(e) == "strangler_request_key"
                ? new SideUnavailableException(_side.Name, "the same request is being carried out already; try again.", true, PostgresErrors.Cause(e))
                : new DuplicateKeyException(_lastSaved, PostgresErrors.Cause(e));
        }

        return _side.Translate(e, cancellationToken) ?? e;
    }

    private SideUnavailableException Late(Exception cause) =>
        new(_side.Name,
            FormattableString.Invariant($"the transaction did not end within {_side.Options.TransactionDeadline.TotalSeconds:0.#} s."),
            true, cause) { IsOutage = true };
}
