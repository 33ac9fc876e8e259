using System.Globalization;
using Npgsql;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.Postgres;

internal sealed class PostgresReconciliationHistory(PostgresSide side) : IReconciliationHistory
{
    private static readonly Sql Columns = new("id, began_at, ended_at, is_full, outcome, report");

    public Task<long> BeginAsync(bool full, string scope, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_reconciliation (context, began_at, is_full, scope, report)
                VALUES ({side.Context}, statement_timestamp(), {full}, {Texts.Cut(scope, 1000)}, '') RETURNING id
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return reader.GetInt64(0);
            },
            cancellationToken);

    public Task EndAsync(long id, string outcome, string report, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation SET ended_at = statement_timestamp(), outcome = {outcome}, report = {report}
                WHERE context = {side.Context} AND id = {id}
                """),
            cancellationToken);

    public Task<ReconciliationRun?> FindAsync(long id, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_reconciliation WHERE context = {side.Context} AND id = {id}"),
            Read,
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
                SELECT id, began_at, ended_at, is_full, outcome, scope, CAST(CAST(NULLIF(report, '') AS json) -> 'counts' AS text),
                    COALESCE(CAST(CAST(NULLIF(report, '') AS json) ->> 'signed_off' AS bigint), 0)
                FROM strangler_reconciliation WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit}
                """),
            reader => new RunSummary(
                reader.GetInt64(0), Times.Utc(reader, 1), Times.UtcOrNull(reader, 2), reader.GetBoolean(3),
                reader.GetString(4), reader.GetString(5), RunSummary.CountsOf(reader.IsDBNull(6) ? null : reader.GetString(6)))
            {
                SignedOff = reader.GetInt64(7),
            },
            cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<ReconciliationRun>> MentioningAsync(long id, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM (SELECT {Columns} FROM strangler_reconciliation WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit})
                AS latest WHERE ended_at IS NOT NULL AND strpos(report, {id.ToString(CultureInfo.InvariantCulture)}) > 0 ORDER BY id DESC
                """),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<DateTime?> LastDisturbanceUtcAsync(CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT MAX(at) FROM strangler_disturbance WHERE context = {side.Context}"),
            reader => Times.UtcOrNull(reader, 0),
            cancellationToken);

    public Task DisturbAsync(string what, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_disturbance (context, at, what) VALUES ({side.Context}, statement_timestamp(), {Texts.Cut(what, 1000)})
                """),
            cancellationToken);

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => Times.UtcNowAsync(side, cancellationToken);

    private static ReconciliationRun Read(NpgsqlDataReader reader) => new(
        reader.GetInt64(0), Times.Utc(reader, 1), Times.UtcOrNull(reader, 2), reader.GetBoolean(3), reader.GetString(4), reader.GetString(5));
}

internal sealed class PostgresShadowLog(PostgresSide side) : IShadowLog
{
    public Task AddAsync(long epoch, long reads, IReadOnlyList<ShadowMismatch> mismatches, CancellationToken cancellationToken)
    {
        var batch = new Batch().Add($"""
            INSERT INTO strangler_shadow AS s (context, epoch, shadow_reads, mismatches) VALUES ({side.Context}, {epoch}, {reads}, {mismatches.Count})
            ON CONFLICT (context, epoch) DO UPDATE SET shadow_reads = s.shadow_reads + EXCLUDED.shadow_reads,
                mismatches = s.mismatches + EXCLUDED.mismatches
            """);
        foreach (var mismatch in mismatches)
        {
            batch.Add($"""
                INSERT INTO strangler_shadow_mismatch AS s (context, epoch, key, fields, last_at)
                VALUES ({side.Context}, {epoch}, {mismatch.Id}, {Texts.Cut(string.Join(',', mismatch.Fields), 4000)}, statement_timestamp())
                ON CONFLICT (context, epoch, key) DO UPDATE SET fields = EXCLUDED.fields, hits = s.hits + 1, last_at = EXCLUDED.last_at
                """);
        }

        return side.WriteAsync(batch, cancellationToken, background: true);
    }

    public Task<(long Reads, long Mismatches)> CountAsync(long epoch, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT shadow_reads, mismatches FROM strangler_shadow WHERE context = {side.Context} AND epoch = {epoch}"),
            reader => (reader.GetInt64(0), reader.GetInt64(1)),
            cancellationToken);
}

internal sealed class PostgresAudit(PostgresSide side) : IAudit
{
    private static readonly Sql Columns = new("at, actor, action, from_stage, to_stage, epoch, forced, reason, detail");

    public SideName Side => side.Name;

    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_audit (context, at, actor, action, from_stage, to_stage, epoch, forced, reason, detail)
                VALUES ({side.Context}, statement_timestamp(), {Texts.Cut(entry.Actor, 190)}, {Texts.Cut(entry.Action, 64)}, {entry.From}, {entry.To},
                    {entry.Epoch}, {entry.Forced}, {Texts.Cut(entry.Reason, int.MaxValue)}, {Texts.Cut(entry.Detail, int.MaxValue)})
                """),
            cancellationToken);

    public async Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} ORDER BY id DESC LIMIT {limit}"), Read, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} AND epoch = {epoch} AND at > statement_timestamp() - {Times.Whole(within)}
                ORDER BY id DESC
                """),
            Read, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<AuditEntry>> OfActionAsync(string action, string about, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM strangler_audit WHERE context = {side.Context} AND action = {action} AND left(detail, 64) LIKE {$"{about}%"}
                ORDER BY id DESC LIMIT {limit}
                """),
            Read, cancellationToken).ConfigureAwait(false);

    private static AuditEntry Read(NpgsqlDataReader reader) => new(
        Times.Utc(reader, 0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5), reader.GetBoolean(6),
        reader.GetString(7), reader.GetString(8));
}
