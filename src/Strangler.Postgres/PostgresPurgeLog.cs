using Strangler.Purging;

namespace Strangler.Postgres;

internal sealed class PostgresPurgeLog(PostgresSide side) : IPurgeLog
{
    public Task<PurgeCheckpoint?> ReadAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"SELECT next_id, purged, began_at FROM strangler_purge WHERE context = {side.Context} AND kind = {kind}"),
            reader => new PurgeCheckpoint(reader.GetInt64(0), reader.GetInt64(1), Times.Utc(reader, 2)),
            cancellationToken,
            background: true);

    public Task SaveAsync(string kind, PurgeCheckpoint checkpoint, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                INSERT INTO strangler_purge (context, kind, next_id, purged, began_at)
                VALUES ({side.Context}, {kind}, {checkpoint.NextId}, {checkpoint.Purged}, statement_timestamp())
                ON CONFLICT (context, kind) DO UPDATE SET next_id = EXCLUDED.next_id, purged = EXCLUDED.purged
                """),
            cancellationToken,
            background: true);

    public Task EndAsync(string kind, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"DELETE FROM strangler_purge WHERE context = {side.Context} AND kind = {kind}"), cancellationToken, background: true);
}
