using Strangler.Mapping;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>Columns that refer to entities of the same context: rows carry public ids, documents hold new ids.</summary>
internal static class ReferenceIds
{
    private const int AtATime = 1000;

    /// <summary>
    /// Back: the public ids of all new ids that documents refer to. May be read behind the documents' snapshot: a pair never changes and never goes, so a
    /// later look only knows more.
    /// </summary>
    public static async Task<Func<string, long, long?>> BackAsync(
        MongoSide side, AggregateDocuments kind, IEnumerable<BsonDocument> documents, MongoSession session, CancellationToken cancellationToken)
    {
        if (kind.ReferredKinds.Count == 0)
        {
            return static (_, _) => null;
        }

        Dictionary<(string, long), long> known = [];
        foreach (var wanted in documents.SelectMany(kind.NewIdsOf).Distinct().Chunk(AtATime))
        {
            var targets = BsonArray.FromDocuments(wanted.Select(one => Keys.Of(side.Context, one.Kind, one.NewId)));
            foreach (var map in await session.FindAsync(
                Names.IdMap, BsonDocument.Of(("target", BsonDocument.Of(("$in", targets)))), cancellationToken).ConfigureAwait(false))
            {
                known[(map.At("target.kind").AsString, Keys.Id(map, "target"))] = Keys.Id(map);
            }
        }

        return (name, id) => known.TryGetValue((name, id), out var found) ? found : null;
    }

    /// <summary>There, in the transaction that is to write.</summary>
    /// <remarks>
    /// Whether the entity that is referred to is there is nobody's condition, as legacy has no foreign key. The pair of ids is allotted ahead: it
    /// is what the entity gets when it comes, and until then its entity row is a tombstone of the epoch before, older than whatever it will be. Who
    /// allots the same at the same time conflicts, and finds it when the transaction is repeated.
    /// </remarks>
    public static Task<(AggregateRow?[] Rows, IReadOnlyDictionary<(string Kind, long Id), long> NewIds)> ThereAsync(
        MongoSide side, AggregateDocuments kind, IReadOnlyDictionary<string, AggregateDocuments> kinds, long dualEpoch, DateTime nowUtc,
        IReadOnlyList<AggregateRow?> rows, MongoSession session, CancellationToken cancellationToken)
    {
        return kind.References.TranslateAsync(rows, FindAsync, AllotAsync, cancellationToken);

        async Task<Dictionary<long, long>?> FindAsync(string name, long[] ids, CancellationToken token) =>
            (await session.FindAsync(Names.IdMap, Keys.Any(side.Context, name, ids), token).ConfigureAwait(false))
                .ToDictionary(map => Keys.Id(map), map => Keys.Id(map, "target"));

        async Task<Dictionary<long, long>?> AllotAsync(string name, long[] ids, CancellationToken token)
        {
            var newIds = await MongoNumbers.Of(side.Database).TakeAsync(kinds[name].Collection, ids.Length, token).ConfigureAwait(false);
            await session.InsertAsync(Names.IdMap, [.. ids.Select((id, i) => Map(side.Context, name, id, newIds[i]))], true, token).ConfigureAwait(false);
            var tombstone = EntityDocuments.Empty.With("epoch", Math.Max(dualEpoch, 2) - 1).With("tombstone", true)
                .With("locks", 0L).With("changed_at", Times.Of(nowUtc));
            await session.UpdateAsync(
                Names.Entity,
                [.. ids.Select(id => new MongoUpdate(Keys.Filter(Keys.Of(side.Context, name, id)), BsonDocument.Of(("$setOnInsert", tombstone)), Upsert: true))],
                true, token).ConfigureAwait(false);
            return ids.Index().ToDictionary(id => id.Item, id => newIds[id.Index]);
        }
    }

    public static BsonDocument Map(string context, string kind, long publicId, long newId) =>
        BsonDocument.Of(("_id", Keys.Of(context, kind, publicId)), ("target", Keys.Of(context, kind, newId)));
}
