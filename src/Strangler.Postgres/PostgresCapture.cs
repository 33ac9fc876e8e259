using Strangler.Capture;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.Postgres;

/// <summary>Capture by statement triggers: AFTER INSERT, UPDATE and DELETE, and BEFORE TRUNCATE, on every legacy table of the context.</summary>
/// <remarks>
/// CREATE TRIGGER waits for every open transaction that has written the table, and DROP TRIGGER for every one that has used it. While they wait,
/// new statements queue behind them: hence waits of one second, with pauses in between. What is installed on one table is one transaction: nobody
/// ever writes while one trigger is there and another is not.
/// </remarks>
internal sealed class PostgresCapture(PostgresSide side, IReadOnlyList<CapturedTable> tables) : ICapture
{
    private static readonly TimeSpan LockWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public async Task<CaptureState> LookAsync(CancellationToken cancellationToken) => (await ViewAsync(cancellationToken).ConfigureAwait(false)).State;

    public async Task<IReadOnlyList<string>> PlanInstallAsync(CancellationToken cancellationToken)
    {
        var view = await ViewAsync(cancellationToken).ConfigureAwait(false);
        view.State.RequireInstallable(side.Context);
        return [.. view.Steps.SelectMany(step => step.Statements.Prepend("BEGIN").Append("COMMIT"))];
    }

    public async Task<IReadOnlyList<string>> PlanRemoveAsync(CancellationToken cancellationToken) =>
        [.. (await ViewAsync(cancellationToken).ConfigureAwait(false)).Present.SelectMany(trigger => trigger.Drop())];

    public async Task<int> InstallAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken)
    {
        var view = await ViewAsync(cancellationToken).ConfigureAwait(false);
        view.State.RequireInstallable(side.Context);
        foreach (var step in view.Steps)
        {
            await ExecuteAsync(step.Table, step.Statements, batch => Note(batch, step), patience, cancellationToken).ConfigureAwait(false);
            foreach (var todo in step.Todos)
            {
                progress?.Report(todo.Part);
            }
        }

        (await ViewAsync(cancellationToken).ConfigureAwait(false)).State.RequireComplete(side.Context);
        return view.Steps.Sum(step => step.Todos.Count);
    }

    public async Task<int> RemoveAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken)
    {
        var view = await ViewAsync(cancellationToken).ConfigureAwait(false);
        foreach (var table in view.Present.GroupBy(trigger => trigger.Table))
        {
            await ExecuteAsync(table.Key, [.. table.SelectMany(trigger => trigger.Drop())], null, patience, cancellationToken).ConfigureAwait(false);
            foreach (var trigger in table)
            {
                progress?.Report(new CapturePart(trigger.Table, trigger.Event, trigger.Name, CapturePartState.Stale, "removed"));
            }
        }

        await side.WriteAsync(
            new Batch().Add($"DELETE FROM strangler_capture WHERE context = {side.Context}"), cancellationToken, background: true).ConfigureAwait(false);
        return view.Present.Count;
    }

    public Task<ForeignWrites> WaitingAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                WITH j AS (SELECT created_at, actor FROM strangler_journal
                    WHERE context = {side.Context} AND origin = 'foreign' AND state <> 'unread' LIMIT {JournalDepth.CountLimit + 1})
                SELECT (SELECT COUNT(*) FROM j), (SELECT MAX(created_at) FROM j),
                    ARRAY(SELECT DISTINCT actor FROM j ORDER BY actor LIMIT 20)
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return new ForeignWrites(reader.GetInt64(0), Times.UtcOrNull(reader, 1), reader.GetFieldValue<string[]>(2));
            },
            cancellationToken,
            background: true);

    /// <remarks>SKIP LOCKED passes over what is not committed, and over what another relay is at.</remarks>
    public Task<int> ResolveAsync(int limit, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                // Behind BEGIN and settings, which have no results.
                var notes = await side.ListAsync(
                    connection,
                    side.BeginWrite(new Batch(), background: true).Add($"""
                        SELECT id, kind, key, writer FROM strangler_foreign_touch WHERE context = {side.Context} ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED
                        """),
                    reader => new LateTouch(reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), reader.GetString(3)),
                    true,
                    token).ConfigureAwait(false);
                var batch = new Batch();
                foreach (var group in notes.GroupBy(note => (note.Kind, note.Writer)).OrderBy(group => group.Key))
                {
                    Touch(batch, group.Key.Kind, group.Select(note => note.Key), group.Key.Writer);
                }

                if (notes.Count > 0)
                {
                    batch.Add($"DELETE FROM strangler_foreign_touch WHERE id = ANY({notes.Select(note => note.Id).ToArray()})");
                }

                await side.ExecuteAsync(connection, PostgresSide.EndWrite(batch), true, token).ConfigureAwait(false);
                return notes.Count;
            },
            cancellationToken);

    /// <summary>Behind the fence's shared lock, and only while it is dual: else a flip could have looked at the journal before.</summary>
    public Task NoteAsync(string kind, IReadOnlyCollection<long> ids, string writer, CancellationToken cancellationToken)
    {
        var isDual = new Sql($"EXISTS (SELECT 1 FROM strangler_fence f WHERE f.context = {AggregateSql.Literal(side.Context)} AND {FenceSql.IsDual.Text})");
        return side.WriteAsync(Touch(side.ShareFence(new Batch()), kind, ids, writer, isDual), cancellationToken, background: true);
    }

    /// <summary>
    /// What was noted for later of one entity, its row being there, within the transaction that is about to write it: it must not go over a change
    /// that no relay has come to yet.
    /// </summary>
    public static void TakeUp(Batch batch, string context, EntityKey key) => batch.Add($"""
        WITH late AS (DELETE FROM strangler_foreign_touch WHERE context = {context} AND kind = {key.Kind} AND key = {key.Id} RETURNING writer),
        touched AS (
            UPDATE strangler_entity e SET foreign_seq = e.foreign_seq + 1, writer = l.writer, changed_at = clock_timestamp()
            FROM (SELECT MAX(writer) AS writer FROM late) l WHERE l.writer IS NOT NULL AND e.context = {context} AND e.kind = {key.Kind} AND e.key = {key.Id}
            RETURNING e.context, e.kind, e.key, e.epoch, e.counter, e.foreign_seq, e.writer)
        INSERT INTO strangler_journal (context, kind, key, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
        SELECT t.context, t.kind, t.key, t.epoch, t.counter, t.foreign_seq, 'foreign', clock_timestamp(), clock_timestamp(), t.writer FROM touched t
        """);

    private Batch Touch(Batch batch, string kind, IEnumerable<long> ids, string writer, Sql? condition = null) => batch.Add($"""
        WITH touched AS (
            INSERT INTO strangler_entity AS e (context, kind, key, foreign_seq, writer, changed_at)
            SELECT {side.Context}, {kind}, k.key, 1, {writer}, clock_timestamp() FROM unnest({ids.Distinct().Where(id => id > 0).ToArray()}) k (key)
            WHERE {condition ?? new Sql("true")} ORDER BY k.key
            ON CONFLICT (context, kind, key) DO UPDATE SET foreign_seq = e.foreign_seq + 1, writer = EXCLUDED.writer, changed_at = EXCLUDED.changed_at
            RETURNING e.context, e.kind, e.key, e.epoch, e.counter, e.foreign_seq)
        INSERT INTO strangler_journal (context, kind, key, epoch, counter, foreign_seq, origin, created_at, next_attempt_at, actor)
        SELECT t.context, t.kind, t.key, t.epoch, t.counter, t.foreign_seq, 'foreign', clock_timestamp(), clock_timestamp(), {writer} FROM touched t
        """);

    private async Task ExecuteAsync(
        string table, IReadOnlyList<string> statements, Action<Batch>? note, TimeSpan patience, CancellationToken cancellationToken)
    {
        var began = side.Options.Time.GetTimestamp();
        while (true)
        {
            try
            {
                await RunAsync(statements, note, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (SideUnavailableException e) when (IsLockWait(e) && side.Options.Time.GetElapsedTime(began) < patience)
            {
                await Task.Delay(Pause, side.Options.Time, cancellationToken).ConfigureAwait(false);
            }
            catch (SideUnavailableException e) when (Reason(e, table) is { } reason)
            {
                throw new CaptureException(side.Context, reason, e.InnerException);
            }
        }
    }

    private Task RunAsync(IReadOnlyList<string> statements, Action<Batch>? note, CancellationToken cancellationToken)
    {
        var batch = side.BeginWrite(new Batch(), background: true, LockWait);
        foreach (var statement in statements)
        {
            batch.Add($"{new Sql(statement)}");
        }

        note?.Invoke(batch);
        return side.UseAsync(
            background: true,
            (connection, token) => side.ExecuteAsync(connection, PostgresSide.EndWrite(batch), true, token),
            cancellationToken);
    }

    private static bool IsLockWait(SideUnavailableException e) => e.InnerException is { } cause
        && PostgresErrors.Classify(cause) is PostgresErrorKind.LockWaitTimeout or PostgresErrorKind.Deadlock;

    private string? Reason(SideUnavailableException e, string table) => e.InnerException is { } cause ? PostgresErrors.Classify(cause) switch
    {
        PostgresErrorKind.LockWaitTimeout or PostgresErrorKind.Deadlock =>
            $"{table} was in use without a pause: some transaction on it stays open. Nothing was changed there; end that transaction, or repeat with "
            + "more --patience. Triggers that were created before stay, and the next run goes on.",
        PostgresErrorKind.AccessDenied =>
            $"{side.Database.Display} may not create or drop triggers on {table}, or functions in its schema: that takes the table's owner, or a member of its "
            + "role. An administrator grants it: GRANT <owner> TO <user>; or executes what --dry-run prints, as a user who may write our tables (a trigger "
            + "works with the rights of whoever created its function).",
        _ => null,
    }
    : null;

    // With the triggers, in their transaction. The stamp changes with whatever happens to the trigger or its function.
    private void Note(Batch batch, Step step)
    {
        foreach (var todo in step.Todos)
        {
            batch.Add($"DELETE FROM strangler_capture WHERE context = {side.Context} AND name = {todo.Part.Name}");
            if (todo.Trigger is { } trigger)
            {
                batch.Add($"""
                    INSERT INTO strangler_capture (context, name, table_name, event, checksum, stamp, installed_at, installed_by)
                    SELECT {side.Context}, {trigger.Name}, {trigger.Table}, {trigger.Event}, {trigger.Checksum}, {CaptureView.Stamp}, clock_timestamp(), session_user
                    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                    WHERE t.tgrelid = CAST(CAST({trigger.OnTable} AS text) AS regclass) AND t.tgname = CAST({trigger.Name} AS text)
                    """);
            }
        }
    }

    private Task<CaptureView> ViewAsync(CancellationToken cancellationToken) => CaptureView.ReadAsync(side, tables, cancellationToken);

    /// <summary>An entity that some program has changed without its entity row.</summary>
    private sealed record LateTouch(long Id, string Kind, long Key, string Writer);
}
