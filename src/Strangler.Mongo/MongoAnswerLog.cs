using Strangler.Answers;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>One conditional update decides who carries a request out: its filter misses a document that is answered, claimed or another request's.</summary>
internal sealed class MongoAnswerLog(MongoSide side) : IAnswerLog
{
    public async Task<KnownRequest> ClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken)
    {
        var now = await side.NowAsync(null, cancellationToken).ConfigureAwait(false);
        var id = Keys.Filter(Id(request.Key));
        var (owner, until) = (("owner", (BsonValue)request.Owner), ("lease_until", Times.After(now, lease)));
        var first = BsonDocument.Of(("fingerprint", new BsonBinary(request.Fingerprint)), owner, until, ("created_at", Times.Of(now)));
        await side.UpdateAsync(Names.Answer, new(id, BsonDocument.Of(("$setOnInsert", first)), Upsert: true), cancellationToken).ConfigureAwait(false);
        var isFree = id.With("fingerprint", new BsonBinary(request.Fingerprint)).With("answer", BsonDocument.Of(("$exists", false)))
            .With("lease_until", BsonDocument.Of(("$lte", Times.Of(now))));
        await side.UpdateAsync(Names.Answer, new(isFree, BsonDocument.Of(("$set", BsonDocument.Of(owner, until)))), cancellationToken).ConfigureAwait(false);

        // A claim that is released at this very moment leaves nothing to be found: then it is claimed anew.
        return await FindAsync(request.Key, cancellationToken).ConfigureAwait(false) ?? await ClaimAsync(request, lease, cancellationToken).ConfigureAwait(false);
    }

    public async Task<KnownRequest?> FindAsync(byte[] key, CancellationToken cancellationToken)
    {
        if (await side.FirstAsync(Names.Answer, Keys.Filter(Id(key)), cancellationToken).ConfigureAwait(false) is not { } found)
        {
            return null;
        }

        var now = await side.NowAsync(null, cancellationToken).ConfigureAwait(false);
        return new KnownRequest(found.Bytes("fingerprint"), found.Text("owner"), found.TextOrNull("answer"), found.Utc("lease_until") > now);
    }

    public async Task<bool> RenewAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken)
    {
        var until = Times.After(await side.NowAsync(null, cancellationToken).ConfigureAwait(false), lease);
        return await side.UpdateAsync(
            Names.Answer, new(Unanswered(request), BsonDocument.Of(("$set", BsonDocument.Of(("lease_until", until))))), cancellationToken).ConfigureAwait(false) > 0;
    }

    public async Task<bool> AnswerAsync(KeyedRequest request, string answer, CancellationToken cancellationToken) => await side.UpdateAsync(
        Names.Answer,
        new(Keys.Filter(Id(request.Key)).With("owner", request.Owner), BsonDocument.Of(("$set", BsonDocument.Of(("answer", answer))))),
        cancellationToken).ConfigureAwait(false) > 0;

    public Task ReleaseAsync(KeyedRequest request, CancellationToken cancellationToken) =>
        side.DeleteAsync(Names.Answer, Unanswered(request), cancellationToken);

    public async Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken)
    {
        var before = Times.Of(await side.NowAsync(true, cancellationToken).ConfigureAwait(false) - age);
        var old = await side.FindAsync(
            Names.Answer, BsonDocument.Of(("_id.context", side.Context), ("created_at", BsonDocument.Of(("$lt", before)))), cancellationToken, background: true,
            BsonDocument.Of(("created_at", 1)), limit, BsonDocument.Of(("_id", 1))).ConfigureAwait(false);
        return old.Count == 0
            ? 0
            : (int)await side.DeleteAsync(
                Names.Answer, Keys.Filter(BsonDocument.Of(("$in", BsonArray.FromValues(old.Select(one => one["_id"]))))), cancellationToken, background: true)
                .ConfigureAwait(false);
    }

    private BsonDocument Unanswered(KeyedRequest request) =>
        Keys.Filter(Id(request.Key)).With("owner", request.Owner).With("answer", BsonDocument.Of(("$exists", false)));

    private BsonDocument Id(byte[] key) => BsonDocument.Of(("context", side.Context), ("request_key", new BsonBinary(key)));
}
