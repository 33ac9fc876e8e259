using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Strangler.Capture;
using Strangler.Mapping;

namespace Strangler.MySql;

/// <summary>One trigger as this build makes it of the mapping.</summary>
internal sealed record CaptureTrigger(string Name, string Table, string Event, string Body)
{
    public string Checksum => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Body)));

    public string Create(bool replace) =>
        $"CREATE {(replace ? "OR REPLACE " : "")}TRIGGER {AggregateSql.Quote(Name)} AFTER {Event} ON {AggregateSql.Quote(Table)} FOR EACH ROW\n{Body}";
}

/// <summary>
/// The text of the capture triggers. What they must never do is to make another program's statement fail, or wait for anything but its own
/// rows:
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>The fence is read with SKIP LOCKED: a flip that is just setting it is not waited for, and then the write is journalled, which is
/// never wrong. Where the lock is got, the flip waits for this transaction: what it wrote is in the journal when the flip looks. A plain
/// read
/// would return the stage of the transaction's snapshot, perhaps one of long ago.</item>
/// <item>Locks come in the order legacy rows, entity row, journal, as in our own transactions. Of a duplicate primary key, INSERT … ON
/// DUPLICATE KEY UPDATE locks the record and no gap, also under REPEATABLE READ; an UPDATE that finds no row would lock the gap, in which
/// then others wait, or deadlock.</item>
/// <item>The roots that refer to a row are found by a plain SELECT (a cursor): INSERT … SELECT would lock the index of the root table. It
/// sees the transaction's snapshot: a reference that was made after it began is missed, and is the reconciliation's to find.</item>
/// <item>A side table that is missing (error 1146) is passed over; <c>capture check</c> tells.</item>
/// <item>A column that is gone or has another name (error 1054, raised when the statement that names it is executed, not when the trigger
/// is
/// loaded) makes the comparison NULL, and then every update counts: more work than needed, but no write of theirs fails or is missed.
/// Without
/// the table's key nothing can be noted; the write goes on. Error 1326 is what follows a cursor that could not be opened.</item>
/// <item>Who wrote what is inserted, never counted up: programs would wait for one another at a counter. Once a statement, with the columns
/// that its first row changed: to compare all columns of each row of a large statement cost half as much again.</item>
/// </list>
/// Text is compared by its bytes: under a column's collation 'max' equals 'Max ', or 'Strase' equals 'Straße'.
/// </remarks>
internal sealed partial class CaptureSql(string context, bool isMariaDb)
{
    private const int MaxName = 64;
    private static readonly string[] Events = ["INSERT", "UPDATE", "DELETE"];

    private readonly string _context = Literal(context);

    public IReadOnlyList<CaptureTrigger> Of(IReadOnlyList<CapturedTable> tables) =>
        [.. tables.SelectMany(table => Events.Select(on => new CaptureTrigger(Name(table, on), table.Table, on, Body(table, on))))];

    /// <summary>With what all triggers of the context begin, so that those of an earlier mapping are found, too.</summary>
    public string Prefix => $"strangler_{context}_";

    private string Name(CapturedTable table, string on)
    {
        var name = $"{Prefix}{table.Kind}_{table.Table}_{on[..3].ToLowerInvariant()}";
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8];
        return name.Length <= MaxName ? name : $"{name[..(MaxName - 9)]}_{hash}";
    }

    private string Body(CapturedTable table, string on) => table.Owner == CaptureOwner.ByKey ? OfKey(table, on) : OfReference(table, on);

    private string OfKey(CapturedTable table, string on)
    {
        var key = AggregateSql.Quote(table.KeyColumn);
        var touches = on switch
        {
            "INSERT" => Touch(table.Kind, $"NEW.{key}", "        "),
            "DELETE" => Touch(table.Kind, $"OLD.{key}", "        "),
            _ when table.Fixed.Count > 0 => $"""
                {TouchOwn(table, "NEW", IsOwn(table, "NEW"))}
                {TouchOwn(table, "OLD", $"{IsOwn(table, "OLD")} AND NOT (OLD.{key} <=> NEW.{key} AND {IsOwn(table, "NEW")})")}
                """,
            _ => $"""
                {Touch(table.Kind, $"NEW.{key}", "        ")}
                        IF NOT (OLD.{key} <=> NEW.{key}) THEN
                {Touch(table.Kind, $"OLD.{key}", "          ")}
                        END IF;
                """,
        };
        return $"""
            BEGIN
              DECLARE strangler_counts INT DEFAULT 1;
              DECLARE strangler_changed INT DEFAULT 1;
              DECLARE strangler_columns TEXT CHARACTER SET utf8mb4 DEFAULT '';
              DECLARE CONTINUE HANDLER FOR 1146, 1054 BEGIN END;
              IF @strangler_own IS NULL THEN
            {Changed(table, on)}
                IF COALESCE(strangler_changed, 1) THEN
            {Fence("    ")}
                  IF strangler_counts THEN
            {touches}
            {Note(table, on)}
                  END IF;
                END IF;
              END IF;
            END
            """;
    }

    private string OfReference(CapturedTable table, string on)
    {
        var key = AggregateSql.Quote(table.KeyColumn);
        var keys = on switch { "INSERT" => $"NEW.{key}", "DELETE" => $"OLD.{key}", _ => $"OLD.{key}, NEW.{key}" };
        return $"""
            BEGIN
              DECLARE strangler_counts INT DEFAULT 1;
              DECLARE strangler_changed INT DEFAULT 1;
              DECLARE strangler_columns TEXT CHARACTER SET utf8mb4 DEFAULT '';
              DECLARE strangler_done INT DEFAULT 0;
              DECLARE strangler_root BIGINT;
              DECLARE strangler_roots CURSOR FOR SELECT r.{AggregateSql.Quote(table.RootKey)} FROM {AggregateSql.Quote(table.Root)} r
                WHERE r.{AggregateSql.Quote(table.ReferencedBy!)} IN ({keys});
              DECLARE CONTINUE HANDLER FOR 1146, 1054 BEGIN END;
              DECLARE CONTINUE HANDLER FOR NOT FOUND, 1326 SET strangler_done = 1;
              IF @strangler_own IS NULL THEN
            {Changed(table, on)}
                IF COALESCE(strangler_changed, 1) THEN
            {Fence("    ")}
                  IF strangler_counts THEN
                    SET strangler_done = 0;
                    OPEN strangler_roots;
                    FETCH strangler_roots INTO strangler_root;
                    WHILE NOT strangler_done DO
            {Touch(table.Kind, "strangler_root", "          ")}
                      FETCH strangler_roots INTO strangler_root;
                    END WHILE;
                    CLOSE strangler_roots;
            {Note(table, on)}
                  END IF;
                END IF;
              END IF;
            END
            """;
    }

    // Only rows of the context's own count: those that were, and those that are from now on.
    private static string Changed(CapturedTable table, string on)
    {
        var own = table.Fixed.Count == 0 ? "" : on switch
        {
            "INSERT" => IsOwn(table, "NEW"),
            "DELETE" => IsOwn(table, "OLD"),
            _ => $"({IsOwn(table, "OLD")} OR {IsOwn(table, "NEW")})",
        };
        var differs = string.Join("\n      OR ", on == "UPDATE" ? Compared(table).Select(column => column.Differs) : []);
        return (own, differs) switch
        {
            ("", "") => "",
            (_, "") => $"    SET strangler_changed = {own};",
            ("", _) => $"    SET strangler_changed = {differs};",
            _ => $"    SET strangler_changed = {own} AND ({differs});",
        };
    }

    private static string IsOwn(CapturedTable table, string row) =>
        string.Join(" AND ", table.Fixed.Select(column => $"{row}.{AggregateSql.Quote(column.Name)} <=> {Literal(column.Value)}"));

    private string TouchOwn(CapturedTable table, string row, string condition) => Indented("        ", $"""
        IF {condition} THEN
        {Touch(table.Kind, $"{row}.{AggregateSql.Quote(table.KeyColumn)}", "  ")}
        END IF;
        """);

    // Once a statement: within one, NOW(6) is the same for all rows. Names, not bits: whoever reads them later need not know the mapping
    // that
    // this trigger was made of.
    private string Note(CapturedTable table, string on)
    {
        var noted = $"@{AggregateSql.Quote(Name(table, on))}";
        var compared = Compared(table).Select(column => $"IF({column.Differs}, {Literal(column.Name)}, NULL)");
        var changed = on != "UPDATE" ? "" : $"  SET strangler_columns = CONCAT_WS(',',\n    {string.Join(",\n    ", compared)});\n";
        return Indented("        ", $"""
            IF NOT ({noted} <=> NOW(6)) THEN
              SET {noted} = NOW(6);
            {changed}  INSERT INTO strangler_foreign_write (context, table_name, event, `columns`, writer, connection_id, written_at)
                VALUES ({_context}, {Literal(table.Table)}, '{on}', LEFT(COALESCE(strangler_columns, '?'), 2000), LEFT(USER(), 190),
                  CONNECTION_ID(), UTC_TIMESTAMP(6));
            END IF;
            """);
    }

    private static IEnumerable<(string Name, string Differs)> Compared(CapturedTable table)
    {
        var key = AggregateSql.Quote(table.KeyColumn);
        yield return (table.KeyColumn, Differs($"OLD.{key}", $"NEW.{key}"));
        foreach (var column in table.Fixed)
        {
            yield return (column.Name, Differs($"OLD.{AggregateSql.Quote(column.Name)}", $"NEW.{AggregateSql.Quote(column.Name)}"));
        }

        foreach (var column in table.Columns)
        {
            var name = AggregateSql.Quote(column.Name);
            yield return (column.Name, column.Type is ColumnType.Text or ColumnType.Binary
                ? Differs($"CAST(OLD.{name} AS BINARY)", $"CAST(NEW.{name} AS BINARY)")
                : Differs($"OLD.{name}", $"NEW.{name}"));
        }
    }

    private static string Differs(string before, string after) => $"NOT ({before} <=> {after})";

    private string Fence(string indent) => Indented(indent, $"""
        BEGIN
          DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN END;
          SELECT {FenceSql.IsDual.Text} INTO strangler_counts
            FROM strangler_fence f WHERE f.context = {_context} {(isMariaDb ? "LOCK IN SHARE MODE" : "FOR SHARE")} SKIP LOCKED;
        END;
        """);

    // Ids below 1 cannot be keys of ours, and would not fit.
    private string Touch(string kind, string key, string indent) => Indented(indent, $"""
        IF {key} > 0 THEN
          INSERT INTO strangler_entity (context, kind, `key`, foreign_seq, writer) VALUES ({_context}, {Literal(kind)}, {key}, 1, LEFT(USER(), 190))
            ON DUPLICATE KEY UPDATE foreign_seq = strangler_entity.foreign_seq + 1, writer = LEFT(USER(), 190);
          INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
            SELECT e.context, e.kind, e.`key`, e.epoch, e.counter, e.foreign_seq, 'foreign', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), LEFT(USER(), 190)
            FROM strangler_entity e WHERE e.context = {_context} AND e.kind = {Literal(kind)} AND e.`key` = {key};
        END IF;
        """);

    private static string Indented(string indent, string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => indent + line));

    // A trigger's body takes no parameters: names of contexts and kinds go in as text, and are nothing but letters, digits and signs
    // between.
    internal static string Literal(string name) => $"'{Checked(name)}'";

    internal static string Checked(string name) => Harmless().IsMatch(name)
        ? name
        : throw new ArgumentException($"'{name}' cannot be the name of a captured context, kind, table or column: letters, digits, '_', '-' and '.' only.", nameof(name));

    [GeneratedRegex(@"\A[A-Za-z0-9_.\-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
