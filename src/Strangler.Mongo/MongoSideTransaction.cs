using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// A write transaction. Round trips: three to begin (the slot of the fence, the entity row, all that is known of the key), and one a collection with
/// the commit.
/// </summary>
/// <remarks>
/// The server's transactions see the snapshot of their first command, and of two that write to the same document the second one fails. Each begins with
/// two writes that change nothing that anybody reads: to its slot of the fence (<see cref="FenceSlots"/>) and to the key's entity row. So what was read
/// at the beginning still holds at the commit: neither the fence nor the key's version can have changed in between. The entity row of a key that has none is inserted with epoch 0
/// as something to write to; it never outlives the transaction.
/// </remarks>
internal sealed class MongoSideTransaction : ISideTransaction
{
    private readonly MongoSide _side;
    private readonly IReadOnlyDictionary<string, AggregateDocuments> _kinds;
    private readonly AggregateDocuments _documents;
    private readonly WriteIntent _intent;
    private readonly FencedTransaction _transaction;
    private readonly MongoSession _session;
    private readonly DateTime _now;
    private readonly PendingWrites _pending = new();
    private readonly Dictionary<EntityKey, EntityState?> _states = [];
    private SideState? _state;
    private BsonDocument? _stored;
    private long? _newId;
    private bool _hasPlaceholder;
    private bool _hasWritten;
    private bool _isOver;
    private EntityKey _lastSaved;

    private MongoSideTransaction(
        MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds, WriteIntent intent, FencedTransaction transaction)
    {
        (_side, _kinds, _documents, _intent, _transaction) = (side, kinds, kinds[intent.Key.Kind], intent, transaction);
        (_session, _now) = (transaction.Session, transaction.NowUtc);
    }

    public SideState State => _state!;

    public RequestResult? Request { get; private set; }

    public static Task<MongoSideTransaction> BeginAsync(
        MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds, WriteIntent intent, CancellationToken cancellationToken)
    {
        var background = Lane.IsBackground;
        return side.WhenFreeAsync(background, token => TryBeginAsync(side, kinds, intent, background, token), cancellationToken);
    }

    public async Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        if (key.Id < 1)
        {
            throw new ArgumentException($"The new side is addressed by public id; take one from the reserved ids first ({key}).", nameof(key));
        }

        _lastSaved = key;
        _hasWritten = true;
        await RunAsync(
            async token =>
            {
                await SaveNewAsync(key, was, now, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        return key.Id;
    }

    public async Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasPlaceholder &= key != _intent.Key || (state.Version.Epoch == 0 && state.ForeignSeq == 0);
        _hasWritten = true;
        if (!_states.TryGetValue(key, out var over))
        {
            over = await RunAsync(
                async token => EntityDocuments.Read(
                    await _session.FirstAsync(Names.Entity, Keys.Filter(Keys.Of(_side.Context, key)), token).ConfigureAwait(false)),
                cancellationToken).ConfigureAwait(false);
        }

        _states[key] = state;
        _pending.Update(
            Names.Entity,
            Keys.Filter(Keys.Of(_side.Context, key)),
            BsonDocument.Of(
                ("$set", EntityDocuments.Of(state, over)), ("$inc", BsonDocument.Of(("locks", 1L))), ("$currentDate", BsonDocument.Of(("changed_at", true)))),
            upsert: true);
    }

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        _pending.Insert(Names.Journal, MongoJournal.Entry(_side, key, version, foreignSeq, actor, _now));
        return Task.CompletedTask;
    }

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        _pending.Delete(Names.Conflict, Keys.Filter(Keys.Of(_side.Context, key)));
        return Task.CompletedTask;
    }

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        _pending.Delete(Names.Quarantine, Keys.Filter(Keys.Of(_side.Context, key)));
        return Task.CompletedTask;
    }

    /// <summary>The caller's own key must be new: a second insert of it means that the same request runs twice. Keys that travel with an
    /// entity's state may be there.</summary>
    public async Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        _hasWritten = true;
        var sequence = await RunAsync(
            token => MongoNumbers.Of(_side.Database).NextAsync(Names.Request, token), cancellationToken).ConfigureAwait(false);
        var document = Requests.Of(_side.Context, _intent.Key.Kind, new EntityRequest(id, new StoredRequest(requestKey, version), sequence), _now);
        if (requestKey == _intent.RequestKey)
        {
            _pending.Insert(Names.Request, document);
        }
        else
        {
            _pending.Update(Names.Request, Keys.Filter(document["_id"]), BsonDocument.Of(("$setOnInsert", document.Without("_id"))), upsert: true);
        }
    }

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        cancellationToken.ThrowIfCancellationRequested();
        if (!_hasWritten)
        {
            // Nothing to keep, the placeholder least of all, and nothing is concluded (see ConfirmAsync).
            await DisposeAsync().ConfigureAwait(false);
            return;
        }

        if (_hasPlaceholder)
        {
            _pending.Delete(Names.Entity, Keys.Filter(Keys.Of(_side.Context, _intent.Key)));
        }

        await RunAsync(
            async token =>
            {
                await _pending.SendAsync(_session, token).ConfigureAwait(false);
                await _session.CommitAsync().ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// What a transaction reads may be known to this primary alone until it is committed with the majority's consent. It has written to its slot of the
    /// fence in any case, so a primary that the majority has left cannot commit it.
    /// </summary>
    public async Task ConfirmAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        if (!_pending.IsEmpty)
        {
            throw new InvalidOperationException("It has something to write: commit it.");
        }

        try
        {
            _hasWritten = true;
            await CommitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (CommitOutcomeUnknownException e)
        {
            throw _side.Unconfirmed(e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        await _transaction.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Sends what is buffered now; for tests that need a transaction that has written but not committed.</summary>
    internal Task FlushAsync(CancellationToken cancellationToken) => RunAsync(
        async token =>
        {
            await _pending.SendAsync(_session, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private static async Task<MongoSideTransaction> TryBeginAsync(
        MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds, WriteIntent intent, bool background, CancellationToken cancellationToken)
    {
        var transaction = new MongoSideTransaction(
            side, kinds, intent,
            await FencedTransaction.BeginAsync(side, background, side.Options.TransactionDeadline, cancellationToken).ConfigureAwait(false));
        try
        {
            await transaction.OpenAsync(cancellationToken).ConfigureAwait(false);
            return transaction;
        }
        catch
        {
            await transaction.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (_intent.Key.Id == 0 && _intent.RequestKey is null)
        {
            _state = new SideState(_transaction.Fence, null, null);
            return;
        }

        if (_intent.Key.Id != 0)
        {
            await LockEntityAsync(cancellationToken).ConfigureAwait(false);
        }

        var view = await KeyView.ReadAsync(_side, _documents, _intent, _session, cancellationToken).ConfigureAwait(false);
        (_stored, _newId) = (view.Root, view.NewId);
        var row = await RowAsync(_stored, cancellationToken).ConfigureAwait(false);
        _state = new SideState(_transaction.Fence, row, _states.GetValueOrDefault(_intent.Key)) { IsQuarantined = view.IsQuarantined };
        Request = view.Request is { } request ? new RequestResult(request.Number("public_id"), request.Version()) : null;
    }

    private async Task LockEntityAsync(CancellationToken cancellationToken)
    {
        var entity = (await _session.FindAndModifyAsync(
            BsonDocument.Of(
                ("findAndModify", Names.Entity), ("query", Keys.Filter(Keys.Of(_side.Context, _intent.Key))),
                ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("locks", 1L))), ("$setOnInsert", EntityDocuments.Empty))), ("upsert", true), ("new", true)),
            cancellationToken).ConfigureAwait(false)).AsDocument;
        _hasPlaceholder = EntityDocuments.IsPlaceholder(entity);
        _states[_intent.Key] = EntityDocuments.Read(entity);
    }

    private async Task<AggregateRow?> RowAsync(BsonDocument? stored, CancellationToken cancellationToken) => stored is null
        ? null
        : _documents.Read(stored, await ReferenceIds.BackAsync(_side, _documents, [stored], _session, cancellationToken).ConfigureAwait(false));

    private async Task SaveNewAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        var (stored, newId) = key == _intent.Key ? (_stored, _newId) : await FindAsync(key, cancellationToken).ConfigureAwait(false);
        if (_documents.References.IsNeeded(was, now))
        {
            var (rows, newIds) = await ReferenceIds.ThereAsync(
                _side, _documents, _kinds, State.Fence.DualEpoch, _now, [was, now], _session, cancellationToken).ConfigureAwait(false);
            (was, now) = (rows[0], rows[1]);
            newId ??= newIds.TryGetValue((key.Kind, key.Id), out var allotted) ? allotted : null;
        }

        if (was is null && now is not null)
        {
            await InsertAsync(key, newId, now, cancellationToken).ConfigureAwait(false);
        }
        else if (was is not null)
        {
            Change(newId ?? throw new InvalidOperationException($"{key} is not mapped, so it cannot be changed."), stored, was, now);
        }
    }

    // A mapped id without a document was deleted and is born again: same pair for ever.
    private async Task InsertAsync(EntityKey key, long? newId, AggregateRow now, CancellationToken cancellationToken)
    {
        var id = newId ?? await MongoNumbers.Of(_side.Database).NextAsync(_documents.Collection, cancellationToken).ConfigureAwait(false);
        _pending.Insert(_documents.Collection, _documents.Insert(id, now));
        if (newId is null)
        {
            _pending.Insert(Names.IdMap, ReferenceIds.Map(_side.Context, key.Kind, key.Id, id));
        }
    }

    private void Change(long newId, BsonDocument? stored, AggregateRow was, AggregateRow? now)
    {
        if (now is null)
        {
            _pending.Delete(_documents.Collection, Keys.Filter(newId));
        }
        else if (_documents.Update(stored ?? BsonDocument.Empty, was, now) is { } change)
        {
            _pending.Update(_documents.Collection, Keys.Filter(newId), change);
        }
    }

    private async Task<(BsonDocument? Stored, long? NewId)> FindAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var map = await _session.FirstAsync(Names.IdMap, Keys.Filter(Keys.Of(_side.Context, key)), cancellationToken).ConfigureAwait(false);
        if (map is null)
        {
            return (null, null);
        }

        var newId = Keys.Id(map, "target");
        return (await _session.FirstAsync(_documents.Collection, Keys.Filter(newId), cancellationToken).ConfigureAwait(false), newId);
    }

    /// <summary>After a failure nothing of the transaction is kept and it cannot be used any more.</summary>
    private async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await work(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            var failure = e is MongoFailureException refused ? Explain(refused) : e;
            await DisposeAsync().ConfigureAwait(false);
            if (ReferenceEquals(failure, e))
            {
                throw;
            }

            throw failure;
        }
    }

    private Exception Explain(MongoFailureException failure)
    {
        if (failure.Kind != MongoErrorKind.Duplicate)
        {
            return _side.Translate(failure);
        }

        // Two transactions with one request key: the other one has won, and a retry finds its result.
        return _pending.FailedAt == Names.Request
            ? new SideUnavailableException(_side.Name, "the same request is being carried out already; try again.", true, failure)
            : new DuplicateKeyException(_lastSaved, failure);
    }
}
