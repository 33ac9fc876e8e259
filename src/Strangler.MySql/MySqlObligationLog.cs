using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.MySql;

/// <summary>A turn that is taken pushes <c>due_at</c> to the end of its lease: a replica that dies in it is followed by another then.</summary>
internal sealed class MySqlObligationLog(MySqlSide side) : IObligationLog
{
    public async Task<ObligationTurn> TakeTurnAsync(string kind, string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var name = Texts.Cut(owner, 190);
        var (wait, walk) = await LookAsync(kind, cancellationToken).ConfigureAwait(false);
        if (wait > TimeSpan.Zero)
        {
            return new ObligationTurn(null, wait);
        }

        var taken = await side.ExecuteAsync(
            walk is null
                ? new Batch().Add($"""
                    INSERT IGNORE INTO strangler_obligation_walk (context, kind, owner, due_at)
                    VALUES ({side.Context}, {kind}, {name}, UTC_TIMESTAMP(6) + INTERVAL {Microseconds(lease)} MICROSECOND)
                    """)
                : new Batch().Add($"""
                    UPDATE strangler_obligation_walk SET owner = {name}, due_at = UTC_TIMESTAMP(6) + INTERVAL {Microseconds(lease)} MICROSECOND
                    WHERE context = {side.Context} AND kind = {kind} AND due_at <= UTC_TIMESTAMP(6)
                    """),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return taken == 0
            ? new ObligationTurn(null, TimeSpan.Zero)
            : new ObligationTurn((await LookAsync(kind, cancellationToken).ConfigureAwait(false)).Walk, TimeSpan.Zero);
    }

    public Task EndTurnAsync(
        string kind, string owner, ObligationWalk walk, bool completed, TimeSpan pause, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"""
            UPDATE strangler_obligation_walk SET epoch = {walk.Epoch}, after_id = {(completed ? 0 : walk.After)},
            checked = {(completed ? 0 : walk.Checked)}, owner = '', due_at = UTC_TIMESTAMP(6) + INTERVAL {Microseconds(pause)} MICROSECOND
            """);
        if (completed)
        {
            batch.Part($", completed_at = UTC_TIMESTAMP(6), completed_checked = {walk.Checked}");
        }

        batch.Part($" WHERE context = {side.Context} AND kind = {kind} AND owner = {Texts.Cut(owner, 190)}").End();
        return side.ExecuteAsync(batch, cancellationToken, background: true);
    }

    public Task<CompletedWalk?> LastWalkAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT completed_at, completed_checked FROM strangler_obligation_walk
                WHERE context = {side.Context} AND kind = {kind} AND completed_at IS NOT NULL
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? new CompletedWalk(FenceSql.Utc(reader, 0), reader.GetInt64(1))
                : null,
            cancellationToken,
            background: true);

    public async Task<bool> AddAsync(EntityKey key, CancellationToken cancellationToken) =>
        await side.ExecuteAsync(
            new Batch().Add($"""
                INSERT IGNORE INTO strangler_lost_obligation (context, kind, `key`, found_at)
                VALUES ({side.Context}, {key.Kind}, {key.Id}, UTC_TIMESTAMP(6))
                """),
            cancellationToken,
            background: true).ConfigureAwait(false) > 0;

    public async Task RemoveAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        if (ids.Count > 0)
        {
            var batch = new Batch();
            batch.Part($"DELETE FROM strangler_lost_obligation WHERE context = {side.Context} AND kind = {kind} AND `key` IN");
            Lists.In(batch, ids);
            await side.ExecuteAsync(batch.End(), cancellationToken, background: true).ConfigureAwait(false);
        }
    }

    public async Task<IReadOnlyList<long>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT `key` FROM strangler_lost_obligation WHERE context = {side.Context} AND kind = {kind} ORDER BY `key` LIMIT {limit}
                """),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);

    private Task<(TimeSpan Wait, ObligationWalk? Walk)> LookAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT epoch, after_id, checked, GREATEST(0, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), due_at))
                FROM strangler_obligation_walk WHERE context = {side.Context} AND kind = {kind}
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? (TimeSpan.FromMicroseconds(reader.GetInt64(3)),
                    new ObligationWalk(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2)))
                : (TimeSpan.Zero, (ObligationWalk?)null),
            cancellationToken,
            background: true);

    private static long Microseconds(TimeSpan time) => (long)time.TotalMicroseconds;
}
