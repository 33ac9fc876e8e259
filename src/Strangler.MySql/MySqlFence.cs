using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.MySql;

internal sealed class MySqlFence(MySqlSide side) : IFence
{
    public SideName Side => side.Name;

    public Task<FenceRow> ReadAsync(CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT {FenceSql.Columns} FROM strangler_fence f WHERE f.context = {side.Context}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false)
                ? FenceSql.Read(reader, 0, Side)
                : throw side.NotMigrated(),
            cancellationToken);

    /// <summary>
    /// A single UPDATE, so a transaction by itself: the victim of a deadlock has changed nothing, and found the row as busy as whoever waited
    /// in vain. InnoDB counts lock waits in whole seconds: shorter limits wait 1 s.
    /// </summary>
    public async Task<bool> CompareAndSetAsync(FenceRow expected, FenceRow next, TimeSpan lockTimeout, CancellationToken cancellationToken)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(lockTimeout.TotalSeconds));
        var batch = side.WriteSession(new Batch(), Lane.IsBackground, seconds);
        // Only what differs from the present row counts as affected on some settings; the epoch always rises or the role changes.
        batch.Add($"""
            UPDATE strangler_fence SET role = {FenceSql.Of(next.Role)}, stage = {next.Stage.ToString()}, epoch = {next.Epoch},
                dual_epoch = {next.DualEpoch}, deadline = {Stored(next.Deadline)}
            WHERE context = {side.Context} AND role = {FenceSql.Of(expected.Role)}
                AND stage = {expected.Stage.ToString()} AND epoch = {expected.Epoch}
            """);
        batch.Add($"SELECT ROW_COUNT()");
        batch.Add($"SELECT COUNT(*) FROM strangler_fence WHERE context = {side.Context}");
        try
        {
            return await side.QueryAsync(
                batch,
                async (reader, token) =>
                {
                    await reader.ReadAsync(token).ConfigureAwait(false);
                    var changed = reader.GetInt64(0) > 0;
                    await reader.NextResultAsync(token).ConfigureAwait(false);
                    await reader.ReadAsync(token).ConfigureAwait(false);
                    return reader.GetInt64(0) > 0 ? changed : throw side.NotMigrated();
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (SideUnavailableException e) when (e.InnerException is { } cause
            && MySqlDriver.Classify(cause) is MySqlErrorKind.LockWaitTimeout or MySqlErrorKind.Deadlock)
        {
            throw new FenceBusyException(Side, TimeSpan.FromSeconds(seconds), cause);
        }
    }

    public Task<DateTime> UtcNowAsync(CancellationToken cancellationToken) => Clock.UtcNowAsync(side, cancellationToken);

    private static string? Stored(DateTime? utc) => utc is { } moment ? Clock.Text(moment) : null;
}

/// <summary>The database's clock, and moments as the text that DATETIME(6) takes.</summary>
internal static class Clock
{
    public static string Text(DateTime utc) => utc.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture);

    public static Task<DateTime> UtcNowAsync(MySqlSide side, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT UTC_TIMESTAMP(6)"),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return FenceSql.Utc(reader, 0);
            },
            cancellationToken);
}
