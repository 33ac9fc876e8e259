using System.Data.Common;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>
/// A write transaction. Round trips: one to begin with everything that is read under lock, one to commit with everything that was written;
/// one more where legacy allots the id.
/// </summary>
/// <remarks>
/// Locks, in this order: fence (shared); on legacy the root row, then the entity row, as another program's write and its capture trigger
/// take them; on the new side the entity row, then the rest. Where neither exists yet, the entity row is inserted with epoch 0 as something
/// to lock: without it two applies of one new key would both read "nothing accepted" and the older one could win. Such a row never outlives
/// the transaction.
/// </remarks>
internal sealed class MySqlSideTransaction : ISideTransaction
{
    private readonly MySqlSide _side;
    private readonly AggregateSql _sql;
    private readonly AggregateWriter _writer;
    private readonly WriteIntent _intent;
    private readonly DbConnection _connection;
    private readonly CancellationTokenSource _deadline;
    private readonly bool _background;
    private readonly Batch _pending = new();
    private SideState? _state;
    private long? _newId;
    private HashSet<int>? _sparse;
    private bool _hasPlaceholder;
    private bool _wrote;
    private EntityKey _lastSaved;
    private bool _savesRequest;
    private bool _isOver;

    private MySqlSideTransaction(
        MySqlSide side, AggregateSql sql, WriteIntent intent, DbConnection connection, CancellationTokenSource deadline, bool background)
    {
        (_side, _sql, _intent, _connection, _deadline, _background) = (side, sql, intent, connection, deadline, background);
        _writer = new AggregateWriter(sql);
    }

    public SideState State => _state!;

    public RequestResult? Request { get; private set; }

    public static async Task<MySqlSideTransaction> BeginAsync(
        MySqlSide side, AggregateSql sql, WriteIntent intent, CancellationToken cancellationToken)
    {
        var background = Lane.IsBackground;
        var connection = await side.OpenAsync(background, cancellationToken, asNew: false).ConfigureAwait(false);
        var deadline = new CancellationTokenSource(side.Options.TransactionDeadline, side.Options.Time);
        var transaction = new MySqlSideTransaction(side, sql, intent, connection, deadline, background);
        try
        {
            var batch = transaction.Opening();
            await transaction.RunAsync(batch, transaction.ReadOpeningAsync, cancellationToken).ConfigureAwait(false);
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
        _wrote = true;
        if (_side.Name == SideName.New)
        {
            return await SaveNewAsync(key, was, now, cancellationToken).ConfigureAwait(false);
        }

        if (was is null && now is not null)
        {
            _writer.Insert(_pending, key.Id == 0 ? null : key.Id, now);
            return key.Id == 0 ? await AllottedIdAsync(cancellationToken).ConfigureAwait(false) : key.Id;
        }

        Change(key.Id, was, now);
        return key.Id;
    }

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasPlaceholder &= key != _intent.Key || (state.Version.Epoch == 0 && state.ForeignSeq == 0);
        _wrote = true;
        EntitySql.Upsert(_pending, _side.Context, key, state);
        return Task.CompletedTask;
    }

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _wrote = true;
        _pending.Add($"""
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at, actor)
            VALUES ({_side.Context}, {key.Kind}, {key.Id}, {version.Epoch}, {version.Counter}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),
            {Texts.Cut(actor, 190)})
            """);
        return Task.CompletedTask;
    }

    /// <summary>The caller's own key must be new: a second insert of it means that the same request runs twice. Keys that travel with an
    /// entity's state may be there.</summary>
    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _wrote = true;
        var own = requestKey == _intent.RequestKey;
        _savesRequest |= own;
        _pending.Part($"""
            INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at)
            VALUES ({_side.Context}, {_intent.Key.Kind}, {RequestKeys.Encode(requestKey)}, {id}, {version.Epoch}, {version.Counter},
            UTC_TIMESTAMP(6))
            """);
        _pending.Raw(own ? "" : " ON DUPLICATE KEY UPDATE id = id");
        _pending.End();
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

        if (!_wrote)
        {
            // Nothing to keep, the placeholder least of all.
            await DisposeAsync().ConfigureAwait(false);
            return;
        }

        if (_hasPlaceholder)
        {
            _pending.Add($"""
                DELETE FROM strangler_entity WHERE context = {_side.Context} AND kind = {_intent.Key.Kind} AND `key` = {_intent.Key.Id}
                AND epoch = 0 AND foreign_seq = 0
                """);
        }

        await RunAsync<object?>(MySqlSide.EndWrite(_pending), null, cancellationToken, commits: true).ConfigureAwait(false);
        _isOver = true;
        MySqlDriver.Keep(_connection);
        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await MySqlSide.RollBackAsync(_connection).ConfigureAwait(false);
        }

        _deadline.Dispose();
        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Sends what is buffered now; for tests that need a transaction that has written but not committed.</summary>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        await RunAsync<object?>(_pending, null, cancellationToken).ConfigureAwait(false);
        _pending.Clear();
    }

    private bool AsksQuarantine => _side.Name == SideName.New && _intent.Key.Id != 0;

    private Batch Opening()
    {
        var (key, context) = (_intent.Key, _side.Context);
        var batch = _side.BeginWrite(new Batch(), _background);
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
        var context = _side.Context;
        if (_side.Name == SideName.Legacy)
        {
            batch.Add($"SELECT {_sql.RootKey} FROM {_sql.Root} WHERE {_sql.RootKey} = {key.Id} FOR UPDATE");
        }

        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, `key`) SELECT f.context, {key.Kind}, {key.Id} FROM strangler_fence f
            WHERE f.context = {context} AND {FenceSql.IsDual} ON DUPLICATE KEY UPDATE counter = strangler_entity.counter
            """);
        batch.Add($"""
            SELECT {EntitySql.Columns} FROM strangler_entity e WHERE e.context = {context} AND e.kind = {key.Kind} AND e.`key` = {key.Id}
            FOR UPDATE
            """);
        SelectAggregate(batch, key);
    }

    private void SelectAggregate(Batch batch, EntityKey key)
    {
        var context = _side.Context;
        if (_side.Name == SideName.New)
        {
            batch.Add($"""
                SELECT m.new_id, {_sql.Columns} FROM strangler_id_map m LEFT JOIN {_sql.Root} t0 ON t0.{_sql.RootKey} = m.new_id{_sql.Joins}
                WHERE m.context = {context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} FOR UPDATE
                """);
        }
        else
        {
            batch.Add($"SELECT NULL, {_sql.Columns} FROM {_sql.Root} t0{_sql.Joins} WHERE t0.{_sql.RootKey} = {key.Id} FOR UPDATE");
        }

        foreach (var table in _sql.Manys)
        {
            if (_side.Name == SideName.New)
            {
                batch.Add($"""
                    SELECT x.`ordinal`, {_sql.ManyColumns[table]} FROM strangler_id_map m JOIN {_sql.Names[table]} x FORCE INDEX (PRIMARY)
                    ON x.{_sql.Keys[table]} = m.new_id
                    WHERE m.context = {context} AND m.kind = {key.Kind} AND m.public_id = {key.Id} ORDER BY x.`ordinal` FOR UPDATE
                    """);
            }
            else
            {
                batch.Add($"""
                    SELECT x.`ordinal`, {_sql.ManyColumns[table]} FROM {_sql.Names[table]} x FORCE INDEX (PRIMARY) WHERE
                    x.{_sql.Keys[table]} = {key.Id}
                    ORDER BY x.`ordinal` FOR UPDATE
                    """);
            }
        }
    }

    private async Task<object?> ReadOpeningAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw _side.NotMigrated();
        }

        var fence = FenceSql.Read(reader, 0, _side.Name);
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
        if (_side.Name == SideName.Legacy)
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

        return new SideState(fence, await ReadAggregateAsync(reader, cancellationToken).ConfigureAwait(false), entity);
    }

    private async Task<AggregateRow?> ReadAggregateAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        AggregateRow? row = null;
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            _newId = reader.IsDBNull(0) ? null : reader.GetInt64(0);
            row = _sql.ReadSingles(reader, 1, _intent.Key.Id);
            if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                throw new UnreadableException(_sql.Layout.Root.Name, "a table that the mapping declares one-to-one has more than one row")
                {
                    Id = _intent.Key.Id,
                };
            }
        }

        foreach (var (place, table) in _sql.Layout.Tables.Index().Where(table => table.Item.Role == TableRole.Many))
        {
            await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
            List<object?[]> rows = [];
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (reader.GetInt64(0) != rows.Count)
                {
                    (_sparse ??= []).Add(place);
                }

                rows.Add(AggregateSql.ReadColumns(reader, 1, table, _intent.Key.Id));
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
        if (was is null && now is not null)
        {
            // A mapped id without a row was deleted and is born again: same pair for ever.
            _writer.Insert(_pending, newId, now);
            if (newId is null)
            {
                _pending.Add($"""
                    INSERT INTO strangler_id_map (context, kind, public_id, new_id) VALUES ({_side.Context}, {key.Kind}, {key.Id},
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

    private void Change(long id, AggregateRow? was, AggregateRow? now)
    {
        if (was is not null && now is not null)
        {
            _writer.Update(_pending, id, was, now, _sparse);
        }
        else if (was is not null)
        {
            _writer.Delete(_pending, id, was);
        }
    }

    private async Task<long> AllottedIdAsync(CancellationToken cancellationToken)
    {
        _pending.Add($"SELECT {AggregateWriter.NewKey}");
        var id = await RunAsync(_pending, FirstAsync, cancellationToken).ConfigureAwait(false);
        _pending.Clear();
        return id ?? throw new InvalidOperationException($"{_sql.Layout.Root.Name} allotted no id; its key column must be AUTO_INCREMENT.");
    }

    private Task<long?> FindNewIdAsync(EntityKey key, CancellationToken cancellationToken) =>
        RunAsync(
            new Batch().Add($"""
                SELECT new_id FROM strangler_id_map WHERE context = {_side.Context} AND kind = {key.Kind} AND public_id = {key.Id} FOR
                UPDATE
                """),
            FirstAsync,
            cancellationToken);

    private static async Task<long?> FirstAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) && !reader.IsDBNull(0)
            ? Convert.ToInt64(reader.GetValue(0), System.Globalization.CultureInfo.InvariantCulture)
            : null;

    /// <summary>One round trip under the transaction's deadline. After a failure nothing of the transaction is kept and it cannot be used
    /// any more.</summary>
    private async Task<T?> RunAsync<T>(
        Batch batch, Func<DbDataReader, CancellationToken, Task<T>>? read, CancellationToken cancellationToken, bool commits = false)
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
            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    private Exception Failure(Exception e, bool commits, CancellationToken cancellationToken)
    {
        var interrupted = e is OperationCanceledException || MySqlDriver.Classify(e)
            is MySqlErrorKind.ConnectionLost or MySqlErrorKind.Timeout or MySqlErrorKind.QueryKilled;
        if (commits && interrupted)
        {
            return new CommitOutcomeUnknownException(_side.Name, e);
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return e;
        }

        if (e is OperationCanceledException)
        {
            return Late(e);
        }

        if (MySqlDriver.Classify(e) == MySqlErrorKind.Duplicate)
        {
            // Two transactions with one request key: the other one has won, and a retry finds its result.
            return _savesRequest && e.Message.Contains("strangler_request_key", StringComparison.Ordinal)
                ? new SideUnavailableException(_side.Name, "the same request is being carried out already; try again.", true,
                    MySqlSide.Cause(e))
                : new DuplicateKeyException(_lastSaved, MySqlSide.Cause(e));
        }

        return _side.Translate(e, cancellationToken) ?? e;
    }

    private SideUnavailableException Late(Exception cause) =>
        new(_side.Name,
            FormattableString.Invariant($"the transaction did not end within {_side.Options.TransactionDeadline.TotalSeconds:0.#} s."),
            true, cause) { IsOutage = true };
}
