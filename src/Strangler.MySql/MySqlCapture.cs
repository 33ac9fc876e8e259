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

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public Task<CaptureState> LookAsync(CancellationToken cancellationToken) =>
        UseAsync(async (connection, token) => (await ViewAsync(connection, token).ConfigureAwait(false)).State, cancellationToken);

    public Task<IReadOnlyList<string>> PlanInstallAsync(CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                Refuse(view.State.Problems);
                return (IReadOnlyList<string>)[.. view.Todo.SelectMany(todo => Statements(todo, view.IsMariaDb))];
            },
            cancellationToken);

    public Task<IReadOnlyList<string>> PlanRemoveAsync(CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
                (IReadOnlyList<string>)[.. (await ViewAsync(connection, token).ConfigureAwait(false)).Present.Select(trigger => Drop(trigger.Name))],
            cancellationToken);

    public Task<int> InstallAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken) =>
        UseAsync(
            async (connection, token) =>
            {
                var view = await ViewAsync(connection, token).ConfigureAwait(false);
                Refuse(view.State.Problems);
                foreach (var todo in view.Todo)
                {
                    await ExecuteAsync(connection, todo.Part, Statements(todo, view.IsMariaDb), patience, token).ConfigureAwait(false);
                    await NoteAsync(connection, todo, token).ConfigureAwait(false);
                    progress?.Report(todo.Part);
                }

                var after = await ViewAsync(connection, token).ConfigureAwait(false);
                return after.State.IsComplete
                    ? view.Todo.Count
                    : throw new CaptureException(side.Context, $"Capture of {side.Context} is not as it was installed: {after.State.Fault}.");
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

    private Task<T> UseAsync<T>(Func<DbConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        side.UseAsync(background: true, work, cancellationToken);

    private void Refuse(IReadOnlyList<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new CaptureException(
                side.Context, $"Capture of {side.Context} cannot be installed: {string.Join("; ", problems)}. Correct the mapping, or the table.");
        }
    }

    private static string Drop(string name) => $"DROP TRIGGER IF EXISTS {AggregateSql.Quote(name)}";

    // MySQL cannot replace a trigger; under the table's lock nobody writes between the two statements.
    private static IEnumerable<string> Statements(Todo todo, bool isMariaDb) => todo switch
    {
        { Trigger: null } => [Drop(todo.Part.Name)],
        { Part.State: CapturePartState.Missing } => [todo.Trigger.Create(replace: false)],
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
            $"{part.Table} was in use without a pause: some transaction on it stays open. Nothing was changed there; end that transaction, or repeat with "
            + "more --patience. Triggers that were created before stay, and the next run goes on.",
        MySqlErrorKind.AccessDenied =>
            $"{side.Database.Display} may not create or drop triggers on {part.Table}. An administrator grants it: GRANT TRIGGER ON <database>.* TO <user>; "
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
        var batch = new Batch();
        batch.Add($"SELECT COUNT(*) FROM strangler_fence f, strangler_entity e, strangler_journal j WHERE f.context = '' AND e.context = '' AND j.context = ''");
        batch.Add($"SELECT name, checksum FROM strangler_capture WHERE context = {side.Context}");
        batch.Add($"""
            SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE
            FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
            """);
        batch.Add($"SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()");
        return await side.QueryAsync(
            connection,
            batch,
            async (reader, token) =>
            {
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var noted = (await PairsAsync(reader, token).ConfigureAwait(false)).ToDictionary(pair => pair.Left, pair => pair.Right, StringComparer.OrdinalIgnoreCase);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var there = await TriggersAsync(reader, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var columns = (await PairsAsync(reader, token).ConfigureAwait(false)).ToHashSet();
                return Compare(sql, noted, there, columns, isMariaDb);
            },
            true,
            cancellationToken).ConfigureAwait(false);
    }

    private View Compare(
        CaptureSql sql, Dictionary<string, string> noted, List<Found> there, HashSet<(string Left, string Right)> columns, bool isMariaDb)
    {
        var byName = there.ToDictionary(found => found.Name, StringComparer.OrdinalIgnoreCase);
        List<Todo> all = [];
        foreach (var trigger in sql.Of(tables))
        {
            var (state, detail) = byName.TryGetValue(trigger.Name, out var found) ? Judge(trigger, found, noted) : (CapturePartState.Missing, "");
            all.Add(new Todo(new CapturePart(trigger.Table, trigger.Event, trigger.Name, state, detail), trigger));
        }

        var wanted = all.Select(todo => todo.Part.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var ours = there.FindAll(found => wanted.Contains(found.Name) || noted.ContainsKey(found.Name));
        all.AddRange(ours.Where(found => !wanted.Contains(found.Name)).Select(found => new Todo(
            new CapturePart(found.Table, found.Event, found.Name, CapturePartState.Stale, "the mapping has no such table any more"), null)));
        var problems = tables.SelectMany(table => Missing(table, columns)).Distinct().ToList();
        var captured = tables.Select(table => table.Table).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var notes = there.Where(found => found.Timing == "AFTER" && captured.Contains(found.Table) && !ours.Contains(found))
            .Select(found => $"{found.Table} has a trigger of its own, {found.Name} (AFTER {found.Event}); both run, in the order of their creation")
            .ToList();
        return new View(
            new CaptureState([.. all.Select(todo => todo.Part)], problems, notes),
            all.FindAll(todo => todo.Part.State != CapturePartState.Installed), ours, isMariaDb);
    }

    private static (CapturePartState State, string Detail) Judge(CaptureTrigger trigger, Found found, Dictionary<string, string> noted)
    {
        var actual = trigger with { Body = found.Body };
        return (trigger.Table, trigger.Event, "AFTER", trigger.Body, SqlMode) == (found.Table, found.Event, found.Timing, found.Body, found.SqlMode)
            ? (CapturePartState.Installed, "")
            : (CapturePartState.Changed, noted.GetValueOrDefault(trigger.Name) == actual.Checksum
                ? "the mapping or this program has changed since it was installed"
                : "somebody has changed it");
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
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4).Trim(), reader.GetString(5)));
        }

        return found;
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

    private sealed record Found(string Name, string Table, string Event, string Timing, string Body, string SqlMode);

    /// <summary>A trigger to be created or replaced; dropped when there is none.</summary>
    private sealed record Todo(CapturePart Part, CaptureTrigger? Trigger);

    private sealed record View(CaptureState State, List<Todo> Todo, List<Found> Present, bool IsMariaDb);
}
