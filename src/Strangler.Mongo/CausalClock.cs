using Strangler.Mongo.Bson;

namespace Strangler.Mongo;

/// <summary>
/// The server's time of the newest that this process has written there or been shown as the majority's, all of its sessions together. A read asks for nothing older: so a member
/// that the others have left, and that still takes itself for the primary, cannot answer what this process has moved on from.
/// </summary>
/// <remarks>https://www.mongodb.com/docs/manual/core/read-isolation-consistency-recency/#causal-consistency</remarks>
internal sealed class CausalClock
{
    private long _bits;

    /// <summary>Null: nothing yet.</summary>
    public BsonTimestamp? Latest => Volatile.Read(ref _bits) is var bits and not 0 ? BsonTimestamp.FromBits((ulong)bits) : null;

    public void Advance(BsonTimestamp? to)
    {
        if (to is not { } time)
        {
            return;
        }

        var bits = Volatile.Read(ref _bits);
        while (time.Bits > (ulong)bits)
        {
            var seen = Interlocked.CompareExchange(ref _bits, (long)time.Bits, bits);
            if (seen == bits)
            {
                return;
            }

            bits = seen;
        }
    }
}
