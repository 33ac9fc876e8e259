using Strangler.Mapping.Converters;

namespace Strangler.Mapping.Lenses;

/// <summary>One item of a row: a column of the table, or one that is looked up.</summary>
internal sealed record ChildItem(string Name, ColumnPlace Place, ValueFormat Format)
{
    public object? Read(LegacyCursor row) =>
        Format.TryRead(Place, row, out var value, out var reason) ? value : throw new UnreadableException(Place.Name, reason);

    /// <summary>A row that is new may show nothing that has a meaning.</summary>
    public bool Shows(LegacyCursor row, object? wanted) => Format.TryRead(Place, row, out var value, out _) && Record.ValuesEqual(value, wanted);
}

/// <summary>
/// A list that is the rows of a legacy table. A row that shows what is wanted stays as it is, with its key; so a change of one entry
/// touches no other.
/// </summary>
/// <param name="hasOwnKey">Whether rows have a key of their own, and their order with it. Without, a row is its content.</param>
/// <param name="isUnordered">Whether the order of the rows says nothing.</param>
internal sealed class ChildrenField(int ordinal, string name, int table, bool hasOwnKey, bool isUnordered, ChildItem[] items)
    : LegacyField(ordinal, name)
{
    public override object Read(LegacyCursor row)
    {
        var rows = row.Rows(table);
        return rows.Count == 0 ? RecordList.Empty : new RecordList([.. rows.Select(stored => Shown(row, stored))]);
    }

    public override void Write(LegacyCursor row, object? value)
    {
        var wanted = Values.Expect<RecordList>(Name, value).Rows;
        var stored = row.Rows(table);
        object?[][] shown = [.. stored.Select(one => Shown(row, one))];
        var origins = isUnordered ? ListAlignment.Unordered(shown, wanted) : ListAlignment.Ordered(shown, wanted);
        List<(int Place, object?[] Row)> kept = [];
        List<object?[]> added = [];
        for (var i = 0; i < wanted.Count; i++)
        {
            if (origins[i] is var origin and >= 0)
            {
                kept.Add((origin, Rewritten(row, stored[origin], shown[origin], wanted[i])));
            }
            else
            {
                added.Add(Rewritten(row, row.Blank(table), null, wanted[i]));
            }
        }

        row.SetRows(table, [.. kept.OrderBy(entry => entry.Place).Select(entry => entry.Row), .. added]);
        CheckTwins(wanted, origins);
    }

    private object?[] Shown(LegacyCursor row, object?[] stored)
    {
        row.CheckReferences(table, stored);
        row.Select(table, stored);
        object?[] values = [.. items.Select(item => item.Read(row))];
        row.Select(table, null);
        return values;
    }

    private object?[] Rewritten(LegacyCursor row, object?[] stored, object?[]? shown, object?[] wanted)
    {
        if (shown is not null && SameItems(shown, wanted))
        {
            return stored;
        }

        var copy = (object?[])stored.Clone();
        row.Select(table, copy);
        for (var i = 0; i < items.Length; i++)
        {
            if (!items[i].Shows(row, wanted[i]))
            {
                items[i].Format.Write(items[i].Place, row, items[i].Name, wanted[i]);
            }
        }

        row.Select(table, null);
        return copy;
    }

    // Rows that are nothing but their content: of two that are the same the second could not be told from the first. Two that are there
    // already may
    // refer to two shared rows that say the same.
    private void CheckTwins(IReadOnlyList<object?[]> wanted, int[] origins)
    {
        for (var i = 0; i < wanted.Count && !hasOwnKey; i++)
        {
            if (origins[i] < 0 && Enumerable.Range(0, wanted.Count).Any(other => other != i && SameItems(wanted[other], wanted[i])))
            {
                throw new CannotHoldException(Name, "two entries that are the same");
            }
        }
    }

    private static bool SameItems(object?[] left, object?[] right) => ListAlignment.SameRow(left, right);
}
