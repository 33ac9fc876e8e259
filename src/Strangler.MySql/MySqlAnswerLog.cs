using System.Data.Common;
using Strangler.Answers;

namespace Strangler.MySql;

internal sealed class MySqlAnswerLog(MySqlSide side) : IAnswerLog
{
    private static readonly Sql Columns = new("fingerprint, owner, answer, CAST(lease_until > UTC_TIMESTAMP(6) AS SIGNED)");

    public async Task<KnownRequest> ClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Null: whoever had it has released it between the two statements.
            if (await TryClaimAsync(request, lease, cancellationToken).ConfigureAwait(false) is { } known)
            {
                return known;
            }
        }
    }

    // Assignments are made from left to right: the lease is given to whom the line before has made the owner.
    private Task<KnownRequest?> TryClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch()
                .Add($"""
                    INSERT INTO strangler_answer (context, request_key, fingerprint, owner, lease_until, created_at)
                    VALUES ({side.Context}, {request.Key}, {request.Fingerprint}, {request.Owner}, UTC_TIMESTAMP(6) + INTERVAL {Micro(lease)} MICROSECOND, UTC_TIMESTAMP(6))
                    ON DUPLICATE KEY UPDATE
                        owner = IF(answer IS NULL AND lease_until <= UTC_TIMESTAMP(6) AND fingerprint = VALUES(fingerprint), VALUES(owner), owner),
                        lease_until = IF(owner = VALUES(owner), VALUES(lease_until), lease_until)
                    """)
                .Add($"SELECT {Columns} FROM strangler_answer WHERE context = {side.Context} AND request_key = {request.Key}"),
            ReadAsync,
            cancellationToken);

    public Task<KnownRequest?> FindAsync(byte[] key, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"SELECT {Columns} FROM strangler_answer WHERE context = {side.Context} AND request_key = {key}"), ReadAsync, cancellationToken);

    public async Task<bool> RenewAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken) =>
        await side.ExecuteAsync(
            new Batch().Add($"""
                UPDATE strangler_answer SET lease_until = UTC_TIMESTAMP(6) + INTERVAL {Micro(lease)} MICROSECOND
                WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner} AND answer IS NULL
                """),
            cancellationToken).ConfigureAwait(false) > 0;

    public async Task<bool> AnswerAsync(KeyedRequest request, string answer, CancellationToken cancellationToken) =>
        await side.ExecuteAsync(
            new Batch().Add($"""
                UPDATE strangler_answer SET answer = {answer} WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner}
                """),
            cancellationToken).ConfigureAwait(false) > 0;

    public Task ReleaseAsync(KeyedRequest request, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_answer WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner} AND answer IS NULL
                """),
            cancellationToken);

    public Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.ExecuteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_answer WHERE context = {side.Context} AND created_at < UTC_TIMESTAMP(6) - INTERVAL {Micro(age)} MICROSECOND LIMIT {limit}
                """),
            cancellationToken,
            background: true);

    private static long Micro(TimeSpan time) => (long)time.TotalMicroseconds;

    private static async Task<KnownRequest?> ReadAsync(DbDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
            ? new KnownRequest((byte[])reader.GetValue(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetInt64(3) != 0)
            : null;
}
