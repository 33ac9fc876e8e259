using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>
/// One run: walkers compare key ranges side by side, one loop re-checks what they suspect. What both have settled is added up in one tally;
/// memory is bounded by
/// the chunks being read and the suspects held.
/// </summary>
internal sealed class ReconciliationPass
{
    // Enough that ranges of very different density keep all walkers busy to the end.
    private const int SlicesPerWalker = 8;
    private const int RecheckBatch = 500;

    // After that a full queue holds the walker up instead: the suspects are not passing by themselves.
    private const int MaxDeferrals = 2;

    private readonly ContextRuntime _runtime;
    private readonly ReconciliationOptions _options;
    private readonly EntityKind _kind;
    private readonly ReconciliationScope _scope;
    private readonly IProgress<ReconciliationProgress>? _progress;
    private readonly PairReader _reader;
    private readonly Classifier _classifier;
    private readonly LagThrottle _throttle;
    private readonly ChunkSizer _sizer;
    private readonly ValueMask _mask;
    private readonly SuspectQueue _suspects;
    private readonly ConcurrentQueue<KeyRange> _ranges = new();
    private readonly Lock _gate = new();
    private readonly long _startedAt;
    private TaskCompletionSource _stirred = new();
    private ExceptionDispatchInfo? _failure;
    private volatile bool _walked;
    private long _total;
    private string? _waiting;

    public ReconciliationPass(
        ContextRuntime runtime,
        ReconciliationOptions options,
        ReconciliationScope scope,
        PairReader reader,
        Classifier classifier,
        (SideName Lead, FenceRow Fence) start,
        IProgress<ReconciliationProgress>? progress)
    {
        _runtime = runtime;
        _options = options;
        _kind = runtime.Kind(scope.Kind);
        _scope = scope;
        _progress = progress;
        _reader = reader;
        _classifier = classifier;
        (Lead, Fence) = start;
        _throttle = new LagThrottle(runtime, options.PauseForLag);
        _sizer = new ChunkSizer(options.ChunkTarget, options.FirstChunk, options.MaxChunk);
        _mask = new ValueMask(runtime.Hasher);
        _suspects = new SuspectQueue(options.MaxSuspects);
        _startedAt = runtime.Time.GetTimestamp();
        Tally = NewTally();
    }

    public Tally Tally { get; }

    /// <summary>The lead as last seen.</summary>
    public SideName Lead { get; private set; }

    public FenceRow Fence { get; private set; }

    public long Rechecks { get; private set; }

    public long HotKeys { get; private set; }

    public long DeferredChunks { get; private set; }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await PlanAsync(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var walkers = Enumerable.Range(0, _options.Parallelism).Select(_ => GuardAsync(WalkAsync, stop)).ToList();
        var recheck = GuardAsync(RecheckAsync, stop);
        await Task.WhenAll(walkers);
        _walked = true;
        Stir();
        await recheck;
        _failure?.Throw();
        if (_scope.IsFull)
        {
            await FindUnmappedAsync(cancellationToken);
        }

        Report();
    }

    private async Task PlanAsync(CancellationToken cancellationToken)
    {
        var legacy = await _runtime.Sides.Legacy.Store.BoundsAsync(_kind.Name, cancellationToken);
        var @new = await _runtime.Sides.New.Store.BoundsAsync(_kind.Name, cancellationToken);
        _total = _scope.Keys?.Count ?? (_scope.IsFull ? Math.Max(legacy.Rows, @new.Rows) : 0);
        foreach (var range in KeyRanges.Of(_scope, legacy, @new, _options.Parallelism * SlicesPerWalker))
        {
            _ranges.Enqueue(range);
        }
    }

    // The first failure stops all loops, and is the one that is thrown; what it causes elsewhere is only noise.
    private async Task GuardAsync(Func<CancellationToken, Task> loop, CancellationTokenSource stop)
    {
        await Task.Yield();
        try
        {
            await loop(stop.Token);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            stop.Cancel();
            Stir();
        }
    }

    private async Task WalkAsync(CancellationToken cancellationToken)
    {
        while (_ranges.TryDequeue(out var range))
        {
            await WalkRangeAsync(range, cancellationToken);
        }
    }

    private async Task WalkRangeAsync(KeyRange range, CancellationToken cancellationToken)
    {
        var from = range.From;
        while (true)
        {
            await _throttle.WaitAsync(Lead, Say, cancellationToken);
            var started = _runtime.Time.GetTimestamp();
            var end = await EndAsync(from, range.To, cancellationToken);

            var pairs = await _reader.ReadAsync(from, end, withClocks: false, cancellationToken);
            await CompareAsync(range with { From = from, To = end }, pairs, cancellationToken);
            _sizer.Took(pairs.Count, _runtime.Time.GetElapsedTime(started));
            Report();
            if (end >= range.To)
            {
                return;
            }

            from = end + 1;
        }
    }

    // What has no more ids than a chunk may have rows needs no look for its end.
    private async Task<long> EndAsync(long from, long to, CancellationToken cancellationToken)
    {
        var rows = _sizer.Rows;
        return (Int128)to - from < rows ? to : Math.Min(to, await _reader.ChunkEndAsync(from, rows, cancellationToken) ?? to);
    }

    private async Task CompareAsync(KeyRange chunk, IReadOnlyList<PairView> pairs, CancellationToken cancellationToken)
    {
        var tally = NewTally();
        List<Suspect> suspects = [];
        Dictionary<long, long> seen = [];
        foreach (var pair in pairs)
        {
            See(pair);
            if (Sharing(pair, seen) is { } shared)
            {
                Add(tally, pair, shared, signedOff: false);
            }
            else if (pair.Lead is null || _classifier.Classify(pair) is not { IsFinal: true } finding)
            {
                suspects.Add(new Suspect(pair));
            }
            else if (ReferenceEquals(finding, Finding.Matched))
            {
                tally.AddMatched(pair);
            }
            else
            {
                Add(tally, pair, finding, await IsSignedOffAsync(pair, finding, cancellationToken));
            }
        }

        if (await HandOverAsync(chunk, suspects, cancellationToken))
        {
            lock (_gate)
            {
                Tally.Merge(tally);
            }
        }
    }

    // Two public ids that lead to one row: its unique key prevents that, unless it was dropped. Seen where both lie in one chunk.
    private static Finding? Sharing(PairView pair, Dictionary<long, long> seen) =>
        pair.NewId is { } newId && !seen.TryAdd(newId, pair.Id)
            ? Finding.Of(Verdict.Unmapped, $"its map row shares new id {newId} with public id {seen[newId]}")
            : null;

    /// <summary>
    /// Hands suspects to the re-check. False: there is no room, the whole chunk counts for nothing and is read anew later, when most of
    /// them have passed by
    /// themselves. A chunk put off too often waits for room instead.
    /// </summary>
    private async Task<bool> HandOverAsync(KeyRange chunk, List<Suspect> suspects, CancellationToken cancellationToken)
    {
        var added = 0;
        while (added < suspects.Count)
        {
            var mayDefer = chunk.Deferrals < MaxDeferrals && added == 0;
            added = _suspects.Add(suspects, added, _runtime.Time.GetUtcNow() + _options.RecheckDelay, allOrNothing: mayDefer);
            Stir();
            if (added < suspects.Count && mayDefer)
            {
                _ranges.Enqueue(chunk with { Deferrals = chunk.Deferrals + 1 });
                lock (_gate)
                {
                    DeferredChunks++;
                }

                return false;
            }

            if (added < suspects.Count)
            {
                await Task.Delay(_options.RecheckDelay, _runtime.Time, cancellationToken);
            }
        }

        return true;
    }

    private async Task RecheckAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // Taken before looking: what is added after the look completes it.
            var (stirred, walked) = (Volatile.Read(ref _stirred).Task, _walked);
            var due = _suspects.TakeDue(_runtime.Time.GetUtcNow(), RecheckBatch);
            if (due.Count > 0)
            {
                await RecheckAsync(due, cancellationToken);
            }
            else if (_suspects.Count > 0)
            {
                await Task.Delay(_options.RecheckDelay / 2, _runtime.Time, cancellationToken);
            }
            else if (walked)
            {
                return;
            }
            else
            {
                await stirred;
            }
        }
    }

    private void Stir() => Interlocked.Exchange(ref _stirred, new TaskCompletionSource()).TrySetResult();

    private async Task RecheckAsync(IReadOnlyList<Suspect> due, CancellationToken cancellationToken)
    {
        var pairs = (await _reader.ReadKeysAsync(due.Select(suspect => suspect.Id), cancellationToken)).ToDictionary(pair => pair.Id);
        foreach (var suspect in due)
        {
            var (before, now) = (suspect.Last, pairs[suspect.Id]);
            See(now);
            suspect.Last = now;
            suspect.Attempts++;
            if (RecheckRules.Decide(before, now, _classifier.Classify, suspect.Attempts >= _options.Rechecks) is { } finding)
            {
                await SettleAsync(now, finding, cancellationToken);
            }
            else
            {
                _suspects.Back(suspect, _runtime.Time.GetUtcNow() + RecheckRules.Delay(_options.RecheckDelay, suspect.Attempts));
            }
        }

        lock (_gate)
        {
            Rechecks += due.Count;
        }

        Report();
    }

    private async Task SettleAsync(PairView pair, Finding finding, CancellationToken cancellationToken)
    {
        var signedOff = await IsSignedOffAsync(pair, finding, cancellationToken);
        lock (_gate)
        {
            Add(Tally, pair, finding, signedOff);
            HotKeys += finding.Note == RecheckRules.KeptChanging ? 1 : 0;
        }

        _suspects.Settle();
    }

    private async Task<bool> IsSignedOffAsync(PairView pair, Finding finding, CancellationToken cancellationToken)
    {
        if (finding.Verdict != Verdict.Unreadable || pair.Legacy.Unreadable is not { } unreadable)
        {
            return false;
        }

        var entry = await _runtime.Sides.Quarantine.FindAsync(new EntityKey(_kind.Name, pair.Id), cancellationToken);
        return entry is { SignedOffBy: not null } && entry.Place == unreadable.Place && entry.Reason == unreadable.Reason;
    }

    private async Task FindUnmappedAsync(CancellationToken cancellationToken)
    {
        var first = await UnmappedAsync(cancellationToken);
        if (first.Count == 0)
        {
            return;
        }

        await Task.Delay(_options.RecheckDelay, _runtime.Time, cancellationToken);
        var persistent = first.Intersect(await UnmappedAsync(cancellationToken)).ToList();
        foreach (var newId in persistent.Take(_options.MaxUnmapped))
        {
            Tally.AddUnmapped(new EntityFinding(0, Verdict.Unmapped, [], "a row of the new side that no map row points to", newId));
        }

        if (persistent.Count > _options.MaxUnmapped)
        {
            Tally.MarkTruncated();
        }
    }

    private Task<IReadOnlyList<long>> UnmappedAsync(CancellationToken cancellationToken) =>
        _runtime.Sides.New.Store.UnmappedAsync(_kind.Name, _options.MaxUnmapped + 1, cancellationToken);

    private void Add(Tally tally, PairView pair, Finding finding, bool signedOff) =>
        tally.Add(pair, finding, signedOff, () => Findings.Describe(pair, finding, _kind.Legacy.Lens.Schema, _mask));

    private Tally NewTally() => new(
        _kind.Legacy.Lens.Schema, _options.Sums.Where(sum => sum.Kind == _kind.Name), _options.SamplesPerVerdict, _options.MaxDifferingIds);

    private void See(PairView pair)
    {
        if (pair.Lead is { } lead && pair.Fence.Epoch >= Fence.Epoch)
        {
            lock (_gate)
            {
                (Lead, Fence) = (lead, pair.Fence);
            }
        }
    }

    private void Say(string? waiting)
    {
        _waiting = waiting;
        Report();
    }

    private void Report()
    {
        if (_progress is null)
        {
            return;
        }

        long done;
        lock (_gate)
        {
            done = Tally.Entities;
        }

        var rate = Rates.PerSecond(done, _runtime.Time.GetElapsedTime(_startedAt));
        _progress.Report(new ReconciliationProgress(done, _total, rate, Rates.Left(_total - done, rate), _suspects.Count, _waiting));
    }
}
