using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Merging;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

internal sealed class MongoMergeLog(MongoSide side) : IMergeLog
{
    /// <remarks>
    /// The caller's transaction has written to the entity row, so nobody else can: what is committed there is what that transaction sees. Not what the majority
    /// has confirmed, which may be older; whether it stays is decided by the caller's commit.
    /// </remarks>
    public async Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken)
    {
        var entity = await side.WithinAsync(
            (session, token) => session.LatestAsync(Names.Entity, Keys.Filter(Keys.Of(side.Context, key)), token), cancellationToken).ConfigureAwait(false);
        return entity?["base"] is { Type: BsonType.Document } found
            ? new AcceptedBase(found.AsDocument.Version(), found.AsDocument.Bytes("field_hashes"))
            : null;
    }

    public Task PutAsync(Conflict conflict, CancellationToken cancellationToken) => side.InTransactionAsync(
        null,
        async (session, token) =>
        {
            var id = Keys.Filter(Keys.Of(side.Context, conflict.Key));
            var set = BsonDocument.Of(
                ("context", side.Context), ("epoch", conflict.Version.Epoch), ("counter", conflict.Version.Counter), ("foreign_seq", conflict.ForeignSeq),
                ("reason", Texts.Cut(conflict.Reason, 1000)), ("writer", Texts.Cut(conflict.Writer, 190)), ("field_values", JsonSerializer.Serialize(conflict.Fields)));
            var change = await session.FirstAsync(Names.Conflict, id, token).ConfigureAwait(false) is null
                ? BsonDocument.Of(("$set", set), ("$currentDate", BsonDocument.Of(("since_at", true))))
                : BsonDocument.Of(("$set", set));
            return await session.UpdateAsync(Names.Conflict, [new(id, change, Upsert: true)], true, token).ConfigureAwait(false);
        },
        cancellationToken);

    public async Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Conflict, Keys.Filter(Keys.Of(side.Context, key)), cancellationToken).ConfigureAwait(false) is { } found ? Read(found) : null;

    public async Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken) =>
        (await side.FindAsync(
            Names.Conflict, Ours(), cancellationToken, sort: BsonDocument.Of(("since_at", 1), ("_id", 1)), limit: limit).ConfigureAwait(false)).ConvertAll(Read);

    public Task<long> CountAsync(CancellationToken cancellationToken) => side.ReadAsync(
        true,
        async (session, token) =>
            (await session.ReadAsync(BsonDocument.Of(("count", Names.Conflict), ("query", Ours())), token).ConfigureAwait(false)).Number("n"),
        cancellationToken);

    private BsonDocument Ours() => BsonDocument.Of(("context", side.Context));

    private static Conflict Read(BsonDocument found) => new(
        new EntityKey(found.At("_id.kind").AsString, Keys.Id(found)), found.Version(), found.Number("foreign_seq"), found.Text("reason"),
        JsonSerializer.Deserialize<List<ConflictField>>(found.Text("field_values"))!, found.Utc("since_at"), found.Text("writer"));
}
