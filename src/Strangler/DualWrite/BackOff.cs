namespace Strangler.DualWrite;

/// <summary>
/// Doubling delays with jitter, so that those who failed together do not come back together. Pure: the caller brings the random number and
/// waits.
/// </summary>
internal sealed class BackOff(TimeSpan first, TimeSpan longest)
{
    /// <param name="failures">1 after the first failure.</param>
    /// <param name="random">In [0, 1).</param>
    /// <returns>Between half and all of min(first × 2^(failures - 1), longest).</returns>
    public TimeSpan After(int failures, double random)
    {
        // 62 doublings overflow a long; long before that the limit has been reached.
        var doublings = Math.Clamp(failures - 1, 0, 30);
        var full = Math.Min(first.TotalMilliseconds * (1L << doublings), longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(full * (0.5 + (random / 2)));
    }
}
