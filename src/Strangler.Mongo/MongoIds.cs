using Strangler.DualWrite;
using Strangler.IdMap;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

internal sealed class MongoIdMap(MongoSide side) : IIdMap
{
    public async Task<long?> FindNewIdAsync(string kind, long publicId, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.IdMap, Keys.Filter(Keys.Of(side.Context, kind, publicId)), cancellationToken).ConfigureAwait(false) is { } map
            ? Keys.Id(map, "target")
            : null;

    public async Task<long?> FindPublicIdAsync(string kind, long newId, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.IdMap, BsonDocument.Of(("target", Keys.Of(side.Context, kind, newId))), cancellationToken).ConfigureAwait(false) is { } map
            ? Keys.Id(map)
            : null;
}

/// <summary>The new side's stock of reserved public ids. A process takes a few at a time, so that creates do not queue for one document; what it
/// does not use becomes gaps.</summary>
internal sealed class MongoIdPool : IIdPool
{
    private static readonly BsonDocument ById = BsonDocument.Of(("_id", 1));

    private readonly MongoSide _side;
    private readonly IdStock _stock;

    public MongoIdPool(MongoSide side) => (_side, _stock) = (side, new IdStock(side.Context, TakeBatchAsync, MayFindMoreAsync));

    public Task AddAsync(string kind, IReadOnlyList<IdBlock> blocks, CancellationToken cancellationToken) => blocks.Count == 0
        ? Task.CompletedTask
        : _side.UseAsync(
            null,
            async (session, token) => (await session.UpdateAsync(
                Names.IdPool,
                [.. blocks.Select(block => new MongoUpdate(
                    Keys.Filter(Keys.Of(_side.Context, kind, block.FirstId)), BsonDocument.Of(("$setOnInsert", Block(block))), Upsert: true))],
                true, token).ConfigureAwait(false)).ThrowIfFailed(),
            cancellationToken);

    public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) => _stock.TakeAsync(kind, cancellationToken);

    public async Task<long> LeftAsync(string kind, CancellationToken cancellationToken) =>
        (await _side.FindAsync(Names.IdPool, Unused(kind), cancellationToken).ConfigureAwait(false))
            .Sum(block => new IdBlock(Keys.Id(block), block.Number("last_id"), (int)block.Number("step")).CountFrom(block.Number("next_id")));

    private BsonDocument Unused(string kind) => Keys.Between(_side.Context, kind, 0, long.MaxValue).With("used", false);

    private static BsonDocument Block(IdBlock block) =>
        BsonDocument.Of(("last_id", block.LastId), ("step", (long)block.Step), ("next_id", block.FirstId), ("used", false));

    private async Task<bool> MayFindMoreAsync(string kind, CancellationToken cancellationToken) =>
        await LeftAsync(kind, cancellationToken).ConfigureAwait(false) > 0 || await ExtendAsync(kind, cancellationToken).ConfigureAwait(false);

    // One document is changed by one command, if it still is as it was read: of several who take at once, one gets them, and the others look again.
    private Task<List<long>> TakeBatchAsync(string kind, CancellationToken cancellationToken) => _side.UseAsync(
        null,
        async (session, token) =>
        {
            while (await session.FirstAsync(Names.IdPool, Unused(kind), token, ById).ConfigureAwait(false) is { } block)
            {
                var (first, last, step) = (block.Number("next_id"), block.Number("last_id"), block.Number("step"));
                var next = first + (_side.Options.IdBatch * step);
                var taken = await session.UpdateAsync(
                    Names.IdPool,
                    [new(
                        Keys.Filter(block["_id"]).With("next_id", first), BsonDocument.Of(("$set", BsonDocument.Of(("next_id", next), ("used", next > last)))))],
                    true, token).ConfigureAwait(false);
                if (taken.ThrowIfFailed().Count == 1)
                {
                    return [.. Enumerable.Range(0, _side.Options.IdBatch).Select(i => first + (i * step)).TakeWhile(id => id <= last)];
                }
            }

            return (List<long>)[];
        },
        cancellationToken);

    /// <summary>
    /// NewOnly goes on above all ids: every legacy row is mapped by then and legacy allots no more. In every other stage only legacy can
    /// reserve. The fence is held so that this cannot happen while the stage goes. Two who extend at once begin at the same id: one of them
    /// finds its block there.
    /// </summary>
    private Task<bool> ExtendAsync(string kind, CancellationToken cancellationToken) => _side.WhenFreeAsync(
        Lane.IsBackground,
        async token =>
        {
            var transaction = await FencedTransaction.BeginAsync(_side, Lane.IsBackground, _side.Options.TransactionDeadline, token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                return transaction.Fence is { Role: FenceRole.Lead, Stage: Stage.NewOnly }
                    && await ExtendAsync(transaction.Session, kind, token).ConfigureAwait(false);
            }
        },
        cancellationToken);

    private async Task<bool> ExtendAsync(MongoSession session, string kind, CancellationToken cancellationToken)
    {
        var (all, descending) = (Keys.Between(_side.Context, kind, 0, long.MaxValue), BsonDocument.Of(("_id", -1)));
        var blocks = await session.FindAsync(Names.IdPool, all, cancellationToken, descending, limit: 1).ConfigureAwait(false);
        var maps = await session.FindAsync(Names.IdMap, all, cancellationToken, descending, limit: 1).ConfigureAwait(false);
        var above = Math.Max(blocks.Select(block => block.Number("last_id")).FirstOrDefault(), maps.Select(map => Keys.Id(map)).FirstOrDefault());
        await session.UpdateAsync(
            Names.IdPool,
            [new(
                Keys.Filter(Keys.Of(_side.Context, kind, above + 1)), BsonDocument.Of(("$setOnInsert", Block(new IdBlock(above + 1, above + IdStock.OwnBlock)))), Upsert: true)],
            true, cancellationToken).ConfigureAwait(false);
        await session.CommitAsync().ConfigureAwait(false);
        return true;
    }
}
