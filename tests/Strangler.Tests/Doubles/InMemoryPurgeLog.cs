using Strangler.Purging;

namespace Strangler.Tests.Doubles;

internal sealed class InMemoryPurgeLog(InMemoryConnection connection) : IPurgeLog
{
    private Dictionary<string, PurgeCheckpoint> Purges => connection.Database.Purges;

    public Task<PurgeCheckpoint?> ReadAsync(string kind, CancellationToken cancellationToken) =>
        connection.StepAsync("purge", () => Purges.GetValueOrDefault(kind), cancellationToken);

    public Task SaveAsync(string kind, PurgeCheckpoint checkpoint, CancellationToken cancellationToken) =>
        connection.StepAsync(
            "purge", () => Purges[kind] = checkpoint with { BeganUtc = Purges.GetValueOrDefault(kind)?.BeganUtc ?? connection.Database.UtcNow }, cancellationToken);

    public Task EndAsync(string kind, CancellationToken cancellationToken) => connection.StepAsync("purge", () => Purges.Remove(kind), cancellationToken);
}
