using Npgsql;
using Strangler.Reconciliation;

namespace Strangler.Postgres;

/// <summary>One row a schedule, and one UPDATE gives an occurrence away.</summary>
internal sealed class PostgresSchedules(PostgresSide side) : ISchedules
{
    private const int NameLength = 190;

    public Task SayAsync(string name, DateTime? nextUtc, string replica, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_reconciliation_schedule (context, name, next_at, seen_at, seen_by)
                VALUES ({side.Context}, {Texts.Cut(name, NameLength)}, {Times.Stored(nextUtc)}, statement_timestamp(), {Texts.Cut(replica, NameLength)})
                ON CONFLICT (context, name) DO UPDATE SET next_at = EXCLUDED.next_at, seen_at = EXCLUDED.seen_at, seen_by = EXCLUDED.seen_by
                """),
            cancellationToken,
            background: true);

    public async Task<bool> TakeAsync(string name, DateTime dueUtc, string replica, CancellationToken cancellationToken) =>
        await side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation_schedule SET due_at = {Times.Stored(dueUtc)}, taken_by = {Texts.Cut(replica, NameLength)}, run_id = 0, outcome = ''
                WHERE context = {side.Context} AND name = {Texts.Cut(name, NameLength)} AND (due_at IS NULL OR due_at < {Times.Stored(dueUtc)})
                """),
            cancellationToken,
            background: true).ConfigureAwait(false) == 1;

    public Task EndAsync(string name, DateTime dueUtc, long runId, string outcome, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_reconciliation_schedule SET run_id = {runId}, outcome = {Texts.Cut(outcome, 1000)}
                WHERE context = {side.Context} AND name = {Texts.Cut(name, NameLength)} AND due_at = {Times.Stored(dueUtc)}
                """),
            cancellationToken,
            background: true);

    public async Task<IReadOnlyList<ScheduleState>> ListAsync(CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT name, next_at, seen_at, seen_by, due_at, taken_by, run_id, outcome FROM strangler_reconciliation_schedule
                WHERE context = {side.Context} ORDER BY name
                """),
            Read,
            cancellationToken,
            background: true).ConfigureAwait(false);

    private static ScheduleState Read(NpgsqlDataReader reader) => new(
        reader.GetString(0), Times.UtcOrNull(reader, 1), Times.Utc(reader, 2), reader.GetString(3), Times.UtcOrNull(reader, 4), reader.GetString(5),
        reader.GetInt64(6), reader.GetString(7));
}
