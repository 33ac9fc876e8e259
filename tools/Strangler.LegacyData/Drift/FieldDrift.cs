using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.LegacyData.Drift;

/// <summary>
/// Finds rows that show another value in one field and, as far as the mapping allows, in no other. In memory: nothing is written. Where a
/// field cannot change alone (a flag that legacy knows only by its time), it changes together with one other.
/// </summary>
internal sealed class FieldDrift(EntityKind kind, SideName side, RecordField field, Random random)
{
    private readonly IRecordLens _lens = kind.Of(side).Lens;

    /// <summary>The row to write, and the fields in which the sides differ then.</summary>
    public sealed record Found(AggregateRow Row, IReadOnlyList<int> Fields);

    /// <param name="candidate">Both sides agree on it.</param>
    /// <param name="together">Whether another field may change along.</param>
    public Found? In(Candidate candidate, bool together)
    {
        var own = candidate.Record(side);
        if (own.Values[field.Ordinal] is Hidden)
        {
            return null;
        }

        // In any order, so that each way to differ is planted in some field.
        foreach (var value in FieldVariants.Of(field, own.Values[field.Ordinal]).OrderBy(_ => random.Next()))
        {
            var changed = Changed(own, (field.Ordinal, value));
            var found = together ? Beside(candidate, changed) : Try(candidate, changed, [field.Ordinal]);
            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    private Found? Beside(Candidate candidate, Record changed)
    {
        foreach (var other in changed.Schema.Fields.Where(other => other != field && changed.Values[other.Ordinal] is not Hidden))
        {
            foreach (var value in FieldVariants.Of(other, changed.Values[other.Ordinal]).Take(3))
            {
                var pair = Changed(changed, (other.Ordinal, value));
                if (Try(candidate, pair, [.. new[] { field.Ordinal, other.Ordinal }.Order()]) is { } found)
                {
                    return found;
                }
            }
        }

        return null;
    }

    private static Record Changed(Record record, (int Ordinal, object? Value) change) =>
        new(record.Schema, [.. record.Values.Select((present, ordinal) => ordinal == change.Ordinal ? change.Value : present)]);

    private Found? Try(Candidate candidate, Record wanted, IReadOnlyList<int> fields)
    {
        try
        {
            var row = _lens.Put(wanted, candidate.Row(side));
            return Tells(_lens.Get(row), candidate.Record(Stages.Other(side)), fields) ? new Found(row, fields) : null;
        }
        catch (Exception exception) when (exception is CannotHoldException or UnreadableException or OverflowException)
        {
            return null;
        }
    }

    // Exactly these fields contradict, and nothing else rests on what changed: what one side hides, it must derive as the other has it.
    private bool Tells(Record changed, Record other, IReadOnlyList<int> fields)
    {
        for (var i = 0; i < changed.Values.Length; i++)
        {
            var (mine, theirs) = (changed.Values[i], other.Values[i]);
            var differs = (mine, theirs) switch
            {
                (Hidden hidden, _) when !Record.ValuesEqual(hidden.Derived, theirs) => (bool?)null,
                (_, Hidden hidden) when !Record.ValuesEqual(hidden.Derived, mine) => fields.Contains(i) ? true : null,
                (Hidden, _) or (_, Hidden) => false,
                _ => !Record.ValuesEqual(mine, theirs),
            };
            if (differs != fields.Contains(i))
            {
                return false;
            }
        }

        return true;
    }
}
