using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Reconciliation;

/// <summary>How busy a side's server is.</summary>
public interface IServerLoad
{
    /// <summary>Statements that the server is running at this moment, this one included.</summary>
    Task<long> ThreadsRunningAsync(CancellationToken cancellationToken);

    /// <summary>Statements that write, whoever's, counted since the server was started.</summary>
    Task<long> WritesAsync(CancellationToken cancellationToken);
}

/// <summary>
/// Holds a run back while the journal or a replica lags, a server is busy, or commits take long; and says whether others write, so that it goes in small
/// steps then. Asks at
/// most once a second, and keeps count of why it waited for how long.
/// </summary>
internal sealed class LoadThrottle(ContextRuntime runtime, ReconciliationOptions options, Func<TimeSpan> commitTook)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // Whether others write is known by the second look only; until then a run goes gently.
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(100);

    private readonly LagThrottle _lag = new(runtime, options.PauseForLag);
    private readonly Lock _gate = new();
    private readonly Dictionary<SideName, (long Writes, long At)> _writes = [];
    private readonly SortedDictionary<string, TimeSpan> _paused = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _unknownLags = new(StringComparer.Ordinal);
    private Task? _asking;
    private long? _askedAt;
    private TimeSpan _pausedForLoad;
    private TimeSpan _gentle;
    private TimeSpan _lagged;
    private double _mostWrites;
    private int _asked;

    /// <summary>Whether others write to a side's server.</summary>
    public bool IsGentle { get; private set; } =
        options.GentleAbove > 0 && (runtime.Sides.Legacy.Load ?? runtime.Sides.New.Load) is not null;

    public async Task WaitAsync(SideName lead, Action<string?> say, CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        await _lag.WaitAsync(lead, say, cancellationToken);
        Task asking;
        lock (_gate)
        {
            var now = runtime.Time.GetTimestamp();
            var lagged = runtime.Time.GetElapsedTime(began, now);
            _lagged += lagged >= Interval ? lagged : TimeSpan.Zero;
            if (_asking is not { IsCompleted: false })
            {
                if (_askedAt is { } at && runtime.Time.GetElapsedTime(at, now) < (_asked < 2 ? FirstInterval : Interval))
                {
                    return;
                }

                _asked++;
                _gentle += IsGentle && _mostWrites > 0 && _askedAt is { } last ? runtime.Time.GetElapsedTime(last, now) : TimeSpan.Zero;
                _askedAt = now;
                _asking = AskAsync(say, cancellationToken);
            }

            asking = _asking;
        }

        await asking;
    }

    /// <summary>Why the run was held back, and for how long; nothing when it was not.</summary>
    public IEnumerable<string> Told()
    {
        if (_lagged > TimeSpan.Zero)
        {
            yield return Text($"Throttled: waited {_lagged.TotalSeconds:0} s for the journal, ")
                + Text($"which was more than {runtime.Options.LagLimit.TotalSeconds:0} s behind.");
        }

        foreach (var (why, time) in _paused)
        {
            yield return Text($"Throttled: waited {time.TotalSeconds:0} s since {why}.");
        }

        foreach (var (replica, why) in _unknownLags)
        {
            yield return Text($"How far the replica {replica} was behind is not known: {why}");
        }

        if (_gentle > TimeSpan.Zero)
        {
            yield return Text($"Throttled: went in small steps for {_gentle.TotalSeconds:0} s, since others wrote to the servers ")
                + Text($"(up to {_mostWrites:N0} statements a second).");
        }
    }

    private async Task AskAsync(Action<string?> say, CancellationToken cancellationToken)
    {
        // The caller holds the gate.
        await Task.Yield();
        var waited = false;
        while (_pausedForLoad < options.PauseForLoad && await ReasonAsync(cancellationToken) is var (what, why))
        {
            waited = true;
            say($"waiting: {why}");
            await Task.Delay(Interval, runtime.Time, cancellationToken);
            _pausedForLoad += Interval;
            _paused[what] = _paused.GetValueOrDefault(what) + Interval;
        }

        if (waited)
        {
            say(null);
        }

        if (options.GentleAbove > 0 && await WritesAsync(cancellationToken) is { } writes)
        {
            IsGentle = writes > options.GentleAbove;
        }
    }

    // Of the busier server; null until there are two looks to compare. Our own few (the lease, checkpoints) are among them.
    private async Task<double?> WritesAsync(CancellationToken cancellationToken)
    {
        double? most = null;
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            if (runtime.Sides.Of(side).Load is { } load)
            {
                var (writes, at) = (await load.WritesAsync(cancellationToken), runtime.Time.GetTimestamp());
                if (_writes.TryGetValue(side, out var before) && at > before.At)
                {
                    most = Math.Max(most ?? 0, (writes - before.Writes) / runtime.Time.GetElapsedTime(before.At, at).TotalSeconds);
                }

                _writes[side] = (writes, at);
            }
        }

        _mostWrites = Math.Max(_mostWrites, most > options.GentleAbove ? most.Value : 0);
        return most;
    }

    private async Task<(string What, string Why)?> ReasonAsync(CancellationToken cancellationToken)
    {
        if (options.MaxCommitTime > TimeSpan.Zero && commitTook() is var took && took > options.MaxCommitTime)
        {
            return (
                Text($"commits on the new side took more than {options.MaxCommitTime.TotalMilliseconds:N0} ms"),
                Text($"a commit on the new side took {took.TotalMilliseconds:N0} ms, ")
                + Text($"the limit is {options.MaxCommitTime.TotalMilliseconds:N0} ms"));
        }

        foreach (var side in options.MaxThreadsRunning == 0 ? [] : new[] { SideName.Legacy, SideName.New })
        {
            if (runtime.Sides.Of(side).Load is { } load
                && await load.ThreadsRunningAsync(cancellationToken) is var running && running > options.MaxThreadsRunning)
            {
                return (
                    Text($"{Classifier.Name(side)} ran more than {options.MaxThreadsRunning:N0} statements at a time"),
                    Text($"{Classifier.Name(side)} runs {running:N0} statements, the limit is {options.MaxThreadsRunning:N0}"));
            }
        }

        return options.MaxReplicaLag > TimeSpan.Zero ? await LaggingReplicaAsync(cancellationToken) : null;
    }

    private async Task<(string What, string Why)?> LaggingReplicaAsync(CancellationToken cancellationToken)
    {
        (string, string)? reason = null;
        foreach (var side in new[] { SideName.Legacy, SideName.New })
        {
            foreach (var (replica, behind, unknown) in runtime.Sides.Of(side).Replication is { } replication
                ? await replication.LagsAsync(cancellationToken) : [])
            {
                if (behind is null)
                {
                    _unknownLags[$"{replica} of {Classifier.Name(side)}"] = unknown;
                }
                else if (behind > options.MaxReplicaLag)
                {
                    var limit = Text($"{options.MaxReplicaLag.TotalSeconds:0.#} s");
                    var which = $"a replica of {Classifier.Name(side)} ({replica})";
                    reason ??= ($"{which} was more than {limit} behind", behind == TimeSpan.MaxValue
                        ? $"{which} has not yet applied what was written before the run began; the limit is {limit}"
                        : Text($"{which} is {behind.Value.TotalSeconds:0.0} s behind, the limit is {limit}"));
                }
            }
        }

        return reason;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
