using System.Text.Json;
using Npgsql;
using Strangler.DualWrite;
using Strangler.Merging;

namespace Strangler.Postgres;

internal sealed class PostgresMergeLog(PostgresSide side) : IMergeLog
{
    private static readonly Sql Columns = new("kind, key, epoch, counter, foreign_seq, reason, field_values, since_at, writer");

    public static void Forget(Batch batch, string context, EntityKey key) =>
        batch.Add($"DELETE FROM strangler_conflict WHERE context = {context} AND kind = {key.Kind} AND key = {key.Id}");

    public Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT base_epoch, base_counter, base_hashes FROM strangler_entity
                WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id} AND base_epoch > 0
                """),
            reader => new AcceptedBase(new EntityVersion(reader.GetInt64(0), reader.GetInt64(1)), reader.GetFieldValue<byte[]>(2)),
            cancellationToken);

    public Task PutAsync(Conflict conflict, CancellationToken cancellationToken)
    {
        var (key, values) = (conflict.Key, JsonSerializer.Serialize(conflict.Fields));
        return side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_conflict (context, kind, key, epoch, counter, foreign_seq, reason, writer, since_at, field_values)
                VALUES ({side.Context}, {key.Kind}, {key.Id}, {conflict.Version.Epoch}, {conflict.Version.Counter}, {conflict.ForeignSeq},
                    {Texts.Cut(conflict.Reason, 1000)}, {Texts.Cut(conflict.Writer, 190)}, statement_timestamp(), {values})
                ON CONFLICT (context, kind, key) DO UPDATE SET epoch = EXCLUDED.epoch, counter = EXCLUDED.counter,
                    foreign_seq = EXCLUDED.foreign_seq, reason = EXCLUDED.reason, writer = EXCLUDED.writer, field_values = EXCLUDED.field_values
                """),
            cancellationToken);
    }

    public Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_conflict WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}"),
            Read,
            cancellationToken);

    public async Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_conflict WHERE context = {side.Context} ORDER BY since_at, key LIMIT {limit}"),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<long> CountAsync(CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT COUNT(*) FROM strangler_conflict WHERE context = {side.Context}"),
            reader => reader.GetInt64(0),
            cancellationToken,
            background: true);

    private static Conflict Read(NpgsqlDataReader reader) => new(
        new EntityKey(reader.GetString(0), reader.GetInt64(1)),
        new EntityVersion(reader.GetInt64(2), reader.GetInt64(3)),
        reader.GetInt64(4),
        reader.GetString(5),
        JsonSerializer.Deserialize<List<ConflictField>>(reader.GetString(6))!,
        Times.Utc(reader, 7),
        reader.GetString(8));
}
