using Npgsql;
using Strangler.Capture;

namespace Strangler.Postgres;

/// <summary>A trigger that is there.</summary>
internal sealed record FoundTrigger(
    string Name, string Table, string TableSchema, int Type, string Enabled, string Function, string FunctionSchema, string Body, bool IsDefiner, string[] Settings,
    string Stamp)
{
    public string Event => (Type & ~3) switch { 4 => "INSERT", 8 => "DELETE", 16 => "UPDATE", 32 => "TRUNCATE", _ => "?" };

    public IEnumerable<string> Drop() =>
    [
        $"DROP TRIGGER IF EXISTS {AggregateSql.Quote(Name)} ON {AggregateSql.Quote(TableSchema)}.{AggregateSql.Quote(Table)}",
        $"DROP FUNCTION IF EXISTS {AggregateSql.Quote(FunctionSchema)}.{AggregateSql.Quote(Function)}()",
    ];
}

/// <summary>A trigger to be created or replaced; dropped when there is none.</summary>
/// <param name="Part">How it stands.</param>
/// <param name="Trigger">As it must be.</param>
/// <param name="Found">As it is.</param>
internal sealed record Todo(CapturePart Part, CaptureTrigger? Trigger, FoundTrigger? Found);

/// <summary>What is to be done on one table, in one transaction.</summary>
internal sealed record Step(string Table, IReadOnlyList<Todo> Todos)
{
    /// <summary>The strongest lock first: one that has to be raised later could deadlock with somebody who does the same.</summary>
    public IReadOnlyList<string> Statements =>
    [
        .. Todos.Select(todo => todo.Found is { } found ? (On: $"{AggregateSql.Quote(found.TableSchema)}.{AggregateSql.Quote(found.Table)}", Mode: "ACCESS EXCLUSIVE")
                : (On: todo.Trigger!.OnTable, Mode: "SHARE ROW EXCLUSIVE"))
            .GroupBy(one => one.On).Select(on => $"LOCK TABLE {on.Key} IN {on.Min(one => one.Mode)} MODE"),
        .. Todos.SelectMany(todo => todo switch
        {
            { Trigger: null } => todo.Found!.Drop(),
            { Found: { } found } when found.Table != todo.Trigger.Table =>
                todo.Found.Drop().Concat(todo.Trigger.Create(replaces: false)),
            _ => todo.Trigger.Create(replaces: todo.Found is not null),
        }),
    ];
}

/// <summary>How the triggers stand, compared with what the mapping wants.</summary>
/// <param name="State">For others.</param>
/// <param name="Steps">What is not as it must be.</param>
/// <param name="Present">Ours.</param>
internal sealed record CaptureView(CaptureState State, IReadOnlyList<Step> Steps, IReadOnlyList<FoundTrigger> Present)
{
    /// <summary>Which rows of the catalog a trigger <c>t</c> and its function <c>p</c> are, and which transactions wrote them.</summary>
    public static readonly Sql Stamp = new("concat_ws('/', t.oid, t.xmin, p.oid, p.xmin)");

    private const string Restored = "somebody has created it anew, disabled or altered it since, as a restored dump does: what was written meanwhile may have gone unnoted";

    public static Task<CaptureView> ReadAsync(PostgresSide side, IReadOnlyList<CapturedTable> tables, CancellationToken cancellationToken)
    {
        var names = tables.Select(table => table.Table).Distinct().ToArray();
        var quoted = Array.ConvertAll(names, AggregateSql.Quote);
        var batch = PostgresSide.BeginSnapshot(new Batch())
            .Add($"""
                SELECT current_schema() FROM strangler_fence f, strangler_entity e, strangler_journal j, strangler_foreign_write w, strangler_foreign_touch r
                WHERE f.context = '' AND e.context = '' AND j.context = '' AND w.id = 0 AND r.id = 0
                """)
            .Add($"SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'strangler_journal'::regclass")
            .Add($"SELECT name, checksum, stamp FROM strangler_capture WHERE context = {side.Context}")
            .Add($"""
                SELECT CAST(t.tgname AS text), CAST(c.relname AS text), CAST(n.nspname AS text), CAST(t.tgtype AS integer), CAST(t.tgenabled AS text),
                    CAST(p.proname AS text), CAST(pn.nspname AS text), p.prosrc, p.prosecdef, COALESCE(p.proconfig, ARRAY[]::text[]), {Stamp}
                FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace WHERE NOT t.tgisinternal ORDER BY t.oid
                """)
            .Add($"""
                SELECT u.name, CAST(n.nspname AS text), CAST(c.relkind AS text), CAST(c.relpersistence AS text),
                    EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),
                    EXISTS (SELECT 1 FROM pg_subscription_rel s WHERE s.srrelid = c.oid),
                    ARRAY(SELECT CAST(a.attname AS text) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
                FROM unnest({names}, {quoted}) u (name, quoted) JOIN pg_class c ON c.oid = to_regclass(u.quoted) JOIN pg_namespace n ON n.oid = c.relnamespace
                """)
            .Add($"COMMIT");
        return side.QueryAsync(
            batch,
            async (reader, token) =>
            {
                await reader.NextResultAsync(token).ConfigureAwait(false);
                await reader.ReadAsync(token).ConfigureAwait(false);
                var schema = reader.GetString(0);
                var noted = (await NextAsync(reader, row => (Name: row.GetString(0), Noted: (row.GetString(1), row.GetString(2))), token).ConfigureAwait(false))
                    .ToDictionary(one => one.Name, one => one.Noted);
                var there = await NextAsync(reader, Found, token).ConfigureAwait(false);
                var actual = (await NextAsync(reader, Actual, token).ConfigureAwait(false)).ToDictionary(table => table.Name);
                return Compare(new CaptureSql(side.Context, side.FenceLock, schema), tables, noted, there, actual, schema);
            },
            cancellationToken,
            background: true);
    }

    private static FoundTrigger Found(NpgsqlDataReader reader) => new(
        reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.GetString(4), reader.GetString(5), reader.GetString(6),
        reader.GetString(7), reader.GetBoolean(8), reader.GetFieldValue<string[]>(9), reader.GetString(10));

    private static ActualTable Actual(NpgsqlDataReader reader) => new(
        reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetBoolean(4), reader.GetBoolean(5),
        [.. reader.GetFieldValue<string[]>(6)]);

    private static async Task<List<T>> NextAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> row, CancellationToken cancellationToken)
    {
        await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
        return await PostgresSide.RowsAsync(reader, row, cancellationToken).ConfigureAwait(false);
    }

    private static CaptureView Compare(
        CaptureSql sql, IReadOnlyList<CapturedTable> tables, Dictionary<string, (string Checksum, string Stamp)> noted, List<FoundTrigger> there,
        Dictionary<string, ActualTable> actual, string schema)
    {
        List<Todo> all = [];
        foreach (var trigger in sql.Of(tables, table => actual.TryGetValue(table, out var one) ? one.Schema : schema))
        {
            // On its own table rather than on one that took its triggers along, where there are both.
            var found = there.Where(one => one.Name == trigger.Name).OrderByDescending(one => one.Table == trigger.Table).FirstOrDefault();
            all.Add(new Todo(Judge(trigger, found, noted), trigger, found));
        }

        var wanted = all.ToDictionary(todo => todo.Part.Name);
        var stale = there.FindAll(found => noted.ContainsKey(found.Name) && !wanted.ContainsKey(found.Name));
        all.AddRange(stale.Select(found => new Todo(
            new CapturePart(found.Table, found.Event, found.Name, CapturePartState.Stale, "the mapping has no such table any more"), null, found)));
        var captured = tables.Select(table => table.Table).ToHashSet();
        List<FoundTrigger> ours = [.. there.Where(found => noted.ContainsKey(found.Name) || wanted.ContainsKey(found.Name))];
        var notes = there.Where(found => captured.Contains(found.Table) && !ours.Contains(found))
            .Select(found => $"{found.Table} has a trigger of its own, {found.Name}; both run, in the order of their names").ToList();
        return new CaptureView(
            new CaptureState([.. all.Select(todo => todo.Part)], [.. tables.SelectMany(table => Problems(table, actual)).Distinct()], notes),
            [.. all.Where(todo => todo.Part.State != CapturePartState.Installed).GroupBy(todo => todo.Part.Table).Select(table => new Step(table.Key, [.. table]))],
            ours);
    }

    private static CapturePart Judge(CaptureTrigger trigger, FoundTrigger? found, Dictionary<string, (string Checksum, string Stamp)> noted)
    {
        var known = noted.TryGetValue(trigger.Name, out var note);
        if (found is null)
        {
            return Part(CapturePartState.Missing, known ? "installed once, and dropped by somebody" : "");
        }

        var isOurs = found.Body == trigger.Body || (trigger with { Body = found.Body }).Checksum == note.Checksum;
        return found switch
        {
            _ when (found.Table, found.TableSchema) != (trigger.Table, trigger.TableSchema) && isOurs =>
                Part(CapturePartState.Changed, $"it went along with its table, which is {found.Table} now: what was written since went unnoted"),
            { Enabled: not "A" } => Part(CapturePartState.Changed, found.Enabled == "D"
                ? "somebody has disabled it: what was written since went unnoted"
                : $"it fires in some sessions only (tgenabled is {found.Enabled}, not A): somebody has disabled and enabled it"),
            _ when (found.Type, found.Body, found.IsDefiner, found.FunctionSchema) != (trigger.Type, trigger.Body, true, trigger.Schema)
                || !found.Settings.Order(StringComparer.Ordinal).SequenceEqual(CaptureTrigger.Settings.Order(StringComparer.Ordinal)) =>
                Part(CapturePartState.Changed, isOurs ? "the mapping or this program has changed since it was installed" : "somebody has changed it"),
            _ when known && note.Stamp != found.Stamp => Part(CapturePartState.Changed, Restored),
            _ => Part(CapturePartState.Installed, ""),
        };

        CapturePart Part(CapturePartState state, string detail) => new(trigger.Table, trigger.Event, trigger.Name, state, detail);
    }

    private static IEnumerable<string> Problems(CapturedTable table, Dictionary<string, ActualTable> actual)
    {
        if (!actual.TryGetValue(table.Table, out var there))
        {
            return [$"there is no table {table.Table}"];
        }

        var missing = table.Columns.Select(column => column.Name).Prepend(table.KeyColumn).Where(name => !there.Columns.Contains(name))
            .Select(name => $"{table.Table} has no column {name}");
        return there.Fault is { } fault ? missing.Append($"{table.Table} {fault}") : missing;
    }

    private sealed record ActualTable(
        string Name, string Schema, string Kind, string Persistence, bool Inherits, bool IsSubscribed, HashSet<string> Columns)
    {
        /// <summary>Why no trigger of ours would see all that happens to it; null where one does.</summary>
        public string? Fault => this switch
        {
            { Kind: not "r" } => $"is no ordinary table (relkind is {Kind}), and only those can be captured",
            { Persistence: not "p" } => "is unlogged or temporary, and empty after a crash of the server",
            { Inherits: true } => "has tables that inherit from it, or inherits itself: what is written there would go unnoted",
            { IsSubscribed: true } => "is filled by a subscription (logical replication), whose changes fire no triggers of statements",
            _ => null,
        };
    }
}
