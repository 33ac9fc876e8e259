using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// Which aggregates the page is of is found out by an index on the moment; those of the page's last moment are looked at all together, since the order among
/// them is that of public ids, which documents do not hold.
/// </summary>
internal sealed class MongoRowQueries(MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds) : IRowQueries
{
    private const int AtATime = 1000;

    public Task<(FenceRow Fence, IReadOnlyList<(long Id, AggregateRow Row)> Rows)> ListAsync(RowPage page, CancellationToken cancellationToken)
    {
        var kind = kinds[page.Kind];
        var filter = page.Where.Aggregate(BsonDocument.Empty, (all, one) => all.With(Path(kind, one), Condition(kind, one)));
        return side.SnapshotAsync(
            null,
            async (session, token) =>
            {
                var fence = await session.FirstAsync(Names.Fence, Keys.Filter(side.Context), token).ConfigureAwait(false) ?? throw side.NotMigrated();
                var found = await FirstAsync(session, kind, filter, page, token).ConfigureAwait(false);
                var ids = await PublicIdsAsync(session, kind, [.. found.Select(one => one.Number("_id"))], token).ConfigureAwait(false);
                // What no map row leads to is no caller's.
                var ordered = found.Where(one => ids.ContainsKey(one.Number("_id")))
                    .OrderByDescending(one => one[page.LatestBy].TryGetDate(out var at) ? at : DateTimeOffset.MinValue)
                    .ThenByDescending(one => ids[one.Number("_id")]).Skip(page.Offset).Take(page.Limit).Select(one => one.Number("_id")).ToList();
                var stored = await DocumentsAsync(session, kind, ordered, token).ConfigureAwait(false);
                var back = await ReferenceIds.BackAsync(side, kind, stored.Values, session, token).ConfigureAwait(false);
                return (FenceDocuments.Read(fence, side.Name), (IReadOnlyList<(long, AggregateRow)>)[.. ordered.Select(id => (ids[id], kind.Read(stored[id], back)))]);
            },
            cancellationToken);
    }

    private static string Path(AggregateDocuments kind, RowCondition condition) =>
        condition.Table == kind.Layout.Root.Name ? condition.Column : $"{condition.Table}.{condition.Column}";

    private static BsonDocument Condition(AggregateDocuments kind, RowCondition condition)
    {
        var column = kind.Layout.Tables.First(table => table.Name == condition.Table).Columns.First(column => column.Name == condition.Column);
        var values = BsonArray.FromValues(condition.Values.Select(value => Cells.Write(column, value)));
        return BsonDocument.Of((condition.IsNot ? "$nin" : "$in", values));
    }

    // As many as the page and all before it, and whatever else is of the last one's moment.
    private static async Task<List<BsonDocument>> FirstAsync(
        MongoSession session, AggregateDocuments kind, BsonDocument filter, RowPage page, CancellationToken cancellationToken)
    {
        var fields = BsonDocument.Of((page.LatestBy, 1));
        var (latestFirst, most) = (BsonDocument.Of((page.LatestBy, -1)), page.Offset + page.Limit);
        var found = await session.FindAsync(kind.Collection, filter, cancellationToken, latestFirst, most, fields).ConfigureAwait(false);
        if (found.Count < most)
        {
            return found;
        }

        var last = found[^1][page.LatestBy] is { IsMissing: false } at ? at : BsonValue.Null;
        var others = await session.FindAsync(kind.Collection, filter.With(page.LatestBy, last), cancellationToken, fields: fields).ConfigureAwait(false);
        return [.. found.Concat(others).DistinctBy(one => one.Number("_id"))];
    }

    private async Task<Dictionary<long, long>> PublicIdsAsync(
        MongoSession session, AggregateDocuments kind, List<long> newIds, CancellationToken cancellationToken)
    {
        Dictionary<long, long> ids = [];
        foreach (var some in newIds.Chunk(AtATime))
        {
            var targets = BsonArray.FromDocuments(some.Select(id => Keys.Of(side.Context, kind.Kind, id)));
            foreach (var map in await session.FindAsync(
                Names.IdMap, BsonDocument.Of(("target", BsonDocument.Of(("$in", targets)))), cancellationToken).ConfigureAwait(false))
            {
                ids[Keys.Id(map, "target")] = Keys.Id(map);
            }
        }

        return ids;
    }

    private static async Task<Dictionary<long, BsonDocument>> DocumentsAsync(
        MongoSession session, AggregateDocuments kind, List<long> ids, CancellationToken cancellationToken) =>
        (await session.FindAsync(
            kind.Collection, Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(ids.Select(BsonValue.FromInt64))))), cancellationToken).ConfigureAwait(false))
            .ToDictionary(document => document.Number("_id"));
}
