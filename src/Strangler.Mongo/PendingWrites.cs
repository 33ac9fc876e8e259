using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>Writes of a transaction that are sent with its commit, in their order; neighbours of one kind travel in one command.</summary>
internal sealed class PendingWrites
{
    private readonly List<(string Collection, object Statement)> _all = [];

    public bool IsEmpty => _all.Count == 0;

    /// <summary>Where the command went that failed.</summary>
    public string FailedAt { get; private set; } = "";

    public void Insert(string collection, BsonDocument document) => _all.Add((collection, document));

    public void Update(string collection, BsonDocument filter, BsonDocument change, bool upsert = false, bool many = false) =>
        _all.Add((collection, new MongoUpdate(filter, change, upsert, many)));

    public void Delete(string collection, BsonDocument filter, bool many = false) => _all.Add((collection, new MongoDelete(filter, many)));

    public async Task SendAsync(MongoSession session, CancellationToken cancellationToken)
    {
        for (var at = 0; at < _all.Count;)
        {
            var (collection, first) = _all[at];
            var next = at + 1;
            while (next < _all.Count && _all[next].Collection == collection && _all[next].Statement.GetType() == first.GetType())
            {
                next++;
            }

            FailedAt = collection;
            await SendAsync(session, collection, [.. _all[at..next].Select(one => one.Statement)], cancellationToken).ConfigureAwait(false);
            at = next;
        }

        FailedAt = "";
        _all.Clear();
    }

    private static Task<MongoWriteResult> SendAsync(MongoSession session, string collection, object[] statements, CancellationToken cancellationToken) =>
        statements[0] switch
        {
            BsonDocument => session.InsertAsync(collection, [.. statements.Cast<BsonDocument>()], true, cancellationToken),
            MongoUpdate => session.UpdateAsync(collection, [.. statements.Cast<MongoUpdate>()], true, cancellationToken),
            _ => session.DeleteAsync(collection, [.. statements.Cast<MongoDelete>()], true, cancellationToken),
        };
}
