using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// Whether the follower can hold what a write makes of an entity, asked before the lead commits: once the write has happened, a value that the follower cannot
/// hold would park its key for good. Asks the follower's lens only, never its database, which may be down.
/// </summary>
internal static class FollowerCapacity
{
    /// <summary>
    /// Throws <see cref="CannotHoldException"/> for a value that this write brings in. What the lead held before is not this caller's: it is let through, and
    /// the apply decides with the follower's real row.
    /// </summary>
    public static void Check(IRecordLens lead, IRecordLens follower, Record? before, Record after)
    {
        var was = before is null ? null : TryPut(lead, follower, before);
        try
        {
            Put(lead, follower, after, was);
        }
        catch (CannotHoldException exception) when (before is not null && was is null && IsUnchanged(exception.Field, before, after))
        {
        }
    }

    private static AggregateRow? TryPut(IRecordLens lead, IRecordLens follower, Record record)
    {
        try
        {
            return Put(lead, follower, record, was: null);
        }
        catch (CannotHoldException)
        {
            return null;
        }
    }

    // As the apply does it.
    private static AggregateRow Put(IRecordLens lead, IRecordLens follower, Record record, AggregateRow? was) =>
        follower.Put(RecordMerge.Fill(record, was is null ? null : follower.Get(was), lead), was);

    private static bool IsUnchanged(string field, Record before, Record after)
    {
        var at = before.Schema.Fields.FirstOrDefault(known => known.Name == field)?.Ordinal;
        return at is null || Record.ValuesEqual(before.Values[at.Value], after.Values[at.Value]);
    }
}
