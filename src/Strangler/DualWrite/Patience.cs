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
        var waited = runtime.Time.GetElapsedTime(_began);
        if (waited >= runtime.Options.PauseBudget)
        {
            throw new SwitchingException(runtime.Context, waited);
        }

        var wait = Waits.After(++_waits, runtime.Random.NextDouble());
        var left = runtime.Options.PauseBudget - waited;
        await Task.Delay(wait < left ? wait : left, runtime.Time, cancellationToken);
    }
}
