using Npgsql;
using Strangler.DualWrite;
using Strangler.Timeline;

namespace Strangler.Postgres;

/// <summary>One round trip: every side table that is addressed by the key.</summary>
internal sealed class PostgresTraces(PostgresSide side) : IEntityTraces
{
    private readonly SideTraces _traces = new(side.Name);

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
                WHERE context = {side.Context} AND (left(detail, 64) LIKE {$"{key}:%"} OR left(detail, 64) = {$"id {key.Id}"}) ORDER BY id DESC LIMIT 1000
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

    private Trace Entity(NpgsqlDataReader reader) => _traces.Entity(
        Times.UtcOrNull(reader, 4),
        Version(reader, 0), reader.GetBoolean(2), reader.GetString(3), leads: reader.GetBoolean(5));

    private Trace Journal(NpgsqlDataReader reader) => _traces.Journal(
        Times.Utc(reader, 0), reader.GetString(1), reader.GetString(2), Version(reader, 3), reader.GetString(5), reader.GetInt32(6), reader.GetString(7));

    private Trace Request(NpgsqlDataReader reader) => _traces.Request(Times.Utc(reader, 0), Version(reader, 1));

    private Trace Audit(NpgsqlDataReader reader) =>
        _traces.Audit(Times.Utc(reader, 0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4));

    private Trace Lost(NpgsqlDataReader reader) => _traces.Lost(Times.Utc(reader, 0));

    private Trace Shadow(NpgsqlDataReader reader) => _traces.Shadow(Times.Utc(reader, 0), reader.GetInt64(1), reader.GetString(2));

    private Trace Conflict(NpgsqlDataReader reader) => _traces.Conflict(Times.Utc(reader, 0), reader.GetString(1), reader.GetString(2));

    private static EntityVersion Version(NpgsqlDataReader reader, int ordinal) => new(reader.GetInt64(ordinal), reader.GetInt64(ordinal + 1));
}
