using Npgsql;
using Strangler.Reconciliation;

namespace Strangler.Postgres;

/// <summary>One row a context decides who reconciles it, and one UPDATE of it is the decision.</summary>
internal sealed class PostgresReconciliationLease(PostgresSide side) : IReconciliationLease
{
    public Task<LeaseHolder> AcquireAsync(LeaseHolder holder, string? insteadOf, TimeSpan length, CancellationToken cancellationToken)
    {
        var process = holder.Process;
        return side.WriteAsync(
            new Batch()
                .Add($"INSERT INTO strangler_reconciliation_lease (context) VALUES ({side.Context}) ON CONFLICT (context) DO NOTHING")
                .Add($"""
                    UPDATE strangler_reconciliation_lease SET
                        token = {holder.Token}, scope = {Texts.Cut(holder.Scope, 1000)}, actor = {Texts.Cut(holder.Actor, 190)},
                        host = {Texts.Cut(process.Host, 190)}, host_id = {Texts.Cut(process.HostId, 190)}, pid = {process.Pid},
                        process_started = {Texts.Cut(process.Started, 64)}, since_at = statement_timestamp(),
                        until_at = statement_timestamp() + {Times.Whole(length)}
                    WHERE context = {side.Context} AND (token = '' OR token = {insteadOf ?? ""} OR until_at < statement_timestamp())
                    """)
                .Add($"""
                    SELECT token, scope, actor, host, host_id, pid, process_started, since_at, until_at
                    FROM strangler_reconciliation_lease WHERE context = {side.Context}
                    """),
            ReadAsync,
            cancellationToken,
            background: true);
    }

    public async Task<bool> RenewAsync(string token, TimeSpan length, CancellationToken cancellationToken) =>
        await side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation_lease SET until_at = statement_timestamp() + {Times.Whole(length)}
                WHERE context = {side.Context} AND token = {token}
                """),
            cancellationToken,
            background: true).ConfigureAwait(false) == 1;

    public Task ReleaseAsync(string token, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation_lease SET token = '', until_at = NULL WHERE context = {side.Context} AND token = {token}
                """),
            cancellationToken,
            background: true);

    /// <summary>The lease's row is locked to the end: nobody takes it over between the look and the commit.</summary>
    public Task<bool> SaveAsync(string token, RunCheckpoint checkpoint, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch()
                .Add($"SELECT 1 FROM strangler_reconciliation_lease WHERE context = {side.Context} AND token = {token} FOR SHARE")
                .Add($"""
                    INSERT INTO strangler_reconciliation_checkpoint (run_id, context, kind, saved_at, state)
                    SELECT {checkpoint.RunId}, l.context, {checkpoint.Kind}, statement_timestamp(), {checkpoint.State}
                    FROM strangler_reconciliation_lease l WHERE l.context = {side.Context} AND l.token = {token}
                    ON CONFLICT (run_id) DO UPDATE SET saved_at = EXCLUDED.saved_at, state = EXCLUDED.state
                    """),
            (reader, read) => reader.ReadAsync(read),
            cancellationToken,
            background: true);

    public Task<RunCheckpoint?> LatestAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT c.run_id, r.began_at, c.saved_at, c.state FROM strangler_reconciliation_checkpoint c
                JOIN strangler_reconciliation r ON r.id = c.run_id
                WHERE c.context = {side.Context} AND c.kind = {kind} AND r.ended_at IS NULL ORDER BY c.run_id DESC LIMIT 1
                """),
            reader => new RunCheckpoint(reader.GetInt64(0), kind, Times.Utc(reader, 1), Times.Utc(reader, 2), reader.GetString(3)),
            cancellationToken,
            background: true);

    public Task ForgetAsync(string kind, long run, bool older, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_reconciliation_checkpoint
                WHERE context = {side.Context} AND kind = {kind} AND run_id BETWEEN {(older ? 0 : run)} AND {run}
                """),
            cancellationToken,
            background: true);

    private static async Task<LeaseHolder> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return new LeaseHolder(
            reader.GetString(0), reader.GetString(1), reader.GetString(2),
            new ProcessIdentity(reader.GetString(3), reader.GetString(4), (int)reader.GetInt64(5), reader.GetString(6)),
            Times.UtcOrNull(reader, 7) ?? default,
            Times.UtcOrNull(reader, 8) ?? default);
    }
}
