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

    /// <summary>
    /// The same where the reply may be lost: sets and asks again, until it is known whether the row is as wanted, or the time given is up.
    /// Then the last failure is thrown, and whether it is set is not known.
    /// </summary>
    public static async Task<bool> SetForSureAsync(
        this IFence fence, ContextRuntime runtime, FenceRow expected, FenceRow next, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        for (var failures = 0; ; failures++)
        {
            try
            {
                // Refused after a lost reply, the row says whether it was the lost one that has set it.
                return await fence.CompareAndSetPatientlyAsync(runtime, expected, next, cancellationToken)
                    || (failures > 0 && await fence.ReadAsync(cancellationToken) == next);
            }
            catch (Exception exception) when (runtime.Time.GetElapsedTime(began) < atMost && IsOpen(exception, failures))
            {
                await Task.Delay(Waits.After(failures + 1, runtime.Random.NextDouble()), runtime.Time, cancellationToken);
            }
        }
    }

    // Busy at once means that nothing has changed. After a lost reply it may be that very statement which still waits for the row.
    private static bool IsOpen(Exception exception, int failures) =>
        exception is SideUnavailableException { IsTransient: true } || (failures > 0 && exception is FenceBusyException);
}
