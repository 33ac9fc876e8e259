using Strangler.DualWrite;

namespace Strangler.Backfill;

/// <summary>Counts, rate, time left, and the brake of a maximal rate. The reading and the writing loop both use it.</summary>
internal sealed class BackfillMeter(TimeProvider time, double? maxPerSecond, IProgress<BackfillProgress>? progress)
{
    private readonly Lock _gate = new();
    private readonly long _startedAt = time.GetTimestamp();
    private BackfillCheckpoint? _at;
    private long _read;
    private long _rows;
    private long _done;
    private long _total;
    private long _written;
    private long _skipped;
    private long _quarantined;
    private string? _waiting;

    public long Written => Interlocked.Read(ref _written);

    /// <param name="at">Where the pass begins or goes on.</param>
    /// <param name="bounds">Of the side that is walked.</param>
    public void BeginPass(BackfillCheckpoint at, KeyBounds bounds)
    {
        lock (_gate)
        {
            _at = at;
            _total = bounds.Rows;
            _done = Behind(at.NextId, bounds);
            _quarantined = 0;
        }
    }

    public void CountRead(long rows) => Interlocked.Add(ref _read, rows);

    /// <summary>Waits until one more chunk may be read.</summary>
    public async Task KeepRateAsync(CancellationToken cancellationToken)
    {
        if (maxPerSecond is { } max)
        {
            var ahead = TimeSpan.FromSeconds(Interlocked.Read(ref _read) / max) - time.GetElapsedTime(_startedAt);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead, time, cancellationToken);
            }
        }
    }

    public void Add(long rows, long written, long quarantined)
    {
        lock (_gate)
        {
            _rows += rows;
            _done += rows;
            _written += written;
            _skipped += rows - written - quarantined;
            _quarantined += quarantined;
            _waiting = null;
        }

        Report();
    }

    /// <summary>Why nothing moves at the moment; null when it moves again.</summary>
    public void Say(string? waiting)
    {
        lock (_gate)
        {
            _waiting = waiting;
        }

        Report();
    }

    public void Complete(BackfillCheckpoint done)
    {
        lock (_gate)
        {
            (_at, _done, _waiting) = (done, _total, null);
        }

        Report();
    }

    private void Report()
    {
        if (progress is null || _at is not { } at)
        {
            return;
        }

        BackfillProgress report;
        lock (_gate)
        {
            var rate = Rates.PerSecond(_rows, time.GetElapsedTime(_startedAt));
            report = new BackfillProgress(
                at.Pass, at.Phase, _done, Math.Max(_total, _done), _written, _skipped, _quarantined, rate,
                Rates.Left(_total - _done, rate), _waiting);
        }

        progress.Report(report);
    }

    // A resumed pass has the rows before its checkpoint behind it; how many is estimated from the place.
    private static long Behind(long nextId, KeyBounds bounds) =>
        nextId <= bounds.From || bounds.From > bounds.To ? 0
        : (long)(bounds.Rows * Math.Min(1, (double)((Int128)nextId - bounds.From) / (double)((Int128)bounds.To - bounds.From + 1)));
}
