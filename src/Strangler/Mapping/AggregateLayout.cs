namespace Strangler.Mapping;

/// <summary>How a column's raw value is carried in an <see cref="AggregateRow"/>.</summary>
public enum ColumnType
{
    /// <summary><see cref="long"/> or null. All integer widths, and flags (0/1, but legacy flags may hold anything).</summary>
    Integer,

    /// <summary><see cref="string"/> or null, exactly as stored, trailing blanks included.</summary>
    Text,

    /// <summary>
    /// A DATE or DATETIME as its text (<c>2016-05-17 11:42:02</c>, <c>0000-00-00 00:00:00</c>) or null; whole seconds. Read by a cast, so
    /// that zero and impossible dates survive.
    /// </summary>
    DateTime,

    /// <summary>A byte array or null.</summary>
    Binary,

    /// <summary><see cref="double"/> or null: exactly the number that a FLOAT or DOUBLE holds, which its text may round.</summary>
    Real,
}

/// <summary>
/// In an <see cref="AggregateRow"/> of a new side whose store has no types of columns (documents): what stands in the column's place is of another type
/// than the column. The lens says so; a change of other columns leaves it as it is.
/// </summary>
/// <param name="Reason">What is there and what should be; never the value.</param>
public sealed record MistypedValue(string Reason);

/// <summary>One column that the mapping knows. Columns that it does not name are never read nor written.</summary>
/// <param name="Name">As in the database; quoted by the store.</param>
/// <param name="Type">How its value is carried.</param>
/// <param name="Nullable">Whether NULL can be stored.</param>
/// <param name="MaxLength">Characters for text, bytes for binary; 0 = no limit of its own.</param>
/// <param name="MaxBytes">Limit in bytes of the stored text (TEXT: 65,535); 0 = none.</param>
/// <param name="MinValue">Smallest integer that fits.</param>
/// <param name="MaxValue">Largest integer that fits.</param>
/// <param name="BasicPlaneOnly">Whether the column's character set cannot hold characters beyond U+FFFF (MySQL's 3-byte utf8).</param>
public sealed record ColumnLayout(
    string Name,
    ColumnType Type,
    bool Nullable,
    int MaxLength = 0,
    int MaxBytes = 0,
    long MinValue = long.MinValue,
    long MaxValue = long.MaxValue,
    bool BasicPlaneOnly = false)
{
    /// <summary>
    /// New side only: the kind of the same context that the column refers to. A row carries the public id, the table the new id, and the store
    /// translates; 0 is none in both.
    /// </summary>
    public string? References { get; init; }

    /// <summary>New side only: the column holds a boolean field, as 0 or 1; a store that has a type for it takes that.</summary>
    public bool IsFlag { get; init; }

    /// <summary>Whether a <see cref="ColumnType.Real"/> is of single precision.</summary>
    public bool IsSingle { get; init; }

    /// <summary>Whether the store's text cannot hold the character 0 (PostgreSQL's).</summary>
    public bool RefusesNul { get; init; }
}

/// <summary>How a table of an aggregate hangs on the root.</summary>
public enum TableRole
{
    Root,

    /// <summary>At most one row: its key column equals the root's key.</summary>
    One,

    /// <summary>
    /// At most one row: its key column equals <see cref="TableLayout.ReferencedBy"/> of the parent table, whose key the database allots.
    /// </summary>
    Referenced,

    /// <summary>
    /// Any number of rows. Ordered by the <c>ordinal</c> column, and key column + ordinal is the primary key; where <see
    /// cref="TableLayout.Children"/>
    /// says so, without an ordinal.
    /// </summary>
    Many,
}

/// <summary>How rows of a <see cref="TableRole.Many"/> table without an ordinal are told apart and found.</summary>
/// <param name="OwnKey">
/// The column that the database allots, and that their order goes by; the first of the table's columns, null in a row that is to be
/// inserted. Null:
/// the row is its stored columns.
/// </param>
/// <param name="Index">The index that begins with the key column: forced, so that a search locks no other entity's rows.</param>
public sealed record ChildRows(string? OwnKey, string Index);

/// <summary>
/// A table of shared rows that a column refers to: found by the columns that say what it is, inserted when nobody has needed it yet, and
/// never changed or
/// removed. What the row says stands in the referring row as if it were its own.
/// </summary>
/// <param name="Table">The table of shared rows.</param>
/// <param name="KeyColumn">Its key, which the database allots.</param>
/// <param name="ReferencedBy">The stored column that refers to it; null in a row whose reference is to be found.</param>
/// <param name="First">The place of the first looked-up column among the columns of the referring table.</param>
/// <param name="Columns">The looked-up columns under the names that they have in <paramref name="Table"/>.</param>
public sealed record LookupLayout(string Table, string KeyColumn, string ReferencedBy, int First, IReadOnlyList<ColumnLayout> Columns);

/// <summary>
/// A key that says something: it is no number that the database allots, but one of the row's columns, given by whoever inserts it and never
/// changed afterwards. Of a whole number the public id is the number itself, of a text what <see cref="TextKey"/> makes of it.
/// </summary>
/// <param name="Column">The place of the key among the table's columns.</param>
/// <param name="IsText">Whether it is a text.</param>
public sealed record NaturalKey(int Column, bool IsText)
{
    /// <summary>The public id of a row; 0 where it has none.</summary>
    public long IdOf(object?[] root) => root[Column] switch
    {
        long number => number,
        string text => TextKey.IdOf(text),
        _ => 0,
    };
}

/// <summary>A column that has one and the same value in all rows of this context: rows with another value are none of it.</summary>
/// <param name="Value">Letters, digits, <c>_</c>, <c>-</c> and <c>.</c> only.</param>
public sealed record FixedColumn(string Name, string Value);

/// <summary>One table of an aggregate.</summary>
/// <param name="Name">The table.</param>
/// <param name="Role">How it hangs on the root.</param>
/// <param name="KeyColumn">The column that holds the root's key (for <see cref="TableRole.Referenced"/>: its own allotted key). Not among
/// <paramref name="Columns"/>, unless it is a <see cref="NaturalKey"/>.</param>
/// <param name="Columns">
/// The columns that are read and written, in order, then what is looked up. For Many tables without the ordinal, which is the row's place.
/// </param>
/// <param name="ReferencedBy">For Referenced: the root column that holds this table's key (also among the root's columns).</param>
/// <param name="Parent">For tables below a Referenced table (class-table inheritance): that table's name; they share its key. Null
/// otherwise.</param>
public sealed record TableLayout(
    string Name,
    TableRole Role,
    string KeyColumn,
    IReadOnlyList<ColumnLayout> Columns,
    string? ReferencedBy = null,
    string? Parent = null)
{
    /// <summary>For Referenced: several roots, or other programs' tables, may refer to one row, so it is nobody's to change or to remove while others do.</summary>
    public bool IsShared { get; init; }

    /// <summary>For Many tables without an ordinal (the legacy side's); null otherwise.</summary>
    public ChildRows? Children { get; init; }

    /// <summary>What its columns refer to.</summary>
    public IReadOnlyList<LookupLayout> Lookups { get; init; } = [];

    /// <summary>Of a legacy root whose key nobody allots; null otherwise.</summary>
    public NaturalKey? NaturalKey { get; init; }

    /// <summary>For One and Many tables: not among <see cref="Columns"/>.</summary>
    public IReadOnlyList<FixedColumn> Fixed { get; init; } = [];

    /// <summary>How many of the <see cref="Columns"/> are the table's own; what is behind them is looked up.</summary>
    public int StoredColumns => Lookups.Count == 0 ? Columns.Count : Lookups[0].First;

    /// <summary>Whether rows are numbered by a column <c>ordinal</c>.</summary>
    public bool HasOrdinal => Role == TableRole.Many && Children is null;

    /// <summary>The place of a column, or -1.</summary>
    public int IndexOf(string column)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            if (string.Equals(Columns[i].Name, column, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>
/// The tables that hold one kind of entity on one side. <see cref="Tables"/>[0] is the root. A store reads and writes
/// aggregates by this description; it knows nothing of records.
/// </summary>
public sealed class AggregateLayout
{
    public AggregateLayout(IReadOnlyList<TableLayout> tables)
    {
        if (tables.Count == 0 || tables[0].Role != TableRole.Root || tables.Skip(1).Any(table => table.Role == TableRole.Root))
        {
            throw new ArgumentException("An aggregate has exactly one root table, and it comes first.", nameof(tables));
        }

        Tables = tables;
    }

    public IReadOnlyList<TableLayout> Tables { get; }

    public TableLayout Root => Tables[0];

    public int IndexOf(string table)
    {
        for (var i = 0; i < Tables.Count; i++)
        {
            if (string.Equals(Tables[i].Name, table, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}

/// <summary>
/// The raw column values of one aggregate, table by table. <c>Tables[i]</c> holds the rows of <c>Layout.Tables[i]</c>: exactly one for
/// the root, none or one for One and Referenced, any number (in the order of ordinal or own key) for Many; each row has one value a column.
/// Keys are not in it. Treated as immutable: <see cref="Clone"/> before changing.
/// </summary>
public sealed class AggregateRow
{
    public AggregateRow(AggregateLayout layout, IReadOnlyList<object?[]>[] tables)
    {
        Layout = layout;
        Tables = tables;
    }

    public AggregateLayout Layout { get; }

    public IReadOnlyList<object?[]>[] Tables { get; }

    public object?[] Root => Tables[0][0];

    /// <summary>A deep copy of the row arrays (values are shared: they are immutable or never written to).</summary>
    public AggregateRow Clone() =>
        new(Layout, Array.ConvertAll(Tables, rows => (IReadOnlyList<object?[]>)rows.Select(row => (object?[])row.Clone()).ToList()));

    /// <summary>Whether every raw value is the same, NULL distinct from "", text compared by code unit.</summary>
    public bool SameAs(AggregateRow other)
    {
        for (var table = 0; table < Tables.Length; table++)
        {
            if (!new RecordList(Tables[table]).Equals(new RecordList(other.Tables[table])))
            {
                return false;
            }
        }

        return true;
    }
}
