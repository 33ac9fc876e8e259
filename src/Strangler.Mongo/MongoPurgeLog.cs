using Strangler.Mongo.Bson;
using Strangler.Purging;

namespace Strangler.Mongo;

internal sealed class MongoPurgeLog(MongoSide side) : IPurgeLog
{
    public async Task<PurgeCheckpoint?> ReadAsync(string kind, CancellationToken cancellationToken) =>
        await side.FirstAsync(Names.Purge, Id(kind), cancellationToken, background: true).ConfigureAwait(false) is { } purge
            ? new PurgeCheckpoint(purge.Number("next_id"), purge.Number("purged"), purge.Utc("began_at"))
            : null;

    public async Task SaveAsync(string kind, PurgeCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        var began = Times.Of(await side.NowAsync(true, cancellationToken).ConfigureAwait(false));
        await side.UpdateAsync(
            Names.Purge,
            new(
                Id(kind),
                BsonDocument.Of(
                    ("$set", BsonDocument.Of(("next_id", checkpoint.NextId), ("purged", checkpoint.Purged))),
                    ("$setOnInsert", BsonDocument.Of(("began_at", began)))),
                Upsert: true),
            cancellationToken, background: true).ConfigureAwait(false);
    }

    public Task EndAsync(string kind, CancellationToken cancellationToken) => side.DeleteAsync(Names.Purge, Id(kind), cancellationToken, background: true);

    private BsonDocument Id(string kind) => Keys.Filter(Keys.Kind(side.Context, kind));
}
