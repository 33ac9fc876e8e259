using Strangler.Mongo.Bson;
using Strangler.Reconciliation;

namespace Strangler.Mongo;

/// <summary>One document a context decides who reconciles it, and one conditional update of it is the decision.</summary>
internal sealed class MongoReconciliationLease(MongoSide side) : IReconciliationLease
{
    public async Task<LeaseHolder> AcquireAsync(LeaseHolder holder, string? insteadOf, TimeSpan length, CancellationToken cancellationToken)
    {
        await side.UpdateAsync(
            Names.Lease, new(Keys.Filter(side.Context), BsonDocument.Of(("$setOnInsert", BsonDocument.Of(("token", "")))), Upsert: true), cancellationToken,
            background: true).ConfigureAwait(false);
        var now = await side.NowAsync(true, cancellationToken).ConfigureAwait(false);
        var process = holder.Process;
        var isFree = Keys.Filter(side.Context).With("$or", BsonArray.Of(
            BsonDocument.Of(("token", BsonDocument.Of(("$in", BsonArray.Of("", insteadOf ?? ""))))),
            BsonDocument.Of(("until_at", BsonDocument.Of(("$lt", Times.Of(now)))))));
        var take = BsonDocument.Of(
            ("token", holder.Token), ("scope", Texts.Cut(holder.Scope, 1000)), ("actor", Texts.Cut(holder.Actor, 190)), ("host", Texts.Cut(process.Host, 190)),
            ("host_id", Texts.Cut(process.HostId, 190)), ("pid", (long)process.Pid), ("process_started", Texts.Cut(process.Started, 64)),
            ("since_at", Times.Of(now)), ("until_at", Times.After(now, length)));
        await side.UpdateAsync(Names.Lease, new(isFree, BsonDocument.Of(("$set", take))), cancellationToken, background: true).ConfigureAwait(false);
        return Read((await side.FirstAsync(Names.Lease, Keys.Filter(side.Context), cancellationToken, background: true).ConfigureAwait(false))!);
    }

    public async Task<bool> RenewAsync(string token, TimeSpan length, CancellationToken cancellationToken)
    {
        var until = Times.After(await side.NowAsync(true, cancellationToken).ConfigureAwait(false), length);
        return await side.UpdateAsync(
            Names.Lease, new(Held(token), BsonDocument.Of(("$set", BsonDocument.Of(("until_at", until))))), cancellationToken, background: true)
            .ConfigureAwait(false) == 1;
    }

    public Task ReleaseAsync(string token, CancellationToken cancellationToken) => side.UpdateAsync(
        Names.Lease,
        new(Held(token), BsonDocument.Of(("$set", BsonDocument.Of(("token", ""))), ("$unset", BsonDocument.Of(("until_at", ""))))),
        cancellationToken, background: true);

    /// <summary>The lease's document is written to as well: nobody takes it over between the look and the commit.</summary>
    public Task<bool> SaveAsync(string token, RunCheckpoint checkpoint, CancellationToken cancellationToken) => side.InTransactionAsync(
        true,
        async (session, read) =>
        {
            var held = await session.UpdateAsync(
                Names.Lease, [new(Held(token), BsonDocument.Of(("$inc", BsonDocument.Of(("saves", 1L)))))], true, read).ConfigureAwait(false);
            if (held.Count == 0)
            {
                return false;
            }

            var (inline, parts) = await LongTexts.WriteAsync(session, LongTexts.Checkpoint, checkpoint.RunId, checkpoint.State, read).ConfigureAwait(false);
            var change = BsonDocument.Of(
                ("$set", BsonDocument.Of(("context", side.Context), ("kind", checkpoint.Kind), ("state", inline), ("state_parts", parts))),
                ("$currentDate", BsonDocument.Of(("saved_at", true))));
            await session.UpdateAsync(Names.Checkpoint, [new(Keys.Filter(checkpoint.RunId), change, Upsert: true)], true, read).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    public async Task<RunCheckpoint?> LatestAsync(string kind, CancellationToken cancellationToken)
    {
        var saved = await side.FindAsync(
            Names.Checkpoint, OfKind(kind), cancellationToken, background: true, BsonDocument.Of(("_id", -1)), fields: BsonDocument.Of(("state", 0))).ConfigureAwait(false);
        foreach (var id in saved.Select(one => one["_id"]))
        {
            var run = await side.FirstAsync(Names.Reconciliation, Keys.Filter(id), cancellationToken, background: true).ConfigureAwait(false);
            if (run is not null && run.UtcOrNull("ended_at") is null
                && await CheckpointAsync(id.AsInt64, kind, run.Utc("began_at"), cancellationToken).ConfigureAwait(false) is { } checkpoint)
            {
                return checkpoint;
            }
        }

        return null;
    }

    public Task ForgetAsync(string kind, long run, bool older, CancellationToken cancellationToken) => side.InTransactionAsync(
        true,
        async (session, token) =>
        {
            var filter = OfKind(kind).With("_id", BsonDocument.Of(("$gte", older ? 0 : run), ("$lte", run)));
            foreach (var gone in await session.FindAsync(Names.Checkpoint, filter, token, fields: BsonDocument.Of(("_id", 1))).ConfigureAwait(false))
            {
                await LongTexts.ForgetAsync(session, LongTexts.Checkpoint, gone.Number("_id"), token).ConfigureAwait(false);
            }

            return await session.DeleteAsync(Names.Checkpoint, [new(filter, Many: true)], true, token).ConfigureAwait(false);
        },
        cancellationToken);

    // One snapshot: whoever holds the lease may save another one meanwhile.
    private Task<RunCheckpoint?> CheckpointAsync(long id, string kind, DateTime began, CancellationToken cancellationToken) => side.SnapshotAsync(
        true,
        async (session, token) => await session.FirstAsync(Names.Checkpoint, Keys.Filter(id), token).ConfigureAwait(false) is { } found
            ? new RunCheckpoint(
                id, kind, began, found.Utc("saved_at"),
                await LongTexts.ReadAsync(session, LongTexts.Checkpoint, id, found.Text("state"), found.Number("state_parts"), token).ConfigureAwait(false))
            : null,
        cancellationToken);

    private BsonDocument Held(string token) => Keys.Filter(side.Context).With("token", token);

    private BsonDocument OfKind(string kind) => BsonDocument.Of(("context", side.Context), ("kind", kind));

    private static LeaseHolder Read(BsonDocument lease) => new(
        lease.Text("token"), lease.Text("scope"), lease.Text("actor"),
        new ProcessIdentity(lease.Text("host"), lease.Text("host_id"), (int)lease.Number("pid"), lease.Text("process_started")),
        lease.Utc("since_at"), lease.Utc("until_at"));
}
