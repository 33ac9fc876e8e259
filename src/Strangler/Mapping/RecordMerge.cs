namespace Strangler.Mapping;

/// <summary>What is known of a hidden field by other ways than the rows; false: nothing.</summary>
/// <param name="ordinal">The field's.</param>
/// <param name="present">What the follower holds, or what is derived where it has nothing.</param>
/// <param name="derived">What the lead derives.</param>
/// <param name="value">What the follower is to hold.</param>
internal delegate bool HiddenKnowledge(int ordinal, object? present, object? derived, out object? value);

/// <summary>Fills in what a leading side hides from what the follower has (PROTOCOL §2).</summary>
public static class RecordMerge
{
    /// <summary>
    /// The record to put on the follower. A hidden value keeps the follower's, unless the evidence behind it has changed: then the lead's derivation wins.
    /// </summary>
    /// <param name="lead">The leading side's record, possibly with hidden values.</param>
    /// <param name="follower">What the follower holds; null when it has nothing: derivations are taken.</param>
    /// <param name="leadLens">The leading side's lens: shows what that side would derive from the follower's record.</param>
    public static Record Fill(Record lead, Record? follower, IRecordLens leadLens) => Fill(lead, follower, leadLens, null);

    /// <summary>The same where more may be known of some hidden fields.</summary>
    internal static Record Fill(Record lead, Record? follower, IRecordLens leadLens, HiddenKnowledge? known)
    {
        if (!lead.Values.Any(value => value is Hidden))
        {
            return lead;
        }

        var values = (object?[])lead.Values.Clone();
        var projected = follower is null ? null : Project(follower, leadLens);
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] is Hidden hidden)
            {
                var (has, present) = follower is not null && follower.Values[i] is not Hidden ? (true, follower.Values[i]) : (false, hidden.Derived);
                values[i] = known is not null && known(i, present, hidden.Derived, out var value) ? value
                    : has && EvidenceUnchanged(hidden, projected?.Values[i]) ? present
                    : hidden.Derived;
            }
        }

        return new Record(lead.Schema, values);
    }

    /// <summary>The record as the lens's side would show it; null when that side cannot hold it at all.</summary>
    public static Record? Project(Record record, IRecordLens lens)
    {
        try
        {
            return lens.Get(lens.Put(record, null));
        }
        catch (CannotHoldException)
        {
            return null;
        }
    }

    // No projection, or one in which the field is not hidden: then the follower's value says nothing about other evidence, and its own value stands.
    private static bool EvidenceUnchanged(Hidden lead, object? projected) =>
        projected is not Hidden follower || Record.ValuesEqual(lead.Derived, follower.Derived);
}
