using Strangler.Purging;

namespace Strangler.MySql;

internal sealed class MySqlPurgeLog(MySqlSide side) : IPurgeLog
{
    public Task<PurgeCheckpoint?> ReadAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT next_id, CAST(purged AS SIGNED), began_at FROM strangler_purge WHERE context = {side.Context} AND kind = {kind}
                """),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? new PurgeCheckpoint(reader.GetInt64(0), reader.GetInt64(1), FenceSql.Utc(reader, 2))
                : null,
            cancellationToken,
            background: true);

    public Task SaveAsync(string kind, PurgeCheckpoint checkpoint, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_purge (context, kind, next_id, purged, began_at)
                VALUES ({side.Context}, {kind}, {checkpoint.NextId}, {checkpoint.Purged}, UTC_TIMESTAMP(6))
                ON DUPLICATE KEY UPDATE next_id = VALUES(next_id), purged = VALUES(purged)
                """),
            cancellationToken,
            background: true);

    public Task EndAsync(string kind, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"DELETE FROM strangler_purge WHERE context = {side.Context} AND kind = {kind}"), cancellationToken, background: true);
}
