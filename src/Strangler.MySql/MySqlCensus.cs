using System.Data.Common;
using System.Globalization;
using Strangler.Capture;
using Strangler.DualWrite;

namespace Strangler.MySql;

/// <summary>
/// The triggers insert a row a write into <c>strangler_foreign_write</c>; here they are added up. SKIP LOCKED passes over what is not
/// committed yet, so nobody waits for a writer and no writer for us; what is added up and removed is so in one transaction.
/// </summary>
internal sealed class MySqlCensus(MySqlSide side) : ICensus
{
    private const int MostUnread = 100_000;

    // Whether the server tells programs' names; asked once a process.
    private volatile bool _asksForPrograms = true;

    public Task<int> CollectAsync(int limit, CancellationToken cancellationToken, Func<IReadOnlyList<string>, Task>? onUnnoted = null) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                if (await side.ScalarAsync(connection, new Batch().Add($"SELECT GET_LOCK({LockName}, 0)"), true, token).ConfigureAwait(false) != 1)
                {
                    return 0;
                }

                var collected = await CollectAsync(connection, limit, onUnnoted, token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"DO RELEASE_LOCK({LockName})"), true, token).ConfigureAwait(false);
                return collected;
            },
            cancellationToken);

    public Task<IReadOnlyList<CensusEntry>> ReadAsync(DateTime? sinceUtc, CancellationToken cancellationToken) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                // One snapshot: a note that is being added up counts once.
                var batch = MySqlSide.BeginSnapshot(new Batch());
                batch.Part($"SELECT writer, program, table_name, event, column_name, writes, first_at, last_at FROM strangler_census");
                batch.Part($" WHERE context = {side.Context}");
                if (sinceUtc is { } since)
                {
                    batch.Part($" AND day >= {since.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)} AND last_at >= {Clock.Text(since)}");
                }

                batch.End();
                var sums = await side.QueryAsync(connection, batch, EntriesAsync, true, token).ConfigureAwait(false);
                var notes = await NotesAsync(connection, new Batch(), MostUnread, new Sql(""), token).ConfigureAwait(false);
                await side.ExecuteAsync(connection, new Batch().Add($"COMMIT"), true, token).ConfigureAwait(false);
                var programs = await ProgramsAsync(connection, notes, token).ConfigureAwait(false);
                return (IReadOnlyList<CensusEntry>)
                    [.. sums, .. CensusNote.Sums(Named(notes.Where(note => sinceUtc is null || note.Of.WrittenUtc >= sinceUtc), programs)).Select(dated => dated.Entry)];
            },
            cancellationToken);

    public Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_census WHERE context = {side.Context} AND day < UTC_DATE() - INTERVAL {(long)age.TotalDays} DAY
                ORDER BY context, day LIMIT {limit}
                """),
            cancellationToken,
            background: true);

    public Task<CensusWatch> WatchAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT UTC_TIMESTAMP(6), (SELECT MAX(installed_at) FROM strangler_capture WHERE context = {side.Context})
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return new CensusWatch(reader.IsDBNull(1) ? null : FenceSql.Utc(reader, 1), FenceSql.Utc(reader, 0));
            },
            cancellationToken,
            background: true);

    // One at a time: two would meet crosswise in the sums. Ends with the session, if it is not given back.
    private Sql LockName => new($"CONCAT('strangler_census.', SHA1(CONCAT(DATABASE(), '/', '{CaptureSql.Checked(side.Context)}')))");

    private async Task<int> CollectAsync(
        DbConnection connection, int limit, Func<IReadOnlyList<string>, Task>? onUnnoted, CancellationToken cancellationToken)
    {
        var locked = new Sql("FOR UPDATE SKIP LOCKED");
        var notes = await NotesAsync(connection, side.BeginWrite(new Batch(), background: true), limit, locked, cancellationToken)
            .ConfigureAwait(false);
        if (onUnnoted is not null && CensusNote.UnnotedTables(notes.Select(note => note.Of)) is { Count: > 0 } tables)
        {
            await onUnnoted(tables).ConfigureAwait(false);
        }

        if (notes.Count > 0)
        {
            await AddAsync(connection, notes, await ProgramsAsync(connection, notes, cancellationToken).ConfigureAwait(false), cancellationToken)
                .ConfigureAwait(false);
        }

        await side.ExecuteAsync(connection, MySqlSide.EndWrite(new Batch()), true, cancellationToken).ConfigureAwait(false);
        return notes.Count;
    }

    private Task<List<Note>> NotesAsync(DbConnection connection, Batch batch, int limit, Sql locked, CancellationToken cancellationToken) =>
        side.ListAsync(
            connection,
            batch.Add($"""
                SELECT id, table_name, event, `columns`, writer, connection_id, written_at FROM strangler_foreign_write
                WHERE context = {side.Context} ORDER BY id LIMIT {limit} {locked}
                """),
            reader => new Note(
                new CensusNote(
                    reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), "", FenceSql.Utc(reader, 6)),
                reader.GetInt64(5)),
            true,
            cancellationToken);

    // Of connections that are still open; the server forgets the others. Where it keeps no such book, or does not show it to us, nobody is named.
    private async Task<Dictionary<long, string>> ProgramsAsync(DbConnection connection, List<Note> notes, CancellationToken cancellationToken)
    {
        if (!_asksForPrograms || notes.Count == 0)
        {
            return [];
        }

        var batch = new Batch();
        batch.Part($"""
            SELECT PROCESSLIST_ID, COALESCE(MAX(CASE ATTR_NAME WHEN 'program_name' THEN ATTR_VALUE END),
                MAX(CASE ATTR_NAME WHEN '_client_name' THEN ATTR_VALUE END), '')
            FROM performance_schema.session_connect_attrs WHERE ATTR_NAME IN ('program_name', '_client_name') AND PROCESSLIST_ID IN
            """);
        Lists.In(batch, notes.Select(note => note.Connection).Distinct());
        batch.Part($" GROUP BY PROCESSLIST_ID").End();
        try
        {
            return await side.QueryAsync(connection, batch, NamesAsync, true, cancellationToken).ConfigureAwait(false);
        }
        catch (DbException e) when (MySqlDriver.Classify(e) is MySqlErrorKind.AccessDenied or MySqlErrorKind.NoSuchTable or MySqlErrorKind.UnknownDatabase)
        {
            _asksForPrograms = false;
            return [];
        }
    }

    private static async Task<Dictionary<long, string>> NamesAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        Dictionary<long, string> names = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            names[Convert.ToInt64(reader.GetValue(0), CultureInfo.InvariantCulture)] = Texts.Cut(reader.GetString(1), 128);
        }

        return names;
    }

    private async Task AddAsync(DbConnection connection, List<Note> notes, Dictionary<long, string> programs, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        foreach (var (day, entry) in CensusNote.Sums(Named(notes, programs)))
        {
            batch.Add($"""
                INSERT INTO strangler_census (context, day, writer, program, table_name, event, column_name, writes, first_at, last_at)
                VALUES ({side.Context}, {day}, {entry.User}, {entry.Program}, {entry.Table}, {entry.Event}, {entry.Column}, {entry.Writes},
                    {Clock.Text(entry.FirstUtc)}, {Clock.Text(entry.LastUtc)})
                ON DUPLICATE KEY UPDATE writes = writes + VALUES(writes), first_at = LEAST(first_at, VALUES(first_at)),
                    last_at = GREATEST(last_at, VALUES(last_at))
                """);
        }

        // Forced: a scan would wait for what others have not committed yet.
        batch.Part($"DELETE w FROM strangler_foreign_write w FORCE INDEX (PRIMARY) WHERE w.id IN");
        Lists.In(batch, notes.Select(note => note.Of.Id));
        await side.ExecuteAsync(connection, batch.End(), true, cancellationToken).ConfigureAwait(false);
    }

    private static IEnumerable<CensusNote> Named(IEnumerable<Note> notes, Dictionary<long, string> programs) =>
        notes.Select(note => note.Of with { Program = programs.GetValueOrDefault(note.Connection, "") });

    private static async Task<List<CensusEntry>> EntriesAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        List<CensusEntry> entries = [];
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            entries.Add(new CensusEntry(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5),
                FenceSql.Utc(reader, 6), FenceSql.Utc(reader, 7)));
        }

        return entries;
    }

    /// <summary>Its program has to be asked for by its connection.</summary>
    private sealed record Note(CensusNote Of, long Connection);
}
