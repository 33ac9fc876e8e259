using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>
/// Sets a fence although writers come and go: short lock time-outs, since new writers queue behind a waiting lock, and pauses in which they
/// get their turn.
/// </summary>
internal static class PatientFence
{
    private const int Tries = 5;
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1));

    /// <summary>As <see cref="IFence.CompareAndSetAsync"/>; <see cref="FenceBusyException"/> only after a few tries.</summary>
    public static async Task<bool> CompareAndSetPatientlyAsync(
        this IFence fence, ContextRuntime runtime, FenceRow expected, FenceRow next, CancellationToken cancellationToken)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await fence.CompareAndSetAsync(expected, next, runtime.Options.FenceLockTimeout, cancellationToken);
            }
            catch (FenceBusyException) when (failures < Tries)
            {
                await Task.Delay(Waits.After(failures, runtime.Random.NextDouble()), runtime.Time, cancellationToken);
            }
        }
    }
}
