using System.Globalization;
using Npgsql;
using Strangler.DualWrite;
using Strangler.Timeline;

namespace Strangler.Postgres;

/// <summary>One round trip: every side table that is addressed by the key.</summary>
internal sealed class PostgresTraces(PostgresSide side) : IEntityTraces
{
    public Task<IReadOnlyList<Trace>> ReadAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.QueryAsync(Query(key), (reader, token) => ReadAllAsync(reader, token), cancellationToken, background: true);

    private Batch Query(EntityKey key)
    {
        var batch = new Batch()
            .Add($"""
                SELECT e.epoch, e.counter, e.tombstone, e.writer, e.changed_at,
                    f.role IN ('lead', 'switching')
                FROM strangler_entity e JOIN strangler_fence f ON f.context = e.context
                WHERE e.context = {side.Context} AND e.kind = {key.Kind} AND e.key = {key.Id} AND e.epoch > 0
                """)
            .Add($"""
                SELECT created_at, actor, origin, epoch, counter, state, attempts, last_error FROM strangler_journal
                WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} ORDER BY id LIMIT 1000
                """)
            .Add($"""
                SELECT created_at, epoch, counter FROM strangler_request
                WHERE context = {side.Context} AND kind = {key.Kind} AND public_id = {key.Id} ORDER BY id DESC LIMIT 1000
                """)
            .Add($"""
                SELECT at, actor, action, reason, detail FROM strangler_audit
                WHERE context = {side.Context} AND (detail LIKE {$"{key}:%"} OR detail = {$"id {key.Id}"}) ORDER BY id DESC LIMIT 1000
                """);
        if (side.Name == SideName.New)
        {
            batch
                .Add($"""
                    SELECT found_at FROM strangler_lost_obligation
                    WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}
                    """)
                .Add($"""
                    SELECT last_at, hits, fields FROM strangler_shadow_mismatch
                    WHERE context = {side.Context} AND key = {key.Id} ORDER BY epoch DESC LIMIT 100
                    """)
                .Add($"""
                    SELECT since_at, writer, reason FROM strangler_conflict
                    WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}
                    """);
        }

        return batch;
    }

    private async Task<IReadOnlyList<Trace>> ReadAllAsync(NpgsqlDataReader reader, CancellationToken token)
    {
        List<Trace> traces = [];
        Func<NpgsqlDataReader, Trace>[] results = [Entity, Journal, Request, Audit, Lost, Shadow, Conflict];
        foreach (var (at, read) in results.Take(side.Name == SideName.New ? results.Length : 4).Index())
        {
            if (at > 0)
            {
                await reader.NextResultAsync(token).ConfigureAwait(false);
            }

            while (await reader.ReadAsync(token).ConfigureAwait(false))
            {
                traces.Add(read(reader));
            }
        }

        return traces;
    }

    private Trace Entity(NpgsqlDataReader reader)
    {
        var version = Version(reader, 0);
        var (deleted, writer) = (reader.GetBoolean(2), reader.GetString(3));
        var (wrote, leads) = (writer.Length > 0, reader.GetBoolean(5));
        return new Trace(
            Times.UtcOrNull(reader, 4),
            side.Name,
            deleted ? TraceKind.Delete : wrote && IsForeign(writer) ? TraceKind.Foreign : wrote ? TraceKind.Write : TraceKind.Apply,
            version,
            writer,
            wrote && IsForeign(writer) ? (deleted ? "deleted by another program, and merged into this side" : "another program's write to legacy, merged into this side")
            : wrote ? (deleted ? "deleted: the last write of this side" : "the last write of this side")
            : version.Counter == 0 ? "brought over by the backfill"
            : leads ? "its writer was not stored"
            : deleted ? "accepted the delete of the other side" : "accepted the state of the other side");
    }

    private Trace Journal(NpgsqlDataReader reader)
    {
        var (foreign, parked) = (reader.GetString(2) != "own", reader.GetString(5) == "parked");
        var attempts = reader.GetInt32(6);
        var failed = attempts > 0 ? string.Create(CultureInfo.InvariantCulture, $"; {attempts} attempts, last: {reader.GetString(7)}") : "";
        return new Trace(
            Times.Utc(reader, 0),
            side.Name,
            parked ? TraceKind.Parked : foreign ? TraceKind.Foreign : TraceKind.Waiting,
            foreign ? null : Version(reader, 3),
            reader.GetString(1),
            (foreign && side.Name == SideName.New ? "a write of another program, merged here; legacy lacks the result"
                : foreign ? "a write of another program; the other side lacks it" : "a write that the other side lacks") + failed);
    }

    // Only on the new side: legacy's entity row names the database user who wrote past us.
    private bool IsForeign(string writer) => side.Name == SideName.New && writer.StartsWith("foreign ", StringComparison.Ordinal);

    private Trace Conflict(NpgsqlDataReader reader) => new(
        Times.Utc(reader, 0), side.Name, TraceKind.Foreign, null, reader.GetString(1),
        $"in conflict: another program and the new side changed the same; {(reader.GetString(2) is { Length: > 0 } why ? why : "no owner is declared")}");

    private Trace Request(NpgsqlDataReader reader) => new(
        Times.Utc(reader, 0), side.Name, TraceKind.Write, Version(reader, 1), "", "a write under a request key (kept for 7 days)");

    private Trace Audit(NpgsqlDataReader reader)
    {
        var action = reader.GetString(2);
        return new Trace(
            Times.Utc(reader, 0),
            side.Name,
            action switch
            {
                "repair" => TraceKind.Repair,
                "sign-off" => TraceKind.SignOff,
                "reveal" => TraceKind.Reveal,
                _ => TraceKind.Audit,
            },
            null,
            reader.GetString(1),
            $"{action}: {reader.GetString(4)}; {reader.GetString(3)}");
    }

    private Trace Lost(NpgsqlDataReader reader) => new(
        Times.Utc(reader, 0), side.Name, TraceKind.LostObligation, null, "", "the follower is behind, and no journal row says so");

    private Trace Shadow(NpgsqlDataReader reader) => new(
        Times.Utc(reader, 0), side.Name, TraceKind.ShadowRead, null, "",
        string.Create(CultureInfo.InvariantCulture,
            $"shadow reads differed {reader.GetInt64(1)} times, this was the last: {reader.GetString(2)}"));

    private static EntityVersion Version(NpgsqlDataReader reader, int ordinal) => new(reader.GetInt64(ordinal), reader.GetInt64(ordinal + 1));
}
