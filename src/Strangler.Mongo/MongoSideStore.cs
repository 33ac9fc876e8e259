using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>The new side of one context in MongoDB.</summary>
internal sealed class MongoSideStore(MongoSide side, IReadOnlyDictionary<string, AggregateDocuments> kinds) : ISideStore
{
    private static readonly BsonDocument ById = BsonDocument.Of(("_id", 1));
    private static readonly BsonDocument ByIdDescending = BsonDocument.Of(("_id", -1));
    private static readonly BsonDocument VersionFields = BsonDocument.Of(("epoch", 1), ("counter", 1), ("foreign_seq", 1));
    private static readonly BsonDocument OnlyId = BsonDocument.Of(("_id", 1));

    public SideName Side => side.Name;

    public Task<SideState> ReadAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var kind = Kind(key.Kind);
        return side.ReadAsync(
            null,
            async (session, token) =>
            {
                var view = await KeyView.ReadAsync(side, kind, new WriteIntent(key), session, token).ConfigureAwait(false);
                var row = view.Root is { } stored
                    ? kind.Read(stored, await ReferenceIds.BackAsync(side, kind, [stored], session, token).ConfigureAwait(false))
                    : null;
                return new SideState(FenceDocuments.Read(view.Document, Side), row, EntityDocuments.Read(view.Entity)) { IsQuarantined = view.IsQuarantined };
            },
            cancellationToken);
    }

    public async Task<ISideTransaction> BeginAsync(WriteIntent intent, CancellationToken cancellationToken)
    {
        Kind(intent.Key.Kind);
        return await MongoSideTransaction.BeginAsync(side, kinds, intent, cancellationToken).ConfigureAwait(false);
    }

    public async Task<IReadOnlyList<StoredRequest>> RequestsAsync(EntityKey key, EntityVersion? after, CancellationToken cancellationToken)
    {
        var filter = BsonDocument.Of(("_id.context", side.Context), ("kind", key.Kind), ("public_id", key.Id));
        filter = after is { } version ? filter.With("$or", Above(version)) : filter;
        return (await side.FindAsync(Names.Request, filter, cancellationToken, sort: BsonDocument.Of(("sequence", 1))).ConfigureAwait(false))
            .ConvertAll(document => Requests.Read(document).Request);
    }

    public async Task<IReadOnlyList<EntityRequest>> RequestsAsync(
        string kind, EntityRequest? after, int limit, CancellationToken cancellationToken)
    {
        var filter = BsonDocument.Of(("_id.context", side.Context), ("kind", kind));
        filter = after is { } last
            ? filter.With("$or", BsonArray.Of(
                BsonDocument.Of(("public_id", BsonDocument.Of(("$gt", last.Id)))),
                BsonDocument.Of(("public_id", last.Id), ("sequence", BsonDocument.Of(("$gt", last.Sequence))))))
            : filter;
        return (await side.FindAsync(
            Names.Request, filter, cancellationToken, background: true, BsonDocument.Of(("public_id", 1), ("sequence", 1)), limit).ConfigureAwait(false))
            .ConvertAll(Requests.Read);
    }

    public async Task<int> PruneRequestsAsync(TimeSpan age, int limit, CancellationToken cancellationToken)
    {
        var before = await side.NowAsync(true, cancellationToken).ConfigureAwait(false) - age;
        var oldest = await side.FindAsync(
            Names.Request,
            BsonDocument.Of(("_id.context", side.Context), ("created_at", BsonDocument.Of(("$lt", Times.Of(before))))),
            cancellationToken, background: true, BsonDocument.Of(("created_at", 1)), limit, OnlyId).ConfigureAwait(false);
        return oldest.Count == 0
            ? 0
            : (int)await side.DeleteAsync(
                Names.Request, Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(oldest.Select(one => one["_id"]))))), cancellationToken, background: true)
                .ConfigureAwait(false);
    }

    public Task<VersionPage> VersionsAsync(string kind, long after, int limit, CancellationToken cancellationToken) =>
        VersionsAsync(Keys.Above(side.Context, kind, after), limit, cancellationToken);

    public Task<VersionPage> VersionsAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        VersionsAsync(Keys.Any(side.Context, kind, ids), 0, cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken) => ReadRangeAsync(
        Kind(kind), Keys.Between(side.Context, kind, from, to), BsonDocument.Of(("$gte", from), ("$lte", to)), cancellationToken);

    public Task<RangeSnapshot> ReadRangeAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) => ReadRangeAsync(
        Kind(kind), Keys.Any(side.Context, kind, ids), BsonDocument.Of(("$in", BsonArray.FromValues(ids.Select(BsonValue.FromInt64)))), cancellationToken);

    public Task<MarkPage> MarksAsync(string kind, long from, long to, CancellationToken cancellationToken) => side.SnapshotAsync(
        true,
        async (session, token) =>
        {
            var fence = await FenceAsync(session, token).ConfigureAwait(false);
            var filter = Keys.Between(side.Context, kind, from, to);
            var maps = await session.FindAsync(Names.IdMap, filter, token, ById).ConfigureAwait(false);
            var present = (await session.FindAsync(Kind(kind).Collection, NewIds(maps), token, fields: OnlyId).ConfigureAwait(false))
                .Select(document => document.Number("_id")).ToHashSet();
            var entities = await EntitiesAsync(session, filter, token).ConfigureAwait(false);
            var keys = maps.ToDictionary(map => Keys.Id(map), map => present.Contains(Keys.Id(map, "target")));
            return new MarkPage(fence, [
                .. keys.Keys.Union(entities.Keys).Order().Select(id => new KeyMark(id, keys.GetValueOrDefault(id), entities.GetValueOrDefault(id)))]);
        },
        cancellationToken);

    /// <summary>Of map rows and entity rows so many each: the first of both together are the first of all.</summary>
    public async Task<IReadOnlyList<long>> KeysAsync(string kind, long after, int limit, CancellationToken cancellationToken)
    {
        var filter = Keys.Above(side.Context, kind, after);
        var maps = await side.FindAsync(Names.IdMap, filter, cancellationToken, true, ById, limit, OnlyId).ConfigureAwait(false);
        var entities = await side.FindAsync(Names.Entity, filter, cancellationToken, true, ById, limit, OnlyId).ConfigureAwait(false);
        return [.. maps.Concat(entities).Select(document => Keys.Id(document)).Distinct().Order().Take(limit)];
    }

    /// <summary>No index on the time: one would cost every write of every entity. The collection is walked in the order of its key.</summary>
    public async Task<IReadOnlyList<long>> TouchedAsync(
        string kind, DateTime sinceUtc, long after, int limit, CancellationToken cancellationToken)
    {
        var filter = Keys.Above(side.Context, kind, after).With("$or", BsonArray.Of(
            BsonDocument.Of(("changed_at", BsonDocument.Of(("$exists", false)))), BsonDocument.Of(("changed_at", BsonDocument.Of(("$gte", Times.Of(sinceUtc)))))));
        return (await side.FindAsync(Names.Entity, filter, cancellationToken, true, ById, limit, OnlyId).ConfigureAwait(false))
            .ConvertAll(document => Keys.Id(document));
    }

    /// <summary>The nearest end of a chunk among map rows and entity rows: so gaps full of tombstones are cut into chunks as well.</summary>
    public Task<long?> ChunkEndAsync(string kind, long from, int rows, CancellationToken cancellationToken)
    {
        var filter = Keys.Between(side.Context, kind, from, long.MaxValue);
        return side.ReadAsync(
            true,
            async (session, token) =>
            {
                List<long> ends = [];
                foreach (var collection in (string[])[Names.IdMap, Names.Entity])
                {
                    ends.AddRange((await session.FindAsync(
                        collection, filter, token, ById, 1, OnlyId, Math.Max(0, rows - 1)).ConfigureAwait(false)).Select(document => Keys.Id(document)));
                }

                return ends.Count > 0 ? ends.Min() : await EdgeAsync(session, filter, ByIdDescending, token).ConfigureAwait(false) switch
                {
                    { Length: > 0 } last => last.Max(),
                    _ => (long?)null,
                };
            },
            cancellationToken);
    }

    /// <summary>The number of rows is what the server keeps count of; after its crash, an estimate.</summary>
    public Task<KeyBounds> BoundsAsync(string kind, CancellationToken cancellationToken)
    {
        var filter = Keys.Between(side.Context, kind, long.MinValue, long.MaxValue);
        return side.ReadAsync(
            true,
            async (session, token) =>
            {
                var first = await EdgeAsync(session, filter, ById, token).ConfigureAwait(false);
                var last = await EdgeAsync(session, filter, ByIdDescending, token).ConfigureAwait(false);
                var count = await session.ReadAsync(BsonDocument.Of(("count", Kind(kind).Collection)), token).ConfigureAwait(false);
                return new KeyBounds(first.Length > 0 ? first.Min() : 1, last.Length > 0 ? last.Max() : 0, count.Number("n"));
            },
            cancellationToken);
    }

    public Task<long> CountAsync(string kind, CancellationToken cancellationToken) => side.ReadAsync(
        true,
        async (session, token) =>
        {
            var one = BsonDocument.Of(("_id", BsonValue.Null), ("n", BsonDocument.Of(("$sum", 1))));
            var found = await session.AllAsync(
                BsonDocument.Of(
                    ("aggregate", Kind(kind).Collection), ("pipeline", BsonArray.Of(BsonDocument.Of(("$group", one)))), ("cursor", BsonDocument.Empty)),
                token).ConfigureAwait(false);
            return found.Count == 0 ? 0 : found[0].Number("n");
        },
        cancellationToken);

    // A snapshot a page: the server ends a transaction that takes longer than a minute, and a whole collection may.
    public async Task<IReadOnlyList<long>> UnmappedAsync(string kind, long after, int limit, CancellationToken cancellationToken)
    {
        List<long> unmapped = [];
        for (var from = after; unmapped.Count < limit;)
        {
            var (last, found) = await UnmappedPageAsync(kind, from, cancellationToken).ConfigureAwait(false);
            if (last is not { } end)
            {
                break;
            }

            unmapped.AddRange(found);
            from = end;
        }

        return [.. unmapped.Take(limit)];
    }

    private Task<(long? Last, IReadOnlyList<long> Unmapped)> UnmappedPageAsync(string kind, long after, CancellationToken cancellationToken) => side.SnapshotAsync(
        true,
        async (session, token) =>
        {
            const int Page = 2000;
            var ids = (await session.FindAsync(
                Kind(kind).Collection, Keys.Filter(BsonDocument.Of(("$gt", after))), token, ById, Page, OnlyId).ConfigureAwait(false))
                .ConvertAll(document => document.Number("_id"));
            if (ids.Count == 0)
            {
                return ((long?)null, (IReadOnlyList<long>)[]);
            }

            var targets = BsonArray.FromDocuments(ids.Select(id => Keys.Of(side.Context, kind, id)));
            var mapped = (await session.FindAsync(
                Names.IdMap, BsonDocument.Of(("target", BsonDocument.Of(("$in", targets)))), token).ConfigureAwait(false))
                .Select(map => Keys.Id(map, "target")).ToHashSet();
            return (ids[^1], [.. ids.Where(id => !mapped.Contains(id))]);
        },
        cancellationToken);

    public Task<IReadOnlyDictionary<long, long>> SharedAsync(string kind, int limit, CancellationToken cancellationToken) => side.ReadAsync(
        true,
        async (session, token) =>
        {
            Dictionary<long, long> shared = [];
            var indexes = await session.AllAsync(BsonDocument.Of(("listIndexes", Names.IdMap)), token).ConfigureAwait(false);
            if (indexes.Any(index => index.Flag("unique") && index["key"].AsDocument is { Count: 1 } key && key[0].Name == "target"))
            {
                return (IReadOnlyDictionary<long, long>)shared;
            }

            Dictionary<long, long> first = [];
            foreach (var map in await session.FindAsync(
                Names.IdMap, Keys.Between(side.Context, kind, long.MinValue, long.MaxValue), token, ById).ConfigureAwait(false))
            {
                var (id, target) = (Keys.Id(map), Keys.Id(map, "target"));
                if (!first.TryAdd(target, id) && shared.Count < limit)
                {
                    shared.Add(id, first[target]);
                }
            }

            return shared;
        },
        cancellationToken);

    /// <summary>One snapshot; collection by collection, put together in memory.</summary>
    private Task<RangeSnapshot> ReadRangeAsync(AggregateDocuments kind, BsonDocument filter, BsonDocument keys, CancellationToken cancellationToken) =>
        side.SnapshotAsync(
            true,
            async (session, token) =>
            {
                var fence = await FenceAsync(session, token).ConfigureAwait(false);
                var maps = await session.FindAsync(Names.IdMap, filter, token, ById).ConfigureAwait(false);
                var stored = await session.FindAsync(kind.Collection, NewIds(maps), token).ConfigureAwait(false);
                var entities = await EntitiesAsync(session, filter, token).ConfigureAwait(false);
                var journal = await session.FindAsync(
                    Names.Journal, BsonDocument.Of(("context", side.Context), ("kind", kind.Kind), ("key", keys)), token,
                    fields: BsonDocument.Of(("key", 1), ("created_at", 1), ("state", 1))).ConfigureAwait(false);
                var back = await ReferenceIds.BackAsync(side, kind, stored, session, token).ConfigureAwait(false);
                var rows = stored.ToDictionary(document => document.Number("_id"), document => kind.Read(document, back));
                return new RangeSnapshot(fence, Items(maps, rows, entities), journal.GroupBy(entry => entry.Number("key")).ToDictionary(
                    of => of.Key, of => new JournalMark(of.Min(entry => entry.Utc("created_at")), of.Any(entry => entry.Text("state") == "parked"))));
            },
            cancellationToken);

    private static List<RangeItem> Items(
        List<BsonDocument> maps, Dictionary<long, Mapping.AggregateRow> rows, Dictionary<long, EntityState> entities)
    {
        var newIds = maps.ToDictionary(map => Keys.Id(map), map => Keys.Id(map, "target"));
        return [.. newIds.Keys.Union(entities.Keys).Order().Select(id => newIds.TryGetValue(id, out var newId)
            ? new RangeItem(id, rows.GetValueOrDefault(newId), entities.GetValueOrDefault(id), newId)
            : new RangeItem(id, null, entities[id], null))];
    }

    private static BsonDocument NewIds(List<BsonDocument> maps) =>
        Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(maps.Select(map => BsonValue.FromInt64(Keys.Id(map, "target")))))));

    private static async Task<Dictionary<long, EntityState>> EntitiesAsync(MongoSession session, BsonDocument filter, CancellationToken cancellationToken)
    {
        Dictionary<long, EntityState> entities = [];
        foreach (var document in await session.FindAsync(Names.Entity, filter, cancellationToken).ConfigureAwait(false))
        {
            if (EntityDocuments.Read(document) is { } entity)
            {
                entities.Add(Keys.Id(document), entity);
            }
        }

        return entities;
    }

    private static async Task<long[]> EdgeAsync(MongoSession session, BsonDocument filter, BsonDocument sort, CancellationToken cancellationToken)
    {
        List<BsonDocument?> found =
        [
            await session.FirstAsync(Names.IdMap, filter, cancellationToken, sort).ConfigureAwait(false),
            await session.FirstAsync(Names.Entity, filter, cancellationToken, sort).ConfigureAwait(false),
        ];
        return [.. found.OfType<BsonDocument>().Select(document => Keys.Id(document))];
    }

    private static BsonArray Above(EntityVersion version) => BsonArray.Of(
        BsonDocument.Of(("epoch", BsonDocument.Of(("$gt", version.Epoch)))),
        BsonDocument.Of(("epoch", version.Epoch), ("counter", BsonDocument.Of(("$gt", version.Counter)))));

    private Task<VersionPage> VersionsAsync(BsonDocument filter, int limit, CancellationToken cancellationToken) => side.SnapshotAsync(
        true,
        async (session, token) =>
        {
            var fence = await FenceAsync(session, token).ConfigureAwait(false);
            var entities = await session.FindAsync(Names.Entity, filter, token, ById, limit, VersionFields).ConfigureAwait(false);
            return new VersionPage(fence, entities.ConvertAll(entity => new KeyVersion(Keys.Id(entity), entity.Version(), entity.Number("foreign_seq"))));
        },
        cancellationToken);

    private async Task<FenceRow> FenceAsync(MongoSession session, CancellationToken cancellationToken) =>
        await session.FirstAsync(Names.Fence, Keys.Filter(side.Context), cancellationToken).ConfigureAwait(false) is { } fence
            ? FenceDocuments.Read(fence, Side)
            : throw side.NotMigrated();

    private AggregateDocuments Kind(string kind) => kinds.TryGetValue(kind, out var documents)
        ? documents
        : throw new ArgumentException($"Context {side.Context} has no kind '{kind}'; it has {string.Join(", ", kinds.Keys)}.", nameof(kind));
}
