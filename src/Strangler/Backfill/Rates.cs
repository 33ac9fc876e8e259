namespace Strangler.Backfill;

/// <summary>Rate and time left of a long run.</summary>
internal static class Rates
{
    public static double PerSecond(long done, TimeSpan elapsed) => elapsed > TimeSpan.Zero ? done / elapsed.TotalSeconds : 0;

    /// <summary>Null when the rate says nothing.</summary>
    public static TimeSpan? Left(long rows, double perSecond) =>
        perSecond > 0 && rows >= 0 && rows / perSecond < TimeSpan.FromDays(365).TotalSeconds
            ? TimeSpan.FromSeconds(rows / perSecond) : null;
}
