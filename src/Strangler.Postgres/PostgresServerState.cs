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
/// Whether the server is a standby, and how far the configured ones are behind it: by positions of the write-ahead log.
/// </summary>
internal sealed class PostgresReplication : IReplication
{
    private readonly PostgresSide _side;
    private readonly ReplicaLags _replicas;

    public PostgresReplication(PostgresSide side)
    {
        _side = side;
        _replicas = new ReplicaLags(
            side.Database.Replicas.Select(replica => new Replica(new PostgresSide(side.Name, side.Context, replica))), side.Options.Time);
    }

    public Task<string?> ReplicaOfAsync(CancellationToken cancellationToken) =>
        _side.FirstAsync(
            new Batch().Add($"SELECT pg_is_in_recovery(), (SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver)"),
            reader => !reader.GetBoolean(0) ? null : reader.IsDBNull(1) ? "a standby (it is in recovery)" : $"a standby of {reader.GetString(1)}",
            cancellationToken,
            background: true);

    public Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken) => _replicas.MeasureAsync(PositionAsync, cancellationToken);

    private async Task<(string? Position, string Unknown)> PositionAsync(CancellationToken cancellationToken) => (
        await _side.FirstAsync(
            new Batch().Add($"SELECT CAST(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS text)"),
            reader => reader.GetString(0),
            cancellationToken,
            background: true).ConfigureAwait(false),
        "");

    private sealed class Replica(PostgresSide side) : IReplicaServer
    {
        public string Address => side.Database.Address;

        public Task<bool> HasReachedAsync(string position, bool isFirst, CancellationToken cancellationToken) =>
            side.FirstAsync(
                new Batch().Add($"SELECT COALESCE(pg_last_wal_replay_lsn() >= CAST(CAST({position} AS text) AS pg_lsn), false)"),
                reader => reader.GetBoolean(0),
                cancellationToken,
                background: true);
    }
}
