using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Postgres;

/// <summary>A turn that is taken pushes <c>due_at</c> to the end of its lease: a replica that dies in it is followed by another then.</summary>
internal sealed class PostgresObligationLog(PostgresSide side) : IObligationLog
{
    public async Task<ObligationTurn> TakeTurnAsync(string kind, string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var name = Texts.Cut(owner, 190);
        var (wait, walk) = await LookAsync(kind, cancellationToken).ConfigureAwait(false);
        if (wait > TimeSpan.Zero)
        {
            return new ObligationTurn(null, wait);
        }

        var taken = await side.WriteAsync(
            walk is null
                ? new Batch().Add($"""
                    INSERT INTO strangler_obligation_walk (context, kind, owner, due_at)
                    VALUES ({side.Context}, {kind}, {name}, statement_timestamp() + {Times.Whole(lease)}) ON CONFLICT (context, kind) DO NOTHING
                    """)
                : new Batch().Add($"""
                    UPDATE strangler_obligation_walk SET owner = {name}, due_at = statement_timestamp() + {Times.Whole(lease)}
                    WHERE context = {side.Context} AND kind = {kind} AND due_at <= statement_timestamp()
                    """),
            cancellationToken,
            background: true).ConfigureAwait(false);
        return taken <= 0
            ? new ObligationTurn(null, TimeSpan.Zero)
            : new ObligationTurn((await LookAsync(kind, cancellationToken).ConfigureAwait(false)).Walk, TimeSpan.Zero);
    }

    public Task EndTurnAsync(
        string kind, string owner, ObligationWalk walk, bool completed, TimeSpan pause, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"""
            UPDATE strangler_obligation_walk SET epoch = {walk.Epoch}, after_id = {(completed ? 0 : walk.After)},
                checked = {(completed ? 0 : walk.Checked)}, owner = '', due_at = statement_timestamp() + {Times.Whole(pause)}
            """);
        if (completed)
        {
            batch.Part($", completed_at = statement_timestamp(), completed_checked = {walk.Checked}");
        }

        batch.Part($" WHERE context = {side.Context} AND kind = {kind} AND owner = {Texts.Cut(owner, 190)}").End();
        return side.WriteAsync(batch, cancellationToken, background: true);
    }

    public Task<CompletedWalk?> LastWalkAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT completed_at, completed_checked FROM strangler_obligation_walk
                WHERE context = {side.Context} AND kind = {kind} AND completed_at IS NOT NULL
                """),
            reader => new CompletedWalk(Times.Utc(reader, 0), reader.GetInt64(1)),
            cancellationToken,
            background: true);

    public async Task<bool> AddAsync(EntityKey key, CancellationToken cancellationToken) =>
        await side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_lost_obligation (context, kind, key, found_at)
                VALUES ({side.Context}, {key.Kind}, {key.Id}, statement_timestamp()) ON CONFLICT (context, kind, key) DO NOTHING
                """),
            cancellationToken,
            background: true).ConfigureAwait(false) > 0;

    public Task RemoveAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        ids.Count == 0
            ? Task.CompletedTask
            : side.WriteAsync(
                new Batch().Add(
                    $"DELETE FROM strangler_lost_obligation WHERE context = {side.Context} AND kind = {kind} AND key = ANY({ids.ToArray()})"),
                cancellationToken,
                background: true);

    public async Task<IReadOnlyList<long>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add(
                $"SELECT key FROM strangler_lost_obligation WHERE context = {side.Context} AND kind = {kind} ORDER BY key LIMIT {limit}"),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true).ConfigureAwait(false);

    private Task<(TimeSpan Wait, ObligationWalk? Walk)> LookAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT epoch, after_id, checked, GREATEST(due_at - statement_timestamp(), interval '0')
                FROM strangler_obligation_walk WHERE context = {side.Context} AND kind = {kind}
                """),
            reader => (reader.GetFieldValue<TimeSpan>(3),
                (ObligationWalk?)new ObligationWalk(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2))),
            cancellationToken,
            background: true);
}
