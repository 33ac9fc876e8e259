namespace Strangler.Reconciliation;

/// <summary>
/// Work of several loops, one after the other in the order of asking. Whoever waits, waits for those before to end, however they end.
/// </summary>
internal sealed class OneAtATime
{
    private readonly Lock _gate = new();
    private Task _last = Task.CompletedTask;

    public async Task<T> RunAsync<T>(Func<Task<T>> work)
    {
        var done = new TaskCompletionSource();
        Task before;
        lock (_gate)
        {
            (before, _last) = (_last, done.Task);
        }

        try
        {
            await before;
            return await work();
        }
        finally
        {
            done.SetResult();
        }
    }
}
