using System.Data.Common;
using System.Globalization;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.MySql;

/// <summary>
/// Whether the server replicates, and how far the configured replicas are behind it: by global transaction ids, which any user may ask for.
/// </summary>
internal sealed class MySqlReplication : IReplication
{
    private readonly MySqlSide _side;
    private readonly ReplicaLags _replicas;

    public MySqlReplication(MySqlSide side)
    {
        _side = side;
        _replicas = new ReplicaLags(
            side.Database.Replicas.Select(replica => new Replica(new MySqlSide(side.Name, side.Context, replica))), side.Options.Time);
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

    public Task<IReadOnlyList<ReplicaLag>> LagsAsync(CancellationToken cancellationToken) => _replicas.MeasureAsync(PositionAsync, cancellationToken);

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

    private sealed class Replica(MySqlSide side) : IReplicaServer
    {
        public string Address => side.Database.Address;

        /// <summary>Asked, not waited for, but at the first time: a run must not stand still for what a replica owes by nature.</summary>
        public Task<bool> HasReachedAsync(string position, bool isFirst, CancellationToken cancellationToken) => side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                var patience = new Sql(isFirst ? "0.5" : "0.001");
                var batch = IsMariaDb(connection)
                    ? new Batch().Add($"SELECT MASTER_GTID_WAIT({position}, {patience}) = 0")
                    : new Batch().Add($"SELECT GTID_SUBSET({position}, @@GLOBAL.gtid_executed)");
                return await side.ScalarAsync(connection, batch, true, token).ConfigureAwait(false) == 1;
            },
            cancellationToken);
    }
}
