using Strangler.DualWrite;
using Strangler.Mongo.Aggregates;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>All that is known of one key, by one command: the fence with lookups beside it, which see one snapshot.</summary>
/// <remarks>
/// A read outside of a transaction asks for the snapshot by its read concern: what the majority has confirmed, on the node that takes itself for the
/// primary. One that is cut off from the others and does not know it yet answers reads, and commits nothing, until its election time-out (10 s unless set).
/// </remarks>
internal sealed class KeyView(BsonDocument document)
{
    private static readonly BsonDocument OnlyId = BsonDocument.Of(("$project", BsonDocument.Of(("_id", 1))));

    public BsonDocument Document => document;

    public BsonDocument? Entity => document.First("entity");

    public BsonDocument? Root => document.First("root");

    public BsonDocument? Request => document.First("request");

    public long? NewId => document.First("map") is { } map ? Keys.Id(map, "target") : null;

    public bool IsQuarantined => document.First("quarantine") is not null;

    /// <param name="side">The side.</param>
    /// <param name="documents">The key's kind.</param>
    /// <param name="intent">The key, and the request key to be looked up.</param>
    /// <param name="session">In a transaction or not.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="NotMigratedException">There is no fence.</exception>
    public static async Task<KeyView> ReadAsync(
        MongoSide side, AggregateDocuments documents, WriteIntent intent, MongoSession session, CancellationToken cancellationToken)
    {
        List<BsonDocument> pipeline = [Match(side.Context)];
        if (intent.Key.Id != 0)
        {
            var key = Keys.Of(side.Context, intent.Key);
            pipeline.Add(Lookup(Names.Entity, "entity", Match(key)));
            pipeline.Add(Lookup(Names.IdMap, "map", Match(key)));
            pipeline.Add(BsonDocument.Of(("$lookup", BsonDocument.Of(
                ("from", documents.Collection), ("localField", "map.target.key"), ("foreignField", "_id"), ("as", "root")))));
            pipeline.Add(Lookup(Names.Quarantine, "quarantine", Match(key), OnlyId));
        }

        if (intent.RequestKey is { } request)
        {
            pipeline.Add(Lookup(Names.Request, "request", Match(Requests.Id(side.Context, request))));
        }

        var command = BsonDocument.Of(
            ("aggregate", Names.Fence), ("pipeline", BsonArray.FromDocuments(pipeline)), ("cursor", BsonDocument.Empty));
        command = session.IsInTransaction ? command : command.With("readConcern", BsonDocument.Of(("level", "snapshot")));
        var found = await session.AllAsync(command, cancellationToken).ConfigureAwait(false);
        return found.Count > 0 ? new KeyView(found[0]) : throw side.NotMigrated();
    }

    private static BsonDocument Match(BsonValue id) => BsonDocument.Of(("$match", Keys.Filter(id)));

    private static BsonDocument Lookup(string from, string name, params BsonDocument[] pipeline) => BsonDocument.Of(
        ("$lookup", BsonDocument.Of(("from", from), ("pipeline", BsonArray.FromDocuments(pipeline)), ("as", name))));
}

/// <summary>Stored request keys.</summary>
internal static class Requests
{
    public static BsonDocument Id(string context, string requestKey) =>
        BsonDocument.Of(("context", context), ("request_key", new BsonBinary(RequestKeys.Encode(requestKey))));

    public static BsonDocument Of(string context, string kind, EntityRequest request, DateTime nowUtc) => BsonDocument.Of(
        ("_id", Id(context, request.Request.RequestKey)), ("kind", kind), ("public_id", request.Id), ("epoch", request.Request.Version.Epoch),
        ("counter", request.Request.Version.Counter), ("created_at", Times.Of(nowUtc)), ("sequence", request.Sequence));

    public static EntityRequest Read(BsonDocument document) => new(
        document.Number("public_id"),
        new StoredRequest(RequestKeys.Decode(document.At("_id.request_key").AsBinary.Bytes.ToArray()), document.Version()),
        document.Number("sequence"));
}
