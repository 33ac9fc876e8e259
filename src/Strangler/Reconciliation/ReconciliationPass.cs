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
    // Enough that ranges of very different density keep all walkers busy to the end, and the last to end is not alone for long. Of a small table
    // fewer, each with a few chunks.
    private const int SlicesPerWalker = 8;
    private const int MostSlicesPerWalker = 32;
    private const int ChunksPerSlice = 2;
    private const int RecheckBatch = 250;
    private const int UnmappedPage = 2000;

    /// <summary>Public ids that share a row of the new side and are known before the walk; what is beyond is seen where two meet in one
    /// chunk.</summary>
    internal const int MostShared = 100_000;

    // A key without its rows is that much less to hold in memory.
    private const int MarksPerRow = 10;

    // Of the time that a step takes: how long is rested after it while others write.
    private const int RestPerStep = 5;

    // From this share of ids in use on, a chunk ends after as many ids as it may have rows: to look for a better end costs more.
    private const double Dense = 0.5;

    // After that a full queue holds the walker up instead: the suspects are not passing by themselves.
    private const int MaxDeferrals = 2;

    private readonly ContextRuntime _runtime;
    private readonly ReconciliationOptions _options;
    private readonly EntityKind _kind;
    private readonly ReconciliationScope _scope;
    private readonly IProgress<ReconciliationProgress>? _progress;
    private readonly PairReader _reader;
    private readonly Classifier _classifier;
    private readonly LoadThrottle _throttle;
    private readonly RunKeeper _keeper;
    private readonly ChunkSizer _sizer;
    private readonly ChunkSizer _steps;
    private readonly ValueMask _mask;
    private readonly SuspectQueue _suspects;

    // What is still to be compared: ranges nobody has taken, what is left of those being walked, and suspects. All under the gate
    // together with the tally, so
    // that at any moment each entity is either counted or in exactly one of them.
    private readonly Queue<KeyRange> _ranges = [];
    private readonly Dictionary<int, KeyRange> _walking = [];
    private readonly HashSet<long> _open = [];
    private readonly Lock _gate = new();
    private readonly OneAtATime _telling = new();
    private readonly OneAtATime _gently = new();
    private readonly long _startedAt;
    private readonly Tally _unmapped;
    private long _doneBefore;
    private TaskCompletionSource _stirred = new();
    private ExceptionDispatchInfo? _failure;
    private volatile bool _walked;
    private double _share;
    private int _taken;
    private long _total;
    private string? _waiting;
    private IReadOnlyDictionary<long, long> _shared = new Dictionary<long, long>();

    public ReconciliationPass(
        ContextRuntime runtime,
        ReconciliationOptions options,
        ReconciliationScope scope,
        PairReader reader,
        Classifier classifier,
        (SideName Lead, FenceRow Fence) start,
        RunKeeper keeper,
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
        _keeper = keeper;
        _throttle = new LoadThrottle(runtime, options, () => keeper.CommitTook);
        var size = scope.Incremental ? MarksPerRow : 1;
        _sizer = new ChunkSizer(options.ChunkTarget, options.FirstChunk * size, options.MaxChunk * size);
        _steps = new ChunkSizer(options.GentleTarget, Math.Min(options.GentleChunk, options.MaxChunk), options.MaxChunk);
        _mask = new ValueMask(runtime.Hasher);
        _suspects = new SuspectQueue(options.MaxSuspects);
        _startedAt = runtime.Time.GetTimestamp();
        (Tally, _unmapped) = (NewTally(), NewTally());
    }

    /// <summary>What has been compared so far; a checkpoint holds it.</summary>
    public Tally Tally { get; }

    /// <summary>All of it, rows that no public id leads to included: those are looked for at the very end, and anew by a resumed
    /// run.</summary>
    public Tally Total()
    {
        var total = NewTally();
        total.Merge(Tally);
        total.Merge(_unmapped);
        return total;
    }

    /// <summary>Entities settled since this process began.</summary>
    public long Done => Tally.Entities + Tally.Trusted - _doneBefore;

    /// <summary>The lead as last seen.</summary>
    public SideName Lead { get; private set; }

    public FenceRow Fence { get; private set; }

    public long Rechecks { get; private set; }

    public long HotKeys { get; private set; }

    public long DeferredChunks { get; private set; }

    /// <summary>What the run rests on, for its checkpoints; set before it runs.</summary>
    public required Func<ReconciliationPass, RunState> Describe { get; init; }

    /// <summary>The run's number.</summary>
    public required long RunId { get; init; }

    public async Task RunAsync(RunState? before, CancellationToken cancellationToken)
    {
        await PlanAsync(before, cancellationToken);
        await TellAsync(before is null ? [] : Kept(before.Tally), cancellationToken);
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

    /// <summary>The state at this moment, for a checkpoint.</summary>
    public string Snapshot()
    {
        lock (_gate)
        {
            return Describe(this).ToJson();
        }
    }

    /// <summary>What is still to be compared; under the gate.</summary>
    public IReadOnlyList<KeyRange> ToDo() => [.. KeyRanges.Lists(_open), .. _walking.Values, .. _ranges];

    private async Task PlanAsync(RunState? before, CancellationToken cancellationToken)
    {
        var legacy = await _runtime.Sides.Legacy.Store.BoundsAsync(_kind.Name, cancellationToken);
        var @new = await _runtime.Sides.New.Store.BoundsAsync(_kind.Name, cancellationToken);
        _shared = await _runtime.Sides.New.Store.SharedAsync(_kind.Name, MostShared, cancellationToken);
        _total = _scope.Keys?.Count ?? (_scope.IsFull ? Math.Max(legacy.Rows, @new.Rows) : 0);
        if (before is not null)
        {
            Tally.Add(before.Tally);
            _doneBefore = Tally.Entities + Tally.Trusted;
            (Rechecks, HotKeys, DeferredChunks) = (before.Rechecks, before.HotKeys, before.DeferredChunks);
        }

        foreach (var range in before?.ToDo ?? KeyRanges.Of(_scope, legacy, @new, Slices(Math.Max(legacy.Rows, @new.Rows))))
        {
            _ranges.Enqueue(range);
        }
    }

    private int Slices(long rows) => _options.Parallelism
        * (int)Math.Clamp(rows / ((long)ChunksPerSlice * _options.MaxChunk * _options.Parallelism), SlicesPerWalker, MostSlicesPerWalker);

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
        while (Take() is { } walk)
        {
            await WalkRangeAsync(walk.Number, walk.Range, cancellationToken);
        }
    }

    private (int Number, KeyRange Range)? Take()
    {
        lock (_gate)
        {
            if (!_ranges.TryDequeue(out var range))
            {
                return null;
            }

            _walking[++_taken] = range;
            return (_taken, range);
        }
    }

    private async Task WalkRangeAsync(int number, KeyRange range, CancellationToken cancellationToken)
    {
        var from = range.From;
        while (true)
        {
            await _throttle.WaitAsync(Lead, Say, cancellationToken);
            _reader.Gently = _throttle.IsGentle;
            var chunk = _throttle.IsGentle
                ? await StepAsync(number, range with { From = from }, cancellationToken)
                : await StrideAsync(number, range with { From = from }, cancellationToken);
            Report();
            await _keeper.SaveIfDueAsync(Snapshot, cancellationToken);
            if (chunk.Rest is not { } rest)
            {
                return;
            }

            from = rest.From;
        }
    }

    private async Task<Chunk> StrideAsync(int number, KeyRange range, CancellationToken cancellationToken)
    {
        var started = _runtime.Time.GetTimestamp();
        var chunk = await CutAsync(number, range, _sizer.Rows, cancellationToken);
        var keys = await CompareAsync(chunk, cancellationToken);
        _sizer.Took(keys, _runtime.Time.GetElapsedTime(started));
        return chunk;
    }

    // While others write: one walker at a time, little at a time, and mostly nothing. So a statement of theirs seldom meets ours, and then
    // waits briefly.
    private Task<Chunk> StepAsync(int number, KeyRange range, CancellationToken cancellationToken) => _gently.RunAsync(async () =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = _runtime.Time.GetTimestamp();
        var chunk = await CutAsync(number, range, _steps.Rows, cancellationToken);
        var keys = await CompareAsync(chunk, cancellationToken);
        var took = _runtime.Time.GetElapsedTime(started);
        _steps.Took(keys, took);
        await Task.Delay(took * RestPerStep, _runtime.Time, cancellationToken);
        return chunk;
    });

    private async Task<Chunk> CutAsync(int number, KeyRange range, int rows, CancellationToken cancellationToken)
    {
        var end = range.Keys is null ? await EndAsync(range.From, range.To, rows, cancellationToken) : range.To;
        return new Chunk(number, range with { To = end }, end < range.To ? range with { From = end + 1 } : null);
    }

    // What has no more ids than a chunk may have rows needs no look for its end.
    private async Task<long> EndAsync(long from, long to, int rows, CancellationToken cancellationToken) =>
        (Int128)to - from < rows ? to
        : Volatile.Read(ref _share) >= Dense ? from + rows - 1
        : Math.Min(to, await _reader.ChunkEndAsync(from, rows, cancellationToken) ?? to);

    private async Task<int> CompareAsync(Chunk chunk, CancellationToken cancellationToken)
    {
        var (from, to, _, keys) = chunk.Range;
        var tally = NewTally();
        IReadOnlyList<PairView> pairs;
        if (keys is not null)
        {
            pairs = await _reader.ReadKeysAsync(keys, withClocks: false, cancellationToken);
        }
        else if (_scope.Incremental)
        {
            pairs = await ReadUntrustedAsync(from, to, tally, cancellationToken);
        }
        else
        {
            pairs = await _reader.ReadAsync(from, to, withClocks: false, cancellationToken);
        }

        await CompareAsync(chunk, pairs, tally, cancellationToken);
        var found = pairs.Count + (int)tally.Trusted;
        if (keys is null)
        {
            Volatile.Write(ref _share, found / ((double)to - from + 1));
        }

        return found;
    }

    private async Task<IReadOnlyList<PairView>> ReadUntrustedAsync(long from, long to, Tally tally, CancellationToken cancellationToken)
    {
        var (legacy, @new, lead) = await _reader.ReadMarksAsync(from, to, cancellationToken);
        var fields = _kind.Legacy.Lens.Schema.Fields.Count;
        List<long> doubtful = [];
        var (i, j) = (0, 0);
        while (i < legacy.Keys.Count || j < @new.Keys.Count)
        {
            var left = i < legacy.Keys.Count ? legacy.Keys[i] : null;
            var right = j < @new.Keys.Count ? @new.Keys[j] : null;
            var id = Math.Min(left?.Id ?? long.MaxValue, right?.Id ?? long.MaxValue);
            left = left?.Id == id ? left : null;
            right = right?.Id == id ? right : null;
            i += left is null ? 0 : 1;
            j += right is null ? 0 : 1;
            if (lead is null || _shared.ContainsKey(id) || !IncrementalRules.Agrees(left, right, lead.DualEpoch, fields))
            {
                doubtful.Add(id);
            }
            else
            {
                tally.AddTrusted(1);
            }
        }

        return doubtful.Count == 0 ? [] : await _reader.ReadKeysAsync(doubtful, withClocks: false, cancellationToken);
    }

    private async Task CompareAsync(Chunk chunk, IReadOnlyList<PairView> pairs, Tally tally, CancellationToken cancellationToken)
    {
        List<Suspect> suspects = [];
        List<EntityFinding> found = [];
        Dictionary<long, long> seen = [];
        foreach (var pair in pairs)
        {
            See(pair);
            if (chunk.Range.Keys is not null && pair.IsUnknown)
            {
                tally.AddUnknown();
            }
            else if (SharedWith(pair, seen) is { } other)
            {
                // The row counts once, with the lowest id that leads to it.
                Add(tally, pair with { New = new SideView { Side = SideName.New } }, Sharing(pair, other), signedOff: false, found);
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
                Add(tally, pair, finding, await IsSignedOffAsync(pair, finding, cancellationToken), found);
            }
        }

        if (await HandOverAsync(chunk, suspects, tally, cancellationToken))
        {
            await TellAsync(found, cancellationToken);
        }
    }

    // Two public ids that lead to one row: its unique key prevents that, unless it was dropped.
    private long? SharedWith(PairView pair, Dictionary<long, long> seen) =>
        _shared.TryGetValue(pair.Id, out var first) ? first
        : pair.NewId is { } newId && !seen.TryAdd(newId, pair.Id) ? seen[newId]
        : null;

    /// <summary>Of a public id whose map row leads to another's row.</summary>
    internal static Finding Sharing(PairView pair, long other) => Finding.Of(
        Verdict.Unmapped, $"its map row shares new id {pair.NewId} with public id {other}: one of the two map rows is wrong, and the map's unique key is gone");

    /// <summary>
    /// Counts the chunk and hands its suspects to the re-check, in one step for whoever takes a checkpoint. Where there is no room, the
    /// whole chunk counts for
    /// nothing and is read anew later, when most of them have passed by themselves. A chunk put off too often waits for room instead.
    /// </summary>
    /// <returns>Whether it counts.</returns>
    private async Task<bool> HandOverAsync(Chunk chunk, List<Suspect> suspects, Tally tally, CancellationToken cancellationToken)
    {
        var due = _runtime.Time.GetUtcNow() + _options.RecheckDelay;
        var mayDefer = chunk.Range.Deferrals < MaxDeferrals;
        int added;
        lock (_gate)
        {
            added = _suspects.Add(suspects, 0, due, allOrNothing: mayDefer);
            Advance(chunk);
            if (added < suspects.Count && mayDefer)
            {
                _ranges.Enqueue(chunk.Range with { Deferrals = chunk.Range.Deferrals + 1 });
                DeferredChunks++;
                return false;
            }

            _open.UnionWith(suspects.Select(suspect => suspect.Id));
            Tally.Merge(tally);
        }

        Stir();
        while (added < suspects.Count)
        {
            await Task.Delay(_options.RecheckDelay, _runtime.Time, cancellationToken);
            added = _suspects.Add(suspects, added, _runtime.Time.GetUtcNow() + _options.RecheckDelay, allOrNothing: false);
            Stir();
        }

        return true;
    }

    private void Advance(Chunk chunk)
    {
        if (chunk.Rest is { } rest)
        {
            _walking[chunk.Walk] = rest;
        }
        else
        {
            _walking.Remove(chunk.Walk);
        }
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
        var pairs = (await _reader.ReadKeysAsync(due.Select(suspect => suspect.Id), withClocks: true, cancellationToken)).ToDictionary(
            pair => pair.Id);
        List<EntityFinding> found = [];
        foreach (var suspect in due)
        {
            var (before, now) = (suspect.Last, pairs[suspect.Id]);
            See(now);
            suspect.Last = now;
            suspect.Attempts++;
            if (RecheckRules.Decide(before, now, _classifier.Classify, suspect.Attempts >= _options.Rechecks) is { } finding)
            {
                await SettleAsync(now, finding, found, cancellationToken);
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

        await TellAsync(found, cancellationToken);
        Report();
        await _keeper.SaveIfDueAsync(Snapshot, cancellationToken);
    }

    private async Task SettleAsync(PairView pair, Finding finding, List<EntityFinding> found, CancellationToken cancellationToken)
    {
        var signedOff = await IsSignedOffAsync(pair, finding, cancellationToken);
        lock (_gate)
        {
            Add(Tally, pair, finding, signedOff, found);
            HotKeys += finding.Note == RecheckRules.KeptChanging ? 1 : 0;
            _open.Remove(pair.Id);
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

    // Page by page, so that their number is exact and the memory is not theirs. A row that is about to get its map row has it at the second
    // look.
    private async Task FindUnmappedAsync(CancellationToken cancellationToken)
    {
        var after = long.MinValue;
        while (await UnmappedAsync(after, cancellationToken) is { Count: > 0 } first)
        {
            await Task.Delay(_options.RecheckDelay, _runtime.Time, cancellationToken);
            var persistent = first.Intersect(await UnmappedAsync(after, cancellationToken)).Select(newId =>
                new EntityFinding(0, Verdict.Unmapped, [], "a row of the new side that no map row points to", newId)).ToList();
            persistent.ForEach(_unmapped.AddUnmapped);
            await TellAsync(persistent, cancellationToken);
            if (first.Count < UnmappedPage)
            {
                return;
            }

            after = first[^1];
        }
    }

    private Task<IReadOnlyList<long>> UnmappedAsync(long after, CancellationToken cancellationToken) =>
        _runtime.Sides.New.Store.UnmappedAsync(_kind.Name, after, UnmappedPage, cancellationToken);

    private void Add(Tally tally, PairView pair, Finding finding, bool signedOff, List<EntityFinding> found)
    {
        EntityFinding? described = null;
        tally.Add(pair, finding, signedOff, Describe);
        if (_options.Found is not null && finding.Verdict is not (null or Verdict.Matched))
        {
            found.Add(Describe());
        }

        EntityFinding Describe() => described ??= Findings.Describe(pair, finding, _kind.Legacy.Lens.Schema, _mask);
    }

    // Once it is counted, and never before: a chunk that is put off is found anew.
    private async Task TellAsync(IReadOnlyList<EntityFinding> found, CancellationToken cancellationToken)
    {
        if (_options.Found is { } tell && found.Count > 0)
        {
            await _telling.RunAsync(async () =>
            {
                await tell(RunId, found, cancellationToken);
                return true;
            });
        }
    }

    private static List<EntityFinding> Kept(TallyState state)
    {
        var samples = state.Samples.Select(sample => sample.Finding).ToList();
        var sampled = samples.Select(sample => (sample.Id, sample.Verdict)).ToHashSet();
        var rest = state.Differing.Where(entity => !sampled.Contains((entity.Id, entity.Verdict)));
        return [.. samples, .. rest.Select(Findings.WithoutValues)];
    }

    /// <summary>Whether the backfill was complete when it began.</summary>
    public bool IsBackfilled => _classifier.IsBackfilled;

    /// <summary>Why the run was held back.</summary>
    public IEnumerable<string> Throttled() => _throttle.Told();

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
            done = Tally.Entities + Tally.Trusted;
        }

        var rate = Rates.PerSecond(done - _doneBefore, _runtime.Time.GetElapsedTime(_startedAt));
        _progress.Report(new ReconciliationProgress(done, _total, rate, Rates.Left(_total - done, rate), _suspects.Count, _waiting));
    }

    /// <summary>What a walker compares at a time.</summary>
    /// <param name="Walk">Which walk it is part of.</param>
    /// <param name="Range">What is compared.</param>
    /// <param name="Rest">What is left of the walk behind it; null: nothing.</param>
    private readonly record struct Chunk(int Walk, KeyRange Range, KeyRange? Rest);
}
