using System.Data.Common;
using System.Globalization;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.MySql;

internal sealed class MySqlReconciliationHistory(MySqlSide side) : IReconciliationHistory
{
    private static readonly Sql Columns = new("id, began_at, ended_at, is_full, outcome, report");

    public Task<long> BeginAsync(bool full, string scope, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch()
                .Add($"""
                    INSERT INTO strangler_reconciliation (context, began_at, is_full, scope, report)
                    VALUES ({side.Context}, UTC_TIMESTAMP(6), {(full ? 1 : 0)}, {Texts.Cut(scope, 1000)}, '')
                    """)
                .Add($"SELECT CAST(LAST_INSERT_ID() AS SIGNED)"),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return reader.GetInt64(0);
            },
            cancellationToken);

    public Task EndAsync(long id, string outcome, string report, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation SET ended_at = UTC_TIMESTAMP(6), outcome = {outcome}, report = {report}
                WHERE context = {side.Context} AND id = {id}
                """),
            cancellationToken);

    public Task<ReconciliationRun?> FindAsync(long id, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_reconciliation WHERE context = {side.Context} AND id = {id}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? Read(reader) : null,
            cancellationToken);

    public async Task<IReadOnlyList<ReconciliationRun>> ListAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add(
                $"SELECT {Columns} FROM strangler_reconciliation WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit}"),
            Read,
            cancellationToken).ConfigureAwait(false);

    // Only what a list shows leaves the server: a report with many samples has megabytes.
    public async Task<IReadOnlyList<RunSummary>> SummariesAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT id, began_at, ended_at, is_full, outcome, scope, CAST(JSON_EXTRACT(NULLIF(report, ''), '$.counts') AS CHAR),
                    CAST(COALESCE(JSON_EXTRACT(NULLIF(report, ''), '$.signed_off'), 0) AS SIGNED)
                FROM strangler_reconciliation WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit}
                """),
            reader => new RunSummary(
                reader.GetInt64(0), FenceSql.Utc(reader, 1), reader.IsDBNull(2) ? null : FenceSql.Utc(reader, 2), reader.GetInt64(3) != 0,
                reader.GetString(4), reader.GetString(5), RunSummary.CountsOf(reader.IsDBNull(6) ? null : reader.GetString(6)))
            {
                SignedOff = reader.GetInt64(7),
            },
            cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<ReconciliationRun>> MentioningAsync(long id, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM (SELECT {Columns} FROM strangler_reconciliation WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit})
                AS latest WHERE ended_at IS NOT NULL AND INSTR(report, {id.ToString(CultureInfo.InvariantCulture)}) > 0 ORDER BY id DESC
                """),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<DateTime?> LastDisturbanceUtcAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT MAX(at) FROM strangler_disturbance WHERE context = {side.Context}"),
            async (reader, token) =>
                await reader.ReadAsync(token).ConfigureAwait(false) && !reader.IsDBNull(0) ? FenceSql.Utc(reader, 0) : (DateTime?)null,
            cancellationToken);

    public Task DisturbAsync(string what, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_disturbance (context, at, what) VALUES ({side.Context}, UTC_TIMESTAMP(6), {Texts.Cut(what, 1000)})
                """),
            cancellationToken);

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => Clock.UtcNowAsync(side, cancellationToken);

    private static ReconciliationRun Read(DbDataReader reader) => new(
        reader.GetInt64(0), FenceSql.Utc(reader, 1), reader.IsDBNull(2) ? null : FenceSql.Utc(reader, 2),
        reader.GetInt64(3) != 0, reader.GetString(4), reader.GetString(5));
}

internal sealed class MySqlShadowLog(MySqlSide side) : IShadowLog
{
    public Task AddAsync(long epoch, long reads, IReadOnlyList<ShadowMismatch> mismatches, CancellationToken cancellationToken)
    {
        var batch = side.BeginWrite(new Batch(), background: true);
        batch.Add($"""
            INSERT INTO strangler_shadow (context, epoch, shadow_reads, mismatches) VALUES ({side.Context}, {epoch}, {reads},
            {mismatches.Count})
            ON DUPLICATE KEY UPDATE shadow_reads = shadow_reads + VALUES(shadow_reads), mismatches = mismatches + VALUES(mismatches)
            """);
        foreach (var mismatch in mismatches)
        {
            batch.Add($"""
                INSERT INTO strangler_shadow_mismatch (context, epoch, `key`, fields, last_at)
                VALUES ({side.Context}, {epoch}, {mismatch.Id}, {Texts.Cut(string.Join(',', mismatch.Fields), 4000)}, UTC_TIMESTAMP(6))
                ON DUPLICATE KEY UPDATE fields = VALUES(fields), hits = hits + 1, last_at = VALUES(last_at)
                """);
        }

        return side.ExecuteAsync(MySqlSide.EndWrite(batch), cancellationToken, background: true);
    }

    public Task<(long Reads, long Mismatches)> CountAsync(long epoch, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT shadow_reads, mismatches FROM strangler_shadow WHERE context = {side.Context} AND epoch = {epoch}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? (reader.GetInt64(0), reader.GetInt64(1))
                : (0L, 0L),
            cancellationToken);
}

internal sealed class MySqlAudit(MySqlSide side) : IAudit
{
    private static readonly Sql Columns = new("at, actor, action, from_stage, to_stage, epoch, forced, reason, detail");

    public SideName Side => side.Name;

    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_audit (context, at, actor, action, from_stage, to_stage, epoch, forced, reason, detail)
                VALUES ({side.Context}, UTC_TIMESTAMP(6), {Texts.Cut(entry.Actor, 190)}, {Texts.Cut(entry.Action, 64)}, {entry.From},
                {entry.To},
                    {entry.Epoch}, {(entry.Forced ? 1 : 0)}, {entry.Reason}, {entry.Detail})
                """),
            cancellationToken);

    public async Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit}"), Read, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} AND epoch = {epoch}
                AND at > UTC_TIMESTAMP(6) - INTERVAL {(long)within.TotalMicroseconds} MICROSECOND ORDER BY id DESC
                """),
            Read, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<AuditEntry>> OfActionAsync(string action, string about, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} AND action = {action} AND detail LIKE {$"{about}%"}
                ORDER BY id DESC LIMIT {limit}
                """),
            Read, cancellationToken).ConfigureAwait(false);

    private static AuditEntry Read(DbDataReader reader) => new(
        FenceSql.Utc(reader, 0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5), reader.GetInt64(6) != 0,
        reader.GetString(7), reader.GetString(8));
}

internal sealed class MySqlReplicas(MySqlSide side) : IReplicas
{
    public Task BeatAsync(string name, string build, Stage newestKnownStage, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_replica (context, name, build, newest_known_stage, seen)
                VALUES ({side.Context}, {Texts.Cut(name, 190)}, {Texts.Cut(build, 190)}, {newestKnownStage.ToString()}, UTC_TIMESTAMP(6))
                ON DUPLICATE KEY UPDATE build = VALUES(build), newest_known_stage = VALUES(newest_known_stage), seen = VALUES(seen)
                """),
            cancellationToken,
            background: true);

    /// <summary>A stage that this build does not know is newer than all it knows.</summary>
    public async Task<IReadOnlyList<Replica>> LiveAsync(TimeSpan within, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT name, build, newest_known_stage, seen FROM strangler_replica
                WHERE context = {side.Context} AND seen > UTC_TIMESTAMP(6) - INTERVAL {(long)within.TotalMicroseconds} MICROSECOND ORDER BY
                name
                """),
            reader => new Replica(
                reader.GetString(0), reader.GetString(1), Enum.TryParse<Stage>(reader.GetString(2), out var stage) ? stage : Stage.NewOnly,
                FenceSql.Utc(reader, 3)),
            cancellationToken).ConfigureAwait(false);

    public Task LeaveAsync(string name, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"DELETE FROM strangler_replica WHERE context = {side.Context} AND name = {Texts.Cut(name, 190)}"),
                cancellationToken);
}
