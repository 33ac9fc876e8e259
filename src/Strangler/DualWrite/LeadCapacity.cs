using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// Whether the side that leads keeps what a caller has changed. Where it hides a field (legacy's one status letter says nothing of the payment of a cancelled
/// donation), a change to it would be acknowledged and be nowhere: the follower gets the lead's state, not the caller's wish.
/// </summary>
internal static class LeadCapacity
{
    /// <summary>
    /// Throws <see cref="CannotHoldException"/> for a value that this caller brings in. What it only gives back is let through: what the
    /// lead showed or derived, what was loaded from the other side when that led, as long as nothing has been written since, and what it
    /// gave back with its last save. What the lead shows openly, it shows to whoever loads; another program may have written it since the other
    /// side's state was accepted. So an entity that was changed in nothing, or elsewhere, can be saved in every stage.
    /// </summary>
    /// <param name="hasher">The context's.</param>
    /// <param name="before">What the lead showed before; the blank record of what is new.</param>
    /// <param name="given">What this caller wanted with its last save, if that is what it goes on from.</param>
    /// <param name="accepted">The lead's entity row: a state that it accepted from the other side has that side's hashes.</param>
    /// <param name="wanted">What the caller wants.</param>
    /// <param name="held">What the lead shows of it.</param>
    /// <param name="erasedBy">The field that says that personal data was erased: a wish that is never refused.</param>
    public static void Check(
        FieldHasher hasher, Record before, Record? given, EntityState? accepted, Record wanted, Record held, int? erasedBy)
    {
        for (var i = 0; i < held.Values.Length; i++)
        {
            if (held.Values[i] is Hidden hidden && i != erasedBy && wanted.Values[i] is not Hidden
                && !Record.ValuesEqual(wanted.Values[i], hidden.Derived)
                && !Record.ValuesEqual(wanted.Values[i], before.Values[i] is Hidden known ? known.Derived : before.Values[i])
                && !(given is not null && Record.ValuesEqual(wanted.Values[i], given.Values[i]))
                && !(before.Values[i] is Hidden && WasAccepted(hasher, accepted, wanted, i)))
            {
                throw new CannotHoldException(
                    held.Schema.Fields[i].Name,
                    "the side that leads cannot express this value beside the rest of the entity, and the change would be lost; "
                    + "change it before what hides it, or when the other side leads");
            }
        }
    }

    private static bool WasAccepted(FieldHasher hasher, EntityState? accepted, Record wanted, int ordinal) =>
        accepted is { IsSigned: false } && accepted.FieldHashes.Length >= wanted.Values.Length * FieldHasher.Size
        && hasher.IsHashOf(accepted.FieldHashes, wanted.Schema, ordinal, wanted.Values[ordinal]);
}
