namespace Strangler.DualWrite;

/// <summary>
/// Which connections the present flow of control takes. Background work (relay, backfill, reconciliation, repair, shadow reads) has
/// connections of its own, so that it can never take the last one from a caller. Ranges, chunks and claims are background by themselves.
/// </summary>
public static class Lane
{
    private static readonly AsyncLocal<bool> Background = new();

    public static bool IsBackground => Background.Value;

    /// <summary>Makes this flow of control, and what it starts, background work until disposed: <c>using
    /// (Lane.EnterBackground())</c>.</summary>
    public static IDisposable EnterBackground()
    {
        var before = Background.Value;
        Background.Value = true;
        return new Scope(before);
    }

    private sealed class Scope(bool before) : IDisposable
    {
        public void Dispose() => Background.Value = before;
    }
}
