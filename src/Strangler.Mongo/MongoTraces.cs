using System.Globalization;
using System.Text.RegularExpressions;
using Strangler.DualWrite;
using Strangler.Mongo.Bson;
using Strangler.Timeline;

namespace Strangler.Mongo;

/// <summary>Every collection of ours that is addressed by the key, in one snapshot.</summary>
internal sealed class MongoTraces(MongoSide side) : IEntityTraces
{
    private const int Most = 1000;

    private readonly SideTraces _traces = new(side.Name);

    public Task<IReadOnlyList<Trace>> ReadAsync(EntityKey key, CancellationToken cancellationToken) => side.SnapshotAsync(
        true,
        async (session, token) =>
        {
            var id = Keys.Filter(Keys.Of(side.Context, key));
            var fence = await session.FirstAsync(Names.Fence, Keys.Filter(side.Context), token).ConfigureAwait(false);
            var leads = fence is not null && fence.Text("role") is "lead" or "switching";
            List<Trace> traces = [];
            if (await session.FirstAsync(Names.Entity, id, token).ConfigureAwait(false) is { } entity && entity.Number("epoch") > 0)
            {
                traces.Add(_traces.Entity(entity.UtcOrNull("changed_at"), entity.Version(), entity.Flag("tombstone"), entity.Text("writer"), leads));
            }

            traces.AddRange((await session.FindAsync(
                Names.Journal, BsonDocument.Of(("context", side.Context), ("kind", key.Kind), ("key", key.Id)), token, BsonDocument.Of(("_id", 1)), Most)
                .ConfigureAwait(false)).Select(entry => _traces.Journal(
                    entry.Utc("created_at"), entry.Text("actor"), entry.Text("origin"), entry.Version(), entry.Text("state"), entry.Number("attempts"),
                    entry.Text("last_error"))));
            traces.AddRange((await session.FindAsync(
                Names.Request, BsonDocument.Of(("_id.context", side.Context), ("kind", key.Kind), ("public_id", key.Id)), token,
                BsonDocument.Of(("sequence", -1)), Most).ConfigureAwait(false)).Select(request => _traces.Request(request.Utc("created_at"), request.Version())));
            traces.AddRange((await session.FindAsync(Names.Audit, AuditOf(key), token, BsonDocument.Of(("_id", -1)), Most).ConfigureAwait(false))
                .Select(entry => _traces.Audit(entry.Utc("at"), entry.Text("actor"), entry.Text("action"), entry.Text("reason"), entry.Text("detail"))));
            await AddFindingsAsync(traces, session, key, id, token).ConfigureAwait(false);
            return (IReadOnlyList<Trace>)traces;
        },
        cancellationToken);

    private async Task AddFindingsAsync(List<Trace> traces, MongoSession session, EntityKey key, BsonDocument id, CancellationToken cancellationToken)
    {
        traces.AddRange((await session.FindAsync(Names.Lost, id, cancellationToken).ConfigureAwait(false)).Select(lost => _traces.Lost(lost.Utc("found_at"))));
        traces.AddRange((await session.FindAsync(
            Names.ShadowMismatch, BsonDocument.Of(("_id.context", side.Context), ("_id.key", key.Id)), cancellationToken, BsonDocument.Of(("_id", -1)), 100)
            .ConfigureAwait(false)).Select(shadow => _traces.Shadow(shadow.Utc("last_at"), shadow.Number("hits"), shadow.Text("fields"))));
        traces.AddRange((await session.FindAsync(Names.Conflict, id, cancellationToken).ConfigureAwait(false))
            .Select(conflict => _traces.Conflict(conflict.Utc("since_at"), conflict.Text("writer"), conflict.Text("reason"))));
    }

    private BsonDocument AuditOf(EntityKey key) => BsonDocument.Of(("context", side.Context), ("$or", BsonArray.Of(
        BsonDocument.Of(("detail", BsonValue.FromRegex(new BsonRegex($"^{Regex.Escape(key.ToString())}:", "")))),
        BsonDocument.Of(("detail", string.Create(CultureInfo.InvariantCulture, $"id {key.Id}"))))));
}
