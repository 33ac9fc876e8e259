using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresFence(PostgresSide side) : IFence
{
    public SideName Side => side.Name;

    public Task<FenceRow> ReadAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}"),
            (reader, token) => FenceSql.ReadAsync(reader, side, token),
            cancellationToken);

    /// <summary>The lock is awaited behind all who share it, and those who come later wait behind this: hence the limit.</summary>
    public async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        var batch = side.LockFence(new Batch());
        batch.Add($"""
            UPDATE strangler_fence SET role = {FenceSql.Of(next.Role)}, stage = {next.Stage.ToString()}, epoch = {next.Epoch},
                dual_epoch = {next.DualEpoch}, deadline = {Times.Stored(next.Deadline)}
            WHERE context = {side.Context} AND role = {FenceSql.Of(expected.Role)} AND stage = {expected.Stage.ToString()}
                AND epoch = {expected.Epoch} RETURNING 1
            """);
        batch.Add($"SELECT COUNT(*) FROM strangler_fence WHERE context = {side.Context}");
        try
        {
            return await side.WriteAsync(
                batch,
                async (reader, token) =>
                {
                    await reader.NextResultAsync(token).ConfigureAwait(false);
                    var changed = await reader.ReadAsync(token).ConfigureAwait(false);
                    await reader.NextResultAsync(token).ConfigureAwait(false);
                    await reader.ReadAsync(token).ConfigureAwait(false);
                    return reader.GetInt64(0) > 0 ? changed : throw side.NotMigrated();
                },
                cancellationToken,
                lockTimeout: lockTimeout).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (e.InnerException is { } cause
            && PostgresErrors.Classify(cause) is PostgresErrorKind.LockWaitTimeout or PostgresErrorKind.Deadlock)
        {
            throw new FenceBusyException(Side, lockTimeout, cause);
        }
    }

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => Times.UtcNowAsync(side, cancellationToken);
}
