using Strangler.DualWrite;

namespace Strangler.Tests.Doubles;

/// <summary>One process's way to one database: every operation passes here, gives way to others, and may be made to fail.</summary>
internal sealed class InMemoryConnection(InMemorySides process, InMemoryDatabase database)
{
    public InMemoryDatabase Database { get; } = database;

    private string Name { get; } = database.Side.ToString().ToLowerInvariant();

    public async Task<T> StepAsync<T>(string step, Func<T> operation, CancellationToken cancellationToken)
    {
        await BeforeAsync(step, cancellationToken);
        T result;
        lock (Database.Gate)
        {
            result = operation();
        }

        await AfterAsync(step, cancellationToken);
        return result;
    }

    public Task StepAsync(string step, Action operation, CancellationToken cancellationToken) =>
        StepAsync(step, () =>
        {
            operation();
            return true;
        }, cancellationToken);

    public Task BeforeAsync(string step, CancellationToken cancellationToken) => process.Schedule is { } schedule
        ? schedule.PassAsync(process, Database.Side, step, before: true, cancellationToken)
        : process.FaultAsync($"{Name}.{step}.before", cancellationToken);

    public Task AfterAsync(string step, CancellationToken cancellationToken) => process.Schedule is { } schedule
        ? schedule.PassAsync(process, Database.Side, step, before: false, cancellationToken)
        : process.FaultAsync($"{Name}.{step}.after", cancellationToken);

    /// <summary>Of what changes nothing and looks at nothing: only a test may make it fail.</summary>
    public Task FaultAsync(string step) => process.Schedule is null ? process.FaultAsync($"{Name}.{step}.before", CancellationToken.None) : Task.CompletedTask;

    /// <summary>Where a schedule rules, a process that died while it waited for a lock neither gets it nor goes on.</summary>
    public Task GoneAsync(object owner)
    {
        if (!process.Dead || process.Schedule is null)
        {
            return Task.CompletedTask;
        }

        Database.Locks.Release(owner);
        return new TaskCompletionSource().Task;
    }

    /// <summary>What becomes of a COMMIT now.</summary>
    public CommitFate Fate() => process.Schedule?.Commit(Database.Side) ?? CommitFate.Done;

    /// <summary>From here on the process's end is the end of this, too.</summary>
    public void Open(IMortal mortal) => process.Open.Add(mortal);

    public void Close(IMortal mortal) => process.Open.Remove(mortal);

    public ITimer After(TimeSpan delay, Action action) =>
        process.Time.CreateTimer(_ => action(), null, delay, Timeout.InfiniteTimeSpan);

    public async Task LockAsync(
        object owner, string kind, long from, long to, bool exclusive, CancellationToken cancellationToken, TimeSpan? wait = null)
    {
        try
        {
            await Database.Locks.AcquireAsync(owner, kind, from, to, exclusive, wait ?? process.LockWait, cancellationToken);
            await GoneAsync(owner);
        }
        catch (TimeoutException exception)
        {
            throw new SideUnavailableException(Database.Side, "lock wait timeout", isTransient: true, exception);
        }
    }
}

/// <summary>What the server takes back when the process that opened it is gone.</summary>
internal interface IMortal
{
    void RollBack();
}

/// <summary>The process is gone: whatever it does from here on fails like this.</summary>
internal sealed class CrashException() : Exception("The process died here.");
