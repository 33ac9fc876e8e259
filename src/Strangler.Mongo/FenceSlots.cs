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
        await side.InTransactionAsync(
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

                var copy = FenceDocuments.Copy(fence.AsDocument);
                await session.InsertAsync(
                    Names.Slot, [BsonDocument.FromElements([new("_id", Id(slot)), new("uses", 0L), .. copy])], true, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        return slot;
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
                ("findAndModify", Names.Slot), ("query", Keys.Filter(Id(slot))), ("new", true),
                ("update", BsonDocument.Of(("$inc", BsonDocument.Of(("uses", 1L))), ("$currentDate", BsonDocument.Of(("used_at", true)))))),
            cancellationToken).ConfigureAwait(false);
        if (found.Type != BsonType.Document)
        {
            throw new SlotLostException();
        }

        var (document, now) = (found.AsDocument, found.AsDocument.Utc("used_at"));
        return document.UtcOrNull("closed_until") is { } until && until > now
            ? throw new MongoFailureException(MongoErrorKind.WriteConflict, "The fence is being set; try again.")
            : (FenceDocuments.Read(document, side.Name), now);
    }

    private BsonDocument Id(string slot) => BsonDocument.Of(("context", _context), ("slot", slot));
}

/// <summary>A slot that this process had is gone: it was unused for long.</summary>
internal sealed class SlotLostException() : Exception("The slot of the fence is gone.");
