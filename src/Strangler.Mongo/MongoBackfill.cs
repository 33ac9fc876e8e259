using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

internal sealed class MongoBackfillTarget(MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds) : IBackfillTarget
{
    public async Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Backfill, Keys.Filter(Keys.Kind(side.Context, kind)), cancellationToken, background: true).ConfigureAwait(false) is { } found
            ? new BackfillCheckpoint(
                found.Number("dual_epoch"), (int)found.Number("pass"), found.Number("next_id"), found.Number("written_in_pass"),
                Enum.Parse<BackfillPhase>(found.Text("phase")), found.UtcOrNull("completed_at"))
            : null;

    public async Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        await MongoBackfillChunk.BeginAsync(side, kinds, kind, from, to, cancellationToken).ConfigureAwait(false);
}

/// <summary>
/// One chunk's transaction. It sees the range's entity rows in the snapshot of its beginning, and writes them first of all: a live apply that
/// slipped in makes it fail with a transient error before it has written much, and the live write wins. What it skips it need not lock.
/// </summary>
/// <remarks>What is new comes by unordered bulk inserts, collection by collection.</remarks>
internal sealed class MongoBackfillChunk : IBackfillChunk
{
    private readonly MongoSide _side;
    private readonly IReadOnlyDictionary<string, AggregateDocuments> _kinds;
    private readonly AggregateDocuments _documents;
    private readonly FencedTransaction _transaction;
    private readonly MongoSession _session;
    private readonly DateTime _now;
    private readonly long _from;
    private readonly long _to;
    private readonly Dictionary<long, EntityState> _entities = [];
    private readonly Dictionary<long, long> _newIds = [];
    private readonly Dictionary<long, BsonDocument> _stored = [];
    private bool _isOver;

    private MongoBackfillChunk(
        MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds, string kind, FencedTransaction transaction, long from, long to)
    {
        (_side, _kinds, _documents, _transaction, _from, _to) = (side, kinds, kinds[kind], transaction, from, to);
        (_session, _now) = (transaction.Session, transaction.NowUtc);
    }

    public FenceRow Fence => _transaction.Fence;

    public IReadOnlyDictionary<long, EntityState> Entities => _entities;

    public static Task<MongoBackfillChunk> BeginAsync(
        MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds, string kind, long from, long to, CancellationToken cancellationToken) =>
        side.WhenFreeAsync(
            background: true,
            async token =>
            {
                var transaction = await FencedTransaction.BeginAsync(
                    side, background: true, side.Options.BackgroundCommandTimeout, token).ConfigureAwait(false);
                var chunk = new MongoBackfillChunk(side, kinds, kind, transaction, from, to);
                try
                {
                    await chunk.OpenAsync(token).ConfigureAwait(false);
                    return chunk;
                }
                catch
                {
                    await chunk.DisposeAsync().ConfigureAwait(false);
                    throw;
                }
            },
            cancellationToken);

    public Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(IReadOnlyCollection<long> ids, CancellationToken cancellationToken) => RunAsync(
        async token =>
        {
            var publicIds = ids.Where(_newIds.ContainsKey).Distinct().ToDictionary(id => _newIds[id]);
            var found = await _session.FindAsync(
                _documents.Collection, Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(publicIds.Keys.Select(BsonValue.FromInt64))))), token).ConfigureAwait(false);
            var back = await ReferenceIds.BackAsync(_side, _documents, found, _session, token).ConfigureAwait(false);
            Dictionary<long, AggregateRow> rows = [];
            foreach (var document in found)
            {
                var id = publicIds[document.Number("_id")];
                _stored[id] = document;
                rows.Add(id, _documents.Read(document, back));
            }

            return (IReadOnlyDictionary<long, AggregateRow>)rows;
        },
        cancellationToken);

    public Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken) => RunAsync(
        async token =>
        {
            await WriteEntitiesAsync(writes, token).ConfigureAwait(false);
            writes = await TranslatedAsync(writes, token).ConfigureAwait(false);
            await InsertAsync([.. writes.Where(write => write is { Was: null, Now: not null })], token).ConfigureAwait(false);
            List<MongoUpdate> updates = [];
            List<MongoDelete> deletes = [];
            foreach (var write in writes.Where(write => write.Was is not null))
            {
                var id = Keys.Filter(_newIds[write.Id]);
                if (write.Now is null)
                {
                    deletes.Add(new(id));
                }
                else if (ChangeOf(write) is { } change)
                {
                    updates.Add(new(id, change));
                }
            }

            await _session.UpdateAsync(_documents.Collection, updates, false, token).ConfigureAwait(false);
            await _session.DeleteAsync(_documents.Collection, deletes, false, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private BsonDocument? ChangeOf(BackfillWrite write)
    {
        try
        {
            return _documents.Update(_stored[write.Id], write.Was!, write.Now!);
        }
        catch (CannotHoldException e)
        {
            // Of a whole chunk, somebody has to find the one.
            throw new CannotHoldException($"{_documents.Kind} {write.Id}, {e.Field}", e.Reason);
        }
    }

    public Task QuarantineAsync(IReadOnlyList<QuarantineEntry> entries, CancellationToken cancellationToken) => RunAsync(
        async token =>
        {
            var listed = (await _session.FindAsync(Names.Quarantine, Keys.Between(_side.Context, _documents.Kind, _from, _to), token).ConfigureAwait(false))
                .ToDictionary(entry => Keys.Id(entry));
            var gone = listed.Keys.Except(entries.Select(entry => entry.Id));
            await _session.DeleteAsync(
                Names.Quarantine, [.. gone.Select(id => new MongoDelete(Keys.Filter(listed[id]["_id"])))], false, token).ConfigureAwait(false);
            await _session.UpdateAsync(
                Names.Quarantine,
                [.. entries.Select(entry => MongoQuarantine.Put(_side.Context, _documents.Kind, entry, listed.GetValueOrDefault(entry.Id)))],
                true, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    public Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken) => RunAsync(
        async token =>
        {
            var sequences = await MongoNumbers.Of(_side.Database).TakeAsync(Names.Request, requests.Count, token).ConfigureAwait(false);
            var documents = requests.Select((one, i) => Requests.Of(_side.Context, _documents.Kind, one with { Sequence = sequences[i] }, _now));
            await _session.UpdateAsync(
                Names.Request,
                [.. documents.Select(one => new MongoUpdate(
                    Keys.Filter(one["_id"]), BsonDocument.Of(("$setOnInsert", one.Without("_id"))), Upsert: true))],
                false, token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    public async Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        await RunAsync(
            async token =>
            {
                var document = BsonDocument.Of(
                    ("dual_epoch", checkpoint.DualEpoch), ("pass", checkpoint.Pass), ("next_id", checkpoint.NextId),
                    ("written_in_pass", checkpoint.WrittenInPass), ("phase", checkpoint.Phase.ToString()));
                document = checkpoint.CompletedUtc is { } completed ? document.With("completed_at", Times.Of(completed)) : document;
                await _session.UpdateAsync(
                    Names.Backfill, [new(Keys.Filter(Keys.Kind(_side.Context, _documents.Kind)), document, Upsert: true)], true, token).ConfigureAwait(false);
                await _session.CommitAsync().ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isOver)
        {
            _isOver = true;
            await _transaction.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        var range = Keys.Between(_side.Context, _documents.Kind, _from, _to);
        foreach (var document in await _session.FindAsync(Names.Entity, range, cancellationToken).ConfigureAwait(false))
        {
            if (EntityDocuments.Read(document) is { } entity)
            {
                _entities.Add(Keys.Id(document), entity);
            }
        }

        foreach (var map in await _session.FindAsync(Names.IdMap, range, cancellationToken).ConfigureAwait(false))
        {
            _newIds.Add(Keys.Id(map), Keys.Id(map, "target"));
        }
    }

    // Inserted plainly where there was none: a live apply that has made one since is met here.
    private async Task WriteEntitiesAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        var added = writes.Where(write => !_entities.ContainsKey(write.Id)).Select(write => BsonDocument.FromElements(
        [
            new("_id", Keys.Of(_side.Context, _documents.Kind, write.Id)), .. EntityDocuments.Of(write.State, null),
            new("locks", 0L), new("changed_at", Times.Of(_now)),
        ]));
        await _session.InsertAsync(Names.Entity, [.. added], false, cancellationToken).ConfigureAwait(false);
        var changed = writes.Where(write => _entities.ContainsKey(write.Id)).Select(write => new MongoUpdate(
            Keys.Filter(Keys.Of(_side.Context, _documents.Kind, write.Id)),
            BsonDocument.Of(
                ("$set", EntityDocuments.Of(write.State, null)), ("$inc", BsonDocument.Of(("locks", 1L))), ("$currentDate", BsonDocument.Of(("changed_at", true))))));
        await _session.UpdateAsync(Names.Entity, [.. changed], false, cancellationToken).ConfigureAwait(false);
        foreach (var write in writes)
        {
            _entities[write.Id] = write.State;
        }
    }

    private async Task<IReadOnlyList<BackfillWrite>> TranslatedAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        if (!writes.Any(write => _documents.References.IsNeeded(write.Was, write.Now)))
        {
            return writes;
        }

        var (rows, newIds) = await ReferenceIds.ThereAsync(
            _side, _documents, _kinds, Fence.DualEpoch, _now, [.. writes.Select(write => write.Was), .. writes.Select(write => write.Now)], _session,
            cancellationToken).ConfigureAwait(false);
        foreach (var ((_, id), newId) in newIds.Where(pair => pair.Key.Kind == _documents.Kind))
        {
            _newIds.TryAdd(id, newId);
        }

        return [.. writes.Select((write, i) => write with { Was = rows[i], Now = rows[writes.Count + i] })];
    }

    private async Task InsertAsync(List<BackfillWrite> writes, CancellationToken cancellationToken)
    {
        var unmapped = writes.Where(write => !_newIds.ContainsKey(write.Id)).ToList();
        var newIds = await MongoNumbers.Of(_side.Database).TakeAsync(_documents.Collection, unmapped.Count, cancellationToken).ConfigureAwait(false);
        var maps = unmapped.Select((write, i) => ReferenceIds.Map(_side.Context, _documents.Kind, write.Id, _newIds[write.Id] = newIds[i])).ToList();
        await _session.InsertAsync(Names.IdMap, maps, false, cancellationToken).ConfigureAwait(false);
        await _session.InsertAsync(
            _documents.Collection, [.. writes.Select(write => _documents.Insert(_newIds[write.Id], write.Now!))], false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>After a failure nothing of the transaction is kept and it cannot be used any more.</summary>
    private async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isOver, this);
        try
        {
            return await work(cancellationToken).ConfigureAwait(false);
        }
        catch (MongoFailureException e)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw e.Kind == MongoErrorKind.Duplicate
                ? new SideUnavailableException(
                    _side.Name, "a live write came in between; the chunk is to be read and written again.", true, e)
                : _side.Translate(e);
        }
        catch
        {
            await DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
