namespace Strangler.DualWrite;

/// <summary>How long one call waits for a flip to end, and how long after its begin a failed try is repeated: until the pause budget is spent.</summary>
internal sealed class Patience(ContextRuntime runtime)
{
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(4), TimeSpan.FromMilliseconds(32));

    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    private readonly long _began = runtime.Time.GetTimestamp();
    private int _waits;

    /// <summary>Whether a failed try of this call is no longer repeated. What fails at once, a deadlock above all, may take a second.</summary>
    public bool IsSpent => runtime.Time.GetElapsedTime(_began) is var passed && passed >= runtime.Options.PauseBudget && passed >= Least;

    /// <summary>Throws <see cref="SwitchingException"/> when the budget is spent.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        var left = Left();
        var wait = Waits.After(++_waits, runtime.Random.NextDouble());
        await Task.Delay(wait < left ? wait : left, runtime.Time, cancellationToken);
    }

    /// <summary>
    /// What the fences say at this process's next look (<see cref="SwitchWatch"/>). Throws <see cref="SwitchingException"/> when the budget
    /// is spent, also while a look is under way: a side that hangs must not hold a caller for longer.
    /// </summary>
    public async Task<StageHint?> LookAsync(CancellationToken cancellationToken)
    {
        var left = Left();
        var look = runtime.Watch.NextAsync();
        try
        {
            return await look.WaitAsync(left, runtime.Time, cancellationToken);
        }
        catch (TimeoutException) when (!look.IsCompleted)
        {
            throw Spent();
        }
    }

    private TimeSpan Left() =>
        runtime.Options.PauseBudget - runtime.Time.GetElapsedTime(_began) is var left && left > TimeSpan.Zero ? left : throw Spent();

    private SwitchingException Spent() => new(runtime.Context, runtime.Time.GetElapsedTime(_began));
}
