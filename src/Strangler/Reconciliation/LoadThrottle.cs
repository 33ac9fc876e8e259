using System.Globalization;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Reconciliation;

/// <summary>How busy a side's server is.</summary>
public interface IServerLoad
{
    /// <summary>Statements that the server is running at this moment, this one included.</summary>
    Task<long> ThreadsRunningAsync(CancellationToken cancellationToken);
}

/// <summary>Holds a run back while the journal lags, a server is busy, or commits take long; asks at most once a second, and says
/// why.</summary>
internal sealed class LoadThrottle(ContextRuntime runtime, ReconciliationOptions options, Func<TimeSpan> commitTook)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly LagThrottle _lag = new(runtime, options.PauseForLag);
    private readonly Lock _gate = new();
    private Task? _asking;
    private long? _askedAt;
    private TimeSpan _paused;

    public async Task WaitAsync(SideName lead, Action<string?> say, CancellationToken cancellationToken)
    {
        await _lag.WaitAsync(lead, say, cancellationToken);
        Task asking;
        lock (_gate)
        {
            var now = runtime.Time.GetTimestamp();
            if (_asking is not { IsCompleted: false })
            {
                if (_askedAt is { } at && runtime.Time.GetElapsedTime(at, now) < Interval)
                {
                    return;
                }

                _askedAt = now;
                _asking = AskAsync(say, cancellationToken);
            }

            asking = _asking;
        }

        await asking;
    }

    private async Task AskAsync(Action<string?> say, CancellationToken cancellationToken)
    {
        // The caller holds the gate.
        await Task.Yield();
        var waited = false;
        while (_paused < options.PauseForLoad && await ReasonAsync(cancellationToken) is { } reason)
        {
            waited = true;
            say($"waiting: {reason}");
            await Task.Delay(Interval, runtime.Time, cancellationToken);
            _paused += Interval;
        }

        if (waited)
        {
            say(null);
        }
    }

    private async Task<string?> ReasonAsync(CancellationToken cancellationToken)
    {
        if (options.MaxCommitTime > TimeSpan.Zero && commitTook() is var took && took > options.MaxCommitTime)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"a commit on the new side took {took.TotalMilliseconds:N0} ms, the limit is {options.MaxCommitTime.TotalMilliseconds:N0} ms");
        }

        foreach (var side in options.MaxThreadsRunning == 0 ? [] : new[] { SideName.Legacy, SideName.New })
        {
            if (runtime.Sides.Of(side).Load is { } load
                && await load.ThreadsRunningAsync(cancellationToken) is var running && running > options.MaxThreadsRunning)
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Classifier.Name(side)} runs {running:N0} statements, the limit is {options.MaxThreadsRunning:N0}");
            }
        }

        return null;
    }
}
