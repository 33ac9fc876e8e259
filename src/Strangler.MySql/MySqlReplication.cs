using System.Data.Common;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Schemas;

namespace Strangler.MySql;

/// <summary>
/// Whether the server replicates, and how far the configured replicas are behind it. The lag is measured by what the server has written and a
/// replica has not applied yet: by positions, that is, which any user may ask for, and which grow old while a replica is stopped, too.
/// </summary>
internal sealed class MySqlReplication : IReplication
{
    // More need not be remembered: the oldest that a replica has not reached is what counts.
    private const int MostPositions = 3600;

    private readonly MySqlSide _side;
    private readonly List<Replica> _replicas;

    public MySqlReplication(MySqlSide side)
    {
        _side = side;
        _replicas = [.. side.Database.Replicas.Select(replica => new Replica(new MySqlSide(side.Name, side.Context, replica)))];
    }

    public async Task<string?> ReplicaOfAsync(CancellationToken cancellationToken)
    {
        var (running, isReadOnly) = await _side.QueryAsync(
            new Batch().Add($"SHOW GLOBAL STATUS LIKE 'Slave_running'").Add($"SELECT @@GLOBAL.read_only"),
            async (reader, token) =>
            {
                var on = await reader.ReadAsync(token).ConfigureAwait(false) && reader.GetString(1) == "ON";
                await reader.NextResultAsync(token).ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                return (on, Convert.ToString(reader.GetValue(0), CultureInfo.InvariantCulture) is not ("0" or "OFF"));
            },
            cancellationToken,
            background: true).ConfigureAwait(false);
        var source = await SourceAsync(cancellationToken).ConfigureAwait(false);
        return source is not null ? $"a replica of {source}"
            : running ? "a replica (it replicates at this moment)"
            : isReadOnly ? "read-only (@@read_only is not OFF), as replicas are"
            : null;
    }

    public async Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken)
    {
        if (_replicas.Count == 0)
        {
            return [];
        }

        var now = _side.Options.Time.GetTimestamp();
        var (position, unknown) = await PositionAsync(cancellationToken).ConfigureAwait(false);
        List<ReplicaLag> lags = [];
        foreach (var replica in _replicas)
        {
            lags.Add(position is null
                ? new ReplicaLag(replica.Address, null, unknown)
                : await LagAsync(replica, position, now, cancellationToken).ConfigureAwait(false));
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

    private async Task<(string? Position, string Unknown)> PositionAsync(CancellationToken cancellationToken)
    {
        var position = await _side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var batch = IsMariaDb(connection) ? new Batch().Add($"SELECT @@GLOBAL.gtid_binlog_pos") : new Batch().Add($"SELECT @@GLOBAL.gtid_executed");
                return await _side.QueryAsync(connection, batch, TextAsync, true, token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        return position.Length > 0 ? (position, "")
            : (null, $"{_side.Database.Address} has no position of its binary log (log_bin, and gtid_mode in MySQL)");
    }

    // Only some users may ask.
    private Task<string?> SourceAsync(CancellationToken cancellationToken) => _side.UseAsync(
        background: true,
        async (connection, token) =>
        {
            try
            {
                var batch = IsMariaDb(connection) ? new Batch().Add($"SHOW ALL SLAVES STATUS") : new Batch().Add($"SHOW REPLICA STATUS");
                return await _side.QueryAsync(connection, batch, SourceAsync, true, token).ConfigureAwait(false);
            }
            catch (DbException exception) when (MySqlDriver.Classify(exception) is MySqlErrorKind.AccessDenied or MySqlErrorKind.Other)
            {
                return null;
            }
        },
        cancellationToken);

    private static async Task<string?> SourceAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var columns = Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, at => at, StringComparer.OrdinalIgnoreCase);
        return $"{Column("Master_Host", "Source_Host")}:{Column("Master_Port", "Source_Port")}";

        string Column(string mariaDb, string mySql) => columns.TryGetValue(mariaDb, out var at) || columns.TryGetValue(mySql, out at)
            ? Convert.ToString(reader.GetValue(at), CultureInfo.InvariantCulture) ?? ""
            : "?";
    }

    private static bool IsMariaDb(DbConnection connection) => connection.ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);

    private static async Task<string> TextAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false) && !reader.IsDBNull(0) ? reader.GetString(0) : "";

    private sealed class Replica(MySqlSide side)
    {
        /// <summary>Positions that it had not reached when it was last asked, the oldest first.</summary>
        public Queue<(string Position, long At)> Pending { get; } = [];

        public string Address => side.Database.Address;

        /// <summary>Whether it has ever reached a position: before, it may be behind by any time.</summary>
        public bool IsMeasured { get; set; }

        private Sql Patience => new(IsMeasured ? "0.001" : "0.5");

        /// <summary>Asked, not waited for, but at the first time: a run must not stand still for what a replica owes by nature.</summary>
        public Task<bool> HasReachedAsync(string position, CancellationToken cancellationToken) => side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var batch = IsMariaDb(connection)
                    ? new Batch().Add($"SELECT MASTER_GTID_WAIT({position}, {Patience}) = 0")
                    : new Batch().Add($"SELECT GTID_SUBSET({position}, @@GLOBAL.gtid_executed)");
                return await side.ScalarAsync(connection, batch, true, token).ConfigureAwait(false) == 1;
            },
            cancellationToken);
    }
}
