using System.Data.Common;
using System.Globalization;
using System.Text;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>The SQL text of one kind's layout on one side, generated once. Identifiers are quoted, values are always parameters.</summary>
internal sealed class AggregateSql
{
    private static readonly object[] SmallIntegers = Enumerable.Range(-1, 1025).Select(i => (object)(long)i).ToArray();
    private static readonly object?[][] NoRows = [];

    private static readonly HashSet<Type> Integers =
        [typeof(long), typeof(int), typeof(uint), typeof(short), typeof(ushort), typeof(sbyte), typeof(byte), typeof(ulong)];

    private readonly int[] _singles;
    private readonly int[] _manys;

    public AggregateSql(string kind, AggregateLayout layout, SideName side)
    {
        Kind = kind;
        Layout = layout;
        Side = side;
        Check();
        _singles = Enumerable.Range(0, layout.Tables.Count).Where(i => layout.Tables[i].Role != TableRole.Many).ToArray();
        _manys = Enumerable.Range(0, layout.Tables.Count).Where(i => layout.Tables[i].Role == TableRole.Many).ToArray();
        Names = layout.Tables.Select(table => new Sql(Quote(table.Name))).ToArray();
        Keys = layout.Tables.Select(table => new Sql(Quote(table.KeyColumn))).ToArray();
        ColumnNames = layout.Tables.Select(table => table.Columns.Select(column => new Sql(Quote(column.Name))).ToArray()).ToArray();
        Inserts = layout.Tables.Select(InsertHead).ToArray();
        Columns = new Sql(SingleColumns());
        SingleKeys = new Sql(string.Join(", ", _singles.Select(table => $"{Alias(table)}.{Keys[table].Text}")));
        Joins = new Sql(SingleJoins());
        ManyColumns = layout.Tables.Select((table, i) => new Sql(ColumnList("x", table, withKey: false))).ToArray();
        KeyOfRange = new Sql(side == SideName.New ? "m.public_id" : $"t0.{Keys[0].Text}");
    }

    public string Kind { get; }

    public AggregateLayout Layout { get; }

    public SideName Side { get; }

    /// <summary>Quoted table names by place in the layout.</summary>
    public Sql[] Names { get; }

    /// <summary>Quoted key columns by place in the layout.</summary>
    public Sql[] Keys { get; }

    public Sql[][] ColumnNames { get; }

    /// <summary><c>INSERT INTO t (key[, ordinal], columns…) VALUES </c> and the same without the key, for keys that the database
    /// allots.</summary>
    public (Sql WithKey, Sql WithoutKey)[] Inserts { get; }

    /// <summary>Key and columns of all tables that hold at most one row.</summary>
    public Sql Columns { get; }

    /// <summary>Only their keys.</summary>
    public Sql SingleKeys { get; }

    /// <summary>Their LEFT JOINs on <c>t0</c>.</summary>
    public Sql Joins { get; }

    public Sql[] ManyColumns { get; }

    /// <summary>The expression of the public id in reads of ranges.</summary>
    public Sql KeyOfRange { get; }

    public Sql Root => Names[0];

    public Sql RootKey => Keys[0];

    public ReadOnlySpan<int> Manys => _manys;

    public bool HasMany => _manys.Length > 0;

    /// <summary>How many columns <see cref="Columns"/> has.</summary>
    public int Width => _singles.Sum(table => Layout.Tables[table].Columns.Count + 1);

    /// <summary>Backtick-quoted; names that could break out of the quotes are refused.</summary>
    public static string Quote(string identifier)
    {
        if (identifier.Length is 0 or > 64 || identifier.AsSpan().IndexOfAny('`', '\0') >= 0)
        {
            throw new ArgumentException($"'{identifier.Replace('\0', '?')}' cannot be a table or column name.", nameof(identifier));
        }

        return $"`{identifier}`";
    }

    /// <summary>
    /// Legacy's columns may have been altered a moment ago: whether what the reader sends for <see cref="Columns"/> can be read as they are
    /// mapped, also where there is no row. Throws <see cref="MistypedException"/>. Costs no question to the server; and as long as the
    /// transaction lasts that has read it, the server lets nobody alter the table.
    /// </summary>
    public void CheckTypes(DbDataReader reader, int ordinal)
    {
        if (Side == SideName.New)
        {
            return;
        }

        foreach (var table in _singles)
        {
            CheckTypes(reader, ordinal + 1, Layout.Tables[table]);
            ordinal += Layout.Tables[table].Columns.Count + 1;
        }
    }

    /// <summary>The same for the columns of one table.</summary>
    public static void CheckTypes(DbDataReader reader, int ordinal, TableLayout table)
    {
        for (var i = 0; i < table.Columns.Count; i++)
        {
            var sent = reader.GetFieldType(ordinal + i);
            var fits = table.Columns[i].Type switch
            {
                ColumnType.Integer => Integers.Contains(sent),
                ColumnType.Binary => sent == typeof(byte[]),
                _ => sent == typeof(string),
            };
            if (!fits)
            {
                throw Mistyped(table, table.Columns[i], sent);
            }
        }
    }

    /// <summary>The tables with at most one row from the reader's present row; null when the root is not there. Many tables are
    /// empty.</summary>
    public AggregateRow? ReadSingles(DbDataReader reader, int ordinal, long? publicId)
    {
        if (reader.IsDBNull(ordinal))
        {
            return null;
        }

        var tables = new IReadOnlyList<object?[]>[Layout.Tables.Count];
        foreach (var table in _manys)
        {
            tables[table] = NoRows;
        }

        foreach (var table in _singles)
        {
            var layout = Layout.Tables[table];
            tables[table] = reader.IsDBNull(ordinal) ? NoRows : (object?[][])[ReadColumns(reader, ordinal + 1, layout, publicId, Side)];
            ordinal += layout.Columns.Count + 1;
        }

        return new AggregateRow(Layout, tables);
    }

    /// <summary>The columns of one row of a table.</summary>
    public static object?[] ReadColumns(DbDataReader reader, int ordinal, TableLayout table, long? publicId, SideName side)
    {
        var columns = table.Columns;
        var values = new object?[columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var cell = reader.GetValue(ordinal + i);
            if (cell is DBNull)
            {
                // To read it as what the mapping takes for nothing would be a guess.
                values[i] = columns[i].Nullable || side == SideName.New
                    ? null
                    : throw new MistypedException($"{table.Name}.{columns[i].Name} is NULL, and the mapping says that it may not be");
                continue;
            }

            values[i] = columns[i].Type switch
            {
                ColumnType.Integer => Integer(cell, table, columns[i], publicId),
                ColumnType.Binary => (cell as byte[]) ?? throw Mistyped(table, columns[i], cell.GetType()),
                _ => (cell as string) ?? throw Mistyped(table, columns[i], cell.GetType()),
            };
        }

        return values;
    }

    private static object Integer(object cell, TableLayout table, ColumnLayout column, long? publicId)
    {
        if (cell is long)
        {
            return cell;
        }

        var value = cell switch
        {
            int number => number,
            uint number => number,
            short number => number,
            ushort number => number,
            sbyte number => number,
            byte number => number,
            ulong number when number <= long.MaxValue => (long)number,
            ulong => throw new UnreadableException($"{table.Name}.{column.Name}",
                "larger than 9,223,372,036,854,775,807") { Id = publicId },
            _ => throw Mistyped(table, column, cell.GetType()),
        };
        return value is >= -1 and < 1024 ? SmallIntegers[value + 1] : value;
    }

    private static MistypedException Mistyped(TableLayout table, ColumnLayout column, Type sent) =>
        new($"{table.Name}.{column.Name} is mapped as {column.Type}, but the database sends {sent.Name}");

    private void Check()
    {
        foreach (var table in Layout.Tables)
        {
            var parent = table.Parent is null ? null : Layout.Tables.FirstOrDefault(other => other.Name == table.Parent);
            var error = table switch
            {
                { Parent: not null } when parent is not { Role: TableRole.Referenced, Parent: null } =>
                    $"its parent '{table.Parent}' is not a referenced table of the aggregate",
                { Parent: not null, Role: TableRole.Many or TableRole.Root } =>
                    "only tables with at most one row can hang on a referenced table",
                { Parent: null, Role: TableRole.Referenced } when table.ReferencedBy is null
                    || Layout.Root.IndexOf(table.ReferencedBy) < 0 =>
                    "the root column that references it is not among the root's columns",
                _ => null,
            };
            if (error is not null)
            {
                throw new ArgumentException($"{Kind}: table '{table.Name}': {error}.");
            }
        }
    }

    private string SingleColumns() =>
        string.Join(", ", _singles.Select(table => ColumnList(Alias(table), Layout.Tables[table], withKey: true)));

    // Bytes of a legacy column that the table calls text come by a cast, as they are stored; a binary column comes as it is anyway.
    private string ColumnList(string alias, TableLayout table, bool withKey)
    {
        var columns = table.Columns.Select(column => column.Type switch
        {
            ColumnType.DateTime => $"CAST({alias}.{Quote(column.Name)} AS CHAR)",
            ColumnType.Binary when Side == SideName.Legacy => $"CAST({alias}.{Quote(column.Name)} AS BINARY)",
            _ => $"{alias}.{Quote(column.Name)}",
        });
        return string.Join(", ", withKey ? columns.Prepend($"{alias}.{Quote(table.KeyColumn)}") : columns);
    }

    private string SingleJoins()
    {
        var text = new StringBuilder();
        foreach (var i in _singles.Skip(1))
        {
            var table = Layout.Tables[i];
            var (left, leftKey) = table switch
            {
                { Parent: { } parent } => (Alias(Layout.IndexOf(parent)), Layout.Tables[Layout.IndexOf(parent)].KeyColumn),
                { Role: TableRole.Referenced } => ("t0", table.ReferencedBy!),
                _ => ("t0", Layout.Root.KeyColumn),
            };
            text.Append(CultureInfo.InvariantCulture,
                $" LEFT JOIN {Names[i].Text} {Alias(i)} ON {Alias(i)}.{Keys[i].Text} = {left}.{Quote(leftKey)}");
        }

        return text.ToString();
    }

    private (Sql WithKey, Sql WithoutKey) InsertHead(TableLayout table, int index)
    {
        var columns = table.Columns.Select(column => Quote(column.Name)).ToList();
        if (table.Role == TableRole.Many)
        {
            columns.Insert(0, "`ordinal`");
        }

        var without = columns.Count == 0 ? "()" : $"({string.Join(", ", columns)})";
        return (new Sql($"INSERT INTO {Names[index].Text} ({string.Join(", ", columns.Prepend(Quote(table.KeyColumn)))}) VALUES "),
            new Sql($"INSERT INTO {Names[index].Text} {without} VALUES "));
    }

    private static string Alias(int table) => string.Create(CultureInfo.InvariantCulture, $"t{table}");
}

/// <summary>A column is not what the mapping says. On the legacy side somebody may have altered it.</summary>
internal sealed class MistypedException(string what) : InvalidOperationException($"{what}; correct the mapping or the table.")
{
    public string What { get; } = what;
}
