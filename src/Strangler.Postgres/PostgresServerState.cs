using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Schemas;

namespace Strangler.Postgres;

/// <summary>Of the server's own statistics, which every user may read.</summary>
internal sealed class PostgresLoad(PostgresSide side) : IServerLoad
{
    // Without the right to see others' statements their state shows as NULL; what they wait for does not.
    public Task<long> ThreadsRunningAsync(CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND COALESCE(state, 'active') = 'active'"),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true);

    /// <summary>Rows, not statements: the server does not count these apart.</summary>
    public Task<long> WritesAsync(CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT CAST(COALESCE(SUM(tup_inserted + tup_updated + tup_deleted), 0) AS bigint) FROM pg_stat_database"),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true);
}

/// <summary>
/// Whether the server is a standby, and how far the configured ones are behind it: by what it had written ahead in its log and they have not
/// applied yet, which grows old while a standby is stopped, too.
/// </summary>
internal sealed class PostgresReplication : IReplication
{
    // More need not be remembered: the oldest that a replica has not reached is what counts.
    private const int MostPositions = 3600;

    private readonly PostgresSide _side;
    private readonly List<Replica> _replicas;

    public PostgresReplication(PostgresSide side)
    {
        _side = side;
        _replicas = [.. side.Database.Replicas.Select(replica => new Replica(new PostgresSide(side.Name, side.Context, replica)))];
    }

    public Task<string?> ReplicaOfAsync(CancellationToken cancellationToken) =>
        _side.FirstAsync(
            new Batch().Add($"SELECT pg_is_in_recovery(), (SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver)"),
            reader => !reader.GetBoolean(0) ? null : reader.IsDBNull(1) ? "a standby (it is in recovery)" : $"a standby of {reader.GetString(1)}",
            cancellationToken,
            background: true);

    public async Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken)
    {
        if (_replicas.Count == 0)
        {
            return [];
        }

        var now = _side.Options.Time.GetTimestamp();
        var position = await _side.FirstAsync(
            new Batch().Add($"SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS text)"),
            reader => reader.GetString(0),
            cancellationToken,
            background: true).ConfigureAwait(false);
        List<ReplicaLag> lags = [];
        foreach (var replica in _replicas)
        {
            lags.Add(await LagAsync(replica, position!, now, cancellationToken).ConfigureAwait(false));
        }

        return lags;
    }

    private async Task<ReplicaLag> LagAsync(Replica replica, string position, long now, CancellationToken cancellationToken)
    {
        if (replica.Pending.Count < MostPositions)
        {
            replica.Pending.Enqueue((position, now));
        }

        try
        {
            while (replica.Pending.TryPeek(out var oldest) && await replica.HasReachedAsync(oldest.Position, cancellationToken).ConfigureAwait(false))
            {
                replica.Pending.Dequeue();
                replica.IsMeasured = true;
            }
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException or SchemaMismatchException)
        {
            return new ReplicaLag(replica.Address, null, exception.Message);
        }

        var behind = !replica.Pending.TryPeek(out var first) ? TimeSpan.Zero
            : replica.IsMeasured ? _side.Options.Time.GetElapsedTime(first.At)
            : TimeSpan.MaxValue;
        return new ReplicaLag(replica.Address, behind, "");
    }

    private sealed class Replica(PostgresSide side)
    {
        /// <summary>Positions that it had not reached when it was last asked, the oldest first.</summary>
        public Queue<(string Position, long At)> Pending { get; } = [];

        public string Address => side.Database.Address;

        /// <summary>Whether it has ever reached a position: before, it may be behind by any time.</summary>
        public bool IsMeasured { get; set; }

        public Task<bool> HasReachedAsync(string position, CancellationToken cancellationToken) =>
            side.FirstAsync(
                new Batch().Add($"SELECT COALESCE(pg_last_wal_replay_lsn() >= CAST(CAST({position} AS text) AS pg_lsn), false)"),
                reader => reader.GetBoolean(0),
                cancellationToken,
                background: true);
    }
}
