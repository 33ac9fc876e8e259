using System.Data.Common;
using Strangler.Reconciliation;

namespace Strangler.MySql;

/// <summary>One row a context decides who reconciles it; every statement is a transaction of its own, and one UPDATE is the
/// decision.</summary>
internal sealed class MySqlReconciliationLease(MySqlSide side) : IReconciliationLease
{
    public Task<LeaseHolder> AcquireAsync(LeaseHolder holder, string? insteadOf, TimeSpan length, CancellationToken cancellationToken)
    {
        var process = holder.Process;
        return side.QueryAsync(
            new Batch()
                .Add($"INSERT IGNORE INTO strangler_reconciliation_lease (context) VALUES ({side.Context})")
                .Add($"""
                    UPDATE strangler_reconciliation_lease SET
                        token = {holder.Token}, scope = {Texts.Cut(holder.Scope, 1000)}, actor = {Texts.Cut(holder.Actor, 190)},
                        host = {Texts.Cut(process.Host, 190)}, host_id = {Texts.Cut(process.HostId, 190)}, pid = {process.Pid},
                        process_started = {Texts.Cut(process.Started, 64)}, since_at = UTC_TIMESTAMP(6),
                        until_at = UTC_TIMESTAMP(6) + INTERVAL {(long)length.TotalMicroseconds} MICROSECOND
                    WHERE context = {side.Context} AND (token = '' OR token = {insteadOf ?? ""} OR until_at < UTC_TIMESTAMP(6))
                    """)
                .Add($"""
                    SELECT token, scope, actor, host, host_id, pid, process_started, since_at, until_at
                    FROM strangler_reconciliation_lease WHERE context = {side.Context}
                    """),
            ReadAsync,
            cancellationToken,
            background: true);
    }

    public Task<bool> RenewAsync(string token, TimeSpan length, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch()
                .Add($"""
                    UPDATE strangler_reconciliation_lease
                        SET until_at = UTC_TIMESTAMP(6) + INTERVAL {(long)length.TotalMicroseconds} MICROSECOND
                    WHERE context = {side.Context} AND token = {token}
                    """)
                .Add($"SELECT COUNT(*) FROM strangler_reconciliation_lease WHERE context = {side.Context} AND token = {token}"),
            async (reader, read) => await reader.ReadAsync(read).ConfigureAwait(false) && reader.GetInt64(0) == 1,
            cancellationToken,
            background: true);

    public Task ReleaseAsync(string token, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation_lease SET token = '', until_at = NULL WHERE context = {side.Context} AND token = {token}
                """),
            cancellationToken,
            background: true);

    /// <summary>The lease's row is locked to the end: nobody takes it over between the look and the commit.</summary>
    public Task<bool> SaveAsync(string token, RunCheckpoint checkpoint, CancellationToken cancellationToken) =>
        side.QueryAsync(
            MySqlSide.EndWrite(side.BeginWrite(new Batch(), background: true)
                .Add($"SELECT COUNT(*) FROM strangler_reconciliation_lease WHERE context = {side.Context} AND token = {token} LOCK IN SHARE MODE")
                .Add($"""
                    INSERT INTO strangler_reconciliation_checkpoint (run_id, context, kind, saved_at, state)
                    SELECT {checkpoint.RunId}, context, {checkpoint.Kind}, UTC_TIMESTAMP(6), {checkpoint.State}
                    FROM strangler_reconciliation_lease WHERE context = {side.Context} AND token = {token}
                    ON DUPLICATE KEY UPDATE saved_at = VALUES(saved_at), state = VALUES(state)
                    """)),
            async (reader, read) => await reader.ReadAsync(read).ConfigureAwait(false) && reader.GetInt64(0) == 1,
            cancellationToken,
            background: true);

    public Task<RunCheckpoint?> LatestAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT c.run_id, r.began_at, c.saved_at, c.state FROM strangler_reconciliation_checkpoint c
                JOIN strangler_reconciliation r ON r.id = c.run_id
                WHERE c.context = {side.Context} AND c.kind = {kind} AND r.ended_at IS NULL ORDER BY c.run_id DESC LIMIT 1
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? new RunCheckpoint(reader.GetInt64(0), kind, FenceSql.Utc(reader, 1), FenceSql.Utc(reader, 2), reader.GetString(3))
                : null,
            cancellationToken,
            background: true);

    public Task ForgetAsync(string kind, long run, bool older, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_reconciliation_checkpoint
                WHERE context = {side.Context} AND kind = {kind} AND run_id BETWEEN {(older ? 0 : run)} AND {run}
                """),
            cancellationToken,
            background: true);

    private static async Task<LeaseHolder> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new LeaseHolder(
            reader.GetString(0), reader.GetString(1), reader.GetString(2),
            new ProcessIdentity(reader.GetString(3), reader.GetString(4), (int)reader.GetInt64(5), reader.GetString(6)),
            reader.IsDBNull(7) ? default : FenceSql.Utc(reader, 7),
            reader.IsDBNull(8) ? default : FenceSql.Utc(reader, 8));
    }
}
