using System.Globalization;
using Npgsql;
using Strangler.Capture;

namespace Strangler.Postgres;

/// <summary>
/// The triggers insert a row a statement into <c>strangler_foreign_write</c>; here they are added up. SKIP LOCKED passes over what is not
/// committed yet, so nobody waits for a writer and no writer for us; what is added up and removed is so in one transaction.
/// </summary>
internal sealed class PostgresCensus(PostgresSide side) : ICensus
{
    private const int MostUnread = 100_000;
    private static readonly Sql NoteColumns = new("id, table_name, event, columns, writer, program, written_at");

    public Task<int> CollectAsync(int limit, CancellationToken cancellationToken, Func<IReadOnlyList<string>, Task>? onUnnoted = null) =>
        side.UseAsync(
            background: true,
            async (connection, token) =>
            {
                // One at a time: two would meet crosswise in the sums.
                var batch = side.BeginWrite(new Batch(), background: true)
                    .Add($"SELECT pg_try_advisory_xact_lock(hashtextextended({$"strangler_census/{side.Context}"}, 0))");
                var notes = await side.QueryAsync(
                    connection, batch, async (reader, inner) => await reader.ReadAsync(inner).ConfigureAwait(false) && reader.GetBoolean(0), true, token)
                    .ConfigureAwait(false)
                    ? await NotesAsync(connection, limit, token).ConfigureAwait(false)
                    : [];
                if (onUnnoted is not null && CensusNote.UnnotedTables(notes) is { Count: > 0 } tables)
                {
                    await onUnnoted(tables).ConfigureAwait(false);
                }

                await side.ExecuteAsync(connection, PostgresSide.EndWrite(Add(new Batch(), notes)), true, token).ConfigureAwait(false);
                return notes.Count;
            },
            cancellationToken);

    public Task<IReadOnlyList<CensusEntry>> ReadAsync(DateTime? sinceUtc, CancellationToken cancellationToken)
    {
        // One snapshot: a note that is being added up counts once.
        var batch = PostgresSide.BeginSnapshot(new Batch());
        batch.Part($"SELECT writer, program, table_name, event, column_name, writes, first_at, last_at FROM strangler_census WHERE context = {side.Context}");
        if (sinceUtc is { } since)
        {
            batch.Part($" AND day >= {DateOnly.FromDateTime(since)} AND last_at >= {Times.Stored(since)}");
        }

        batch.End().Add($"SELECT {NoteColumns} FROM strangler_foreign_write WHERE context = {side.Context} ORDER BY id LIMIT {MostUnread}").Add($"COMMIT");
        return side.QueryAsync(
            batch,
            async (reader, token) =>
            {
                var entries = await PostgresSide.RowsAsync(reader, Entry, token).ConfigureAwait(false);
                await reader.NextResultAsync(token).ConfigureAwait(false);
                var notes = await PostgresSide.RowsAsync(reader, Note, token).ConfigureAwait(false);
                return (IReadOnlyList<CensusEntry>)
                    [.. entries, .. CensusNote.Sums(notes.Where(note => sinceUtc is null || note.WrittenUtc >= sinceUtc)).Select(dated => dated.Entry)];
            },
            cancellationToken,
            background: true);
    }

    public Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_census WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM strangler_census WHERE context = {side.Context}
                    AND day < CAST(statement_timestamp() AT TIME ZONE 'UTC' AS date) - CAST({(int)age.TotalDays} AS integer) ORDER BY day LIMIT {limit}))
                """),
            cancellationToken,
            background: true);

    public async Task<CensusWatch> WatchAsync(CancellationToken cancellationToken) =>
        (await side.FirstAsync(
            new Batch().Add($"SELECT (SELECT MAX(installed_at) FROM strangler_capture WHERE context = {side.Context}), statement_timestamp()"),
            reader => new CensusWatch(Times.UtcOrNull(reader, 0), Times.Utc(reader, 1)),
            cancellationToken,
            background: true).ConfigureAwait(false))!;

    private Task<List<CensusNote>> NotesAsync(PostgresConnection connection, int limit, CancellationToken cancellationToken) =>
        side.ListAsync(
            connection,
            new Batch().Add($"""
                SELECT {NoteColumns} FROM strangler_foreign_write WHERE context = {side.Context} ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED
                """),
            Note,
            true,
            cancellationToken);

    private Batch Add(Batch batch, List<CensusNote> notes)
    {
        foreach (var (day, entry) in CensusNote.Sums(notes))
        {
            batch.Add($"""
                INSERT INTO strangler_census AS c (context, day, writer, program, table_name, event, column_name, writes, first_at, last_at)
                VALUES ({side.Context}, {DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture)}, {entry.User}, {entry.Program}, {entry.Table},
                    {entry.Event}, {entry.Column}, {entry.Writes}, {Times.Stored(entry.FirstUtc)}, {Times.Stored(entry.LastUtc)})
                ON CONFLICT (context, day, writer, program, table_name, event, column_name) DO UPDATE SET writes = c.writes + EXCLUDED.writes,
                    first_at = LEAST(c.first_at, EXCLUDED.first_at), last_at = GREATEST(c.last_at, EXCLUDED.last_at)
                """);
        }

        return notes.Count == 0 ? batch : batch.Add($"DELETE FROM strangler_foreign_write WHERE id = ANY({notes.Select(note => note.Id).ToArray()})");
    }

    private static CensusNote Note(NpgsqlDataReader reader) => new(
        reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5), Times.Utc(reader, 6));

    private static CensusEntry Entry(NpgsqlDataReader reader) => new(
        reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetInt64(5),
        Times.Utc(reader, 6), Times.Utc(reader, 7));
}
