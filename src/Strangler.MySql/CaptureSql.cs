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

/// <summary>One procedure that the triggers call. Its name tells its text, so that it is never replaced under those who call it.</summary>
internal sealed record CaptureRoutine(string Job, string Parameters, string Body)
{
    public string Name => $"{CaptureSql.RoutinePrefix}{Job}_{CaptureSql.Hash(Parameters + Body)}";

    public string Create(bool replace) =>
        $"CREATE {(replace ? "OR REPLACE " : "")}PROCEDURE {AggregateSql.Quote(Name)} ({Parameters})\nMODIFIES SQL DATA\n{Body}";
}

/// <summary>
/// The text of the capture triggers. What they must never do is to make another program's statement fail, or wait for anything but its own
/// rows:
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>The fence is read with SKIP LOCKED: a flip that is just setting it is not waited for, and then the write is journalled, which is
/// never wrong. Where the lock is got, the flip waits for this transaction: what it wrote is in the journal when the flip looks. A plain read
/// would return the stage of the transaction's snapshot, perhaps one of long ago.</item>
/// <item>Locks come in the order legacy rows, entity row, journal, as in our own transactions. Of a duplicate primary key, INSERT … ON
/// DUPLICATE KEY UPDATE locks the record and no gap, also under REPEATABLE READ; an UPDATE that finds no row would lock the gap, in which
/// then others wait, or deadlock.</item>
/// <item>The roots that refer to a row are found by a plain SELECT (a cursor): a locking one would lock the index of the root table, and with it
/// others' inserts. It sees the transaction's snapshot, which may be older than the reference. A changed row that nobody refers to is noted, and
/// a relay looks again once it is committed (<see cref="MySqlCapture.ResolveAsync"/>).</item>
/// <item>What is written into our tables is written by procedures that all triggers share. Of two triggers that write the same table
/// themselves, the server (MariaDB 10.11) takes one for a user of the other's copy of it under LOCK TABLES … WRITE, as dumps are loaded, and the
/// statement fails with error 1442. A procedure's tables are opened once, whoever calls it.</item>
/// <item>Times are the server's, also for a session that has set a <c>timestamp</c> of its own: a note of tomorrow would wait until then.</item>
/// <item>A side table (error 1146) or a procedure (1305) that is missing is passed over; <c>capture check</c> tells.</item>
/// <item>A column that is gone or has another name (error 1054, raised when the statement that names it is executed, not when the trigger is
/// loaded) makes the comparison NULL, and then every update counts: more work than needed, but no write of theirs fails or is missed. Without
/// the table's key nobody can tell which entity it was; the write goes on, and that there was one is noted ("!"). Error 1326 is what follows
/// a cursor that could not be opened.</item>
/// <item>What has changed is a number, a bit a column: half the price of a chain of ORs and a list of names besides, where a statement changes one
/// row, and a fifth more a row where it changes a thousand.</item>
/// <item>Who wrote what is inserted, never counted up: programs would wait for one another at a counter. Once a statement; once more for
/// columns that none of its rows before had changed.</item>
/// <item>What is ours is ours alone: the session variable names the context that writes, and a table of two contexts is news to the other.</item>
/// </list>
/// Text is compared by its bytes: under a column's collation 'max' equals 'Max ', or 'Strase' equals 'Straße'.
/// </remarks>
internal sealed partial class CaptureSql(string context, bool isMariaDb)
{
    /// <summary>With what the names of our procedures begin; they serve all contexts.</summary>
    public const string RoutinePrefix = "strangler_capture_";

    private const int MaxName = 64;

    private const string Name64 = "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin";

    // Since NOW() at most a statement's time has passed, or it is a time that the session has set.
    private const string IsClock = "SYSDATE() BETWEEN NOW() AND NOW() + INTERVAL 60 SECOND";
    private const string NowUtc = $"IF({IsClock}, UTC_TIMESTAMP(6), COALESCE(CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00'), UTC_TIMESTAMP(6)))";

    // Ids below 1 cannot be keys of ours, and would not fit.
    private static readonly CaptureRoutine Touches = new(
        "touch",
        $"strangler_context {Name64}, strangler_kind {Name64}, strangler_key BIGINT",
        $"""
        BEGIN
          DECLARE strangler_at DATETIME(6) DEFAULT {NowUtc};
          DECLARE strangler_local DATETIME(6) DEFAULT IF({IsClock}, NOW(6), SYSDATE(6));
          IF strangler_key > 0 THEN
            INSERT INTO strangler_entity (context, kind, `key`, foreign_seq, writer, changed_at)
              VALUES (strangler_context, strangler_kind, strangler_key, 1, LEFT(USER(), 190), strangler_local)
              ON DUPLICATE KEY UPDATE foreign_seq = strangler_entity.foreign_seq + 1, writer = LEFT(USER(), 190), changed_at = strangler_local;
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
              SELECT e.context, e.kind, e.`key`, e.epoch, e.counter, e.foreign_seq, 'foreign', strangler_at, strangler_at, LEFT(USER(), 190)
              FROM strangler_entity e WHERE e.context = strangler_context AND e.kind = strangler_kind AND e.`key` = strangler_key;
          END IF;
        END
        """.ReplaceLineEndings("\n"));

    private static readonly CaptureRoutine Notes = new(
        "note",
        $"strangler_context {Name64}, strangler_table {Name64}, strangler_event {Name64}, strangler_columns TEXT CHARACTER SET utf8mb4",
        $"""
        INSERT INTO strangler_foreign_write (context, table_name, event, `columns`, writer, connection_id, written_at)
          VALUES (strangler_context, strangler_table, strangler_event, LEFT(strangler_columns, 2000), LEFT(USER(), 190), CONNECTION_ID(), {NowUtc})
        """.ReplaceLineEndings("\n"));

    private static readonly CaptureRoutine Refers = new(
        "refer",
        $"strangler_context {Name64}, strangler_kind {Name64}, strangler_table {Name64}, strangler_reference BIGINT",
        $"""
        INSERT INTO strangler_foreign_reference (context, kind, table_name, reference, writer, written_at)
          VALUES (strangler_context, strangler_kind, strangler_table, strangler_reference, LEFT(USER(), 190), {NowUtc})
        """.ReplaceLineEndings("\n"));

    /// <summary>What the triggers call.</summary>
    public static IReadOnlyList<CaptureRoutine> Routines { get; } = [Touches, Notes, Refers];

    private static readonly string[] Events = ["INSERT", "UPDATE", "DELETE"];

    private readonly string _context = Literal(context);

    public IReadOnlyList<CaptureTrigger> Of(IReadOnlyList<CapturedTable> tables) =>
        [.. tables.SelectMany(table => Events.Select(on => new CaptureTrigger(Name(table, on), table.Table, on, Body(table, on))))];

    /// <summary>With what all triggers of the context begin, so that those of an earlier mapping are found, too.</summary>
    public string Prefix => $"strangler_{context}_";

    private string Name(CapturedTable table, string on)
    {
        var name = $"{Prefix}{table.Kind}_{table.Table}_{on[..3].ToLowerInvariant()}";
        return name.Length <= MaxName ? name : $"{name[..(MaxName - 9)]}_{Hash(name)}";
    }

    internal static string Hash(string name) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..8];

    private string Body(CapturedTable table, string on) => table.Owner == CaptureOwner.ByKey ? OfKey(table, on) : OfReference(table, on);

    private string OfKey(CapturedTable table, string on)
    {
        var key = AggregateSql.Quote(table.KeyColumn);
        var touches = on switch
        {
            "INSERT" => Touch(table.Kind, KeyOf(table, "NEW")),
            "DELETE" => Touch(table.Kind, KeyOf(table, "OLD")),
            _ when table.Fixed.Count > 0 => $"""
                {TouchOwn(table, "NEW", IsOwn(table, "NEW"))}
                {TouchOwn(table, "OLD", $"{IsOwn(table, "OLD")} AND NOT (OLD.{key} <=> NEW.{key} AND {IsOwn(table, "NEW")})")}
                """,
            _ => $"""
                {Touch(table.Kind, KeyOf(table, "NEW"))}
                IF NOT ({KeyOf(table, "OLD")} <=> {KeyOf(table, "NEW")}) THEN
                {Indented("  ", Touch(table.Kind, KeyOf(table, "OLD")))}
                END IF;
                """,
        };
        return Whole(table, on, "", $"""
            BEGIN
              DECLARE CONTINUE HANDLER FOR 1054 SET strangler_blind = 1;
            {Indented("  ", touches)}
            END;
            """);
    }

    private static string KeyOf(CapturedTable table, string row) => table.HasTextKey
        ? AggregateSql.NumberOf($"{row}.{AggregateSql.Quote(table.KeyColumn)}")
        : $"{row}.{AggregateSql.Quote(table.KeyColumn)}";

    private string OfReference(CapturedTable table, string on)
    {
        var key = AggregateSql.Quote(table.KeyColumn);
        var keys = on switch { "INSERT" => $"NEW.{key}", "DELETE" => $"OLD.{key}", _ => $"OLD.{key}, NEW.{key}" };
        return Whole(table, on, "  DECLARE strangler_found INT DEFAULT 0;\n", $"""
            BEGIN
              DECLARE strangler_done INT DEFAULT 0;
              DECLARE strangler_root BIGINT;
              DECLARE strangler_roots CURSOR FOR SELECT r.{AggregateSql.Quote(table.RootKey)} FROM {AggregateSql.Quote(table.Root)} r
                WHERE r.{AggregateSql.Quote(table.ReferencedBy!)} IN ({keys});
              DECLARE CONTINUE HANDLER FOR 1054 SET strangler_blind = 1;
              DECLARE CONTINUE HANDLER FOR NOT FOUND, 1326 SET strangler_done = 1;
              OPEN strangler_roots;
              FETCH strangler_roots INTO strangler_root;
              WHILE NOT strangler_done DO
                SET strangler_found = 1;
            {Indented("    ", Touch(table.Kind, "strangler_root"))}
                FETCH strangler_roots INTO strangler_root;
              END WHILE;
              CLOSE strangler_roots;
            END;
            {Unfound(table, on, key)}
            """);
    }

    // Of an inserted row nobody can have known before, so nobody refers to it yet.
    private string Unfound(CapturedTable table, string on, string key) => on switch
    {
        "INSERT" => "",
        "DELETE" => $"""
            IF NOT strangler_found AND NOT strangler_blind THEN
            {Indented("  ", NoteReference(table, $"OLD.{key}"))}
            END IF;
            """,
        _ => $"""
            IF NOT strangler_found AND NOT strangler_blind THEN
            {Indented("  ", NoteReference(table, $"OLD.{key}"))}
              IF NOT (OLD.{key} <=> NEW.{key}) THEN
            {Indented("    ", NoteReference(table, $"NEW.{key}"))}
              END IF;
            END IF;
            """,
    };

    private string NoteReference(CapturedTable table, string reference) =>
        $"CALL {Refers.Name}({_context}, {Literal(table.Kind)}, {Literal(table.Table)}, {reference});";

    // Only rows of the context's own count: those that were, and those that are from now on.
    private static string OfContext(CapturedTable table, string on) => on switch
    {
        "INSERT" => IsOwn(table, "NEW"),
        "DELETE" => IsOwn(table, "OLD"),
        _ => $"({IsOwn(table, "OLD")}) OR ({IsOwn(table, "NEW")})",
    };

    private static string IsOwn(CapturedTable table, string row) =>
        string.Join(" AND ", table.Fixed.Select(column => $"{row}.{AggregateSql.Quote(column.Name)} <=> {Literal(column.Value)}"));

    private string TouchOwn(CapturedTable table, string row, string condition) => $"""
        IF {condition} THEN
        {Indented("  ", Touch(table.Kind, $"{row}.{AggregateSql.Quote(table.KeyColumn)}"))}
        END IF;
        """;

    private string Whole(CapturedTable table, string on, string declared, string touches)
    {
        var changed = on == "UPDATE" ? Compared(table) : [];
        var names = changed.Select((_, chunk) => $"strangler_changed_{chunk}").ToList();
        var declares = string.Concat(names.Select(name => $"  DECLARE {name} BIGINT DEFAULT NULL;\n"));
        var sets = string.Concat(changed.Zip(names, (columns, name) =>
            $"    SET {name} = {string.Join("\n      + ", columns.Select((column, bit) => $"({column.Differs}) * {1L << bit}"))};\n"));
        if (table.Fixed.Count > 0)
        {
            declares += "  DECLARE strangler_of_context INT DEFAULT 1;\n";
            sets = $"    SET strangler_of_context = {OfContext(table, on)};\n{sets}";
        }

        var condition = (table.Fixed.Count > 0 ? "strangler_of_context AND " : "") + Counts(names);
        return $"""
            BEGIN
              DECLARE strangler_counts INT DEFAULT 1;
              DECLARE strangler_blind INT DEFAULT 0;
            {declares}{declared}  DECLARE CONTINUE HANDLER FOR 1146, 1054, 1305 BEGIN END;
              IF NOT (@strangler_own <=> {_context}) THEN
            {sets}    IF {condition} THEN
            {Indented("      ", Fence())}
                  IF strangler_counts THEN
            {Indented("        ", touches.TrimEnd())}
            {Indented("        ", Note(table, on, changed))}
                  END IF;
                END IF;
              END IF;
            END
            """.ReplaceLineEndings("\n");
    }

    private static string Counts(List<string> changed) =>
        changed.Count == 0 ? "1" : $"({string.Join(" OR ", changed.Select(name => $"COALESCE({name}, 1)"))})";

    // Once a statement: within one, NOW(6) is the same for all rows. Names, not bits: whoever reads them later need not know the mapping that
    // this trigger was made of. A list that begins with a comma adds columns to a statement that is noted already.
    private string Note(CapturedTable table, string on, List<List<(string Name, string Differs)>> changed)
    {
        var noted = $"@strangler_{Hash(Name(table, on))}";
        var all = Names(changed, chunk => $"strangler_changed_{chunk}");
        var columns = changed.Count == 0 ? "''" : $"IF(strangler_changed_0 IS NULL, '?', {all})";
        var remembered = string.Concat(changed.Select((_, chunk) => $", {noted}_{chunk} = strangler_changed_{chunk}"));
        var first = $"""
            IF NOT ({noted} <=> NOW(6)) THEN
              SET {noted} = NOW(6){remembered};
            {Indented("  ", Insert(table, on, $"IF(strangler_blind, '!', {columns})"))}
            """;
        return changed.Count == 0 ? $"{first}\nEND IF;" : $"""
            {first}
            ELSEIF {string.Join(" OR ", changed.Select((_, chunk) => Unnoted(chunk)))} THEN
            {Indented("  ", Insert(table, on, $"CONCAT(',', {Names(changed, Unnoted)})"))}
              SET {string.Join(", ", changed.Select((_, chunk) => $"{noted}_{chunk} = {noted}_{chunk} | strangler_changed_{chunk}"))};
            END IF;
            """;

        string Unnoted(int chunk) => $"(strangler_changed_{chunk} & ~{noted}_{chunk})";
    }

    private string Insert(CapturedTable table, string on, string columns) =>
        $"CALL {Notes.Name}({_context}, {Literal(table.Table)}, '{on}', {columns});";

    private static string Names(List<List<(string Name, string Differs)>> changed, Func<int, string> bits) => $"CONCAT_WS(',', {string.Join(
        ", ",
        changed.Select((columns, chunk) => $"NULLIF(MAKE_SET({bits(chunk)}, {string.Join(", ", columns.Select(column => Literal(column.Name)))}), '')"))})";

    // As many as a number has bits to spare.
    private static List<List<(string Name, string Differs)>> Compared(CapturedTable table)
    {
        const int Bits = 60;
        var @fixed = table.Fixed.Select(column => (column.Name, Differs($"OLD.{AggregateSql.Quote(column.Name)}", $"NEW.{AggregateSql.Quote(column.Name)}")));
        var columns = table.Columns.Select(column =>
        {
            var name = AggregateSql.Quote(column.Name);
            return (column.Name, column.Type is ColumnType.Text or ColumnType.Binary
                ? Differs($"CAST(OLD.{name} AS BINARY)", $"CAST(NEW.{name} AS BINARY)")
                : Differs($"OLD.{name}", $"NEW.{name}"));
        });
        return [.. @fixed.Concat(columns).Prepend((table.KeyColumn, Differs(KeyOf(table, "OLD"), KeyOf(table, "NEW")))).Chunk(Bits).Select(chunk => chunk.ToList())];
    }

    private static string Differs(string before, string after) => $"NOT ({before} <=> {after})";

    private string Fence() => $"""
        BEGIN
          DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN END;
          SELECT {FenceSql.IsDual.Text} INTO strangler_counts
            FROM strangler_fence f WHERE f.context = {_context} {(isMariaDb ? "LOCK IN SHARE MODE" : "FOR SHARE")} SKIP LOCKED;
        END;
        """;

    private string Touch(string kind, string key) => $"CALL {Touches.Name}({_context}, {Literal(kind)}, {key});";

    private static string Indented(string indent, string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => indent + line));

    // A trigger's body takes no parameters: names of contexts and kinds go in as text, and are nothing but letters, digits and signs between.
    internal static string Literal(string name) => $"'{Checked(name)}'";

    internal static string Checked(string name) => Harmless().IsMatch(name)
        ? name
        : throw new ArgumentException($"'{name}' cannot be the name of a captured context, kind, table or column: letters, digits, '_', '-' and '.' only.", nameof(name));

    [GeneratedRegex(@"\A[A-Za-z0-9_.\-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Harmless();
}
