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
            await CompareQueuedAsync(cancellationToken);
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
        Dictionary<long, (long Reads, List<ShadowMismatch> Mismatches)> counts = [];
        for (var i = 0; i < MaxBatch && _samples.Reader.TryRead(out var sample); i++)
        {
            var (finding, mismatch) = await TryCompareAsync(sample, cancellationToken);
            if (finding is Finding.Matched or Finding.Mismatched)
            {
                var (reads, mismatches) = counts.GetValueOrDefault(sample.Epoch, (0, []));
                counts[sample.Epoch] = (reads + 1, mismatch is null ? mismatches : [.. mismatches, mismatch]);
            }
        }

        foreach (var (epoch, (reads, mismatches)) in counts)
        {
            await TryStoreAsync(epoch, reads, mismatches, cancellationToken);
        }
    }

    private async Task<(Finding Finding, ShadowMismatch? Mismatch)> TryCompareAsync(Sample sample, CancellationToken cancellationToken)
    {
        try
        {
            var (finding, mismatch) = await CompareAsync(sample, cancellationToken);
            EngineMeter.ShadowRead(_runtime.Context, finding.ToString().ToLowerInvariant());
            return (finding, mismatch);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            EngineMeter.ShadowRead(_runtime.Context, "failed");
            _log.ShadowReadFailed(_runtime.Context, sample.Key.Kind, Failures.Describe(exception), exception);
            return (Finding.Unsettled, null);
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
