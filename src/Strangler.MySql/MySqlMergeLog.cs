using System.Data.Common;
using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Merging;

namespace Strangler.MySql;

internal sealed class MySqlMergeLog(MySqlSide side) : IMergeLog
{
    private static readonly Sql Columns = new("kind, `key`, epoch, counter, foreign_seq, reason, field_values, since_at, writer");

    public static void Forget(Batch batch, string context, EntityKey key) =>
        batch.Add($"DELETE FROM strangler_conflict WHERE context = {context} AND kind = {key.Kind} AND `key` = {key.Id}");

    public Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT base_epoch, base_counter, base_hashes FROM strangler_entity
                WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id} AND base_epoch > 0
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? new AcceptedBase(new EntityVersion(reader.GetInt64(0), reader.GetInt64(1)), reader.GetFieldValue<byte[]>(2))
                : null,
            cancellationToken);

    public Task PutAsync(Conflict conflict, CancellationToken cancellationToken)
    {
        var (key, values) = (conflict.Key, JsonSerializer.Serialize(conflict.Fields));
        return side.ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_conflict (context, kind, `key`, epoch, counter, foreign_seq, reason, writer, since_at, field_values)
                VALUES ({side.Context}, {key.Kind}, {key.Id}, {conflict.Version.Epoch}, {conflict.Version.Counter}, {conflict.ForeignSeq},
                {Texts.Cut(conflict.Reason, 1000)}, {Texts.Cut(conflict.Writer, 190)}, UTC_TIMESTAMP(6), {values})
                ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), counter = VALUES(counter), foreign_seq = VALUES(foreign_seq), reason = VALUES(reason),
                    writer = VALUES(writer), field_values = VALUES(field_values)
                """),
            cancellationToken);
    }

    public Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_conflict WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? Read(reader) : null,
            cancellationToken);

    public async Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_conflict WHERE context = {side.Context} ORDER BY since_at, `key` LIMIT {limit}"),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<long> CountAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT COUNT(*) FROM strangler_conflict WHERE context = {side.Context}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? reader.GetInt64(0) : 0,
            cancellationToken,
            background: true);

    private static Conflict Read(DbDataReader reader) => new(
        new EntityKey(reader.GetString(0), reader.GetInt64(1)),
        new EntityVersion(reader.GetInt64(2), reader.GetInt64(3)),
        reader.GetInt64(4),
        reader.GetString(5),
        JsonSerializer.Deserialize<List<ConflictField>>(reader.GetString(6))!,
        FenceSql.Utc(reader, 7),
        reader.GetString(8));
}
