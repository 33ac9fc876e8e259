using Strangler.DualWrite;
using Strangler.Schemas;

namespace Strangler.Reconciliation;

/// <summary>A replica that can be asked how far it has come.</summary>
public interface IReplicaServer
{
    /// <summary>Server, port and database.</summary>
    string Address { get; }

    /// <summary>Whether it has applied its primary's log up to a position.</summary>
    /// <param name="position">One that the primary had reached.</param>
    /// <param name="isFirst">Whether it has reached none so far.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    Task<bool> HasReachedAsync(string position, bool isFirst, CancellationToken cancellationToken);
}

/// <summary>
/// How far replicas are behind their primary, measured by positions of its log: since when has it something that they have not? The oldest of
/// them that a replica lacks tells, and grows old while the replica is stopped, too. Not for two callers at a time.
/// </summary>
public sealed class ReplicaLags
{
    // More need not be remembered: the oldest that a replica has not reached is what counts.
    private const int MostPositions = 3600;

    private readonly IReadOnlyList<Watched> _replicas;
    private readonly TimeProvider _time;

    public ReplicaLags(IEnumerable<IReplicaServer> replicas, TimeProvider time) =>
        (_replicas, _time) = ([.. replicas.Select(replica => new Watched(replica))], time);

    /// <summary>Of each replica; of one that cannot be asked, why.</summary>
    /// <param name="position">Asks the primary for its position; null: it has none, and why.</param>
    /// <param name="cancellationToken">Ends the questions.</param>
    public async Task<IReadOnlyList<ReplicaLag>> MeasureAsync(
        Func<CancellationToken, Task<(string? Position, string Unknown)>> position, CancellationToken cancellationToken)
    {
        if (_replicas.Count == 0)
        {
            return [];
        }

        var now = _time.GetTimestamp();
        var (reached, unknown) = await position(cancellationToken);
        List<ReplicaLag> lags = [];
        foreach (var replica in _replicas)
        {
            lags.Add(reached is null ? new ReplicaLag(replica.Server.Address, null, unknown) : await MeasureAsync(replica, reached, now, cancellationToken));
        }

        return lags;
    }

    private async Task<ReplicaLag> MeasureAsync(Watched replica, string position, long now, CancellationToken cancellationToken)
    {
        if (replica.Pending.Count < MostPositions)
        {
            replica.Pending.Enqueue((position, now));
        }

        try
        {
            while (replica.Pending.TryPeek(out var oldest) && await replica.Server.HasReachedAsync(oldest.Position, !replica.IsMeasured, cancellationToken))
            {
                replica.Pending.Dequeue();
                replica.IsMeasured = true;
            }
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException or SchemaMismatchException)
        {
            return new ReplicaLag(replica.Server.Address, null, exception.Message);
        }

        var behind = !replica.Pending.TryPeek(out var first) ? TimeSpan.Zero
            : replica.IsMeasured ? _time.GetElapsedTime(first.At)
            : TimeSpan.MaxValue;
        return new ReplicaLag(replica.Server.Address, behind, "");
    }

    private sealed class Watched(IReplicaServer server)
    {
        public IReplicaServer Server { get; } = server;

        /// <summary>Positions that it had not reached when it was last asked, the oldest first.</summary>
        public Queue<(string Position, long At)> Pending { get; } = [];

        /// <summary>Whether it has ever reached a position: before, it may be behind by any time.</summary>
        public bool IsMeasured { get; set; }
    }
}
