using System.Globalization;
using System.Text;
using Npgsql;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>The SQL text of one kind's layout on one side, generated once. Identifiers are quoted, values are always parameters.</summary>
internal sealed class AggregateSql
{
    private const int LongestName = 63;
    private static readonly object[] SmallIntegers = Enumerable.Range(-1, 1025).Select(i => (object)(long)i).ToArray();
    private static readonly object?[][] NoRows = [];

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
        (_context, _kinds, Kind, Layout, Side) = (context, kinds, kind, kinds[kind], side);
        References = new ReferenceColumns(Layout);
        Check();
        _singles = Enumerable.Range(0, Layout.Tables.Count).Where(i => Layout.Tables[i].Role != TableRole.Many).ToArray();
        _manys = Enumerable.Range(0, Layout.Tables.Count).Where(i => Layout.Tables[i].Role == TableRole.Many).ToArray();
        Names = [.. Layout.Tables.Select(table => new Sql(Quote(table.Name)))];
        Keys = [.. Layout.Tables.Select(table => new Sql(Quote(table.KeyColumn)))];
        ColumnNames = [.. Layout.Tables.Select(table => table.Columns.Select(column => new Sql(Quote(column.Name))).ToArray())];
        Columns = new Sql(string.Join(", ", _singles.Select(table =>
            string.Join(", ", ColumnList(Alias(table), Layout.Tables[table]).Prepend($"{Alias(table)}.{Keys[table].Text}")))));
        Joins = new Sql(SingleJoins());
        ManyColumns = [.. Layout.Tables.Select(table => new Sql(string.Join(", ", ColumnList("x", table).Prepend(table.HasOrdinal ? "x.ordinal" : "0"))))];
        ManyOrder = [.. Layout.Tables.Select(table => new Sql(table.Children is { OwnKey: { } own } ? $"x.{Quote(own)}" : "x.ordinal"))];
        OfContext = [.. Layout.Tables.Select(table => new Sql(FixedCondition("", table)))];
        CopyTables = new CopyTable?[Layout.Tables.Count];
        NextId = new Sql($"nextval({SequenceOf(Layout.Root)})");
        AllottedId = new Sql($"currval({SequenceOf(Layout.Root)})");
    }

    public string Kind { get; }

    public AggregateLayout Layout { get; }

    public SideName Side { get; }

    /// <summary>Its columns that refer to entities of the context.</summary>
    public ReferenceColumns References { get; }

    /// <summary>Quoted table names by place in the layout.</summary>
    public Sql[] Names { get; }

    /// <summary>Quoted key columns by place in the layout.</summary>
    public Sql[] Keys { get; }

    public Sql[][] ColumnNames { get; }

    /// <summary>Key and columns of all tables that hold at most one row.</summary>
    public Sql Columns { get; }

    /// <summary>Their LEFT JOINs on <c>t0</c>.</summary>
    public Sql Joins { get; }

    /// <summary>Of each Many table <c>x</c>: the ordinal, 0 where there is none, and the columns.</summary>
    public Sql[] ManyColumns { get; }

    /// <summary>What orders the rows of one entity in a Many table <c>x</c>.</summary>
    public Sql[] ManyOrder { get; }

    /// <summary><c> AND column = 'value'</c> where only some rows of the table are this context's.</summary>
    public Sql[] OfContext { get; }

    /// <summary>As targets of a COPY, by place in the layout, once somebody has asked what their columns are.</summary>
    public CopyTable?[] CopyTables { get; }

    /// <summary>The next new id.</summary>
    public Sql NextId { get; }

    /// <summary>The new id that this session took last: that of the root which its transaction has just inserted.</summary>
    public Sql AllottedId { get; }

    public Sql Root => Names[0];

    public Sql RootKey => Keys[0];

    public ReadOnlySpan<int> Manys => _manys;

    public bool HasMany => _manys.Length > 0;

    /// <summary>How many columns <see cref="Columns"/> has.</summary>
    public int Width => _singles.Sum(table => Layout.Tables[table].Columns.Count + 1);

    /// <summary>The expression of the next new id of another kind of the context.</summary>
    public Sql NextIdOf(string kind) => _kinds.TryGetValue(kind, out var layout)
        ? new Sql($"nextval({SequenceOf(layout.Root)})")
        : throw new ArgumentException($"{Kind} refers to a kind '{kind}' that the context does not have.");

    /// <summary>In double quotes; names that could break out of them, or that the server would cut, are refused.</summary>
    public static string Quote(string identifier)
    {
        if (identifier.Length is 0 || Encoding.UTF8.GetByteCount(identifier) > LongestName || identifier.AsSpan().IndexOfAny('"', '\0') >= 0)
        {
            throw new ArgumentException($"'{identifier.Replace('\0', '?')}' cannot be a table or column name.", nameof(identifier));
        }

        return $"\"{identifier}\"";
    }

    /// <summary>Text of ours within a statement.</summary>
    public static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>The tables with at most one row from the reader's present row; null when the root is not there. Many tables are
    /// empty.</summary>
    public AggregateRow? ReadSingles(NpgsqlDataReader reader, int ordinal)
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
            tables[table] = reader.IsDBNull(ordinal) ? NoRows : (object?[][])[ReadColumns(reader, ordinal + 1, layout)];
            ordinal += layout.Columns.Count + 1;
        }

        return new AggregateRow(Layout, tables);
    }

    /// <summary>The columns of one row of a table.</summary>
    public object?[] ReadColumns(NpgsqlDataReader reader, int ordinal, TableLayout table)
    {
        var columns = table.Columns;
        var values = new object?[columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            var cell = reader.GetValue(ordinal + i);
            values[i] = (columns[i].Type, cell) switch
            {
                // To read legacy's as what the mapping takes for nothing would be a guess.
                (_, DBNull) => columns[i].Nullable || Side == SideName.New
                    ? null
                    : throw new MistypedException($"{table.Name}.{columns[i].Name} is NULL, and the mapping says that it may not be"),
                (ColumnType.Integer, long number) => Boxed(number),
                (ColumnType.Integer, int number) => Boxed(number),
                (ColumnType.Integer, short number) => Boxed(number),
                (ColumnType.Integer, bool flag) => Boxed(flag ? 1 : 0),
                (ColumnType.Binary, byte[]) or (ColumnType.Real, double) => cell,
                (ColumnType.Real, float single) => (double)single,
                (ColumnType.Text or ColumnType.DateTime, string) => cell,
                _ => throw new MistypedException($"{table.Name}.{columns[i].Name} is mapped as {columns[i].Type}, but the database sends {cell.GetType().Name}"),
            };
        }

        return values;
    }

    /// <summary>A raw value as a parameter for its column.</summary>
    public static object? Parameter(ColumnLayout column, object? value) => (column, value) switch
    {
        ({ Type: ColumnType.DateTime }, string text) => new Untyped(text),
        ({ IsFlag: true }, long flag) => flag != 0,
        _ => value,
    };

    /// <summary>For a table that is declared to have at most one row an entity.</summary>
    public UnreadableException MoreThanOne(long id) =>
        new(Layout.Root.Name, "a table that the mapping declares one-to-one has more than one row") { Id = id };

    private static object Boxed(long value) => value is >= -1 and < 1024 ? SmallIntegers[value + 1] : value;

    private static string SequenceOf(TableLayout root) => $"pg_get_serial_sequence({Literal(Quote(root.Name))}, {Literal(root.KeyColumn)})";

    // The new side's tables are ours, legacy's are as they are: of those that a mapping can describe, some are not known here.
    private void Check()
    {
        foreach (var table in Layout.Tables)
        {
            var problem = Side == SideName.New
                ? table.Role == TableRole.Referenced || table.Parent is not null || table.Children is not null || table.Lookups.Count > 0 || table.Fixed.Count > 0
                    ? "a new side in PostgreSQL knows root, one-to-one and numbered tables only"
                    : null
                : LegacyProblem(table);
            if (problem is not null)
            {
                throw new ArgumentException($"{Kind}: table '{table.Name}': {problem}.");
            }
        }
    }

    private static string? LegacyProblem(TableLayout table) => table switch
    {
        { Role: TableRole.Referenced } or { Parent: not null } => "a legacy side in PostgreSQL does not know tables that the root refers to (role=\"referenced\")",
        { Lookups.Count: > 0 } => "a legacy side in PostgreSQL does not know columns that are looked up in shared rows",
        { NaturalKey.IsText: true } => "a legacy side in PostgreSQL does not know keys that are texts",
        { Children.OwnKey: null } => "a legacy side in PostgreSQL does not know rows without a key of their own",
        _ => null,
    };

    private IEnumerable<string> ColumnList(string alias, TableLayout table) => table.Columns.Select(column => column switch
    {
        { Type: ColumnType.DateTime } => $"CAST({alias}.{Quote(column.Name)} AS text)",

        // Without the blanks that CHAR is filled up with, which are no part of its value.
        { Type: ColumnType.Text } when Side == SideName.Legacy => $"CAST({alias}.{Quote(column.Name)} AS text)",
        { References: { } kind } => PublicId($"{alias}.{Quote(column.Name)}", kind),
        _ => $"{alias}.{Quote(column.Name)}",
    });

    private static string FixedCondition(string prefix, TableLayout table) =>
        string.Concat(table.Fixed.Select(column => $" AND {prefix}{Quote(column.Name)} = {Literal(column.Value)}"));

    // A new id that no map row leads back from reads as -1, which no lens takes for an id.
    private string PublicId(string column, string kind) =>
        $"CASE WHEN COALESCE({column}, 0) = 0 THEN {column} ELSE COALESCE((SELECT r.public_id FROM strangler_id_map r "
        + $"WHERE r.context = {Literal(_context)} AND r.kind = {Literal(kind)} AND r.new_id = {column}), -1) END";

    private string SingleJoins()
    {
        var text = new StringBuilder();
        foreach (var i in _singles.Skip(1))
        {
            text.Append(CultureInfo.InvariantCulture, $" LEFT JOIN {Names[i].Text} {Alias(i)} ON {Alias(i)}.{Keys[i].Text} = t0.{RootKey.Text}")
                .Append(FixedCondition(Alias(i) + ".", Layout.Tables[i]));
        }

        return text.ToString();
    }

    private static string Alias(int table) => string.Create(CultureInfo.InvariantCulture, $"t{table}");
}

/// <summary>A column is not what the mapping says. On the legacy side somebody may have altered it.</summary>
internal sealed class MistypedException(string what) : InvalidOperationException($"{what}; correct the mapping or the table.")
{
    public string What { get; } = what;
}
