using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>Holds back background work while the lead's journal is older than the limit: what is behind must catch up first. Asks at most
/// once a second.</summary>
internal sealed class LagThrottle(ContextRuntime runtime, TimeSpan budget)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Task? _asking;
    private long? _askedAt;
    private TimeSpan _paused;

    /// <summary>
    /// Returns once the lag is within the limit, or the budget for pauses is used up. Says why it waits, and null when it no longer does.
    /// Whoever comes while
    /// another waits, waits with it.
    /// </summary>
    public Task WaitAsync(SideName lead, Action<string?> say, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_asking is { IsCompleted: false } asking)
            {
                return asking;
            }

            var now = runtime.Time.GetTimestamp();
            if (_askedAt is { } at && runtime.Time.GetElapsedTime(at, now) < Interval)
            {
                return Task.CompletedTask;
            }

            _askedAt = now;
            return _asking = AskAsync(lead, say, cancellationToken);
        }
    }

    private async Task AskAsync(SideName lead, Action<string?> say, CancellationToken cancellationToken)
    {
        // The caller holds the gate.
        await Task.Yield();
        var waited = false;
        while (_paused < budget && await LagAsync(lead, cancellationToken) is var lag && lag > runtime.Options.LagLimit)
        {
            waited = true;
            say(string.Create(
                CultureInfo.InvariantCulture,
                $"waiting: the journal is {lag.TotalSeconds:0} s behind, the limit is {runtime.Options.LagLimit.TotalSeconds:0} s"));
            await Task.Delay(Interval, runtime.Time, cancellationToken);
            _paused += Interval;
        }

        if (waited)
        {
            say(null);
        }
    }

    private async Task<TimeSpan> LagAsync(SideName lead, CancellationToken cancellationToken) =>
        (await runtime.Sides.Of(lead).Journal.DepthAsync(cancellationToken)).Lag;
}
