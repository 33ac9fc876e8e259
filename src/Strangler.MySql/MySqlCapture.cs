using System.Data.Common;
using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.MySql;

/// <summary>Capture by row triggers: AFTER INSERT, UPDATE and DELETE on every legacy table of the context.</summary>
/// <remarks>
/// CREATE TRIGGER takes the table's metadata lock exclusively, so it waits for every open transaction that has used the table. While it
/// waits, new statements queue behind it: hence waits of one second, with pauses in between.
/// </remarks>
internal sealed class MySqlCapture(MySqlSide side, IReadOnlyList<CapturedTable> tables) : ICapture
{
    private const int LockSeconds = 1;

    // Nothing in a trigger may become an error by the strictness of whoever fires it; a trigger keeps the mode it was made in.
    private const string SqlMode = "";

    // A user without the privilege is shown no triggers at all, or not their text.
    private const string Unseen = "installed once, and not to be seen: dropped, or this user lacks the privilege TRIGGER";
    private const string Unreadable = "its text is not to be seen: this user lacks the privilege TRIGGER";

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // The server tells a trigger's time of creation in hundredths of a second.
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(20);

    public Task<CaptureState> LookAsync(CancellationToken cancellationToken) =>
        UseAsync(async (connection, token) => (await ViewAsync(connection, token).ConfigureAwait(false)).State, cancellationToken);

    public Task<IReadOnlyList<string>> PlanInstallAsync(CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                view.State.RequireInstallable(side.Context);
                return (IReadOnlyList<string>)
                [
                    .. view.Routines.SelectMany(routine => Statements(routine, view)), .. view.Todo.SelectMany(todo => Statements(todo, view.IsMariaDb)),
                ];
            },
            cancellationToken);

    public Task<IReadOnlyList<string>> PlanRemoveAsync(CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                return (IReadOnlyList<string>)
                [
                    .. view.Present.Select(trigger => Drop(trigger.Name)),
                    .. view.Unused([.. view.Triggers.Except(view.Present)]).Select(DropRoutine),
                ];
            },
            cancellationToken);

    public Task<int> InstallAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                view.State.RequireInstallable(side.Context);
                foreach (var routine in view.Routines)
                {
                    await ExecuteAsync(connection, Part(routine), Statements(routine, view), patience, token).ConfigureAwait(false);
                }

                foreach (var todo in view.Todo)
                {
                    await ExecuteAsync(connection, todo.Part, Statements(todo, view.IsMariaDb), patience, token).ConfigureAwait(false);
                    await NoteAsync(connection, todo, token).ConfigureAwait(false);
                    progress?.Report(todo.Part);
                }

                var after = await ViewAsync(connection, token).ConfigureAwait(false);
                await DropUnusedAsync(connection, after, patience, token).ConfigureAwait(false);
                after.State.RequireComplete(side.Context);
                return view.Todo.Count;
            },
            cancellationToken);

    public Task<int> RemoveAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                foreach (var trigger in view.Present)
                {
                    var part = new CapturePart(trigger.Table, trigger.Event, trigger.Name, CapturePartState.Stale, "removed");
                    await ExecuteAsync(connection, part, [Drop(trigger.Name)], patience, token).ConfigureAwait(false);
                    progress?.Report(part);
                }

                await side.ExecuteAsync(
                    connection, new Batch().Add($"DELETE FROM strangler_capture WHERE context = {side.Context}"), true, token).ConfigureAwait(false);
                await DropUnusedAsync(connection, await ViewAsync(connection, token).ConfigureAwait(false), patience, token).ConfigureAwait(false);
                return view.Present.Count;
            },
            cancellationToken);

    public Task<ForeignWrites> WaitingAsync(CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Add($"""
            SELECT COUNT(*), MAX(created_at) FROM (
                SELECT created_at FROM strangler_journal WHERE context = {side.Context} AND origin = 'foreign' AND state <> 'unread'
                LIMIT {JournalDepth.CountLimit + 1}) j
            """);
        batch.Add($"""
            SELECT DISTINCT actor FROM (
                SELECT actor FROM strangler_journal WHERE context = {side.Context} AND origin = 'foreign' AND state <> 'unread'
                LIMIT {JournalDepth.CountLimit + 1}) j
            ORDER BY actor LIMIT 20
            """);
        return side.QueryAsync(
            batch,
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                var (rows, newest) = (reader.GetInt64(0), reader.IsDBNull(1) ? (DateTime?)null : FenceSql.Utc(reader, 1));
                await reader.NextResultAsync(token).ConfigureAwait(false);
                return new ForeignWrites(rows, newest, await NamesAsync(reader, token).ConfigureAwait(false));
            },
            cancellationToken,
            background: true);
    }

    /// <remarks>
    /// READ COMMITTED: whoever noted it has committed, and so had, before him, whoever made the reference. What he cannot see yet and we can
    /// is just what this is for. SKIP LOCKED passes over what is not committed.
    /// </remarks>
    public Task<int> ResolveAsync(int limit, CancellationToken cancellationToken) =>
        tables.All(table => table.ReferencedBy is null) ? Task.FromResult(0) : UseAsync(
            async (connection, token) =>
            {
                var notes = await ReferencesAsync(connection, side.BeginWrite(new Batch(), background: true), limit, token).ConfigureAwait(false);
                var batch = new Batch();
                foreach (var note in notes)
                {
                    await TouchAsync(connection, batch, note, token).ConfigureAwait(false);
                }

                if (notes.Count > 0)
                {
                    batch.Part($"DELETE r FROM strangler_foreign_reference r FORCE INDEX (PRIMARY) WHERE r.id IN");
                    Lists.In(batch, notes.Select(note => note.Id));
                    batch.End();
                }

                await side.ExecuteAsync(connection, MySqlSide.EndWrite(batch), true, token).ConfigureAwait(false);
                return notes.Count;
            },
            cancellationToken);

    private Task<List<Reference>> ReferencesAsync(DbConnection connection, Batch batch, int limit, CancellationToken cancellationToken) =>
        side.ListAsync(
            connection,
            batch.Add($"""
                SELECT id, kind, table_name, reference, writer FROM strangler_foreign_reference
                WHERE context = {side.Context} ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED
                """),
            reader => new Reference(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetString(4)),
            true,
            cancellationToken);

    // As the trigger would have done. A table that the mapping has no more is of no concern any more.
    private async Task TouchAsync(DbConnection connection, Batch batch, Reference note, CancellationToken cancellationToken)
    {
        if (tables.FirstOrDefault(one => one.Kind == note.Kind && one.Table == note.Table) is not { ReferencedBy: { } column } table)
        {
            return;
        }

        var root = new Sql(AggregateSql.Quote(table.RootKey));
        var roots = await side.ListAsync(
            connection,
            new Batch().Add($"""
                SELECT {root} FROM {new Sql(AggregateSql.Quote(table.Root))} WHERE {new Sql(AggregateSql.Quote(column))} = {note.Key} AND {root} > 0
                """),
            reader => reader.GetInt64(0),
            true,
            cancellationToken).ConfigureAwait(false);
        foreach (var id in roots)
        {
            Touch(batch, note.Kind, id, note.Writer);
        }
    }

    private void Touch(Batch batch, string kind, long id, string writer)
    {
        batch.Add($"""
            INSERT INTO strangler_entity (context, kind, `key`, foreign_seq, writer) VALUES ({side.Context}, {kind}, {id}, 1, {writer})
            ON DUPLICATE KEY UPDATE foreign_seq = strangler_entity.foreign_seq + 1, writer = VALUES(writer)
            """);
        batch.Add($"""
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
            SELECT e.context, e.kind, e.`key`, e.epoch, e.counter, e.foreign_seq, 'foreign', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), {writer}
            FROM strangler_entity e WHERE e.context = {side.Context} AND e.kind = {kind} AND e.`key` = {id}
            """);
    }

    /// <summary>Behind the fence's shared lock, and only while it is dual: else a flip could have looked at the journal before.</summary>
    public Task NoteAsync(string kind, IReadOnlyCollection<long> ids, string writer, CancellationToken cancellationToken) => UseAsync(
        async (connection, token) =>
        {
            var batch = side.BeginWrite(new Batch(), background: true);
            batch.Add($"SELECT {FenceSql.IsDual} FROM strangler_fence f WHERE f.context = {side.Context} LOCK IN SHARE MODE");
            var isDual = await side.QueryAsync(
                connection, batch, async (reader, inner) => await reader.ReadAsync(inner).ConfigureAwait(false) && reader.GetInt64(0) != 0, true, token)
                .ConfigureAwait(false);
            batch.Clear();
            foreach (var id in isDual ? ids.Order() : Enumerable.Empty<long>())
            {
                Touch(batch, kind, id, writer);
            }

            await side.ExecuteAsync(connection, MySqlSide.EndWrite(batch), true, token).ConfigureAwait(false);
            return 0;
        },
        cancellationToken);

    private Task<T> UseAsync<T>(Func<DbConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        side.UseAsync(background: true, work, cancellationToken);

    private static string Drop(string name) => $"DROP TRIGGER IF EXISTS {AggregateSql.Quote(name)}";

    private static string DropRoutine(string name) => $"DROP PROCEDURE IF EXISTS {AggregateSql.Quote(name)}";

    private static CapturePart Part(CaptureRoutine routine) => new("", "", routine.Name, CapturePartState.Missing, "");

    // No longer called by any trigger of this database, of other contexts and builds included.
    private async Task DropUnusedAsync(DbConnection connection, View view, TimeSpan patience, CancellationToken cancellationToken)
    {
        foreach (var name in view.Unused(view.Triggers))
        {
            var part = new CapturePart("", "", name, CapturePartState.Stale, "removed");
            await ExecuteAsync(connection, part, [DropRoutine(name)], patience, cancellationToken).ConfigureAwait(false);
        }
    }

    private static IEnumerable<string> Statements(CaptureRoutine routine, View view) => view.IsMariaDb ? [routine.Create(replace: true)]
        : view.RoutineNames.Contains(routine.Name) ? [DropRoutine(routine.Name), routine.Create(replace: false)]
        : [routine.Create(replace: false)];

    // MySQL cannot replace a trigger; under the table's lock nobody writes between the two statements.
    private static IEnumerable<string> Statements(Todo todo, bool isMariaDb) => todo switch
    {
        { Trigger: null } => [Drop(todo.Part.Name)],
        { Part.State: CapturePartState.Missing } => [todo.Trigger.Create(replace: false)],
        { WentTo: not null } => [Drop(todo.Part.Name), todo.Trigger.Create(replace: false)],
        _ when isMariaDb => [todo.Trigger.Create(replace: true)],
        _ => [$"LOCK TABLES {AggregateSql.Quote(todo.Trigger.Table)} WRITE", Drop(todo.Part.Name), todo.Trigger.Create(replace: false), "UNLOCK TABLES"],
    };

    private async Task ExecuteAsync(
        DbConnection connection, CapturePart part, IEnumerable<string> statements, TimeSpan patience, CancellationToken cancellationToken)
    {
        var text = statements.ToList();
        var began = side.Options.Time.GetTimestamp();
        while (true)
        {
            try
            {
                await RunAsync(connection, text, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (DbException e) when (
                MySqlDriver.Classify(e) == MySqlErrorKind.LockWaitTimeout && side.Options.Time.GetElapsedTime(began) < patience)
            {
                await Task.Delay(Pause, side.Options.Time, cancellationToken).ConfigureAwait(false);
            }
            catch (DbException e) when (Reason(e, part) is { } reason)
            {
                throw new CaptureException(side.Context, reason, MySqlSide.Cause(e));
            }
        }
    }

    private async Task RunAsync(DbConnection connection, List<string> statements, CancellationToken cancellationToken)
    {
        try
        {
            await side.ExecuteAsync(
                connection, new Batch().Add($"SET SESSION sql_mode = {SqlMode}, lock_wait_timeout = {LockSeconds}"), true, cancellationToken)
                .ConfigureAwait(false);
            foreach (var statement in statements)
            {
                await side.ExecuteAsync(connection, new Batch().Add($"{new Sql(statement)}"), true, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (DbException) when (statements.Count > 1)
        {
            await side.ExecuteAsync(connection, new Batch().Add($"UNLOCK TABLES"), true, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private string? Reason(DbException e, CapturePart part) => MySqlDriver.Classify(e) switch
    {
        MySqlErrorKind.LockWaitTimeout =>
            $"{(part.Table.Length > 0 ? part.Table : part.Name)} was in use without a pause: some transaction on it stays open. Nothing was changed there; end that transaction, or repeat with "
            + "more --patience. Triggers that were created before stay, and the next run goes on.",
        MySqlErrorKind.AccessDenied =>
            $"{side.Database.Display} may not create or drop triggers, or the procedures that they call{(part.Table.Length > 0 ? $", on {part.Table}" : "")}. "
            + "An administrator grants it: GRANT TRIGGER, CREATE ROUTINE, ALTER ROUTINE, EXECUTE ON <database>.* TO <user>; "
            + "or executes what --dry-run prints, as this user (a trigger works with the rights of whoever created it).",
        MySqlErrorKind.BinaryLogging =>
            $"{side.Database.Address} writes a binary log and lets only administrators create triggers. An administrator sets "
            + "log_bin_trust_function_creators = 1 (it may be 0 again afterwards), or grants this user SUPER for the time of the installation.",
        _ => null,
    };

    private Task NoteAsync(DbConnection connection, Todo todo, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        if (todo.Trigger is not { } trigger)
        {
            batch.Add($"DELETE FROM strangler_capture WHERE context = {side.Context} AND name = {todo.Part.Name}");
        }
        else
        {
            batch.Add($"""
                INSERT INTO strangler_capture (context, name, table_name, event, checksum, installed_at, installed_by)
                VALUES ({side.Context}, {trigger.Name}, {trigger.Table}, {trigger.Event}, {trigger.Checksum}, UTC_TIMESTAMP(6), LEFT(CURRENT_USER(), 190))
                ON DUPLICATE KEY UPDATE table_name = VALUES(table_name), event = VALUES(event), checksum = VALUES(checksum),
                    installed_at = VALUES(installed_at), installed_by = VALUES(installed_by)
                """);
        }

        return side.ExecuteAsync(connection, batch, true, cancellationToken);
    }

    private async Task<View> ViewAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var isMariaDb = connection.ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);
        var sql = new CaptureSql(side.Context, isMariaDb);
        // The time of a trigger's creation is shown in the session's zone.
        var batch = new Batch().Add($"SET SESSION time_zone = '+00:00'");
        batch.Add($"""
            SELECT COUNT(*) FROM strangler_fence f, strangler_entity e, strangler_journal j, strangler_foreign_write w, strangler_foreign_reference r
            WHERE f.context = '' AND e.context = '' AND j.context = '' AND w.id = 0 AND r.id = 0
            """);
        batch.Add($"SELECT name, checksum, installed_at FROM strangler_capture WHERE context = {side.Context}");
        batch.Add($"""
            SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE, CREATED
            FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
            """);
        batch.Add($"""
            SELECT ROUTINE_NAME, COALESCE(ROUTINE_DEFINITION, '') FROM information_schema.ROUTINES
            WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE {CaptureSql.RoutinePrefix.Replace("_", "\\_", StringComparison.Ordinal) + "%"}
            """);
        batch.Add($"SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()");
        batch.Add($"SELECT TABLE_NAME, COALESCE(ENGINE, TABLE_TYPE) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()");
        return await side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var noted = await NotedAsync(reader, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var there = await TriggersAsync(reader, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var routines = (await PairsAsync(reader, token).ConfigureAwait(false)).ToDictionary(pair => pair.Left, pair => pair.Right, StringComparer.OrdinalIgnoreCase);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var columns = (await PairsAsync(reader, token).ConfigureAwait(false)).ToHashSet();
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var engines = (await PairsAsync(reader, token).ConfigureAwait(false)).ToDictionary(pair => pair.Left, pair => pair.Right);
                var view = Compare(sql, noted, there, routines, columns, isMariaDb);
                List<string> more = [.. tables.Select(table => table.Table).Distinct().SelectMany(table => Unsuited(table, engines)), .. Foreign(view, there)];
                return more.Count == 0 ? view : view with { State = view.State with { Problems = [.. view.State.Problems, .. more] } };
            },
            true,
            cancellationToken).ConfigureAwait(false);
    }

    private View Compare(
        CaptureSql sql, Dictionary<string, Noted> noted, List<Found> there, Dictionary<string, string> routines,
        HashSet<(string Left, string Right)> columns, bool isMariaDb)
    {
        var byName = there.ToDictionary(found => found.Name, StringComparer.OrdinalIgnoreCase);
        var lacking = CaptureSql.Routines.Where(routine => !IsThere(routine, routines)).ToList();
        List<Todo> all = [];
        foreach (var trigger in sql.Of(tables))
        {
            all.Add(byName.TryGetValue(trigger.Name, out var found)
                ? Judge(trigger, found, noted, lacking)
                : new Todo(new CapturePart(
                    trigger.Table, trigger.Event, trigger.Name, CapturePartState.Missing, noted.ContainsKey(trigger.Name) ? Unseen : ""), trigger));
        }

        var wanted = all.ToDictionary(todo => todo.Part.Name, StringComparer.OrdinalIgnoreCase);
        var ours = there.FindAll(found => noted.ContainsKey(found.Name)
            || (wanted.TryGetValue(found.Name, out var todo) && (todo.Part.Table == found.Table || todo.WentTo is not null)));
        all.AddRange(ours.Where(found => !wanted.ContainsKey(found.Name)).Select(found => new Todo(
            new CapturePart(found.Table, found.Event, found.Name, CapturePartState.Stale, "the mapping has no such table any more"), null)));
        var problems = tables.SelectMany(table => Missing(table, columns)).Distinct().ToList();
        var captured = tables.Select(table => table.Table).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var notes = there.Where(found => found.Timing == "AFTER" && captured.Contains(found.Table) && !ours.Contains(found))
            .Select(found => $"{found.Table} has a trigger of its own, {found.Name} (AFTER {found.Event}); both run, in the order of their creation")
            .ToList();
        return new View(
            new CaptureState([.. all.Select(todo => todo.Part)], problems, notes),
            all.FindAll(todo => todo.Part.State != CapturePartState.Installed), ours, there, lacking, [.. routines.Keys], isMariaDb);
    }

    // Whoever may not see its text is told by its name what it is.
    private static bool IsThere(CaptureRoutine routine, Dictionary<string, string> routines) =>
        routines.TryGetValue(routine.Name, out var body) && (body.Length == 0 || body.Trim() == routine.Body);

    // What is not transactional keeps a change whose note is rolled back.
    private static IEnumerable<string> Unsuited(string table, Dictionary<string, string> engines) =>
        engines.GetValueOrDefault(table) is { } engine && !engine.Equals("InnoDB", StringComparison.OrdinalIgnoreCase)
            ? [$"{table} is {engine}, and only tables of InnoDB can be captured"]
            : [];

    private static IEnumerable<string> Foreign(View view, List<Found> there) => view.Todo
        .Where(todo => todo is { Part.State: CapturePartState.Changed, WentTo: null })
        .Select(todo => (todo.Part, Found: there.First(found => found.Name.Equals(todo.Part.Name, StringComparison.OrdinalIgnoreCase))))
        .Where(pair => pair.Found.Table != pair.Part.Table)
        .Select(pair => $"a trigger of the name {pair.Part.Name} stands on {pair.Found.Table} and is none of ours: its owner has to rename it");

    private static Todo Judge(CaptureTrigger trigger, Found found, Dictionary<string, Noted> noted, List<CaptureRoutine> lacking)
    {
        var known = noted.GetValueOrDefault(trigger.Name);
        var (state, detail, wentTo) = Judge();
        return new Todo(new CapturePart(trigger.Table, trigger.Event, trigger.Name, state, detail), trigger) { WentTo = wentTo };

        (CapturePartState State, string Detail, string? WentTo) Judge()
        {
            if (found.Body is null)
            {
                return (CapturePartState.Changed, Unreadable, null);
            }

            var isOurs = found.Body == trigger.Body || (trigger with { Body = found.Body }).Checksum == known?.Checksum;
            if (trigger.Table != found.Table && isOurs)
            {
                return (CapturePartState.Changed, $"it went along with its table, which is {found.Table} now: what was written since went unnoted", found.Table);
            }

            if ((trigger.Table, trigger.Event, "AFTER", trigger.Body, SqlMode) != (found.Table, found.Event, found.Timing, found.Body, found.SqlMode))
            {
                return (CapturePartState.Changed, isOurs ? "the mapping or this program has changed since it was installed" : "somebody has changed it", null);
            }

            if (lacking.Find(routine => found.Body.Contains(routine.Name, StringComparison.Ordinal)) is { } routine)
            {
                return (CapturePartState.Changed, $"the procedure {routine.Name}, which it calls, is gone, changed, or not to be seen by this user", null);
            }

            // Noted when it had been created.
            return known is not null && found.CreatedUtc - known.InstalledUtc > Rounding
                ? (CapturePartState.Changed, "somebody has created it anew, as a restored dump does: what was written meanwhile went unnoted", null)
                : (CapturePartState.Installed, "", null);
        }
    }

    private static IEnumerable<string> Missing(CapturedTable table, HashSet<(string Left, string Right)> columns)
    {
        if (!columns.Any(column => column.Left == table.Table))
        {
            return [$"there is no table {table.Table}"];
        }

        return table.Columns.Select(column => column.Name).Prepend(table.KeyColumn).Where(name => !columns.Contains((table.Table, name)))
            .Select(name => $"{table.Table} has no column {name}");
    }

    private static async Task<List<Found>> TriggersAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<Found> found = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            found.Add(new Found(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.IsDBNull(4) ? null : reader.GetString(4).Trim(),
                reader.GetString(5), reader.IsDBNull(6) ? null : FenceSql.Utc(reader, 6)));
        }

        return found;
    }

    private static async Task<Dictionary<string, Noted>> NotedAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<string, Noted> noted = new(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            noted[reader.GetString(0)] = new Noted(reader.GetString(1), FenceSql.Utc(reader, 2));
        }

        return noted;
    }

    private static async Task<List<(string Left, string Right)>> PairsAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<(string, string)> pairs = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            pairs.Add((reader.GetString(0), reader.GetString(1)));
        }

        return pairs;
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<string> names = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    /// <summary>A row that somebody has changed, by its key.</summary>
    private sealed record Reference(long Id, string Kind, string Table, long Key, string Writer);

    private sealed record Found(string Name, string Table, string Event, string Timing, string? Body, string SqlMode, DateTime? CreatedUtc);

    /// <summary>What was noted when it was installed.</summary>
    private sealed record Noted(string Checksum, DateTime InstalledUtc);

    /// <summary>A trigger to be created or replaced; dropped when there is none.</summary>
    private sealed record Todo(CapturePart Part, CaptureTrigger? Trigger)
    {
        /// <summary>The table on which it stands, where that is another one: a table that was renamed takes its triggers along.</summary>
        public string? WentTo { get; init; }
    }

    /// <param name="State">For others.</param>
    /// <param name="Todo">What is not as it must be.</param>
    /// <param name="Present">Ours.</param>
    /// <param name="Triggers">All of the database.</param>
    /// <param name="Routines">Procedures of ours that lack.</param>
    /// <param name="RoutineNames">All procedures that have a name of ours.</param>
    /// <param name="IsMariaDb">Or MySQL.</param>
    private sealed record View(
        CaptureState State, List<Todo> Todo, List<Found> Present, List<Found> Triggers, List<CaptureRoutine> Routines, List<string> RoutineNames, bool IsMariaDb)
    {
        /// <summary>Procedures of ours that none of these triggers calls. A trigger whose text is not to be seen may call any.</summary>
        public List<string> Unused(IReadOnlyList<Found> triggers) =>
            RoutineNames.FindAll(name => triggers.All(trigger => trigger.Body?.Contains(name, StringComparison.OrdinalIgnoreCase) == false));
    }
}
