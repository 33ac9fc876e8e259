using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Tests.Doubles;

internal sealed class InMemoryBackfillTarget(InMemoryConnection connection) : IBackfillTarget
{
    public Task<BackfillCheckpoint?> ReadCheckpointAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync("checkpoint", () => connection.Database.Checkpoints.GetValueOrDefault(kind), cancellationToken);

    public async Task<IBackfillChunk> BeginChunkAsync(string kind, long from, long to, CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("chunk", cancellationToken);
        var chunk = new InMemoryBackfillChunk(connection, kind, from, to);
        try
        {
            await chunk.BeginAsync(cancellationToken);
            await connection.AfterAsync("chunk", cancellationToken);
            return chunk;
        }
        catch
        {
            await chunk.DisposeAsync();
            throw;
        }
    }
}

/// <summary>Holds the whole range of keys exclusively, as gap locks would.</summary>
internal sealed class InMemoryBackfillChunk(InMemoryConnection connection, string kind, long from, long to) : IBackfillChunk, IMortal
{
    private readonly InMemoryTransaction _transaction = new(connection, new WriteIntent(new EntityKey(kind, 0)));
    private Dictionary<long, EntityState> _entities = [];
    private bool _over;

    private InMemoryDatabase Database => connection.Database;

    public FenceRow Fence => _transaction.State.Fence;

    public IReadOnlyDictionary<long, EntityState> Entities => _entities;

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        connection.Open(this);
        await _transaction.BeginAsync(cancellationToken);
        await connection.LockAsync(this, kind, from, to, exclusive: true, cancellationToken);
        lock (Database.Gate)
        {
            _entities = Database.Entities.Where(pair => pair.Key.Kind == kind && pair.Key.Id >= from && pair.Key.Id <= to)
                .ToDictionary(pair => pair.Key.Id, pair => pair.Value);
        }
    }

    public Task<IReadOnlyDictionary<long, AggregateRow>> ReadRowsAsync(
        IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyDictionary<long, AggregateRow>>("rows", () =>
            ids.Select(id => (id, Row: Database.RowOf(new EntityKey(kind, id)))).Where(pair => pair.Row is not null)
                .ToDictionary(pair => pair.id, pair => pair.Row!), cancellationToken);

    public Task WriteAsync(IReadOnlyList<BackfillWrite> writes, CancellationToken cancellationToken) =>
        connection.StepAsync("write", () =>
        {
            foreach (var write in writes)
            {
                var key = new EntityKey(kind, write.Id);
                if (write.Id < from || write.Id > to)
                {
                    throw new InvalidOperationException($"{key} lies outside of the chunk.");
                }

                _transaction.Write(key, write.Now?.Clone());
                _transaction.Buffer(() => Database.SetEntity(key, write.State));
            }
        }, cancellationToken);

    public Task QuarantineAsync(IReadOnlyList<QuarantineEntry> entries, CancellationToken cancellationToken) =>
        connection.StepAsync("quarantine", () => _transaction.Buffer(() =>
        {
            var listed = entries.Select(entry => entry.Id).ToHashSet();
            var present = Database.Quarantine.Keys.Where(key => key.Kind == kind && key.Id >= from && key.Id <= to);
            foreach (var key in present.Where(key => !listed.Contains(key.Id)).ToList())
            {
                Database.Quarantine.Remove(key);
            }

            foreach (var entry in entries)
            {
                InMemoryQuarantine.Put(Database, kind, entry);
            }
        }), cancellationToken);

    public Task SaveRequestsAsync(IReadOnlyList<EntityRequest> requests, CancellationToken cancellationToken) =>
        connection.StepAsync("requests", () => _transaction.Buffer(() =>
        {
            foreach (var (id, request, _) in requests)
            {
                if (Database.Requests.TryAdd(request.RequestKey, (new EntityKey(kind, id), request.Version)))
                {
                    Database.RequestTimes[request.RequestKey] = Database.UtcNow;
                }
            }
        }), cancellationToken);

    public async Task CommitAsync(BackfillCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("chunk-commit", cancellationToken);
        var fate = connection.Fate();
        if (fate.Happens)
        {
            lock (Database.Gate)
            {
                _transaction.Commit();
                Database.Checkpoints[kind] = checkpoint;
            }
        }

        await DisposeAsync();
        if (!fate.Told)
        {
            throw InMemoryTransaction.Lost(Database.Side);
        }

        await connection.AfterAsync("chunk-commit", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_over)
        {
            _over = true;
            connection.Close(this);
            Database.Locks.Release(this);
            await _transaction.DisposeAsync();
        }
    }

    public void RollBack()
    {
        _over = true;
        Database.Locks.Release(this);
    }
}
