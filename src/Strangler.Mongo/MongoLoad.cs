using Strangler.DualWrite;
using Strangler.Mongo.Bson;
using Strangler.Reconciliation;

namespace Strangler.Mongo;

/// <summary>Of the server's own statistics, which the role <c>clusterMonitor</c> may read.</summary>
internal sealed class MongoLoad(MongoSide side) : IServerLoad
{
    private static readonly string[] Writing = ["insert", "update", "delete"];

    /// <summary>Clients that the server is working for; where it does not say, those with a transaction open.</summary>
    public async Task<long> ThreadsRunningAsync(CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken).ConfigureAwait(false);
        return status.At("globalLock.activeClients.total").TryGetInt64(out var active) ? active : status.Number("transactions.currentActive");
    }

    /// <summary>Documents' writes by command, as the server counts them.</summary>
    public async Task<long> WritesAsync(CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken).ConfigureAwait(false);
        return Writing.Sum(name => status.Number($"opcounters.{name}"));
    }

    private async Task<BsonDocument> StatusAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await side.ReadAsync(
                true,
                (session, token) => session.RunAsync(
                    BsonDocument.Of(("serverStatus", 1), ("repl", 0), ("metrics", 0), ("locks", 0), ("wiredTiger", 0), ("tcmalloc", 0)), token, "admin"),
                cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (e.InnerException is MongoFailureException { Kind: MongoErrorKind.AccessDenied })
        {
            throw new SideUnavailableException(
                side.Name,
                $"{side.Database.Display} does not let us see how busy it is; grant its user the role clusterMonitor on admin, or set "
                + "reconciliation.maxThreadsRunning and reconciliation.gentleAbove to 0.",
                false, e.InnerException);
        }
    }
}

/// <summary>
/// A connection string leads to a set's primary or to none at all, so it is never a replica's. How far its members are behind they tell each other, and
/// every write waits for their majority: none is configured to be watched.
/// </summary>
internal sealed class MongoReplication : IReplication
{
    public Task<string?> ReplicaOfAsync(CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    public Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<ReplicaLag>>([]);
}
