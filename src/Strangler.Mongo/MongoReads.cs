using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>Reading with a session, in a transaction or not.</summary>
internal static class MongoReads
{
    /// <summary>All documents of a find; in memory.</summary>
    public static async Task<List<BsonDocument>> FindAsync(
        this MongoSession session, string collection, BsonDocument filter, CancellationToken cancellationToken, BsonDocument? sort = null, int limit = 0,
        BsonDocument? fields = null, int skip = 0)
    {
        var command = BsonDocument.Of(("find", collection), ("filter", filter));
        command = sort is null ? command : command.With("sort", sort);
        command = fields is null ? command : command.With("projection", fields);
        command = skip == 0 ? command : command.With("skip", skip);
        // A limit of one reply's size is one reply.
        command = limit == 0 ? command : command.With("limit", limit);
        return await session.AllAsync(command.With("batchSize", Math.Min(limit == 0 ? Batch : limit, Batch)), cancellationToken).ConfigureAwait(false);
    }

    public static async Task<BsonDocument?> FirstAsync(
        this MongoSession session, string collection, BsonDocument filter, CancellationToken cancellationToken, BsonDocument? sort = null) =>
        (await session.FindAsync(collection, filter, cancellationToken, sort, limit: 1).ConfigureAwait(false)).FirstOrDefault();

    /// <summary>The newest committed state of the one document of a filter, whether the majority has it yet or not; null when there is none.</summary>
    public static async Task<BsonDocument?> LatestAsync(
        this MongoSession session, string collection, BsonDocument filter, CancellationToken cancellationToken) =>
        (await session.AllAsync(
            BsonDocument.Of(
                ("find", collection), ("filter", filter), ("limit", 1), ("singleBatch", true), ("readConcern", BsonDocument.Of(("level", "local")))),
            cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    /// <summary>All documents that a command with a cursor gives.</summary>
    public static async Task<List<BsonDocument>> AllAsync(this MongoSession session, BsonDocument command, CancellationToken cancellationToken)
    {
        List<BsonDocument> documents = [];
        var cursor = await session.OpenCursorAsync(command, cancellationToken).ConfigureAwait(false);
        await using (cursor.ConfigureAwait(false))
        {
            await foreach (var document in cursor.DocumentsAsync(cancellationToken).ConfigureAwait(false))
            {
                documents.Add(document);
            }
        }

        return documents;
    }

    private const int Batch = 10_000;
}
