using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>
/// How many keys a pass over a journal claims. The latest come first in each (<see cref="IJournal.ClaimAsync"/>), so what somebody writes
/// behind a statement that changed ten thousand rows waits for about one pass: that should be short, whatever a key costs here and now.
/// </summary>
internal sealed class PassSize(ContextRuntime runtime)
{
    /// <summary>So that each lane has something to do.</summary>
    private const int Least = 12;

    private static readonly TimeSpan Wanted = TimeSpan.FromMilliseconds(200);

    /// <summary><see cref="ContextOptions.RelayBatch"/> at most.</summary>
    public int Next { get; private set; } = runtime.Options.RelayBatch;

    /// <summary>Does the pass, and learns from the time that it took.</summary>
    public async Task<RelayPass> MeasureAsync(int keys, Func<Task<RelayPass>> pass)
    {
        var began = runtime.Time.GetTimestamp();
        var done = await pass();
        Next = After(keys, runtime.Time.GetElapsedTime(began));
        return done;
    }

    private int After(int keys, TimeSpan took)
    {
        var most = runtime.Options.RelayBatch;
        return took <= TimeSpan.Zero ? most : (int)Math.Clamp(keys * (Wanted / took), Math.Min(Least, most), most);
    }
}
