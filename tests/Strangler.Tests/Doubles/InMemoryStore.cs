using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.Tests.Doubles;

/// <summary>One process's connection to one database.</summary>
internal sealed class InMemoryStore(InMemoryConnection connection) : ISideStore
{
    private InMemoryDatabase Database => connection.Database;

    public SideName Side => Database.Side;

    public Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("read", () => Database.StateOf(key), cancellationToken);

    public async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("begin", cancellationToken);
        var transaction = new InMemoryTransaction(connection, intent);
        try
        {
            await transaction.BeginAsync(cancellationToken);
            await connection.AfterAsync("begin", cancellationToken);
            return transaction;
        }
        catch
        {
            await transaction.DisposeAsync();
            throw;
        }
    }

    public Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<StoredRequest>>("requests", () =>
        [
            .. Database.Requests
                .Where(request => request.Value.Key == key && (after is not { } bound || request.Value.Version > bound))
                .Select(request => new StoredRequest(request.Key, request.Value.Version)),
        ], cancellationToken);

    public Task<IReadOnlyList<EntityRequest>> RequestsAsync(
        string kind, EntityRequest? after, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<EntityRequest>>("requests", () =>
        [
            .. Database.Requests.Where(request => request.Value.Key.Kind == kind)
                .Select((request, place) => new EntityRequest(
                    request.Value.Key.Id, new StoredRequest(request.Key, request.Value.Version), place))
                .Where(request => after is null || (request.Id, request.Sequence).CompareTo((after.Id, after.Sequence)) > 0)
                .OrderBy(request => request.Id).ThenBy(request => request.Sequence).Take(limit),
        ], cancellationToken);

    public Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync("prune", () =>
        {
            var bound = Database.UtcNow - age;
            var old = Database.Requests.Keys.Where(key => Database.RequestTimes.TryGetValue(key, out var at) && at < bound)
                .OrderBy(key => Database.RequestTimes[key]).Take(limit).ToList();
            old.ForEach(key => Database.Requests.Remove(key));
            return old.Count;
        }, cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync("versions", () => Versions(kind, id => id > after, limit), cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        connection.StepAsync("versions", () => Versions(kind, ids.Contains, int.MaxValue), cancellationToken);

    private VersionPage Versions(string kind, Func<long, bool> wanted, int limit) => new(
        Database.FenceRow,
        [
            .. Database.Entities.Where(pair => pair.Key.Kind == kind && wanted(pair.Key.Id)).OrderBy(pair => pair.Key.Id).Take(limit)
                .Select(pair => new KeyVersion(pair.Key.Id, pair.Value.Version, pair.Value.ForeignSeq)),
        ]);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "range", () => Range(kind, [.. Database.Ids(kind).GetViewBetween(from, Math.Max(from, to)).Where(id => id <= to)]),
                cancellationToken);

    private RangeSnapshot Range(string kind, IReadOnlyCollection<long> wanted)
    {
        var ids = Database.Ids(kind);
        var items = wanted.Where(ids.Contains).Order().Select(id =>
        {
            var key = new EntityKey(kind, id);
            return new RangeItem(
                id, Database.RowOf(key), Database.Entities.GetValueOrDefault(key),
                Database.NewIds.TryGetValue(key, out var newId) ? newId : null);
        }).ToList();
        var asked = wanted.ToHashSet();
        var journal = Database.Journal.Where(row => row.Key.Kind == kind && asked.Contains(row.Key.Id))
            .GroupBy(row => row.Key.Id)
            .ToDictionary(rows => rows.Key, rows => new JournalMark(rows.Min(row => row.CreatedUtc), rows.Any(row => row.Parked)));
        return new RangeSnapshot(Database.FenceRow, items, journal);
    }

    public Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        connection.StepAsync("range", () => Range(kind, ids), cancellationToken);

    public Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken) =>
        connection.StepAsync("marks", () =>
        {
            var marks = Database.Ids(kind).Where(id => id >= from && id <= to).Select(id =>
                new KeyMark(id, Database.RowOf(new EntityKey(kind, id)) is not null,
                    Database.Entities.GetValueOrDefault(new EntityKey(kind, id))));
            return new MarkPage(Database.FenceRow, [.. marks]);
        }, cancellationToken);

    public Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<long>>(
            "keys", () => [.. Database.Ids(kind).Where(id => id > after).Take(limit)], cancellationToken);

    public Task<IReadOnlyList<long>> TouchedAsync(string kind, DateTime sinceUtc, long after, int limit,
        CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<long>>(
            "touched",
            () =>
            [
                .. Database.Entities.Keys.Where(key => key.Kind == kind && key.Id > after
                    && !(Database.ChangedUtc.TryGetValue(key, out var at) && at < sinceUtc))
                    .Select(key => key.Id).Order().Take(limit),
            ],
            cancellationToken);

    public Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken) =>
        connection.StepAsync<long?>("chunk-end", () =>
        {
            var ids = Database.Ids(kind).Where(id => id >= from).Take(rows).ToList();
            return ids.Count == 0 ? null : ids[^1];
        }, cancellationToken);

    public Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync("bounds", () =>
        {
            var ids = Database.Ids(kind);
            return ids.Count == 0
                ? new KeyBounds(1, 0, 0)
                : new KeyBounds(ids.Min, ids.Max, Database.Rows.Keys.Count(key => key.Kind == kind));
        }, cancellationToken);

    public Task<long> CountAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync<long>("count", () => Database.Rows.Keys.Count(key => key.Kind == kind), cancellationToken);

    public Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyDictionary<long, long>>("shared", () => Database.NewIds.Where(pair => pair.Key.Kind == kind)
            .GroupBy(pair => pair.Value, pair => pair.Key.Id)
            .SelectMany(ids => ids.Order().Skip(1).Select(id => (id, First: ids.Min())))
            .Take(limit).ToDictionary(pair => pair.id, pair => pair.First), cancellationToken);

    public Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<long>>("unmapped", () =>
            Side == SideName.Legacy
                ? []
                :
                [
                    .. Database.Rows.Keys.Where(key => key.Kind == kind && key.Id > after && !Database.PublicIds.ContainsKey(key))
                        .Select(key => key.Id).Order().Take(limit),
                ],
            cancellationToken);
}

/// <summary>Locks at the beginning, buffers, and writes everything at once when it commits.</summary>
internal sealed class InMemoryTransaction(InMemoryConnection connection, WriteIntent intent, TimeSpan? lockWait = null) : ISideTransaction, ITagged, IMortal
{
    private readonly List<Action> _checks = [];
    private readonly List<Action> _writes = [];
    private readonly Dictionary<EntityKey, long> _allotted = [];
    private SideState? _state;
    private EntityKey? _merged;
    private bool _over;

    private InMemoryDatabase Database => connection.Database;

    public SideState State => _state!;

    public RequestResult? Request { get; private set; }

    public object? Tag { get; set; }

    public SideName Side => Database.Side;

    /// <summary>The follower's part that commits with this one.</summary>
    public InMemoryFollowerPart? Joined { get; set; }

    /// <summary>What was last written.</summary>
    public AggregateRow? Saved { get; private set; }

    public bool IsOver => _over;

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        connection.Open(this);
        await connection.LockAsync(this, LockTable.FenceKind, 0, 0, exclusive: false, cancellationToken, lockWait);
        if (intent.Key.Id != 0)
        {
            await connection.LockAsync(this, intent.Key.Kind, intent.Key.Id, intent.Key.Id, exclusive: true, cancellationToken, lockWait);
        }

        lock (Database.Gate)
        {
            _state = Database.StateOf(intent.Key);
            Request = intent.RequestKey is not null && Database.Requests.TryGetValue(intent.RequestKey, out var stored)
                ? new RequestResult(stored.Key.Id, stored.Version)
                : null;
        }
    }

    public async Task<long> SaveAsync(EntityKey key, AggregateRow? was, AggregateRow? now, CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("save", cancellationToken);
        if (key.Id == 0 && Database.Side == SideName.Legacy)
        {
            lock (Database.Gate)
            {
                key = key with { Id = Database.NextId(key.Kind) };
            }

            // As any row that a transaction has inserted: whoever asks for it waits for the transaction's end.
            await connection.LockAsync(this, key.Kind, key.Id, key.Id, exclusive: true, cancellationToken);
        }

        lock (Database.Gate)
        {
            if (was is null && now is not null && Database.RowOf(key) is not null)
            {
                throw new DuplicateKeyException(key, new InvalidOperationException("duplicate"));
            }

            Saved = now?.Clone();
            Write(key, now?.Clone());
        }

        await connection.AfterAsync("save", cancellationToken);
        return key.Id;
    }

    public Task SetEntityAsync(EntityKey key, EntityState state, CancellationToken cancellationToken)
    {
        _merged = state.Base is not null ? key : _merged;
        return BufferAsync("entity", () => Database.SetEntity(key, state), cancellationToken);
    }

    public Task ForgetConflictAsync(EntityKey key, CancellationToken cancellationToken) =>
        BufferAsync("conflict", () => Database.Conflicts.Remove(key), cancellationToken);

    public Task AppendJournalAsync(EntityKey key, EntityVersion version, string actor, CancellationToken cancellationToken, long foreignSeq = 0)
    {
        long seq;
        lock (Database.Gate)
        {
            // Allotted before the commit, as a real auto-increment: a lower one may become visible later.
            seq = ++Database.JournalIncrement;
        }

        return BufferAsync("journal", () => Database.Journal.Add(
            new JournalRow { Seq = seq, Key = key, Version = version, ForeignSeq = foreignSeq, Actor = actor, CreatedUtc = Database.UtcNow }), cancellationToken);
    }

    public Task LiftQuarantineAsync(EntityKey key, CancellationToken cancellationToken) =>
        BufferAsync("lift", () => Database.Quarantine.Remove(key), cancellationToken);

    public Task SaveRequestAsync(string requestKey, long id, EntityVersion version, CancellationToken cancellationToken) =>
        connection.StepAsync("request", () =>
        {
            // As a unique key would: a duplicate leaves nothing of its transaction behind.
            _checks.Add(() =>
            {
                if (Database.Requests.TryGetValue(requestKey, out var known) && known.Key.Id != id)
                {
                    throw new SideUnavailableException(
                        Database.Side, "duplicate request key", isTransient: true, new InvalidOperationException("duplicate"));
                }
            });
            Buffer(() =>
            {
                if (Database.Requests.TryAdd(requestKey, (intent.Key with { Id = id }, version)))
                {
                    Database.RequestTimes[requestKey] = Database.UtcNow;
                }
            });
        }, cancellationToken);

    /// <summary>What is read here is committed, and no failover takes it back: there is nothing to do, but it can fail. For a schedule it is no step.</summary>
    public Task ConfirmAsync(CancellationToken cancellationToken) => connection.FaultAsync("confirm");

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("commit", cancellationToken);
        var fate = connection.Fate();
        if (fate.Late > TimeSpan.Zero)
        {
            Linger(fate);
            throw Lost(Database.Side);
        }

        End(fate.Happens);
        if (!fate.Told)
        {
            throw Lost(Database.Side);
        }

        await connection.AfterAsync("commit", cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        if (!_over)
        {
            RollBack();
        }

        return ValueTask.CompletedTask;
    }

    public void RollBack()
    {
        _over = true;
        connection.Close(this);
        Database.Locks.Release(this);
        Joined?.Part.RollBack();
    }

    internal static CommitOutcomeUnknownException Lost(SideName side) =>
        new(side, new InvalidOperationException("the connection was lost"));

    private void End(bool commit)
    {
        if (commit && Joined is { Part: var part })
        {
            CommitBoth(part);
        }
        else if (commit)
        {
            lock (Database.Gate)
            {
                Commit();
            }
        }

        RollBack();
    }

    // Legacy's gate first, whichever leads. What the follower's part meets first of all is not yet the lead's failure.
    private void CommitBoth(InMemoryTransaction part)
    {
        var (first, second) = Database.Side == SideName.Legacy ? (Database.Gate, part.Database.Gate) : (part.Database.Gate, Database.Gate);
        lock (first)
        {
            lock (second)
            {
                try
                {
                    part._checks.ForEach(check => check());
                }
                catch (SideUnavailableException exception)
                {
                    Joined = null;
                    part.RollBack();
                    throw new FollowerPartException(part.Side, exception);
                }

                Check();
                part.Write();
                Write();
                Database.JointCommits++;
            }
        }
    }

    // The client is told nothing any more, nor can its end take anything back; the server still works on it and holds the locks.
    private void Linger(CommitFate fate)
    {
        _over = true;
        connection.Close(this);
        if (Joined is { Part: var part })
        {
            connection.Close(part);
        }

        ITimer? timer = null;
        timer = connection.After(fate.Late, () =>
        {
            timer?.Dispose();
            try
            {
                End(fate.Happens);
            }
            catch (Exception exception) when (exception is SideUnavailableException or FollowerPartException)
            {
                RollBack();
            }
        });
    }

    internal Task BufferAsync(string step, Action write, CancellationToken cancellationToken) =>
        connection.StepAsync(step, () =>
        {
            Buffer(write);
            return true;
        }, cancellationToken);

    internal void Buffer(Action write)
    {
        ObjectDisposedException.ThrowIf(_over, this);
        _writes.Add(write);
    }

    internal void Commit()
    {
        Check();
        Write();
    }

    private void Check() => _checks.ForEach(check => check());

    private void Write()
    {
        _writes.ForEach(write => write());
        if (Tag is not null)
        {
            Database.Witness?.LeadCommitted(Database, Tag, State);
        }

        if (_merged is { } merged)
        {
            Database.Witness?.Merged(Database, merged, State);
        }
    }

    internal void Write(EntityKey key, AggregateRow? now)
    {
        ObjectDisposedException.ThrowIf(_over, this);
        if (Database.Side == SideName.Legacy)
        {
            _writes.Add(() =>
            {
                Database.AutoIncrement[key.Kind] = Math.Max(Database.AutoIncrement.GetValueOrDefault(key.Kind), key.Id);
                Set(key, now);
            });
            return;
        }

        var mapped = Database.NewIds.ContainsKey(key);
        if (!mapped && now is null)
        {
            return;
        }

        if (!mapped && !_allotted.ContainsKey(key))
        {
            _allotted[key] = Database.NextId(key.Kind);
        }

        _writes.Add(() =>
        {
            if (!Database.NewIds.TryGetValue(key, out var newId))
            {
                newId = _allotted[key];
                Database.NewIds.Add(key, newId);
                Database.PublicIds.Add(key with { Id = newId }, key.Id);
            }

            Set(key with { Id = newId }, now);
        });
    }

    private void Set(EntityKey local, AggregateRow? now)
    {
        if (now is null)
        {
            Database.Rows.Remove(local);
        }
        else
        {
            Database.Rows[local] = now;
        }
    }
}
