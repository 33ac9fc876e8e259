namespace Strangler.DualWrite;

/// <summary>How long one call waits for a flip to end: short waits with jitter until the pause budget is spent.</summary>
internal sealed class Patience(ContextRuntime runtime)
{
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(200));

    private readonly long _began = runtime.Time.GetTimestamp();
    private int _waits;

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
