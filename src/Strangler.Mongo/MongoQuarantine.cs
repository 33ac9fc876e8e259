using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

internal sealed class MongoQuarantine(MongoSide side) : IQuarantine
{
    /// <summary>The update that lists an entry over what is listed: the same reason keeps its time and its sign-off.</summary>
    public static MongoUpdate Put(string context, string kind, QuarantineEntry entry, BsonDocument? listed)
    {
        var (place, reason) = (Texts.Cut(entry.Place, 255), Texts.Cut(entry.Reason, 1000));
        var isSame = listed is not null && listed.Text("place") == place && listed.Text("reason") == reason;
        var document = BsonDocument.Of(("place", place), ("reason", reason), ("since", isSame ? listed!["since"] : Times.Of(entry.SinceUtc)));
        var (by, why) = (entry.SignedOffBy ?? (isSame ? listed!.TextOrNull("signed_off_by") : null),
            entry.SignOffReason ?? (isSame ? listed!.TextOrNull("sign_off_reason") : null));
        document = by is null ? document : document.With("signed_off_by", by);
        document = why is null ? document : document.With("sign_off_reason", why);
        return new MongoUpdate(Keys.Filter(Keys.Of(context, kind, entry.Id)), document, Upsert: true);
    }

    public async Task<QuarantineEntry?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Quarantine, Keys.Filter(Keys.Of(side.Context, key)), cancellationToken).ConfigureAwait(false) is { } entry ? Read(entry) : null;

    public async Task<IReadOnlyList<QuarantineEntry>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        (await side.FindAsync(Names.Quarantine, All(kind), cancellationToken, sort: BsonDocument.Of(("_id", 1)), limit: limit).ConfigureAwait(false))
            .ConvertAll(Read);

    public Task<(long All, long Open)> CountAsync(string kind, CancellationToken cancellationToken) => side.ReadAsync(
        null,
        async (session, token) =>
        {
            var open = All(kind).With("signed_off_by", BsonDocument.Of(("$exists", false)));
            return (await CountAsync(session, All(kind), token).ConfigureAwait(false), await CountAsync(session, open, token).ConfigureAwait(false));
        },
        cancellationToken);

    // An earlier sign-off keeps its name and reason.
    public async Task<int> SignOffAsync(string kind, long? id, string by, string reason, CancellationToken cancellationToken)
    {
        var filter = (id is { } one ? Keys.Filter(Keys.Of(side.Context, kind, one)) : All(kind)).With("signed_off_by", BsonDocument.Of(("$exists", false)));
        var change = BsonDocument.Of(("$set", BsonDocument.Of(("signed_off_by", Texts.Cut(by, 190)), ("sign_off_reason", Texts.Cut(reason, 1000)))));
        return (int)await side.UpdateAsync(Names.Quarantine, new(filter, change, Many: true), cancellationToken).ConfigureAwait(false);
    }

    public Task PutAsync(string kind, QuarantineEntry entry, CancellationToken cancellationToken) => side.InTransactionAsync(
        null,
        async (session, token) =>
        {
            var listed = await session.FirstAsync(Names.Quarantine, Keys.Filter(Keys.Of(side.Context, kind, entry.Id)), token).ConfigureAwait(false);
            return await session.UpdateAsync(Names.Quarantine, [Put(side.Context, kind, entry, listed)], true, token).ConfigureAwait(false);
        },
        cancellationToken);

    private static async Task<long> CountAsync(MongoSession session, BsonDocument filter, CancellationToken cancellationToken) =>
        (await session.ReadAsync(BsonDocument.Of(("count", Names.Quarantine), ("query", filter)), cancellationToken).ConfigureAwait(false)).Number("n");

    private BsonDocument All(string kind) => Keys.Between(side.Context, kind, long.MinValue, long.MaxValue);

    private static QuarantineEntry Read(BsonDocument entry) => new(
        Keys.Id(entry), entry.Text("place"), entry.Text("reason"), entry.Utc("since"), entry.TextOrNull("signed_off_by"), entry.TextOrNull("sign_off_reason"));
}
