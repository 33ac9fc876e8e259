using System.Data.Common;

namespace Strangler.MySql.Blocking;

/// <summary>
/// The columns of one result, and the batch of its rows that is at hand. An array a row: one for all would be a large object, and those end only with the
/// collections that walk everything that is alive.
/// </summary>
internal sealed class ResultBuffer
{
    private readonly List<object[]> _rows = [];
    private Dictionary<string, int>? _ordinals;

    public ResultBuffer(DbDataReader raw)
    {
        Names = new string[raw.FieldCount];
        Types = new Type[raw.FieldCount];
        for (var i = 0; i < Names.Length; i++)
        {
            Names[i] = raw.GetName(i);
            var type = raw.GetFieldType(i);
            Types[i] = type == typeof(Guid) ? typeof(byte[]) : type;
        }
    }

    public string[] Names { get; }

    public Type[] Types { get; }

    public int Rows { get; private set; }

    public bool HadRows { get; private set; }

    /// <summary>All its rows have come.</summary>
    public bool IsComplete { get; set; }

    /// <summary>Met behind the rows at hand.</summary>
    public Exception? Error { get; set; }

    public object this[int row, int column]
    {
        get
        {
            // Behind them lie rows of the batch before.
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)Names.Length);
            return _rows[row][column];
        }
    }

    /// <summary>The cells of a row at hand.</summary>
    public ReadOnlySpan<object> Cells(int row)
    {
        // Behind them lie rows of the batch before.
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows);
        return _rows[row];
    }

    public void Clear()
    {
        // The arrays serve the next batch.
        Rows = 0;
    }

    /// <returns>About how many bytes the row takes.</returns>
    public int Add(DbDataReader raw)
    {
        var size = 0;
        if (Rows == _rows.Count)
            _rows.Add(new object[Names.Length]);
        var row = _rows[Rows];
        for (var i = 0; i < Names.Length; i++)
        {
            var cell = Cell(raw, i);
            size += cell switch { string text => 24 + (2 * text.Length), byte[] bytes => 24 + bytes.Length, _ => 24 };
            row[i] = cell;
        }
        Rows++;
        HadRows = true;
        return size;
    }

    public int Ordinal(string name)
    {
        if (_ordinals is null)
        {
            _ordinals = new(StringComparer.OrdinalIgnoreCase);
            for (var i = 0; i < Names.Length; i++)
                _ordinals.TryAdd(Names[i], i);
        }
#pragma warning disable CA2201 // The contract of DbDataReader.GetOrdinal asks for this type.
        return _ordinals.TryGetValue(name, out var ordinal)
            ? ordinal
            : throw new IndexOutOfRangeException($"The result has no column '{name}'; it has {string.Join(", ", Names)}.");
#pragma warning restore CA2201
    }

    private static object Cell(DbDataReader raw, int ordinal)
    {
        try
        {
            return raw.GetValue(ordinal) switch
            {
                null => DBNull.Value,
                Guid guid => guid.ToByteArray(),
                // The driver says Utc of every TIMESTAMP, in whatever time zone the session is.
                DateTime { Kind: not DateTimeKind.Unspecified } moment => DateTime.SpecifyKind(moment, DateTimeKind.Unspecified),
                var value => value,
            };
        }
        catch (Exception e) when (e is not NullReferenceException)
        {
            // A zero date or an overlong DECIMAL: it is the reader of this column who has to know.
            return new UnreadableCell(e);
        }
    }
}

/// <summary>Stands for a value that the driver could not make; thrown when it is asked for.</summary>
internal sealed record UnreadableCell(Exception Cause);
