using Microsoft.Extensions.Logging;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.Backfill;

/// <summary>
/// Copies what was there before DualWrite (PROTOCOL §7), while writers go on. A chunk is read from legacy in one snapshot and written in
/// one transaction of the new
/// side that holds the range's entity rows; whatever the new side has accepted at that version or a newer one stays: a live write always
/// wins, in either order. The
/// next chunk is read while the present one is written. Killed anywhere, it goes on from the last committed chunk.
/// </summary>
public sealed class BackfillJob
{
    private const string Operation = "Backfill";

    private readonly ContextRuntime _runtime;
    private readonly BackfillOptions _options;

    /// <param name="runtime">The context.</param>
    /// <param name="options">Validated here; not to be changed afterwards.</param>
    public BackfillJob(ContextRuntime runtime, BackfillOptions options)
    {
        options.Validate();
        _runtime = runtime;
        _options = options;
    }

    /// <summary>
    /// Runs or resumes to the end. Throws <see cref="WrongStageException"/> unless the context stands in DualWrite or ShadowRead, and when
    /// a flip takes it
    /// elsewhere; what was committed until then stays, and the next run goes on from there if DualWrite was not entered anew.
    /// </summary>
    public async Task<BackfillResult> RunAsync(string kind, IProgress<BackfillProgress>? progress, CancellationToken cancellationToken)
    {
        var run = new BackfillRun(_runtime, _options, _runtime.Kind(kind), progress);
        return await run.RunAsync(cancellationToken);
    }

    /// <summary>Throws unless legacy leads and the new side follows.</summary>
    internal static void Check(string context, FenceRow fence, FenceRole role, long? dualEpoch)
    {
        if (fence.Stage is not (Stage.DualWrite or Stage.ShadowRead) || fence.Role != role
            || (dualEpoch is { } epoch && fence.DualEpoch != epoch))
        {
            throw new WrongStageException(
                context, Operation, fence.Stage,
                "DualWrite or ShadowRead from its first row to its last, without a flip or a new DualWrite in between");
        }
    }
}

/// <summary>One run of a <see cref="BackfillJob"/>.</summary>
internal sealed class BackfillRun
{
    private const int RequestsAPage = 500;

    private readonly ContextRuntime _runtime;
    private readonly BackfillOptions _options;
    private readonly EntityKind _kind;
    private readonly ChunkMapper _mapper;
    private readonly ChunkSizer _sizer;
    private readonly TransientRetry _retry;
    private readonly LagThrottle? _throttle;
    private readonly BackfillMeter _meter;
    private readonly ILogger _log;
    private long _removed;
    private int _passes;

    public BackfillRun(ContextRuntime runtime, BackfillOptions options, EntityKind kind, IProgress<BackfillProgress>? progress)
    {
        _runtime = runtime;
        _options = options;
        _kind = kind;
        _mapper = new ChunkMapper(kind.Legacy.Lens, kind.New.Lens, runtime.Hasher, runtime.Time);
        _sizer = new ChunkSizer(options.ChunkTarget, options.FirstChunk, options.MaxChunk);
        _retry = new TransientRetry(runtime.Time, options.Attempts, options.RetryPause);
        _throttle = options.PauseForLag ? new LagThrottle(runtime, TimeSpan.MaxValue) : null;
        _meter = new BackfillMeter(runtime.Time, options.MaxRowsPerSecond, progress);
        _log = runtime.Loggers.CreateLogger<BackfillJob>();
    }

    private ISideStore Legacy => _runtime.Sides.Legacy.Store;

    private ISideStore New => _runtime.Sides.New.Store;

    private int ChunkRows => _options.MaxRowsPerSecond is { } rate
        ? Math.Clamp((int)Math.Min(int.MaxValue, rate * _options.ChunkTarget.TotalSeconds), 1, _sizer.Rows)
        : _sizer.Rows;

    private IBackfillTarget Target => _runtime.Sides.BackfillTarget;

    public async Task<BackfillResult> RunAsync(CancellationToken cancellationToken)
    {
        var fence = await _runtime.Sides.Legacy.Fence.ReadAsync(cancellationToken);
        BackfillJob.Check(_runtime.Context, fence, FenceRole.Lead, null);
        await ReplicaException.RequirePrimariesAsync(_runtime, cancellationToken);
        await _runtime.Schema.RequireAsync(cancellationToken);
        await CaptureService.RequireAsync(_runtime, "The backfill", cancellationToken);
        await RaiseFollowerAsync(fence, cancellationToken);
        var legacy = await Legacy.BoundsAsync(_kind.Name, cancellationToken);
        var checkpoint = await Target.ReadCheckpointAsync(_kind.Name, cancellationToken);
        var beginning = Beginning(legacy);
        if (checkpoint is not null && checkpoint.IsComplete(fence.DualEpoch) && !_options.Again)
        {
            return new BackfillResult(0, 0, 0, 0, AlreadyComplete: true);
        }

        var at = checkpoint is not null && checkpoint.DualEpoch == fence.DualEpoch && checkpoint.Phase != BackfillPhase.Done
            ? checkpoint
            : new BackfillCheckpoint(fence.DualEpoch, 1, beginning, 0, BackfillPhase.Copying, null);
        _log.BackfillBegan(_runtime.Context, _kind.Name, at.Pass, at.Phase, at.NextId, at.DualEpoch);
        while (at.Phase == BackfillPhase.Copying)
        {
            at = await CopyAsync(at, legacy, cancellationToken);
            at = at.WrittenInPass > 0
                ? at with { Pass = at.Pass + 1, NextId = beginning, WrittenInPass = 0 }
                : at with { Phase = BackfillPhase.Removing, NextId = long.MinValue };
        }

        at = await RemoveAsync(at, beginning, cancellationToken);
        await CarryRequestsAsync(at, cancellationToken);
        await CompleteAsync(at, cancellationToken);
        var (quarantined, _) = await _runtime.Sides.Quarantine.CountAsync(_kind.Name, cancellationToken);
        _log.BackfillComplete(_runtime.Context, _kind.Name, _meter.Written, _removed, quarantined);
        return new BackfillResult(_passes, _meter.Written, _removed, quarantined);
    }

    // The new side learns of a move that kept the lead from whoever first has to do with it, as in an apply.
    private async Task RaiseFollowerAsync(FenceRow lead, CancellationToken cancellationToken)
    {
        var fence = _runtime.Sides.New.Fence;
        var behind = await fence.ReadAsync(cancellationToken);
        if (FollowerApplier.MustBeRaised(behind, lead))
        {
            await fence.CompareAndSetAsync(
                behind, new FenceRow(FenceRole.Follower, lead.Stage, lead.Epoch, lead.DualEpoch),
                _runtime.Options.FenceLockTimeout, cancellationToken);
        }
    }

    private static long Beginning(KeyBounds legacy) => legacy.From <= legacy.To ? Math.Min(1, legacy.From) : 1;

    private async Task<BackfillCheckpoint> CopyAsync(BackfillCheckpoint at, KeyBounds legacy, CancellationToken cancellationToken)
    {
        _passes++;
        _meter.BeginPass(at, legacy);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadChunkAsync(at, at.NextId, stop.Token);
        try
        {
            while (await reading is { } chunk)
            {
                // One chunk ahead and no more: that keeps the order, and two chunks in memory.
                reading = chunk.To == long.MaxValue ? Task.FromResult<LegacyChunk?>(null) : ReadChunkAsync(at, chunk.To + 1, stop.Token);
                at = await WriteAsync(at, chunk, stop.Token);
            }
        }
        finally
        {
            stop.Cancel();
            await EndAsync(reading);
        }

        return at;
    }

    // What stopped the pass is on its way up already, or is this very failure.
    private static async Task EndAsync(Task reading)
    {
        try
        {
            await reading;
        }
        catch (Exception) when (reading.IsCompleted)
        {
        }
    }

    private async Task<LegacyChunk?> ReadChunkAsync(BackfillCheckpoint at, long from, CancellationToken cancellationToken)
    {
        await ThrottleAsync(cancellationToken);
        var started = _runtime.Time.GetTimestamp();
        var read = await _retry.RunAsync(async () =>
        {
            var end = await Legacy.ChunkEndAsync(_kind.Name, from, ChunkRows, cancellationToken);
            return end is { } to ? (to, Snapshot: await Legacy.ReadRangeAsync(_kind.Name, from, to, cancellationToken))
                : ((long, RangeSnapshot Snapshot)?)null;
        }, _meter.Say, cancellationToken);
        if (read is not var (last, snapshot))
        {
            return null;
        }

        BackfillJob.Check(_runtime.Context, snapshot.Fence, FenceRole.Lead, at.DualEpoch);
        _meter.CountRead(snapshot.Items.Count);
        return _mapper.Map(snapshot, (from, last), ahead: at.Pass == 1, _runtime.Time.GetElapsedTime(started));
    }

    private async Task ThrottleAsync(CancellationToken cancellationToken)
    {
        await _meter.KeepRateAsync(cancellationToken);
        if (_throttle is not null)
        {
            await _throttle.WaitAsync(SideName.Legacy, _meter.Say, cancellationToken);
        }
    }

    private async Task<BackfillCheckpoint> WriteAsync(BackfillCheckpoint at, LegacyChunk chunk, CancellationToken cancellationToken)
    {
        var started = _runtime.Time.GetTimestamp();
        var (next, written, quarantined) = await CommitAsync(at, chunk.From, chunk.To, async target =>
        {
            var (writes, unreadable, journalled) = await PrepareAsync(chunk, target, cancellationToken);
            if (writes.Count > 0)
            {
                await target.WriteAsync(writes, cancellationToken);
            }

            await target.QuarantineAsync(unreadable, cancellationToken);
            var next = at with { NextId = Next(chunk.To), WrittenInPass = at.WrittenInPass + writes.Count - journalled };
            return (next, writes.Count, unreadable.Count);
        }, cancellationToken);
        if (quarantined > 0)
        {
            _log.SetAside(_runtime.Context, quarantined, _kind.Name, chunk.From, chunk.To);
        }

        var took = _runtime.Time.GetElapsedTime(started);
        _sizer.Took(chunk.Rows, took > chunk.Took ? took : chunk.Took);
        _meter.Add(chunk.Rows, written, quarantined);
        return next;
    }

    private async Task<(List<BackfillWrite> Writes, List<QuarantineEntry> Unreadable, int Journalled)> PrepareAsync(
        LegacyChunk chunk, IBackfillChunk target, CancellationToken cancellationToken)
    {
        List<QuarantineEntry> unreadable = [.. chunk.Unreadable];
        var news = chunk.Entities.Where(entity => entity.IsNewsTo(target.Entities.GetValueOrDefault(entity.Id))).ToList();

        // Also those without an entity row: somebody may have put a row there, and it is taken over instead of ending the run with a
        // duplicate.
        var rows = news.Count == 0 ? null : await target.ReadRowsAsync([.. news.Select(entity => entity.Id)], cancellationToken);
        var writes = new List<BackfillWrite>(news.Count);
        var journalled = 0;
        foreach (var entity in news)
        {
            var was = rows!.GetValueOrDefault(entity.Id);
            if (entity.Row is null && was is null && !target.Entities.ContainsKey(entity.Id))
            {
                continue;
            }

            if (_mapper.TryWrite(entity, target.Entities.GetValueOrDefault(entity.Id), was, unreadable) is { } write)
            {
                writes.Add(write);
                journalled += entity.IsJournalledFor(target.Entities.GetValueOrDefault(entity.Id)) ? 1 : 0;
            }
        }

        return (writes, unreadable, journalled);
    }

    /// <summary>One transaction of the new side, repeated while failures pass. A lost COMMIT is looked up in the checkpoint that it would
    /// have left.</summary>
    private Task<(BackfillCheckpoint Next, int Written, int Quarantined)> CommitAsync(
        BackfillCheckpoint at,
        long from,
        long to,
        Func<IBackfillChunk, Task<(BackfillCheckpoint Next, int Written, int Quarantined)>> write,
        CancellationToken cancellationToken)
    {
        (BackfillCheckpoint Next, int Written, int Quarantined)? uncertain = null;
        return _retry.RunAsync(async () =>
        {
            if (uncertain is { } sent && await Target.ReadCheckpointAsync(_kind.Name, cancellationToken) == sent.Next)
            {
                return sent;
            }

            uncertain = null;
            await using var target = await Target.BeginChunkAsync(_kind.Name, from, to, cancellationToken);
            BackfillJob.Check(_runtime.Context, target.Fence, FenceRole.Follower, at.DualEpoch);
            await _runtime.ReachAsync(HookPoint.BackfillBegun, SideName.New);
            var result = await write(target);
            try
            {
                await CommitAsync(target, result.Next, cancellationToken);
            }
            catch (CommitOutcomeUnknownException)
            {
                uncertain = result;
                throw;
            }

            return result;
        }, _meter.Say, cancellationToken);
    }

    private async Task CommitAsync(IBackfillChunk target, BackfillCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        await _runtime.ReachAsync(HookPoint.BackfillBeforeCommit, SideName.New);
        await target.CommitAsync(checkpoint, cancellationToken);
        await _runtime.ReachAsync(HookPoint.BackfillCommitted, SideName.New);
    }

    /// <summary>
    /// Walks the new side and takes away, as tombstones, what legacy does not have. First it only looks, to the end: a legacy table that is empty by mistake must
    /// not empty the new side, and the share that would go is not known before.
    /// </summary>
    private async Task<BackfillCheckpoint> RemoveAsync(BackfillCheckpoint at, long beginning, CancellationToken cancellationToken)
    {
        var bounds = await New.BoundsAsync(_kind.Name, cancellationToken);
        var from = Math.Min(1, bounds.From);
        at = at with { NextId = from };
        _meter.BeginPass(at, bounds);
        var removals = new Removals(_runtime.Context, _kind.Name, _options);
        while (await ReadBothAsync(from, cancellationToken) is var (to, _, present, candidates))
        {
            removals.Add(from, to, present, candidates);
            if (to == long.MaxValue)
            {
                break;
            }

            from = to + 1;
        }

        if (removals.TooMany() is { } refused)
        {
            // From the beginning, once legacy is as it should be: what is restored has not been copied.
            await CommitAsync(at, beginning, beginning, _ => Task.FromResult((
                at with { Pass = 1, NextId = beginning, WrittenInPass = 0, Phase = BackfillPhase.Copying }, 0, 0)), cancellationToken);
            throw refused;
        }

        foreach (var chunk in removals.Chunks)
        {
            await ThrottleAsync(cancellationToken);
            at = await RemoveChunkAsync(at with { NextId = chunk.From }, chunk.To, chunk.Ids, cancellationToken);
        }

        return at;
    }

    // The new side is read first. What a live write creates after that is on neither list; what legacy loses after that travels by the
    // journal.
    private async Task<(long To, int Rows, int Present, List<long> Candidates)?> ReadBothAsync(long from, CancellationToken cancellationToken)
    {
        await ThrottleAsync(cancellationToken);
        var started = _runtime.Time.GetTimestamp();
        var read = await _retry.RunAsync(() => TryReadBothAsync(from, cancellationToken), _meter.Say, cancellationToken);
        if (read is var (_, rows, _, _))
        {
            _sizer.Took(rows, _runtime.Time.GetElapsedTime(started));
            _meter.CountRead(rows);
            _meter.Add(rows, 0, 0);
        }

        return read;
    }

    private async Task<(long To, int Rows, int Present, List<long> Candidates)?> TryReadBothAsync(long from, CancellationToken cancellationToken)
    {
        if (await New.ChunkEndAsync(_kind.Name, from, ChunkRows, cancellationToken) is not { } to)
        {
            return null;
        }

        var @new = await New.ReadRangeAsync(_kind.Name, from, to, cancellationToken);
        var legacy = await Legacy.ReadRangeAsync(_kind.Name, from, to, cancellationToken);
        var alive = legacy.Items.Where(item => item.Row is not null).Select(item => item.Id).ToHashSet();
        var there = @new.Items.Where(item => item.Row is not null).Select(item => item.Id).ToList();
        return (to, @new.Items.Count, there.Count, there.FindAll(id => !alive.Contains(id)));
    }

    private async Task<BackfillCheckpoint> RemoveChunkAsync(
        BackfillCheckpoint at, long to, List<long> candidates, CancellationToken cancellationToken)
    {
        var (next, removed, _) = await CommitAsync(at, at.NextId, to, async target =>
        {
            List<BackfillWrite> writes = [];
            var rows = await target.ReadRowsAsync(candidates, cancellationToken);
            foreach (var (id, row) in rows)
            {
                // Legacy is asked again now that no apply can come in between: an entity that was created meanwhile, or whose newer delete
                // is on its way, stays.
                var state = await Legacy.ReadAsync(new EntityKey(_kind.Name, id), cancellationToken);
                BackfillJob.Check(_runtime.Context, state.Fence, FenceRole.Lead, at.DualEpoch);
                var version = state.Version(at.DualEpoch);
                var seq = state.Entity?.ForeignSeq ?? 0;
                if (state.Row is null && !IsAhead(target.Entities.GetValueOrDefault(id), version, seq))
                {
                    writes.Add(new BackfillWrite(id, row, null, new EntityState(version, seq, true, [])));
                }
            }

            if (writes.Count > 0)
            {
                await target.WriteAsync(writes, cancellationToken);
            }

            return (at with { NextId = Next(to) }, writes.Count, 0);
        }, cancellationToken);
        _removed += removed;
        return next;
    }

    // Accepted more than legacy has: legacy was set back, or lost its entity row. That is reconciliation's to report, not ours to settle by
    // deleting.
    private static bool IsAhead(EntityState? accepted, EntityVersion version, long foreignSeq) =>
        accepted is not null && (accepted.Version > version || accepted.ForeignSeq > foreignSeq);

    // Request keys travel with the state, and a chunk has brought over states without them: what LegacyOnly wrote, and live writes whose
    // apply then found nothing newer. All of those were committed before the chunk was read, so one walk after the last chunk finds them;
    // what is written meanwhile is carried by its own apply. Without them a retry after a flip would be carried out a second time.
    private async Task CarryRequestsAsync(BackfillCheckpoint at, CancellationToken cancellationToken)
    {
        for (EntityRequest? last = null; ;)
        {
            await ThrottleAsync(cancellationToken);
            var after = last;
            var page = await _retry.RunAsync(
                () => Legacy.RequestsAsync(_kind.Name, after, RequestsAPage, cancellationToken), _meter.Say, cancellationToken);
            if (page.Count == 0)
            {
                return;
            }

            // Not by CommitAsync: the checkpoint is the same for every page, and could not tell whether a lost COMMIT happened. Repeated it
            // does no harm.
            await _retry.RunAsync(async () =>
            {
                await using var target = await Target.BeginChunkAsync(_kind.Name, at.NextId, at.NextId, cancellationToken);
                BackfillJob.Check(_runtime.Context, target.Fence, FenceRole.Follower, at.DualEpoch);
                await _runtime.ReachAsync(HookPoint.BackfillBegun, SideName.New);
                await target.SaveRequestsAsync(page, cancellationToken);
                await CommitAsync(target, at, cancellationToken);
                return page.Count;
            }, _meter.Say, cancellationToken);
            last = page[^1];
        }
    }

    // The disturbance first: were it lost between the two, a reconciliation from before this backfill would open gates. Twice does no harm.
    private async Task CompleteAsync(BackfillCheckpoint at, CancellationToken cancellationToken)
    {
        await _runtime.Sides.Reconciliations.DisturbAsync($"backfill of {_kind.Name} completed", cancellationToken);
        var done = at with { Phase = BackfillPhase.Done, CompletedUtc = _runtime.Time.GetUtcNow().UtcDateTime };
        await CommitAsync(at, at.NextId, at.NextId, _ => Task.FromResult((done, 0, 0)), cancellationToken);
        _meter.Complete(done);
    }

    private static long Next(long id) => id == long.MaxValue ? id : id + 1;
}
