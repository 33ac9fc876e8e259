using Strangler.DualWrite;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <remarks>
/// Setting it writes to the fence and to all slots in one transaction, which conflicts with every open transaction of a writer. The server does not
/// queue: whoever comes second fails. So that a flip is not starved by writers that take turns, it closes the slots first, one by one, each as it
/// becomes free; a closed slot opens by itself when the time that the flip has is over.
/// </remarks>
internal sealed class MongoFence(MongoSide side) : IFence
{
    private static readonly TimeSpan OpeningTakes = TimeSpan.FromSeconds(1);

    public SideName Side => side.Name;

    public Task<FenceRow> ReadAsync(CancellationToken cancellationToken) => side.ReadAsync(
        null,
        async (session, token) => await session.FirstAsync(Names.Fence, Keys.Filter(side.Context), token).ConfigureAwait(false) is { } fence
            ? FenceDocuments.Read(fence, Side)
            : throw side.NotMigrated(),
        cancellationToken);

    public async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        var began = side.Options.Time.GetTimestamp();
        for (var closed = false; ; closed = true)
        {
            try
            {
                if (await SetAsync(expected, next, cancellationToken).ConfigureAwait(false))
                {
                    return true;
                }

                // Somebody else has set it: what was closed for this one keeps nobody waiting.
                await OpenAsync(closed).ConfigureAwait(false);
                return false;
            }
            catch (MongoFailureException e) when (e.Kind == MongoErrorKind.WriteConflict)
            {
                var left = lockTimeout - side.Options.Time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero || !await TryCloseAsync(left, cancellationToken).ConfigureAwait(false))
                {
                    await OpenAsync(closed || left > TimeSpan.Zero).ConfigureAwait(false);
                    throw new FenceBusyException(Side, lockTimeout, e);
                }
            }
            catch (MongoFailureException e)
            {
                await OpenAsync(closed).ConfigureAwait(false);

                // Nobody knows whether it was set: whoever asks the fence does.
                throw e.IsCommitUnknown
                    ? new SideUnavailableException(Side, "the connection was lost while the fence was being set.", true, e) { IsOutage = true, IsConnectionLost = true }
                    : side.Translate(e);
            }
        }
    }

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => side.NowAsync(null, cancellationToken);

    private async Task<bool> SetAsync(FenceRow expected, FenceRow next, CancellationToken cancellationToken)
    {
        var now = await UtcNowAsync(cancellationToken).ConfigureAwait(false);
        var session = await side.OpenAsync(Lane.IsBackground, cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            session.BeginTransaction(side.Options.TransactionDeadline);
            var filter = BsonDocument.Of(
                ("_id", side.Context), ("role", FenceDocuments.Of(expected.Role)), ("stage", expected.Stage.ToString()), ("epoch", expected.Epoch));
            var set = await session.UpdateAsync(Names.Fence, [new(filter, Change(next, isSlot: false))], true, cancellationToken).ConfigureAwait(false);
            if (set.Count == 0)
            {
                return await session.FirstAsync(Names.Fence, Keys.Filter(side.Context), cancellationToken).ConfigureAwait(false) is null
                    ? throw side.NotMigrated()
                    : false;
            }

            var slots = BsonDocument.Of(("_id.context", side.Context));
            await session.DeleteAsync(
                Names.Slot, [new(FenceSlots.UnusedAt(side.Context, now), Many: true)], true, cancellationToken).ConfigureAwait(false);
            await session.UpdateAsync(Names.Slot, [new(slots, Change(next, isSlot: true), Many: true)], true, cancellationToken).ConfigureAwait(false);
            await session.CommitAsync().ConfigureAwait(false);
            return true;
        }
    }

    // The counters, since what changes nothing would conflict with nobody.
    private static BsonDocument Change(FenceRow next, bool isSlot)
    {
        List<BsonElement> unset = [];
        if (next.Deadline is null)
        {
            unset.Add(new("deadline", ""));
        }

        if (isSlot)
        {
            unset.Add(new("closed_until", ""));
        }

        var change = BsonDocument.Of(("$set", FenceDocuments.Of(next)), ("$inc", BsonDocument.Of((isSlot ? "uses" : "slots", 1L))));
        return unset.Count == 0 ? change : change.With("$unset", BsonDocument.FromElements(unset));
    }

    /// <summary>Outside of a transaction: the server waits for whoever holds a slot, for as long as the flip may.</summary>
    private async Task<bool> TryCloseAsync(TimeSpan left, CancellationToken cancellationToken)
    {
        var until = Times.After(await UtcNowAsync(cancellationToken).ConfigureAwait(false), left);
        try
        {
            await ChangeSlotsAsync(BsonDocument.Of(("$set", BsonDocument.Of(("closed_until", until)))), left, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (MongoFailureException e) when (e.Kind is MongoErrorKind.Timeout or MongoErrorKind.WriteConflict)
        {
            return false;
        }
        catch (MongoFailureException e)
        {
            throw side.Translate(e);
        }
    }

    /// <summary>Quietly: they open by themselves a little later.</summary>
    private async Task OpenAsync(bool mayBeClosed)
    {
        try
        {
            if (mayBeClosed)
            {
                // Those that are still in use were not closed: only the others are touched.
                await ChangeSlotsAsync(
                    BsonDocument.Of(("$unset", BsonDocument.Of(("closed_until", "")))), OpeningTakes, CancellationToken.None, onlyClosed: true).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is MongoFailureException or SideUnavailableException)
        {
            // Then writers wait a little longer.
        }
    }

    private async Task ChangeSlotsAsync(BsonDocument change, TimeSpan time, CancellationToken cancellationToken, bool onlyClosed = false)
    {
        var session = await side.OpenAsync(Lane.IsBackground, cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            var slots = BsonDocument.Of(("_id.context", side.Context));
            var reply = await session.RunAsync(
                BsonDocument.Of(
                    ("update", Names.Slot),
                    ("updates", BsonArray.Of(BsonDocument.Of(
                        ("q", onlyClosed ? slots.With("closed_until", BsonDocument.Of(("$exists", true))) : slots), ("u", change), ("multi", true)))),
                    ("maxTimeMS", (int)Math.Clamp(time.TotalMilliseconds, 1, int.MaxValue))),
                cancellationToken).ConfigureAwait(false);
            if (reply.First("writeErrors") is { } error)
            {
                throw MongoFailureException.Of(error);
            }
        }
    }
}
