using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.LegacyData.Drift;

/// <summary>
/// Finds rows that show another value in one field and, as far as the mapping allows, in no other. In memory: nothing is written. Where a
/// field cannot change alone (a flag that legacy knows only by its time), it changes together with another.
/// </summary>
internal sealed class FieldDrift(EntityKind kind, SideName side, RecordField field, Random random)
{
    private const int MostTogether = 3;

    private readonly IRecordLens _lens = kind.Of(side).Lens;

    /// <summary>The row to write, and the fields in which the sides differ then.</summary>
    public sealed record Found(AggregateRow Row, IReadOnlyList<int> Fields);

    /// <param name="candidate">Both sides agree on it.</param>
    /// <param name="with">Whether another field may change along.</param>
    public Found? In(Candidate candidate, ChangesWith with)
    {
        var own = candidate.Record(side);
        if (own.Values[field.Ordinal] is Hidden)
        {
            return null;
        }

        if (with == ChangesWith.WhatItIsReadFrom)
        {
            return Record.ValuesEqual(own.Values[field.Ordinal], field.Default) ? null : Following(candidate, own);
        }

        // In any order, so that each way to differ is planted in some field.
        foreach (var value in FieldVariants.Of(field, own.Values[field.Ordinal]).OrderBy(_ => random.Next()))
        {
            var changed = Changed(own, (field.Ordinal, value));
            var found = with == ChangesWith.Another ? Beside(candidate, changed) : Try(candidate, changed, [field.Ordinal]);
            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    // What is read out of another field (whose parent a payment is, out of its log) changes with it, and with all that is read from there.
    private Found? Following(Candidate candidate, Record own)
    {
        foreach (var other in own.Schema.Fields.Where(other => other != field && own.Values[other.Ordinal] is not Hidden))
        {
            if (Changing(candidate, own, [other.Ordinal]) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    // The last of them is to change; where the side then refuses another field, that one as well.
    private Found? Changing(Candidate candidate, Record record, int[] fields)
    {
        var last = record.Schema.Fields[fields[^1]];
        foreach (var value in FieldVariants.Of(last, record.Values[last.Ordinal]))
        {
            var changed = Changed(record, (last.Ordinal, value));
            var found = Try(candidate, changed, [.. fields.Order()], out var refused);
            if (found is not null && fields.Contains(field.Ordinal))
            {
                return found;
            }

            if (refused >= 0 && fields.Length < MostTogether && !fields.Contains(refused)
                && Changing(candidate, changed, [.. fields, refused]) is { } further)
            {
                return further;
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

    private Found? Try(Candidate candidate, Record wanted, IReadOnlyList<int> fields) => Try(candidate, wanted, fields, out _);

    private Found? Try(Candidate candidate, Record wanted, IReadOnlyList<int> fields, out int refused)
    {
        refused = -1;
        try
        {
            var row = _lens.Put(wanted, candidate.Row(side));
            return Tells(_lens.Get(row), candidate.Record(Stages.Other(side)), fields) ? new Found(row, fields) : null;
        }
        catch (CannotHoldException exception)
        {
            refused = wanted.Schema.Fields.FirstOrDefault(each => each.Name == exception.Field)?.Ordinal ?? -1;
            return null;
        }
        catch (Exception exception) when (exception is UnreadableException or OverflowException)
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

/// <summary>What may change along with a field.</summary>
internal enum ChangesWith
{
    Nothing,

    /// <summary>The field that the side reads it from.</summary>
    WhatItIsReadFrom,

    /// <summary>Any one.</summary>
    Another,
}
