using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>A side's place in a replication.</summary>
public interface IReplication
{
    /// <summary>
    /// What the side's own server is a replica of, in words; null when it is none. Where its user may not ask for that, what anyone can see
    /// decides (whether it replicates at this moment, whether it is read-only).
    /// </summary>
    Task<string?> ReplicaOfAsync(CancellationToken cancellationToken);

    /// <summary>
    /// How far the configured replicas are behind the side's server; of one that cannot be asked, why. Not for two callers at a time.
    /// </summary>
    Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken);
}

/// <summary>How far a replica is behind.</summary>
/// <param name="Replica">Server, port and database.</param>
/// <param name="Behind">
/// Since when its server has something that it has not; <see cref="TimeSpan.MaxValue"/>: since before it was first asked. Null when it
/// cannot be asked.
/// </param>
/// <param name="Unknown">Why it is not known; empty when it is.</param>
public sealed record ReplicaLag(string Replica, TimeSpan? Behind, string Unknown);

/// <summary>A side's connection string leads to a replica: what it shows, the primary may have left.</summary>
public sealed class ReplicaException(string context, SideName side, string replicaOf) : Exception(
    $"{Classifier.Name(side)} of {context} is {replicaOf}: what it shows, the primary may have left long ago, and no verdict could rest on it. "
    + $"Name the primary in contexts.{context}.{Classifier.Name(side)}. If it is the primary and replicates from another one (a ring), set "
    + $"contexts.{context}.options.sidesMayReplicate to true (now false).")
{
    public SideName Side { get; } = side;

    /// <summary>Throws it unless both sides are primaries, or may replicate.</summary>
    internal static async Task RequirePrimariesAsync(ContextRuntime runtime, CancellationToken cancellationToken)
    {
        foreach (var side in runtime.Options.SidesMayReplicate ? [] : new[] { SideName.Legacy, SideName.New })
        {
            if (runtime.Sides.Of(side).Replication is { } replication
                && await replication.ReplicaOfAsync(cancellationToken) is { } replicaOf)
            {
                throw new ReplicaException(runtime.Context, side, replicaOf);
            }
        }
    }
}
