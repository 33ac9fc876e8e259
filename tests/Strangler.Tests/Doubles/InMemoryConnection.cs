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

    public Task BeforeAsync(string step, CancellationToken cancellationToken) =>
        process.FaultAsync($"{Name}.{step}.before", cancellationToken);

    public Task AfterAsync(string step, CancellationToken cancellationToken) =>
        process.FaultAsync($"{Name}.{step}.after", cancellationToken);

    public async Task LockAsync(object owner, string kind, long from, long to, bool exclusive, CancellationToken cancellationToken)
    {
        try
        {
            await Database.Locks.AcquireAsync(owner, kind, from, to, exclusive, process.LockWait, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new SideUnavailableException(Database.Side, "lock wait timeout", isTransient: true, exception);
        }
    }
}

/// <summary>The process is gone: whatever it does from here on fails like this.</summary>
internal sealed class CrashException() : Exception("The process died here.");
