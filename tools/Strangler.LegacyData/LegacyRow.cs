namespace Strangler.LegacyData;

/// <summary>A generated row of one legacy table, as it is stored.</summary>
/// <param name="columns">The table's columns, in order; the first is the key.</param>
/// <param name="values">
/// In the same order: null, long or string. Dates are strings, because "0000-00-00 00:00:00" is no date anywhere else.
/// </param>
/// <param name="kinds">Which states and oddities the row shows.</param>
/// <param name="isUnreadable">Whether it is damaged on purpose, so that no reader can make sense of it.</param>
public sealed class LegacyRow(IReadOnlyList<string> columns, object?[] values, IReadOnlyList<string> kinds, bool isUnreadable)
{
    public long Id => (long)values[0]!;

    public IReadOnlyList<string> Columns => columns;

    public IReadOnlyList<object?> Values => values;

    public IReadOnlyList<string> Kinds => kinds;

    public bool IsUnreadable => isUnreadable;

    public object? this[string column] => values[PositionOf(column)];

    internal void Set(string column, object? value) => values[PositionOf(column)] = value is int number ? (long)number : value;

    private int PositionOf(string column)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i] == column)
            {
                return i;
            }
        }

        throw new ArgumentException($"There is no column '{column}'.", nameof(column));
    }
}

/// <summary>What a generator of plain tables makes. The same options give the same rows, always and everywhere.</summary>
public sealed record LegacyRowOptions
{
    /// <summary>Above 0, default 5,000.</summary>
    public int Rows { get; init; } = 5_000;

    public int Seed { get; init; } = 1;

    /// <summary>Whether a few rows of every round are damaged so that nobody can read them. Default true.</summary>
    public bool IncludeUnreadable { get; init; } = true;

    /// <summary>How many rows one INSERT carries. 1 to 2,000, default 250.</summary>
    public int RowsPerInsert { get; init; } = 250;

    internal LegacyRowOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Rows, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(RowsPerInsert);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RowsPerInsert, 2000);
        return this;
    }
}
