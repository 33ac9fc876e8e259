using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>
/// Compares a sample of reads with the follower, off the callers' path: a bounded queue that drops when it is full, and one loop that owns
/// it. A difference is only a suspect: both sides are read again a few times, and counts once two readings with the same versions on both
/// sides disagree.
/// </summary>
public sealed class ShadowReader
{
    private const int MaxChecks = 5;
    private const int MaxBatch = 100;

    // Let a few come together: many keys cost little more than one, and readers come first.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(2));

    private readonly Channel<Sample> _samples = Channel.CreateBounded<Sample>(1000);
    private readonly ContextRuntime _runtime;
    private readonly ILogger _log;

    internal ShadowReader(ContextRuntime runtime)
    {
        _runtime = runtime;
        _log = runtime.Loggers.CreateLogger<ShadowReader>();
    }

    private enum Finding
    {
        /// <summary>A side did not answer.</summary>
        Failed,
        Matched,
        Mismatched,

        /// <summary>Always in flight, or a flip came: says nothing.</summary>
        Unsettled,
    }

    /// <summary>Compares until cancelled; what is queued then is dropped.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await _samples.Reader.WaitToReadAsync(cancellationToken))
        {
            await Task.Delay(Gathering, _runtime.Time, cancellationToken);
            do
            {
                await CompareQueuedAsync(cancellationToken);
            }
            while (_samples.Reader.Count >= MaxBatch);
        }
    }

    /// <summary>Queues a read for comparison, if the sample says so. Never waits.</summary>
    internal void Offer(EntityKey key, SideName lead, long epoch)
    {
        if (_runtime.Random.NextDouble() < _runtime.Options.ShadowReadSample && !_samples.Writer.TryWrite(new Sample(key, lead, epoch)))
        {
            EngineMeter.ShadowRead(_runtime.Context, "dropped");
        }
    }

    /// <summary>Compares what is queued now, and writes the counts of each epoch in one go.</summary>
    internal async Task CompareQueuedAsync(CancellationToken cancellationToken)
    {
        List<Sample> samples = [];
        while (samples.Count < MaxBatch && _samples.Reader.TryRead(out var sample))
        {
            samples.Add(sample);
        }

        foreach (var epoch in samples.GroupBy(sample => (sample.Epoch, sample.Lead)))
        {
            var (reads, mismatches) = (0L, new List<ShadowMismatch>());
            foreach (var kind in epoch.GroupBy(sample => sample.Key.Kind))
            {
                foreach (var (times, finding, mismatch) in await CompareAsync(kind.Key, [.. kind], cancellationToken))
                {
                    EngineMeter.ShadowRead(_runtime.Context, finding.ToString().ToLowerInvariant(), times);
                    reads += finding is Finding.Matched or Finding.Mismatched ? times : 0;
                    mismatches.AddRange(mismatch is null ? [] : Enumerable.Repeat(mismatch, times));
                }
            }

            if (reads > 0)
            {
                await TryStoreAsync(epoch.Key.Epoch, reads, mismatches, cancellationToken);
            }
        }
    }

    /// <summary>All keys together; what does not agree at once, one by one. What is read often is compared once.</summary>
    private async Task<IReadOnlyList<(int Times, Finding Finding, ShadowMismatch? Mismatch)>> CompareAsync(
        string kind, IReadOnlyList<Sample> samples, CancellationToken cancellationToken)
    {
        List<(int Times, Finding Finding, ShadowMismatch? Mismatch)> found = [];
        var agreeing = await TryAsync(kind, () => AgreeingAsync(kind, samples, cancellationToken), cancellationToken);
        foreach (var same in samples.GroupBy(sample => sample.Key.Id))
        {
            var (finding, mismatch) = agreeing is null ? (Finding.Failed, null)
                : agreeing.Contains(same.Key) ? (Finding.Matched, null)
                : await TryAsync(kind, () => CompareAsync(same.First(), cancellationToken), cancellationToken);
            found.Add((same.Count(), finding, mismatch));
        }

        return found;
    }

    // The lead first, as for a single one: what the follower lacks then came later.
    private async Task<HashSet<long>?> AgreeingAsync(string kind, IReadOnlyList<Sample> samples, CancellationToken cancellationToken)
    {
        var first = samples[0];
        long[] ids = [.. samples.Select(sample => sample.Key.Id).Distinct()];
        RangeSnapshot lead, follower;
        try
        {
            lead = await _runtime.Sides.Of(first.Lead).Store.ReadRangeAsync(kind, ids, cancellationToken);
            follower = await _runtime.Sides.Of(Stages.Other(first.Lead)).Store.ReadRangeAsync(kind, ids, cancellationToken);
        }
        catch (UnreadableException)
        {
            // One of them: the others are not to go with it.
            return [];
        }

        var (left, right) = (lead.Items.ToDictionary(item => item.Id), follower.Items.ToDictionary(item => item.Id));
        return lead.Fence.Epoch != first.Epoch
            ? []
            : [.. ids.Where(id => Differences(first, left.GetValueOrDefault(id)?.Row, right.GetValueOrDefault(id)?.Row).Count == 0)];
    }

    /// <summary>The default where it fails.</summary>
    private async Task<T?> TryAsync<T>(string kind, Func<Task<T>> compare, CancellationToken cancellationToken)
    {
        try
        {
            return await compare();
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            _log.ShadowReadFailed(_runtime.Context, kind, Failures.Describe(exception), exception);
            return default;
        }
    }

    private async Task<(Finding Finding, ShadowMismatch? Mismatch)> CompareAsync(Sample sample, CancellationToken cancellationToken)
    {
        (EntityVersion, long, EntityVersion?, long)? before = null;
        for (var check = 1; check <= MaxChecks; check++)
        {
            var (lead, isOwed) = await ReadLeadAsync(sample, askJournal: check > 1, cancellationToken);
            var follower = await _runtime.Sides.Of(Stages.Other(sample.Lead)).Store.ReadAsync(sample.Key, cancellationToken);
            if (lead.Fence.Epoch != sample.Epoch)
            {
                return (Finding.Unsettled, null);
            }

            var fields = Differences(sample, lead.Row, follower.Row);
            if (fields.Count == 0)
            {
                return (Finding.Matched, null);
            }

            var version = lead.Version(lead.Fence.DualEpoch);
            var versions = (version, lead.Entity?.ForeignSeq ?? 0, follower.Entity?.Version, follower.Entity?.ForeignSeq ?? 0);
            if (versions == before && !isOwed && !HasForeignNews(sample, lead, follower))
            {
                return (Finding.Mismatched, new ShadowMismatch(sample.Key.Id, fields));
            }

            before = versions;
            await Task.Delay(Waits.After(check, _runtime.Random.NextDouble()), _runtime.Time, cancellationToken);
        }

        return (Finding.Unsettled, null);
    }

    // State and journal in one snapshot, and that before the follower is read: what is not owed then, the follower has by the time it is
    // read. Asked for afterwards, a relay that comes in between looks like an obligation that never was.
    private async Task<(SideState State, bool IsOwed)> ReadLeadAsync(Sample sample, bool askJournal, CancellationToken cancellationToken)
    {
        var store = _runtime.Sides.Of(sample.Lead).Store;
        if (!askJournal)
        {
            return (await store.ReadAsync(sample.Key, cancellationToken), IsOwed: true);
        }

        var (kind, id) = (sample.Key.Kind, sample.Key.Id);
        var range = await store.ReadRangeAsync(kind, id, id, cancellationToken);
        var item = range.Items.SingleOrDefault();
        return (new SideState(range.Fence, item?.Row, item?.Entity), range.Journal.ContainsKey(id));
    }

    // Another program's write that the leading new side has not merged yet; owed by legacy's journal, and not by the lead's.
    private static bool HasForeignNews(Sample sample, SideState lead, SideState follower) =>
        sample.Lead == SideName.New && (follower.Entity?.ForeignSeq ?? 0) > (lead.Entity?.ForeignSeq ?? 0);

    private List<string> Differences(Sample sample, AggregateRow? leadRow, AggregateRow? followerRow)
    {
        var kind = _runtime.Kind(sample.Key.Kind);
        Record? lead;
        Record? follower;
        try
        {
            lead = leadRow is null ? null : kind.Of(sample.Lead).Lens.Get(leadRow);
            follower = followerRow is null ? null : kind.Of(Stages.Other(sample.Lead)).Lens.Get(followerRow);
        }
        catch (UnreadableException)
        {
            return ["(unreadable)"];
        }

        return lead is null || follower is null
            ? lead is null && follower is null ? [] : ["(presence)"]
            :
            [
                .. lead.Schema.Fields.Where(field => Differs(lead.Values[field.Ordinal], follower.Values[field.Ordinal]))
                    .Select(field => field.Name),
            ];
    }

    private static bool Differs(object? left, object? right) =>
        left is not Hidden && right is not Hidden && !Record.ValuesEqual(left, right);

    private async Task TryStoreAsync(long epoch, long reads, List<ShadowMismatch> mismatches, CancellationToken cancellationToken)
    {
        try
        {
            await _runtime.Sides.ShadowLog.AddAsync(epoch, reads, mismatches, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Lost counts only make the gate wait longer.
            _log.ShadowCountsLost(_runtime.Context, reads, exception);
        }
    }

    private readonly record struct Sample(EntityKey Key, SideName Lead, long Epoch);
}
