using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Strangler.Capture;
using Strangler.Mapping;

namespace Strangler.Postgres;

/// <summary>One trigger, with the function that it calls, as this build makes it of the mapping.</summary>
/// <param name="Name">Of both.</param>
/// <param name="Schema">In which the function stands: that of our tables.</param>
/// <param name="Table">The legacy table.</param>
/// <param name="TableSchema">Where that stands.</param>
/// <param name="Event"><c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c> or <c>TRUNCATE</c>.</param>
/// <param name="Body">The function's text.</param>
internal sealed record CaptureTrigger(string Name, string Schema, string Table, string TableSchema, string Event, string Body)
{
    /// <summary>
    /// Nothing of the session counts: neither where it looks for names, nor a plan that suited a statement of one row, nor how long it would wait. The
    /// wait ends before the server looks for deadlocks (deadlock_timeout, 1 s by default).
    /// </summary>
    public static IReadOnlyList<string> Settings { get; } = ["search_path=pg_catalog, pg_temp", "enable_nestloop=off", "lock_timeout=250ms"];

    public string Checksum => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Body)));

    public string Function => $"{AggregateSql.Quote(Schema)}.{AggregateSql.Quote(Name)}()";

    public string OnTable => $"{AggregateSql.Quote(TableSchema)}.{AggregateSql.Quote(Table)}";

    /// <summary>
    /// As tgtype has it: bit 1 before, and the event. TRUNCATE is heard before it happens, while the rows are still there; the table is locked by then.
    /// https://www.postgresql.org/docs/15/catalog-pg-trigger.html
    /// </summary>
    public int Type => Event switch { "INSERT" => 4, "DELETE" => 8, "UPDATE" => 16, _ => 32 + 2 };

    public IEnumerable<string> Create(bool replaces)
    {
        yield return $"""
            CREATE OR REPLACE FUNCTION {Function} RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET lock_timeout = '250ms' AS $strangler${Body}$strangler$
            """.ReplaceLineEndings("\n");
        yield return $"REVOKE ALL ON FUNCTION {Function} FROM PUBLIC";
        if (replaces)
        {
            yield return $"DROP TRIGGER IF EXISTS {AggregateSql.Quote(Name)} ON {OnTable}";
        }

        var when = Event == "TRUNCATE" ? "BEFORE" : "AFTER";
        var rows = Event switch
        {
            "INSERT" => " REFERENCING NEW TABLE AS strangler_new",
            "DELETE" => " REFERENCING OLD TABLE AS strangler_old",
            "UPDATE" => " REFERENCING OLD TABLE AS strangler_old NEW TABLE AS strangler_new",
            _ => "",
        };
        yield return $"CREATE TRIGGER {AggregateSql.Quote(Name)} {when} {Event} ON {OnTable}{rows} FOR EACH STATEMENT EXECUTE FUNCTION {Function}";

        // Also in sessions of the role 'replica', which bulk loaders take so that no trigger fires.
        yield return $"ALTER TABLE {OnTable} ENABLE ALWAYS TRIGGER {AggregateSql.Quote(Name)}";
    }
}

/// <summary>
/// The text of the capture triggers: one a statement, with all of its rows as tables. What they must never do is to make another program's
/// statement fail, or wait for anything but its own rows:
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>The fence's lock is asked for, shared, and not waited for: a flip that is just setting the fence is passed over, and then the write is
/// journalled, which is never wrong. Where the lock is got, the flip waits for the end of this transaction: what it wrote is in the journal when the
/// flip looks.</item>
/// <item>The row is read by a statement of its own behind it: under READ COMMITTED that sees what is committed now. In a transaction that keeps its
/// snapshot a read would return the stage of long ago; there the row is locked as well, which fails where it has changed since, and then the write is
/// journalled.</item>
/// <item>Likewise an entity row that somebody has changed since such a snapshot was taken cannot be changed any more. Then, and where another one holds
/// it for longer than a moment (two programs at rows of one entity, which would not have met without us), the entity is noted elsewhere, and a relay
/// puts it into the journal once that is committed (<see cref="PostgresCapture.ResolveAsync"/>).</item>
/// <item>Locks come in the order legacy rows, entity rows (by key), journal, as in our own transactions.</item>
/// <item>What is written is written with the rights of whoever installed it; who wrote is the session's user, whatever role he took on.</item>
/// <item>Which rows have changed is a difference of sets, by the bytes of their columns: rows need not be told apart, and an update of the key is two
/// entities. Which columns, for the census, is told by rows with the same key.</item>
/// <item>A column that is gone or has another name, or another type that cannot be compared: then every row of the statement counts. Without the
/// table's key nobody can tell which entities they were; the write goes on, and that there was one is noted ("!").</item>
/// <item>A side table that is missing is passed over; <c>capture check</c> tells.</item>
/// <item>What is ours is ours alone: a setting of our transactions names the context that writes, and a table of two contexts is news to the
/// other.</item>
/// <item>All of it is one subtransaction a statement of theirs; none while legacy leads alone.</item>
/// </list>
/// TRUNCATE names all entities that it finds; in a transaction that keeps its snapshot there may be more, and then it is noted that nobody can tell.
/// </remarks>
internal sealed partial class CaptureSql(string context, long fenceLock, string schema)
{
    /// <summary>The setting that our own transactions carry: the context that writes.</summary>
    public static readonly Sql Own = new("strangler.own");

    private const int MaxName = 63;

    private static readonly string[] Events = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"];

    private readonly string _context = Literal(context);
    private readonly string _schema = AggregateSql.Quote(schema);

    /// <param name="tables">The tables.</param>
    /// <param name="schemaOf">Where each stands.</param>
    public IReadOnlyList<CaptureTrigger> Of(IReadOnlyList<CapturedTable> tables, Func<string, string> schemaOf) =>
    [
        .. tables.SelectMany(table => Events.Select(on =>
            new CaptureTrigger(Name(table, on), schema, table.Table, schemaOf(table.Table), on, Body(table, on, schemaOf(table.Table))))),
    ];

    private string Name(CapturedTable table, string on)
    {
        var name = $"strangler_{Checked(context)}_{Checked(table.Kind)}_{Checked(table.Table)}_{on[..3].ToLowerInvariant()}";
        return name.Length <= MaxName ? name : $"{name[..(MaxName - 9)]}_{Hash(name)}";
    }

    private static string Hash(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8];

    private string Body(CapturedTable table, string on, string tableSchema)
    {
        var all = AllKeys(table, on, tableSchema);
        return $"""

            DECLARE
              strangler_keeps_snapshot boolean := current_setting('transaction_isolation') <> 'read committed';
              strangler_writer text := left(session_user || '@' || COALESCE(host(inet_client_addr()), 'local'), 190);
              strangler_columns text := '';
              strangler_counts boolean := true;
              strangler_is_late boolean := false;
              strangler_keys bigint[];
            BEGIN
              IF current_setting('{Own.Text}', true) = {_context} OR to_regclass('{Regclass("strangler_fence")}') IS NULL THEN
                RETURN NULL;
              END IF;
            {Indented("  ", Stage())}
              IF NOT strangler_counts THEN
                RETURN NULL;
              END IF;
              BEGIN
                strangler_keys := {(on == "UPDATE" ? ChangedKeys(table) : all)};
                IF strangler_keys IS NOT NULL THEN
                  strangler_columns := {Columns(table, on)};
            {Indented("      ", Touch(table))}
            {Indented("      ", Note(table, on, "strangler_columns"))}
                END IF;
                RETURN NULL;
              EXCEPTION
                WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
                  strangler_is_late := strangler_keys IS NOT NULL;
                WHEN OTHERS THEN
                  NULL;
              END;
              BEGIN
                IF strangler_is_late THEN
            {Indented("      ", Postpone(table))}
            {Indented("      ", Note(table, on, "strangler_columns"))}
                ELSE
                  strangler_keys := {all};
            {Indented("      ", Touch(table))}
            {Indented("      ", Note(table, on, "'?'"))}
                END IF;
                RETURN NULL;
              EXCEPTION
                WHEN OTHERS THEN
                  NULL;
              END;
              BEGIN
            {Indented("    ", Note(table, on, "'!'"))}
              EXCEPTION
                WHEN OTHERS THEN
                  NULL;
              END;
              RETURN NULL;
            END

            """.ReplaceLineEndings("\n");
    }

    // The lock first, outside of every block that may be undone: it must last as long as the transaction.
    private string Stage() => $"""
        IF pg_try_advisory_xact_lock_shared({fenceLock.ToString(CultureInfo.InvariantCulture)}) THEN
          IF strangler_keeps_snapshot THEN
            BEGIN
              SELECT {FenceSql.IsDual.Text} INTO strangler_counts FROM {_schema}.strangler_fence f WHERE f.context = {_context} FOR SHARE NOWAIT;
            EXCEPTION
              WHEN serialization_failure OR lock_not_available THEN
                strangler_counts := true;
            END;
          ELSE
            SELECT {FenceSql.IsDual.Text} INTO strangler_counts FROM {_schema}.strangler_fence f WHERE f.context = {_context};
          END IF;
          strangler_counts := COALESCE(strangler_counts, false);
        END IF;
        """;

    private static string AllKeys(CapturedTable table, string on, string tableSchema)
    {
        var (key, condition) = (Key(table, "x"), OfContext(table, "x"));
        string From(string rows) => $"SELECT {key} AS key FROM {rows} x{condition}";
        var rows = on switch
        {
            "INSERT" => From("strangler_new"),
            "DELETE" => From("strangler_old"),
            "UPDATE" => $"{From("strangler_old")} UNION ALL {From("strangler_new")}",
            _ => From($"{AggregateSql.Quote(tableSchema)}.{AggregateSql.Quote(table.Table)}"),
        };
        return $"(SELECT array_agg(DISTINCT k.key) FROM ({rows}) k WHERE k.key > 0)";
    }

    private static string ChangedKeys(CapturedTable table)
    {
        var columns = string.Join(", ", table.Columns.Select(column => Bytes(column, "x")).Prepend($"{Key(table, "x")} AS key"));
        string Minus(string one, string other) =>
            $"SELECT {columns} FROM {one} x{OfContext(table, "x")} EXCEPT ALL SELECT {columns} FROM {other} x{OfContext(table, "x")}";
        return $"""
            (SELECT array_agg(DISTINCT k.key) FROM (
                (SELECT a.key FROM ({Minus("strangler_old", "strangler_new")}) a) UNION ALL
                (SELECT b.key FROM ({Minus("strangler_new", "strangler_old")}) b)) k WHERE k.key > 0)
            """;
    }

    // Names, not numbers: whoever reads them later need not know the mapping that this trigger was made of.
    private static string Columns(CapturedTable table, string on)
    {
        if (on == "TRUNCATE")
        {
            return "CASE WHEN strangler_keeps_snapshot THEN '!' ELSE '' END";
        }

        if (on != "UPDATE")
        {
            return "''";
        }

        var key = AggregateSql.Quote(table.KeyColumn);
        string[] keys = table.OwnKey is { } own ? [key, AggregateSql.Quote(own)] : [key];
        var same = keys.Select(name => $"o.{name} = n.{name}");
        var changed = table.Columns.Select(column => $"CASE WHEN bool_or({Bytes(column, "o")} IS DISTINCT FROM {Bytes(column, "n")}) THEN {Literal(column.Name)} END");
        var moved = $"CASE WHEN EXISTS (SELECT x.{key} FROM strangler_old x EXCEPT SELECT x.{key} FROM strangler_new x) THEN {Literal(table.KeyColumn)} END";
        return $"""
            (SELECT left(concat_ws(',', {moved},
                  {string.Join(",\n      ", changed)}), 2000)
                  FROM strangler_old o JOIN strangler_new n ON {string.Join(" AND ", same)})
            """;
    }

    private string Touch(CapturedTable table) => $"""
        WITH strangler_touched AS (
          INSERT INTO {_schema}.strangler_entity AS e (context, kind, key, foreign_seq, writer, changed_at)
          SELECT {_context}, {Literal(table.Kind)}, k.key, 1, strangler_writer, clock_timestamp() FROM unnest(strangler_keys) k (key) ORDER BY k.key
          ON CONFLICT (context, kind, key) DO UPDATE SET foreign_seq = e.foreign_seq + 1, writer = EXCLUDED.writer, changed_at = EXCLUDED.changed_at
          RETURNING e.key, e.epoch, e.counter, e.foreign_seq)
        INSERT INTO {_schema}.strangler_journal (context, kind, key, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
          SELECT {_context}, {Literal(table.Kind)}, t.key, t.epoch, t.counter, t.foreign_seq, 'foreign', clock_timestamp(), clock_timestamp(), strangler_writer
          FROM strangler_touched t;
        """;

    private string Postpone(CapturedTable table) => $"""
        INSERT INTO {_schema}.strangler_foreign_touch (context, kind, key, writer, written_at)
          SELECT {_context}, {Literal(table.Kind)}, k.key, strangler_writer, clock_timestamp() FROM unnest(strangler_keys) k (key);
        """;

    private string Note(CapturedTable table, string on, string columns) => $"""
        INSERT INTO {_schema}.strangler_foreign_write (context, table_name, event, columns, writer, program, written_at)
          VALUES ({_context}, {Literal(table.Table)}, '{on}', {columns}, strangler_writer, left(current_setting('application_name'), 128), clock_timestamp());
        """;

    private string Regclass(string table) => $"{_schema}.{table}".Replace("'", "''", StringComparison.Ordinal);

    private static string Key(CapturedTable table, string row) => $"CAST({row}.{AggregateSql.Quote(table.KeyColumn)} AS bigint)";

    private static string Bytes(ColumnLayout column, string row) => column.Type switch
    {
        // Whatever the column's collation takes for equal, and whatever its type is.
        ColumnType.Text => $"CAST({row}.{AggregateSql.Quote(column.Name)} AS text) COLLATE \"C\"",
        ColumnType.Real => $"float8send({row}.{AggregateSql.Quote(column.Name)})",
        _ => $"{row}.{AggregateSql.Quote(column.Name)}",
    };

    // Rows with other values belong to no entity of the context.
    private static string OfContext(CapturedTable table, string row) => table.Fixed.Count == 0 ? "" : " WHERE " + string.Join(
        " AND ", table.Fixed.Select(column => $"{row}.{AggregateSql.Quote(column.Name)} = {Literal(column.Value)}"));

    private static string Indented(string indent, string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => indent + line));

    // A function's body takes no parameters: names of contexts and kinds go in as text, and are nothing but letters, digits and signs between.
    private static string Literal(string name) => $"'{Checked(name)}'";

    private static string Checked(string name) => Harmless().IsMatch(name)
        ? name
        : throw new ArgumentException($"'{name}' cannot be the name of a captured context, kind, table or column: letters, digits, '_', '-' and '.' only.", nameof(name));

    [GeneratedRegex(@"\A[A-Za-z0-9_.\-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
