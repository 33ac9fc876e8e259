using System.Data.Common;
using System.Globalization;
using System.Text;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql.Blocking;

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
    private readonly string _context;
    private readonly IReadOnlyDictionary<string, AggregateLayout> _kinds;

    /// <param name="context">The context, whose id map references go through.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="kinds">All kinds of the context on this side.</param>
    /// <param name="side">Which side.</param>
    public AggregateSql(string context, string kind, IReadOnlyDictionary<string, AggregateLayout> kinds, SideName side)
    {
        var layout = kinds[kind];
        (_context, _kinds) = (context, kinds);
        Kind = kind;
        Layout = layout;
        References = new ReferenceColumns(layout);
        Side = side;
        Check();
        _singles = Enumerable.Range(0, layout.Tables.Count).Where(i => layout.Tables[i].Role != TableRole.Many).ToArray();
        _manys = Enumerable.Range(0, layout.Tables.Count).Where(i => layout.Tables[i].Role == TableRole.Many).ToArray();
        Names = layout.Tables.Select(table => new Sql(Quote(table.Name))).ToArray();
        Keys = layout.Tables.Select(table => new Sql(Quote(table.KeyColumn))).ToArray();
        HasTextKey = layout.Root.NaturalKey is { IsText: true };
        KeyValue = new Sql(HasTextKey ? NumberOf(Keys[0].Text) : Keys[0].Text);
        KeyValueOfRoot = new Sql(HasTextKey ? NumberOf($"t0.{Keys[0].Text}") : $"t0.{Keys[0].Text}");
        ColumnNames = layout.Tables.Select(table => table.Columns.Select(column => new Sql(Quote(column.Name))).ToArray()).ToArray();
        Inserts = layout.Tables.Select(InsertHead).ToArray();
        Columns = new Sql(SingleColumns());
        SingleKeys = new Sql(string.Join(", ", _singles.Select(table => $"{Alias(table)}.{Keys[table].Text}")));
        Joins = new Sql(SingleJoins());
        Shared = Enumerable.Range(1, layout.Tables.Count - 1).Where(i => layout.Tables[i].IsShared).ToArray();
        ManyColumns = layout.Tables.Select(
            table => new Sql($"{(table.HasOrdinal ? "x.`ordinal`" : "0")}, {ColumnList("x", table, withKey: false)}")).ToArray();
        ManyOrder = layout.Tables.Select(table => new Sql(OrderOf(table))).ToArray();
        ManyIndex = layout.Tables.Select(table => new Sql(Quote(table.Children?.Index ?? "PRIMARY"))).ToArray();
        OfContext = layout.Tables.Select(table => new Sql(FixedCondition("", table))).ToArray();
        KeyOfRange = side == SideName.New ? new Sql("m.public_id") : KeyValueOfRoot;
    }

    public string Kind { get; }

    public AggregateLayout Layout { get; }

    /// <summary>Its columns that refer to entities of the context.</summary>
    public ReferenceColumns References { get; }

    public SideName Side { get; }

    /// <summary>Quoted table names by place in the layout.</summary>
    public Sql[] Names { get; }

    /// <summary>Quoted key columns by place in the layout.</summary>
    public Sql[] Keys { get; }

    public Sql[][] ColumnNames { get; }

    /// <summary><c>INSERT INTO t (key[, ordinal], columns…) VALUES </c> and the same without the key, for keys that the database
    /// allots. Own keys and what is looked up are not among the columns; those of one value are the last.</summary>
    public (Sql WithKey, Sql WithoutKey)[] Inserts { get; }

    /// <summary>Key and columns of all tables that hold at most one row.</summary>
    public Sql Columns { get; }

    /// <summary>Only their keys.</summary>
    public Sql SingleKeys { get; }

    /// <summary>Their LEFT JOINs on <c>t0</c>.</summary>
    public Sql Joins { get; }

    /// <summary>Of each Many table: the ordinal, 0 where there is none, and the columns.</summary>
    public Sql[] ManyColumns { get; }

    /// <summary>What orders the rows of one entity.</summary>
    public Sql[] ManyOrder { get; }

    /// <summary>The index of a Many table that begins with the key column.</summary>
    public Sql[] ManyIndex { get; }

    /// <summary><c> AND column = 'value'</c> where only some rows of the table are this context's.</summary>
    public Sql[] OfContext { get; }

    /// <summary>The expression of the public id in reads of ranges.</summary>
    public Sql KeyOfRange { get; }

    public Sql Root => Names[0];

    public Sql RootKey => Keys[0];

    /// <summary>Whether the root's key is a text, and its number an expression that no index knows: <see cref="AddKeyIs"/> finds a row by the text.</summary>
    public bool HasTextKey { get; }

    /// <summary>The root's key as a number.</summary>
    public Sql KeyValue { get; }

    /// <summary>The same of the root under its alias <c>t0</c>.</summary>
    public Sql KeyValueOfRoot { get; }

    public ReadOnlySpan<int> Manys => _manys;

    public bool HasMany => _manys.Length > 0;

    /// <summary>Referenced tables whose rows may be others' as well.</summary>
    public int[] Shared { get; }

    /// <summary>Root table and key of another kind of the context.</summary>
    public (Sql Root, Sql Key) RootOf(string kind) => _kinds.TryGetValue(kind, out var layout)
        ? (new Sql(Quote(layout.Root.Name)), new Sql(Quote(layout.Root.KeyColumn)))
        : throw new ArgumentException($"{Kind} refers to a kind '{kind}' that the context does not have.");

    /// <summary>How many columns <see cref="Columns"/> has.</summary>
    public int Width => _singles.Sum(table => Layout.Tables[table].Columns.Count + 1);

    /// <summary>What an insert gives of a row: no own key, nothing that is looked up, and at the end what all rows have.</summary>
    public object?[] Inserted(int table, object?[] row)
    {
        var layout = Layout.Tables[table];
        return layout is { Children.OwnKey: null } or { Children: null } && layout.Fixed.Count == 0 && layout.Lookups.Count == 0
            ? row
            : [.. row[Given(layout)], .. layout.Fixed.Select(column => column.Value)];
    }

    private static Range Given(TableLayout table) => (table.Children is { OwnKey: not null } ? 1 : 0)..table.StoredColumns;

    /// <summary>What a row's key column holds where the public id is this.</summary>
    public object StoredKey(long id) => HasTextKey ? TextKey.TextOf(id) ?? "" : id;

    /// <summary>The condition that the root <c>t0</c> is the one of that id. A text is found by the index, under its collation, and then by its bytes.</summary>
    public void AddKeyIs(Batch batch, long id)
    {
        batch.Part($"t0.{RootKey} = {StoredKey(id)}");
        if (HasTextKey)
        {
            batch.Part($" AND {KeyValueOfRoot} = {id}");
        }
    }

    /// <summary>
    /// A text as <see cref="TextKey"/> reads it. What is too long for that is a number below 0, another one for (almost) each, which can be no id.
    /// </summary>
    public static string NumberOf(string text) => $"IF(OCTET_LENGTH(CONVERT({text} USING utf8mb4)) > {TextKey.MostBytes}, "
        + $"-1 - CAST(CRC32(CONVERT({text} USING utf8mb4)) AS SIGNED), CAST(CONV(HEX(CONVERT({text} USING utf8mb4)), 16, 10) AS SIGNED))";

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
                ColumnType.Real => sent == typeof(double),
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
        // Millions of cells are read here: a buffered row is not asked for each of them.
        var cells = reader is BlockingReader buffered ? buffered.Cells[ordinal..] : default;
        for (var i = 0; i < values.Length; i++)
        {
            var cell = i < cells.Length && cells[i] is not UnreadableCell ? cells[i] : reader.GetValue(ordinal + i);
            if (cell is DBNull)
            {
                // To read it as what the mapping takes for nothing would be a guess. What is looked up is NULL where the shared row is not
                // there, and the lens tells whether it should be.
                values[i] = columns[i].Nullable || side == SideName.New || i >= table.StoredColumns
                    ? null
                    : throw new MistypedException($"{table.Name}.{columns[i].Name} is NULL, and the mapping says that it may not be");
                continue;
            }

            values[i] = columns[i].Type switch
            {
                ColumnType.Integer => Integer(cell, table, columns[i], publicId),
                ColumnType.Binary => (cell as byte[]) ?? throw Mistyped(table, columns[i], cell.GetType()),
                ColumnType.Real => cell is double ? cell : throw Mistyped(table, columns[i], cell.GetType()),
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
        var columns = table.Columns.Take(table.StoredColumns).Select(column => Expression(alias, column)).Concat(table.Lookups.SelectMany(
            lookup => lookup.Columns.Select(column => LookedUp(alias, lookup, column))));
        return string.Join(", ", withKey ? columns.Prepend(table.NaturalKey is { IsText: true } ? KeyValueOfRoot.Text : $"{alias}.{Quote(table.KeyColumn)}") : columns);
    }

    private string Expression(string alias, ColumnLayout column) => column.Type switch
    {
        ColumnType.DateTime => $"CAST({alias}.{Quote(column.Name)} AS CHAR)",
        ColumnType.Binary when Side == SideName.Legacy => $"CAST({alias}.{Quote(column.Name)} AS BINARY)",
        // As text, the server would round a FLOAT to six digits.
        ColumnType.Real => $"({alias}.{Quote(column.Name)} + 0e0)",
        _ when column.References is { } kind => PublicId($"{alias}.{Quote(column.Name)}", kind),
        _ => $"{alias}.{Quote(column.Name)}",
    };

    // A subquery, not a join: a locking read does not lock what it looks up, which many entities share.
    private string LookedUp(string alias, LookupLayout lookup, ColumnLayout column) =>
        $"(SELECT {Expression("l", column)} FROM {Quote(lookup.Table)} l"
        + $" WHERE l.{Quote(lookup.KeyColumn)} = {alias}.{Quote(lookup.ReferencedBy)})";

    private static string OrderOf(TableLayout table) => table switch
    {
        { HasOrdinal: true } => "x.`ordinal`",
        { Children.OwnKey: { } key } => $"x.{Quote(key)}",
        _ => string.Join(", ", table.Columns.Take(table.StoredColumns).Select(column => $"x.{Quote(column.Name)}")),
    };

    private static string FixedCondition(string prefix, TableLayout table) =>
        string.Concat(table.Fixed.Select(column => $" AND {prefix}{Quote(column.Name)} = {CaptureSql.Literal(column.Value)}"));

    // A new id that no map row leads back from reads as -1, which no lens takes for an id.
    private string PublicId(string column, string kind) =>
        $"CAST(IF(COALESCE({column}, 0) = 0, {column}, COALESCE((SELECT r.public_id FROM strangler_id_map r "
        + $"WHERE r.context = {CaptureSql.Literal(_context)} AND r.kind = {CaptureSql.Literal(kind)} AND r.new_id = {column}), -1)) AS SIGNED)";

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
            text.Append(FixedCondition(Alias(i) + ".", table));
        }

        return text.ToString();
    }

    private (Sql WithKey, Sql WithoutKey) InsertHead(TableLayout table, int index)
    {
        var columns = table.Columns.Take(Given(table)).Select(column => column.Name).Concat(table.Fixed.Select(column => column.Name))
            .Select(Quote).ToList();
        if (table.HasOrdinal)
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
