using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Reconciliation;

namespace Strangler.Tests.Doubles;

/// <summary>
/// One process's view of a context whose two sides are databases in memory: locks, snapshots, transactions and unique keys as real ones
/// have them. <see cref="Another"/> gives a second process over the same databases. Every operation passes <see cref="Fault"/> before and
/// after (<c>legacy.begin.before</c>, <c>new.commit.after</c> …), where a test may throw, wait, or kill the process.
/// Operations: read begin save entity journal request requests commit range chunk-end bounds unmapped; fence fence-cas clock; claim settle
/// fail depth parked retry; map reserve take left; checkpoint chunk rows write quarantine …; runs shadow audit replicas.
/// </summary>
internal sealed class InMemorySides
{
    private readonly List<string> _steps = [];

    public InMemorySides(TestTimeProvider time)
        : this(time, new InMemoryDatabase(SideName.Legacy, time), new InMemoryDatabase(SideName.New, time))
    {
        LegacyDatabase.Fence = new FenceRow(FenceRole.Lead, Stage.LegacyOnly, 1, 0);
        NewDatabase.Fence = new FenceRow(FenceRole.Follower, Stage.LegacyOnly, 1, 0);
    }

    private InMemorySides(TestTimeProvider time, InMemoryDatabase legacy, InMemoryDatabase @new)
    {
        Time = time;
        LegacyDatabase = legacy;
        NewDatabase = @new;
        var (toLegacy, toNew) = (new InMemoryConnection(this, legacy), new InMemoryConnection(this, @new));
        Sides = new ContextSides
        {
            Context = "notes",
            Legacy = Seams(toLegacy),
            New = Seams(toNew),
            IdMap = new InMemoryIdMap(toNew),
            PublicIds = new InMemoryPublicIds(toLegacy, toNew),
            BackfillTarget = new InMemoryBackfillTarget(toNew),
            Quarantine = new InMemoryQuarantine(toNew),
            Reconciliations = new InMemoryHistory(toNew),
            ReconciliationLease = new InMemoryReconciliationLease(toNew),
            ShadowLog = new InMemoryShadowLog(toNew),
            Obligations = new InMemoryObligationLog(toNew),
            Purges = new InMemoryPurgeLog(toNew),
            Merges = new InMemoryMergeLog(toNew),
            Replicas = new InMemoryReplicas(toLegacy),
            Capture = new InMemoryCapture(toLegacy),
            Joint = new InMemoryJoint(toLegacy, toNew),
        };
    }

    public TestTimeProvider Time { get; }

    public InMemoryDatabase LegacyDatabase { get; }

    public InMemoryDatabase NewDatabase { get; }

    public ContextSides Sides { get; }

    /// <summary>Called before and after each operation of this process.</summary>
    public Func<string, Task>? Fault { get; set; }

    /// <summary>Decides at every step instead of <see cref="Fault"/>; steps are not listed then.</summary>
    public ISchedule? Schedule { get; set; }

    /// <summary>What the servers take back when this process dies: its open transactions and the locks that it waits for.</summary>
    public HashSet<IMortal> Open { get; } = [];

    /// <summary>Every step of this process so far.</summary>
    public IReadOnlyList<string> Steps => _steps;

    /// <summary>How long a row lock is waited for.</summary>
    public TimeSpan LockWait { get; set; } = TimeSpan.FromSeconds(10);

    public bool Dead { get; private set; }

    public string Name { get; set; } = "";

    /// <summary>A second process over the same two databases, with faults of its own.</summary>
    public InMemorySides Another() => new(Time, LegacyDatabase, NewDatabase) { LockWait = LockWait };

    public InMemoryDatabase Of(SideName side) => side == SideName.Legacy ? LegacyDatabase : NewDatabase;

    /// <summary>From here on every operation of this process throws <see cref="CrashException"/>.</summary>
    public void Kill()
    {
        Dead = true;
        foreach (var open in Open.ToList())
        {
            open.RollBack();
        }

        Open.Clear();
    }

    /// <summary>Sets both fences as a finished move would have left them.</summary>
    public void SetStage(Stage stage, long epoch, long dualEpoch)
    {
        var lead = Stages.LeadOf(stage);
        Of(lead).Fence = new FenceRow(FenceRole.Lead, stage, epoch, dualEpoch);
        Of(Stages.Other(lead)).Fence = new FenceRow(FenceRole.Follower, stage, epoch, dualEpoch);
    }

    /// <summary>
    /// A write by another program, directly into a table; null deletes. Captured: the trigger raises foreign_seq and writes the journal.
    /// </summary>
    public void WriteForeign(EntityKey key, AggregateRow? row, bool captured = true)
    {
        lock (LegacyDatabase.Gate)
        {
            LegacyDatabase.AutoIncrement[key.Kind] = Math.Max(LegacyDatabase.AutoIncrement.GetValueOrDefault(key.Kind), key.Id);
            if (row is null)
            {
                LegacyDatabase.Rows.Remove(key);
            }
            else
            {
                LegacyDatabase.Rows[key] = row.Clone();
            }

            if (captured)
            {
                var entity = LegacyDatabase.Entities.GetValueOrDefault(key)
                    ?? new EntityState(default, 0, false, []);
                entity = entity with { ForeignSeq = entity.ForeignSeq + 1 };
                LegacyDatabase.Entities[key] = entity;
                LegacyDatabase.ChangedUtc[key] = LegacyDatabase.UtcNow;
                LegacyDatabase.Journal.Add(new JournalRow
                {
                    Seq = ++LegacyDatabase.JournalIncrement,
                    Key = key,
                    Version = entity.Version,
                    ForeignSeq = entity.ForeignSeq,
                    CreatedUtc = LegacyDatabase.UtcNow,
                    Actor = "foreign",
                });
            }
        }
    }

    /// <summary>A row that was there before anything of ours: no entity row, no journal.</summary>
    public void PlantLegacy(long id, string name, long amount, string status = "O") =>
        WriteForeign(new EntityKey(TestLens.Kind, id), TestLens.LegacyRow(name, amount, status), captured: false);

    internal async Task FaultAsync(string step, CancellationToken cancellationToken)
    {
        ThrowIfDead();
        cancellationToken.ThrowIfCancellationRequested();
        lock (_steps)
        {
            _steps.Add(step);
        }

        await Task.Yield();
        if (Fault is { } fault)
        {
            await OrCancelledAsync(fault(step), cancellationToken);
        }

        ThrowIfDead();
    }

    // A statement that hangs is given up when its caller's token fires.
    private static async Task OrCancelledAsync(Task task, CancellationToken cancellationToken)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cancellation = cancellationToken.Register(() => over.TrySetCanceled(cancellationToken));
        _ = ForwardAsync();
        await over.Task;

        async Task ForwardAsync()
        {
            try
            {
                await task;
                over.TrySetResult();
            }
            catch (Exception exception)
            {
                over.TrySetException(exception);
            }
        }
    }

    private static SideSeams Seams(InMemoryConnection connection) =>
        new(new InMemoryStore(connection), new InMemoryFence(connection), new InMemoryJournal(connection), new InMemoryAudit(connection));

    private void ThrowIfDead()
    {
        if (Dead)
        {
            throw new CrashException();
        }
    }
}

internal sealed class InMemoryFence(InMemoryConnection connection) : IFence
{
    private InMemoryDatabase Database => connection.Database;

    public SideName Side => Database.Side;

    public Task<FenceRow> ReadAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("fence", () => Database.FenceRow, cancellationToken);

    public async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        await connection.BeforeAsync("fence-cas", cancellationToken);
        var owner = new FenceLock(Database);
        connection.Open(owner);
        bool set;
        try
        {
            await Database.Locks.AcquireAsync(owner, LockTable.FenceKind, 0, 0, exclusive: true, lockTimeout, cancellationToken);
            await connection.GoneAsync(owner);
            lock (Database.Gate)
            {
                var present = Database.FenceRow;
                set = (present.Role, present.Epoch, present.Stage) == (expected.Role, expected.Epoch, expected.Stage);
                if (set)
                {
                    Database.Fence = next;
                    Database.Witness?.FenceSet(Database, present, next);
                }
            }
        }
        catch (TimeoutException exception)
        {
            throw new FenceBusyException(Side, lockTimeout, exception);
        }
        finally
        {
            connection.Close(owner);
            owner.RollBack();
        }

        await connection.AfterAsync("fence-cas", cancellationToken);
        return set;
    }

    private sealed class FenceLock(InMemoryDatabase database) : IMortal
    {
        public void RollBack() => database.Locks.Release(this);
    }

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("clock", () => Database.UtcNow, cancellationToken);
}

internal sealed class InMemoryJournal(InMemoryConnection connection) : IJournal
{
    private InMemoryDatabase Database => connection.Database;

    public SideName Side => Database.Side;

    public Task<IReadOnlyList<JournalClaim>> ClaimAsync(string owner, int max, TimeSpan lease, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<JournalClaim>>("claim", () =>
        {
            var now = Database.UtcNow;
            return
            [
                .. Database.Journal.Where(row => row.IsOpen).GroupBy(row => row.Key)
                    .Where(rows => rows.All(row => !(row.LeaseUntil > now) && !(row.DueUtc > now)))
                    .OrderBy(rows => rows.Min(row => row.Seq)).Take(max).ToList()
                    .Select(rows => Claim(rows.Key, [.. rows], owner, now + lease)),
            ];
        }, cancellationToken);

    public Task SettleAsync(EntityKey key, EntityVersion accepted, long foreignSeq, CancellationToken cancellationToken) =>
        connection.StepAsync("settle", () =>
        {
            Database.Journal.RemoveAll(row => row.Key == key && row.Version <= accepted && row.ForeignSeq <= foreignSeq);

            // What is left is newer than what was accepted, so it is due now, whoever had claimed it along with the rows that are gone.
            foreach (var row in Database.Journal.Where(row => row.Key == key && row.IsOpen && row.LeaseUntil is not null))
            {
                (row.LeaseUntil, row.DueUtc, row.Owner) = (null, null, "");
            }
        }, cancellationToken);

    public Task SettleForeignAsync(EntityKey key, long foreignSeq, CancellationToken cancellationToken) =>
        connection.StepAsync("settle-foreign", () =>
        {
            Database.Journal.RemoveAll(row => row.Key == key && row.ForeignSeq > 0 && row.ForeignSeq <= foreignSeq);
            foreach (var row in Database.Journal.Where(row => row.Key == key && !row.Parked && row.LeaseUntil is not null))
            {
                (row.LeaseUntil, row.DueUtc, row.Owner) = (null, null, "");
            }
        }, cancellationToken);

    public Task<OwedWrites?> OwnWritesAsync(EntityKey key, EntityVersion above, CancellationToken cancellationToken) =>
        OwedWritesAsync(row => row.Key == key && row.ForeignSeq == 0 && row.Version > above, cancellationToken);

    public Task<OwedWrites?> ForeignWritesAsync(EntityKey key, long above, CancellationToken cancellationToken) =>
        OwedWritesAsync(row => row.Key == key && row.ForeignSeq > above, cancellationToken);

    private Task<OwedWrites?> OwedWritesAsync(Func<JournalRow, bool> which, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "owed-writes",
            () => Database.Journal.Where(which).OrderBy(row => row.Seq).ToList() is { Count: > 0 } rows
                ? new OwedWrites(
                    Database.UtcNow - rows.Max(row => row.CreatedUtc), Database.UtcNow - rows.Min(row => row.CreatedUtc), rows[^1].Actor)
                : null,
            cancellationToken);

    public Task FailAsync(JournalClaim claim, string error, TimeSpan? delay, CancellationToken cancellationToken) =>
        GiveBackAsync("fail", claim, error, row => (row.Parked, row.DueUtc) = (delay is null, Database.UtcNow + delay), cancellationToken);

    public Task QuarantineAsync(JournalClaim claim, string error, CancellationToken cancellationToken) =>
        GiveBackAsync("set-aside", claim, error, row => row.Quarantined = true, cancellationToken);

    private Task GiveBackAsync(
        string step, JournalClaim claim, string error, Action<JournalRow> set, CancellationToken cancellationToken) =>
        connection.StepAsync(step, () =>
        {
            // As the real store: the whole key waits or is parked, rows that came after the claim as well.
            var rows = Database.Journal.Where(row => row.Key == claim.Key && row.IsOpen).ToList();
            if (rows.Count == 0 || rows.Max(row => row.Generation) != claim.Generation)
            {
                return;
            }

            Database.Witness?.ClaimGivenBack(Database, claim, error, claim.Generation);
            foreach (var row in rows)
            {
                row.LeaseUntil = null;
                row.Attempts = claim.Attempts + 1;
                row.LastError = error;
                set(row);
            }
        }, cancellationToken);

    public Task<JournalDepth> DepthAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("depth", () =>
        {
            var open = Database.Journal.Where(row => row.IsOpen).ToList();
            return new JournalDepth(
                open.Count, Database.Journal.Count(row => row.Parked), open.Count == 0 ? null : open.Min(row => row.CreatedUtc),
                Database.UtcNow)
            {
                Quarantined = Database.Journal.Count(row => row.Quarantined),
            };
        }, cancellationToken);

    public Task<IReadOnlyList<ParkedKey>> ParkedAsync(int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<ParkedKey>>("parked", () =>
        [
            .. Database.Journal.Where(row => row.Parked).GroupBy(row => row.Key).Take(limit).Select(rows => new ParkedKey(
                rows.Key, rows.Max(row => row.Version), rows.Max(row => row.Attempts), rows.Last().LastError,
                rows.Min(row => row.CreatedUtc))),
        ], cancellationToken);

    public Task<JournalOverview> OverviewAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("overview", () => InMemoryOverview.Of(Database.Journal, Database.UtcNow), cancellationToken);

    public Task<ParkedKey?> FindParkedAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("parked", () => Database.Journal.Where(row => row.Parked && row.Key == key).ToList() is { Count: > 0 } rows
            ? new ParkedKey(
                key, rows.Max(row => row.Version), rows.Max(row => row.Attempts), rows[^1].LastError, rows.Min(row => row.CreatedUtc))
            : null, cancellationToken);

    public Task<IReadOnlySet<long>> OwedAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlySet<long>>(
            "owed",
            () => Database.Journal.Where(row => row.Key.Kind == kind && ids.Contains(row.Key.Id)).Select(row => row.Key.Id).ToHashSet(),
            cancellationToken);

    public Task<int> DropAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("drop", () => Database.Journal.RemoveAll(row => row.Parked && row.Key == key), cancellationToken);

    public Task<int> RetryAsync(EntityKey? key, CancellationToken cancellationToken) =>
        connection.StepAsync("retry", () =>
        {
            var rows = Database.Journal.Where(row => !row.IsOpen && (key is null || row.Key == key)).ToList();
            foreach (var row in rows)
            {
                (row.Parked, row.Quarantined, row.Attempts, row.DueUtc) = (false, false, 0, null);
            }

            return rows.Count;
        }, cancellationToken);

    public Task<ThinnedRows> ThinAsync(string kind, long? above, int keys, CancellationToken cancellationToken) =>
        connection.StepAsync("thin", () =>
        {
            var looked = Database.Journal.Where(row => row.Key.Kind == kind && !(row.Key.Id <= above))
                .Select(row => row.Key.Id).Distinct().Order().Take(keys).ToHashSet();
            var between = Database.Journal.Where(row => row.Key.Kind == kind && looked.Contains(row.Key.Id))
                .GroupBy(row => (row.Key, row.ForeignSeq > 0, row.Parked, row.Quarantined))
                .SelectMany(rows => rows.OrderBy(row => row.Version).ThenBy(row => row.ForeignSeq).ThenBy(row => row.Seq).Skip(1).SkipLast(1)).ToHashSet();
            Database.Journal.RemoveAll(between.Contains);
            return new ThinnedRows(between.Count, looked.Count == 0 ? null : looked.Max());
        }, cancellationToken);

    private static JournalClaim Claim(EntityKey key, List<JournalRow> rows, string owner, DateTime until)
    {
        var generation = rows.Max(row => row.Generation) + 1;
        foreach (var row in rows)
        {
            (row.Owner, row.Generation, row.LeaseUntil) = (owner, generation, until);
        }

        return new JournalClaim(
            key, rows.Max(row => row.Version), generation, rows.Max(row => row.Attempts), rows.Min(row => row.CreatedUtc));
    }
}

internal sealed class InMemoryMergeLog(InMemoryConnection connection) : IMergeLog
{
    private Dictionary<EntityKey, Conflict> Conflicts => connection.Database.Conflicts;

    public Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("base", () => connection.Database.Bases.GetValueOrDefault(key), cancellationToken);

    public Task PutAsync(Conflict conflict, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "conflict",
            () => Conflicts[conflict.Key] = conflict with
            {
                SinceUtc = Conflicts.TryGetValue(conflict.Key, out var known) ? known.SinceUtc : connection.Database.UtcNow,
            },
            cancellationToken);

    public Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("conflicts", () => Conflicts.GetValueOrDefault(key), cancellationToken);

    public Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<Conflict>>(
            "conflicts", () => [.. Conflicts.Values.OrderBy(conflict => conflict.SinceUtc).Take(limit)], cancellationToken);

    public Task<long> CountAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("conflicts", () => (long)Conflicts.Count, cancellationToken);
}

internal sealed class InMemoryAudit(InMemoryConnection connection) : IAudit
{
    public SideName Side => connection.Database.Side;

    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "audit", () => connection.Database.Audit.Add(entry with { AtUtc = connection.Database.UtcNow }), cancellationToken);

    public Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<AuditEntry>>(
            "audit-list", () => [.. connection.Database.Audit.AsEnumerable().Reverse().Take(limit)], cancellationToken);

    public Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<AuditEntry>>(
            "audit-list",
            () => [.. connection.Database.Audit.AsEnumerable().Reverse().Where(entry => entry.Epoch == epoch && entry.AtUtc > connection.Database.UtcNow - within)],
            cancellationToken);
}

internal sealed class InMemoryIdMap(InMemoryConnection connection) : IIdMap
{
    public Task<long?> FindNewIdAsync(string kind, long publicId, CancellationToken cancellationToken) =>
        connection.StepAsync<long?>(
            "map", () => connection.Database.NewIds.TryGetValue(new EntityKey(kind, publicId), out var id) ? id : null, cancellationToken);

    public Task<long?> FindPublicIdAsync(string kind, long newId, CancellationToken cancellationToken) =>
        connection.StepAsync<long?>(
            "map", () => connection.Database.PublicIds.TryGetValue(new EntityKey(kind, newId), out var id) ? id : null, cancellationToken);
}

internal sealed class InMemoryPublicIds(InMemoryConnection legacy, InMemoryConnection @new) : IPublicIds
{
    public async Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken)
    {
        var first = await legacy.StepAsync("reserve", () =>
        {
            var next = legacy.Database.NextId(kind);
            legacy.Database.LastReserved[kind] = legacy.Database.AutoIncrement[kind] = next + count - 1;
            return next;
        }, cancellationToken);
        await @new.StepAsync("reserve", () =>
        {
            for (var i = 0; i < count; i++)
            {
                Block(kind).Enqueue(first + i);
            }
        }, cancellationToken);
        return count;
    }

    public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) =>
        @new.StepAsync(
            "take", () => Block(kind).TryDequeue(out var id) ? id : throw new IdsExhaustedException("notes", kind), cancellationToken);

    public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) =>
        @new.StepAsync<long>("left", () => Block(kind).Count, cancellationToken);

    public Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) =>
        legacy.StepAsync(
            "overlap",
            () => Math.Max(0, legacy.Database.LastReserved.GetValueOrDefault(kind) - legacy.Database.AutoIncrement.GetValueOrDefault(kind)),
            cancellationToken);

    private Queue<long> Block(string kind) =>
        @new.Database.IdBlocks.TryGetValue(kind, out var block) ? block : @new.Database.IdBlocks[kind] = new Queue<long>();
}

internal sealed class InMemoryQuarantine(InMemoryConnection connection) : IQuarantine
{
    private Dictionary<EntityKey, QuarantineEntry> Entries => connection.Database.Quarantine;

    public Task<QuarantineEntry?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        connection.StepAsync("quarantine-find", () => Entries.GetValueOrDefault(key), cancellationToken);

    public Task<IReadOnlyList<QuarantineEntry>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<QuarantineEntry>>(
            "quarantine-list",
            () => [.. Entries.Where(entry => entry.Key.Kind == kind).Select(entry => entry.Value).Take(limit)],
            cancellationToken);

    public Task<(long All, long Open)> CountAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync("quarantine-count", () =>
        {
            var entries = Entries.Where(entry => entry.Key.Kind == kind).Select(entry => entry.Value).ToList();
            return ((long)entries.Count, (long)entries.Count(entry => entry.SignedOffBy is null));
        }, cancellationToken);

    public Task<int> SignOffAsync(string kind, long? id, string by, string reason, CancellationToken cancellationToken) =>
        connection.StepAsync("quarantine-sign-off", () =>
        {
            var keys = Entries.Keys.Where(key => key.Kind == kind && (id is null || key.Id == id)).ToList();
            keys.RemoveAll(key => Entries[key].SignedOffBy is not null);
            keys.ForEach(key => Entries[key] = Entries[key] with { SignedOffBy = by, SignOffReason = reason });
            return keys.Count;
        }, cancellationToken);

    public Task PutAsync(string kind, QuarantineEntry entry, CancellationToken cancellationToken) =>
        connection.StepAsync("quarantine-put", () => Put(connection.Database, kind, entry), cancellationToken);

    internal static void Put(InMemoryDatabase database, string kind, QuarantineEntry entry)
    {
        var key = new EntityKey(kind, entry.Id);
        var known = database.Quarantine.TryGetValue(key, out var was);
        database.Quarantine[key] = known && (was!.Place, was.Reason) == (entry.Place, entry.Reason)
            ? was
            : entry;
    }
}

internal sealed class InMemoryHistory(InMemoryConnection connection) : IReconciliationHistory
{
    private InMemoryDatabase Database => connection.Database;

    public Task<long> BeginAsync(bool full, string scope, CancellationToken cancellationToken) =>
        connection.StepAsync<long>("run-begin", () =>
        {
            Database.Runs.Add((new ReconciliationRun(Database.Runs.Count + 1, Database.UtcNow, null, full, "", ""), scope));
            Database.MostReconcilers = Math.Max(Database.MostReconcilers, Database.Runs.Count(run => run.Run.EndedUtc is null));
            return Database.Runs.Count;
        }, cancellationToken);

    public Task EndAsync(long id, string outcome, string report, CancellationToken cancellationToken) =>
        connection.StepAsync("run-end", () =>
        {
            var (run, scope) = Database.Runs[(int)id - 1];
            Database.Runs[(int)id - 1] = (run with { EndedUtc = Database.UtcNow, Outcome = outcome, Report = report }, scope);
        }, cancellationToken);

    public Task<ReconciliationRun?> FindAsync(long id, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "run-find", () => id > 0 && id <= Database.Runs.Count ? Database.Runs[(int)id - 1].Run : null, cancellationToken);

    public Task<IReadOnlyList<ReconciliationRun>> ListAsync(int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<ReconciliationRun>>(
            "run-list", () => [.. Database.Runs.AsEnumerable().Reverse().Take(limit).Select(run => run.Run)], cancellationToken);

    public Task<IReadOnlyList<RunSummary>> SummariesAsync(int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<RunSummary>>(
            "run-summaries",
            () =>
            [
                .. Database.Runs.AsEnumerable().Reverse().Take(limit).Select(entry => new RunSummary(
                    entry.Run.Id, entry.Run.BeganUtc, entry.Run.EndedUtc, entry.Run.Full, entry.Run.Outcome, entry.Scope,
                    entry.Run.Report.Length == 0 ? RunSummary.CountsOf(null) : ReconciliationReport.Parse(entry.Run.Report).Counts)
                {
                    SignedOff = entry.Run.Report.Length == 0 ? 0 : ReconciliationReport.Parse(entry.Run.Report).SignedOff,
                }),
            ],
            cancellationToken);

    public Task<IReadOnlyList<ReconciliationRun>> MentioningAsync(long id, int limit, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<ReconciliationRun>>(
            "run-mentioning",
            () =>
            [
                .. Database.Runs.AsEnumerable().Reverse().Take(limit).Select(entry => entry.Run)
                    .Where(run => run.EndedUtc is not null && run.Report.Contains($"{id}", StringComparison.Ordinal)),
            ],
            cancellationToken);

    public Task<DateTime?> LastDisturbanceUtcAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("disturbance", () => Database.LastDisturbance, cancellationToken);

    public Task DisturbAsync(string what, CancellationToken cancellationToken) =>
        connection.StepAsync("disturb", () => { Database.LastDisturbance = Database.UtcNow; }, cancellationToken);

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) =>
        connection.StepAsync("run-clock", () => Database.UtcNow, cancellationToken);
}

internal sealed class InMemoryShadowLog(InMemoryConnection connection) : IShadowLog
{
    public Task AddAsync(long epoch, long reads, IReadOnlyList<ShadowMismatch> mismatches, CancellationToken cancellationToken) =>
        connection.StepAsync("shadow-add", () =>
        {
            var (known, list) = connection.Database.Shadow.GetValueOrDefault(epoch, (0, []));
            connection.Database.Shadow[epoch] = (known + reads, [.. list, .. mismatches]);
        }, cancellationToken);

    public Task<(long Reads, long Mismatches)> CountAsync(long epoch, CancellationToken cancellationToken) =>
        connection.StepAsync("shadow-count", () =>
        {
            var (reads, list) = connection.Database.Shadow.GetValueOrDefault(epoch, (0, []));
            return (reads, (long)list.Count);
        }, cancellationToken);
}

internal sealed class InMemoryReplicas(InMemoryConnection connection) : IReplicas
{
    public Task BeatAsync(string name, string build, Stage newestKnownStage, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "beat",
            () => { connection.Database.Replicas[name] = new Replica(name, build, newestKnownStage, connection.Database.UtcNow); },
            cancellationToken);

    public Task<IReadOnlyList<Replica>> LiveAsync(TimeSpan within, CancellationToken cancellationToken) =>
        connection.StepAsync<IReadOnlyList<Replica>>("replicas", () =>
            [.. connection.Database.Replicas.Values.Where(replica => replica.SeenUtc >= connection.Database.UtcNow - within)],
            cancellationToken);

    public Task LeaveAsync(string name, CancellationToken cancellationToken) =>
        connection.StepAsync("leave", () => { connection.Database.Replicas.Remove(name); }, cancellationToken);
}
