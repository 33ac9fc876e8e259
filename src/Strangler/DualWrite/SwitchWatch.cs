namespace Strangler.DualWrite;

/// <summary>
/// One look at the fences for all calls of this process that wait for a flip to end: each for itself, they would ask the servers hundreds of
/// times a second while these drain the journal, and all of them at once would promote the new lead, in the flipper's way.
/// </summary>
internal sealed class SwitchWatch(StageCache stage, TimeProvider time)
{
    // The first looks are close together, since most flips take tens of milliseconds; later ones cost at most this share of the time waited.
    private const int Share = 8;
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(32);

    // A flipper that lives promotes within its own next round trip.
    private static readonly TimeSpan Courtesy = TimeSpan.FromMilliseconds(40);

    private readonly Lock _gate = new();
    private Task<StageHint?>? _look;

    // Of one wait: it ends with a look that finds a lead, or when nobody looks any more.
    private long _began;
    private long? _ended;
    private long? _undecidedSince;

    /// <summary>
    /// What the fences say a moment from now; null while a flip is between its decision and its promotion. Whoever waits meanwhile gets the
    /// same answer, or the same exception (<see cref="SideUnavailableException"/>).
    /// </summary>
    public Task<StageHint?> NextAsync()
    {
        lock (_gate)
        {
            if (_look is not { IsCompleted: false })
            {
                _look = LookAsync();
            }

            return _look;
        }
    }

    /// <summary>How long to wait before the next look, when so much time has been waited already.</summary>
    internal static TimeSpan PauseAfter(TimeSpan waited)
    {
        var share = waited / Share;
        return share < Shortest ? Shortest : share > Longest ? Longest : share;
    }

    private async Task<StageHint?> LookAsync()
    {
        if (_ended is not { } ended || time.GetElapsedTime(ended) > 2 * Longest)
        {
            (_began, _undecidedSince) = (time.GetTimestamp(), null);
        }

        try
        {
            await Task.Delay(PauseAfter(time.GetElapsedTime(_began)), time);
            var finishes = _undecidedSince is { } since && time.GetElapsedTime(since) >= Courtesy;
            var hint = await stage.RefreshAsync(finishes, CancellationToken.None);
            _undecidedSince = hint is null ? _undecidedSince ?? time.GetTimestamp() : null;
            _ended = hint is { Fence.Role: FenceRole.Lead } ? null : time.GetTimestamp();
            return hint;
        }
        catch (SideUnavailableException)
        {
            _ended = time.GetTimestamp();
            throw;
        }
    }
}
