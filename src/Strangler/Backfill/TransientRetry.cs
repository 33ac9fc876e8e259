using Strangler.DualWrite;

namespace Strangler.Backfill;

/// <summary>Repeats a step that changed nothing when it failed, while the failure is known to pass: doubling pauses, a bounded number of
/// times.</summary>
internal sealed class TransientRetry(TimeProvider time, int attempts, TimeSpan firstPause)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    public async Task<T> RunAsync<T>(Func<Task<T>> step, Action<string> say, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await step();
            }
            catch (Exception exception) when (IsTransient(exception) && attempt < attempts)
            {
                say($"attempt {attempt} of {attempts} failed: {exception.Message}");
                var pause = firstPause * Math.Pow(2, attempt - 1);
                await Task.Delay(pause < LongestPause ? pause : LongestPause, time, cancellationToken);
            }
        }
    }

    /// <summary>Deadlocks and lock waits reach us as <see cref="SideUnavailableException"/> with
    /// <see cref="SideUnavailableException.IsTransient"/> set.</summary>
    public static bool IsTransient(Exception exception) =>
        exception is SideUnavailableException { IsTransient: true } or FenceBusyException or CommitOutcomeUnknownException;
}
