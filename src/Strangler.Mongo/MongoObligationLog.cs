using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>A turn that is taken pushes <c>due_at</c> to the end of its lease: a replica that dies in it is followed by another then.</summary>
internal sealed class MongoObligationLog(MongoSide side) : IObligationLog
{
    public async Task<ObligationTurn> TakeTurnAsync(string kind, string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        await side.UpdateAsync(
            Names.Walk,
            new(
                Id(kind),
                BsonDocument.Of(("$setOnInsert", BsonDocument.Of(("epoch", 0L), ("after_id", 0L), ("checked", 0L), ("owner", ""), ("due_at", Times.Of(now))))),
                Upsert: true),
            cancellationToken, background: true).ConfigureAwait(false);
        var taken = await side.UpdateAsync(
            Names.Walk,
            new(
                Id(kind).With("due_at", BsonDocument.Of(("$lte", Times.Of(now)))),
                BsonDocument.Of(("$set", BsonDocument.Of(("owner", Texts.Cut(owner, 190)), ("due_at", Times.After(now, lease)))))),
            cancellationToken, background: true).ConfigureAwait(false);
        var walk = (await side.FirstAsync(Names.Walk, Id(kind), cancellationToken, background: true).ConfigureAwait(false))!;
        if (taken == 1)
        {
            return new ObligationTurn(new ObligationWalk(walk.Number("epoch"), walk.Number("after_id"), walk.Number("checked")), TimeSpan.Zero);
        }

        var wait = walk.Utc("due_at") - now;
        return new ObligationTurn(null, wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
    }

    public async Task EndTurnAsync(
        string kind, string owner, ObligationWalk walk, bool completed, TimeSpan pause, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        var set = BsonDocument.Of(
            ("epoch", walk.Epoch), ("after_id", completed ? 0 : walk.After), ("checked", completed ? 0 : walk.Checked), ("owner", ""),
            ("due_at", Times.After(now, pause)));
        set = completed ? set.With("completed_at", Times.Of(now)).With("completed_checked", walk.Checked) : set;
        await side.UpdateAsync(
            Names.Walk, new(Id(kind).With("owner", Texts.Cut(owner, 190)), BsonDocument.Of(("$set", set))), cancellationToken, background: true).ConfigureAwait(false);
    }

    public async Task<CompletedWalk?> LastWalkAsync(string kind, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Walk, Id(kind), cancellationToken, background: true).ConfigureAwait(false) is { } walk
        && walk.UtcOrNull("completed_at") is { } completed
            ? new CompletedWalk(completed, walk.Number("completed_checked"))
            : null;

    public async Task<bool> AddAsync(EntityKey key, CancellationToken cancellationToken)
    {
        // Before a session is taken: a second one of the same pool might never come.
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        return await side.UseAsync(
            true,
            async (session, token) => (await session.UpdateAsync(
                Names.Lost,
                [new(Keys.Filter(Keys.Of(side.Context, key)), BsonDocument.Of(("$setOnInsert", BsonDocument.Of(("found_at", Times.Of(now))))), Upsert: true)],
                true, token).ConfigureAwait(false)).ThrowIfFailed().Upserted.Count > 0,
            cancellationToken).ConfigureAwait(false);
    }

    public Task RemoveAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) => ids.Count == 0
        ? Task.CompletedTask
        : side.DeleteAsync(Names.Lost, Keys.Any(side.Context, kind, ids), cancellationToken, background: true);

    public async Task<IReadOnlyList<long>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Lost, Keys.Between(side.Context, kind, 0, long.MaxValue), cancellationToken, true, BsonDocument.Of(("_id", 1)), limit).ConfigureAwait(false))
            .ConvertAll(lost => Keys.Id(lost));

    private BsonDocument Id(string kind) => Keys.Filter(Keys.Kind(side.Context, kind));
}
