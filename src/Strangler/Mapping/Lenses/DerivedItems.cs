using Strangler.Mapping.Converters;

namespace Strangler.Mapping.Lenses;

/// <summary>An item that is derived, and what its new column holds.</summary>
/// <param name="Default">What it says where nothing can be told.</param>
/// <param name="Column">The column on the new side.</param>
/// <param name="Codes">Of a code: English by what the derivation says; null otherwise.</param>
internal sealed record DerivedItem(object? Default, ColumnLayout Column, IReadOnlyDictionary<string, string>? Codes)
{
    /// <summary>
    /// The value as the column holds it. What it cannot hold is not told: a derived item comes from no caller, and may be the reason of no refusal.
    /// </summary>
    public object? Settled(object? value) => value switch
    {
        string word when Codes is not null => Codes.GetValueOrDefault(word) ?? Default,
        string text => TextLimits.CanHold(text, Column) ? text : Default,
        long number => number >= Column.MinValue && number <= Column.MaxValue ? value : Default,
        _ => value is not null && Default is not null && value.GetType() == Default.GetType() ? value : Default,
    };
}

/// <summary>
/// Items of a list's rows that are derived from another item. They stand in columns of the new side, so that they can be asked for, and are compared like
/// all others: on the legacy side as what the row says now, on the new side as they are stored. They never go back: each record that is written has them
/// made anew.
/// </summary>
/// <param name="source">The place of the item that they are derived from.</param>
/// <param name="first">The place of the first of them.</param>
/// <param name="isSource">Whether a value can be derived from: of the item's type.</param>
internal sealed class DerivedItems(ItemDerivation derivation, int source, int first, Func<object?, bool> isSource, DerivedItem[] items)
{
    public string Description => derivation.Description;

    /// <summary>The list with these items made anew, whatever they were; the same list when they were right.</summary>
    public RecordList Complete(RecordList list)
    {
        object?[][]? rows = null;
        for (var i = 0; i < list.Count; i++)
        {
            var row = list.Rows[i];
            var complete = Complete(row);
            if (!ReferenceEquals(complete, row))
            {
                rows ??= [.. list.Rows];
                rows[i] = complete;
            }
        }

        return rows is null ? list : new RecordList(rows);
    }

    private object?[] Complete(object?[] row)
    {
        var values = new object?[items.Length];
        if (isSource(row[source]))
        {
            derivation.Derive(row[source]!, values);
        }

        for (var i = 0; i < values.Length; i++)
        {
            values[i] = items[i].Settled(values[i]);
        }

        if (row.Length >= first + items.Length && values.AsSpan().SequenceEqual(row.AsSpan(first, items.Length), _values))
        {
            return row;
        }

        var complete = new object?[Math.Max(row.Length, first + items.Length)];
        row.CopyTo(complete, 0);
        values.CopyTo(complete, first);
        return complete;
    }

    private static readonly IEqualityComparer<object?> _values = EqualityComparer<object?>.Create(Record.ValuesEqual, value => value?.GetHashCode() ?? 0);
}
