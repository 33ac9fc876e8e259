using System.Diagnostics.CodeAnalysis;
using Strangler.Mapping.Converters;
using Strangler.Mapping.Php;

namespace Strangler.Mapping.Lenses;

/// <summary>Something in legacy that no field expresses.</summary>
/// <param name="Name">Its place: <c>data/phone</c>, <c>source</c>.</param>
/// <param name="Content">A LOB value as PHP serializes it; a column as UTF-8.</param>
internal readonly record struct Extra(string Name, byte[] Content);

/// <summary>A place whose raw value may be an extra.</summary>
/// <param name="Place">The place.</param>
/// <param name="CopyOf">For a mirror: the place that it copies; null otherwise.</param>
/// <param name="IsField">Whether it is the place of a field, which stays there, in its place, when the extra goes.</param>
internal sealed record ExtraTarget(LegacyPlace Place, LegacyPlace? CopyOf, bool IsField);

/// <summary>
/// The list field that holds what no other field expresses, so that nothing is lost on the new side: preserved columns that differ from an
/// insert's default, LOB keys that the mapping does not know, and raw values that a field could not take. Sorted by name: legacy's order of
/// keys carries no meaning and is not compared.
/// </summary>
internal sealed class ExtrasField(
    int ordinal, string name, ColumnPlace[] columns, LobPlace[] keys, Dictionary<string, ExtraTarget> targets, LobPlan[] lobs)
    : LegacyField(ordinal, name)
{
    private static readonly Comparison<object?[]> _byName = static (left, right) =>
        string.CompareOrdinal((string)left[0]!, (string)right[0]!);

    /// <summary>Call after all other fields: they add to <see cref="LegacyCursor.Extras"/> while they read.</summary>
    public override object Read(LegacyCursor row)
    {
        List<object?[]>? rows = null;
        foreach (var extra in row.Extras)
        {
            (rows ??= []).Add([extra.Name, extra.Content]);
        }

        foreach (var column in columns)
        {
            if (!column.IsDefault(row))
            {
                (rows ??= []).Add([column.ExtraName, column.Raw(row)]);
            }
        }

        foreach (var key in keys)
        {
            if (!key.IsEmpty(row))
            {
                (rows ??= []).Add([key.ExtraName, key.Raw(row)]);
            }
        }

        foreach (var entry in row.Unknown)
        {
            (rows ??= []).Add(
                [lobs[entry.Lob].ExtraPrefix + LegacyCursor.UnknownEntry.NameOf(entry.Key), PhpSerializer.Serialize(entry.Value)]);
        }

        return rows is null ? RecordList.Empty : Sorted(rows, mayRepeat: row.Unknown.Count > 1);
    }

    public override void Write(LegacyCursor row, object? value) =>
        throw new InvalidOperationException("Extras are written as a difference.");

    /// <summary>Brings the row from the extras that it shows to those that are wanted.</summary>
    public void Write(LegacyCursor row, RecordList shown, RecordList wanted)
    {
        var before = Contents(shown);
        var after = Contents(wanted);
        foreach (var extra in before.Keys.Where(extra => !after.ContainsKey(extra)))
        {
            Drop(row, extra);
        }

        foreach (var (extra, content) in after)
        {
            if (!before.TryGetValue(extra, out var present) || !present.AsSpan().SequenceEqual(content))
            {
                Put(row, extra, content);
            }
            else if (targets.TryGetValue(extra, out var target))
            {
                row.Pin(target.Place);
            }
        }
    }

    private static RecordList Sorted(List<object?[]> rows, bool mayRepeat)
    {
        // Of a key that occurs twice PHP sees the last: the sort must keep their order to tell which that is.
        var sorted = mayRepeat ? rows.Order(Comparer<object?[]>.Create(_byName)).ToList() : rows;
        if (!mayRepeat)
        {
            rows.Sort(_byName);
            return new RecordList(rows);
        }

        for (var i = sorted.Count - 2; i >= 0; i--)
        {
            if (_byName(sorted[i], sorted[i + 1]) == 0)
            {
                sorted.RemoveAt(i);
            }
        }

        return new RecordList(sorted);
    }

    private Dictionary<string, byte[]> Contents(RecordList list)
    {
        var contents = new Dictionary<string, byte[]>(list.Count, StringComparer.Ordinal);
        foreach (var row in list.Rows)
        {
            if (!contents.TryAdd(Values.Expect<string>(Name, row[0]), Values.Expect<byte[]>(Name, row[1])))
            {
                throw new CannotHoldException(Name, "two extras of the same name");
            }
        }

        return contents;
    }

    private void Drop(LegacyCursor row, string extra)
    {
        if (targets.TryGetValue(extra, out var target))
        {
            if (target.CopyOf is { } original)
            {
                target.Place.SetText(row, Name, original.Text(row));
            }
            else if (target.IsField)
            {
                target.Place.Empty(row, Name);
            }
            else
            {
                target.Place.Reset(row, Name);
            }
        }
        else if (TryUnknown(extra, out var lob, out var key))
        {
            row.SetEntry(lob, key, null, Name);
        }
    }

    private void Put(LegacyCursor row, string extra, byte[] content)
    {
        if (targets.TryGetValue(extra, out var target))
        {
            target.Place.SetRaw(row, Name, content);
            row.Pin(target.Place);
            return;
        }

        if (!TryUnknown(extra, out var lob, out var key) || (!key.IsInt && lobs[lob].Keys.Find(key.Bytes.Span) >= 0))
        {
            throw new CannotHoldException(Name, "legacy has no place of that name for an extra");
        }

        if (!PhpSerializer.TryParse(content, out var value, out _))
        {
            throw new CannotHoldException(Name, "the content of an extra is no serialized PHP value");
        }

        row.SetEntry(lob, key, value, Name);
    }

    private bool TryUnknown(string extra, out int lob, [MaybeNullWhen(false)] out PhpKey key)
    {
        for (lob = 0; lob < lobs.Length; lob++)
        {
            var prefix = lobs[lob].ExtraPrefix;
            if (extra.StartsWith(prefix, StringComparison.Ordinal))
            {
                return LegacyCursor.UnknownEntry.TryKey(extra.AsSpan(prefix.Length), out key);
            }
        }

        key = default;
        return false;
    }
}
