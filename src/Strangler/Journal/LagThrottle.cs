using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>Holds back background work while the lead's journal is older than the limit: what is behind must catch up first. Asks at most once a second.</summary>
internal sealed class LagThrottle(ContextRuntime runtime, TimeSpan budget)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long? _askedAt;
    private TimeSpan _paused;

    /// <summary>Returns once the lag is within the limit, or the budget for pauses is used up. Says why it waits, and null when it no longer does.</summary>
    public async Task WaitAsync(SideName lead, Action<string?> say, CancellationToken cancellationToken)
    {
        if (!IsDue())
        {
            return;
        }

        var waited = false;
        while (await LagAsync(lead, cancellationToken) is var lag && lag > runtime.Options.LagLimit && Spend())
        {
            waited = true;
            say(string.Create(
                CultureInfo.InvariantCulture,
                $"waiting: the journal is {lag.TotalSeconds:0} s behind, the limit is {runtime.Options.LagLimit.TotalSeconds:0} s"));
            await Task.Delay(Interval, runtime.Time, cancellationToken);
        }

        if (waited)
        {
            say(null);
        }
    }

    private bool IsDue()
    {
        var now = runtime.Time.GetTimestamp();
        lock (_gate)
        {
            if (_askedAt is { } at && runtime.Time.GetElapsedTime(at, now) < Interval)
            {
                return false;
            }

            _askedAt = now;
            return true;
        }
    }

    private bool Spend()
    {
        lock (_gate)
        {
            if (_paused >= budget)
            {
                return false;
            }

            _paused += Interval;
            return true;
        }
    }

    private async Task<TimeSpan> LagAsync(SideName lead, CancellationToken cancellationToken) =>
        (await runtime.Sides.Of(lead).Journal.DepthAsync(cancellationToken)).Lag;
}
