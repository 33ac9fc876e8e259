using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>When an incremental run takes the stored versions and hashes for the rows. Pure.</summary>
internal static class IncrementalRules
{
    /// <summary>
    /// Whether both sides say that they hold the same state. The signature behind the hashes is left out: only the side that wrote a
    /// state as lead has one. What
    /// was never written or accepted in this dual epoch is read.
    /// </summary>
    public static bool Agrees(KeyMark? legacy, KeyMark? @new, long dualEpoch, int fields)
    {
        if (legacy?.Entity is not { } left || @new?.Entity is not { } right)
        {
            return false;
        }

        return left.Version == right.Version && left.ForeignSeq == right.ForeignSeq && left.Tombstone == right.Tombstone
            && left.Version.Epoch >= dualEpoch
            && legacy.Present == !left.Tombstone && @new.Present == !right.Tombstone
            && (left.Tombstone || SameHashes(left.FieldHashes, right.FieldHashes, fields * FieldHasher.Size));
    }

    private static bool SameHashes(byte[] left, byte[] right, int size) =>
        left.Length >= size && right.Length >= size && left.AsSpan(0, size).SequenceEqual(right.AsSpan(0, size));
}
