using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Strangler.DualWrite;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// This process's slots of one context's fence: copies of it, of which each open transaction has one to itself. Its first command writes to its slot;
/// whoever sets the fence writes to all slots in one transaction. So the server itself lets only one of the two commit, whatever clocks, caches and
/// pauses there are.
/// </summary>
/// <remarks>
/// The write must change something: an update that changes nothing is no write to the server and conflicts with nobody; hence the counter <c>uses</c>.
/// A slot that is made while the fence is being set would be missed, so making one writes to the fence itself. A slot whose transaction may still be
/// open on the server (a lost connection) is not used again. Nothing rests on slots being used by one process only: two would merely be in each
/// other's way.
/// </remarks>
internal sealed class FenceSlots
{
    private static readonly ConditionalWeakTable<MongoDatabase, ConcurrentDictionary<string, FenceSlots>> Shared = [];

    private static readonly TimeSpan Unused = TimeSpan.FromHours(1);

    // Of a slot that no flip has closed, or whose flip is out of time. Asked by the filter: what has written to a slot is in that flip's way until it is aborted.
    private static readonly BsonDocument IsOpen = BsonDocument.Of(("$lte", BsonArray.Of(
        BsonDocument.Of(("$ifNull", BsonArray.Of("$closed_until", BsonValue.FromMilliseconds(0)))), "$$NOW")));

    private readonly string _context;
    private readonly string _process = RandomNumberGenerator.GetHexString(16, lowercase: true);
    private readonly ConcurrentStack<string> _free = new();
    private int _count;

    private FenceSlots(string context) => _context = context;

    /// <summary>Those of a context; all its stores in this process share them.</summary>
    public static FenceSlots Of(MongoDatabase database, string context) =>
        Shared.GetValue(database, static _ => new()).GetOrAdd(context, static name => new FenceSlots(name));

    /// <summary>One that no transaction of this process has.</summary>
    public async Task<string> TakeAsync(MongoSide side, CancellationToken cancellationToken)
    {
        if (_free.TryPop(out var slot))
        {
            return slot;
        }

        slot = $"{_process}.{Interlocked.Increment(ref _count)}";
        var now = await MakeAsync(side, slot, cancellationToken).ConfigureAwait(false);
        await RemoveUnusedAsync(side, now, cancellationToken).ConfigureAwait(false);
        return slot;
    }

    private async Task<DateTime> MakeAsync(MongoSide side, string slot, CancellationToken cancellationToken)
    {
        try
        {
            return await InsertAsync(side, slot, cancellationToken).ConfigureAwait(false);
        }
        catch (CommitOutcomeUnknownException e)
        {
            // Nothing of a caller's was to be written yet; a slot that nobody knows of goes like any that lies unused.
            throw new SideUnavailableException(side.Name, "the majority of the set did not confirm that a transaction may begin.", true, e) { IsOutage = true };
        }
    }

    private Task<DateTime> InsertAsync(MongoSide side, string slot, CancellationToken cancellationToken) => side.InTransactionAsync(
            null,
            async (session, token) =>
            {
                var fence = await session.FindAndModifyAsync(
                    BsonDocument.Of(
                        ("findAndModify", Names.Fence), ("query", Keys.Filter(_context)), ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("slots", 1L)))))),
                    token).ConfigureAwait(false);
                if (fence.Type != BsonType.Document)
                {
                    throw side.NotMigrated();
                }

                var copy = BsonDocument.FromElements([new("uses", 0L), .. FenceDocuments.Copy(fence.AsDocument)]);
                var made = await session.FindAndModifyAsync(
                    BsonDocument.Of(
                        ("findAndModify", Names.Slot), ("query", Keys.Filter(Id(slot))), ("upsert", true), ("new", true),
                        ("update", BsonDocument.Of(("$set", copy), ("$currentDate", BsonDocument.Of(("used_at", true)))))),
                    token).ConfigureAwait(false);
                return made.AsDocument.Utc("used_at");
            },
            cancellationToken);

    /// <summary>Slots of processes that are gone, and those that a broken connection has left behind: where new ones are made, old ones go. Whoever still had
    /// one takes another.</summary>
    public static BsonDocument UnusedAt(string context, DateTime now) => BsonDocument.Of(
        ("_id.context", context),
        ("$or", BsonArray.Of(
            BsonDocument.Of(("used_at", BsonDocument.Of(("$lt", Times.Of(now - Unused))))), BsonDocument.Of(("used_at", BsonDocument.Of(("$exists", false)))))));

    private async Task RemoveUnusedAsync(MongoSide side, DateTime now, CancellationToken cancellationToken)
    {
        try
        {
            await side.DeleteAsync(Names.Slot, UnusedAt(_context, now), cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException)
        {
            // The next one does it.
        }
    }

    /// <summary>One of them was removed, since it lay unused for long; so did those below it.</summary>
    public void Forget() => _free.Clear();

    /// <summary>Its transaction is over, and the server knows it.</summary>
    public void GiveBack(string slot) => _free.Push(slot);

    /// <summary>The first command of a transaction: takes part in the fence, and reads it and the server's clock.</summary>
    /// <exception cref="MongoFailureException"><see cref="MongoErrorKind.WriteConflict"/>: the fence is being set. Try again as a whole.</exception>
    /// <exception cref="SlotLostException">Somebody has removed the slot; take another one.</exception>
    public async Task<(FenceRow Fence, DateTime NowUtc)> EnterAsync(MongoSession session, MongoSide side, string slot, CancellationToken cancellationToken)
    {
        var found = await session.FindAndModifyAsync(
            BsonDocument.Of(
                ("findAndModify", Names.Slot), ("query", Keys.Filter(Id(slot)).With("$expr", IsOpen)), ("new", true),
                ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("uses", 1L))), ("$currentDate", BsonDocument.Of(("used_at", true)))))),
            cancellationToken).ConfigureAwait(false);
        if (found.Type == BsonType.Document)
        {
            return (FenceDocuments.Read(found.AsDocument, side.Name), found.AsDocument.Utc("used_at"));
        }

        throw await session.FirstAsync(Names.Slot, Keys.Filter(Id(slot)), cancellationToken).ConfigureAwait(false) is null
            ? new SlotLostException()
            : new MongoFailureException(MongoErrorKind.WriteConflict, "The fence is being set; try again.");
    }

    private BsonDocument Id(string slot) => BsonDocument.Of(("context", _context), ("slot", slot));
}

/// <summary>A slot that this process had is gone: it was unused for long.</summary>
internal sealed class SlotLostException() : Exception("The slot of the fence is gone.");
