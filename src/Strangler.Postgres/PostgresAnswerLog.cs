using Npgsql;
using Strangler.Answers;

namespace Strangler.Postgres;

internal sealed class PostgresAnswerLog(PostgresSide side) : IAnswerLog
{
    private static readonly Sql Columns = new("fingerprint, owner, answer, lease_until > statement_timestamp()");

    public Task<KnownRequest> ClaimAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch()
                .Add($"""
                    INSERT INTO strangler_answer AS a (context, request_key, fingerprint, owner, lease_until, created_at)
                    VALUES ({side.Context}, {request.Key}, {request.Fingerprint}, {request.Owner}, statement_timestamp() + {Times.Whole(lease)}, statement_timestamp())
                    ON CONFLICT (context, request_key) DO UPDATE SET
                        owner = CASE WHEN a.answer IS NULL AND a.lease_until <= statement_timestamp() AND a.fingerprint = EXCLUDED.fingerprint
                            THEN EXCLUDED.owner ELSE a.owner END,
                        lease_until = CASE WHEN a.answer IS NULL AND a.lease_until <= statement_timestamp() AND a.fingerprint = EXCLUDED.fingerprint
                            THEN EXCLUDED.lease_until ELSE a.lease_until END
                    RETURNING {Columns}
                    """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return Read(reader);
            },
            cancellationToken);

    public Task<KnownRequest?> FindAsync(byte[] key, CancellationToken cancellationToken) =>
        side.FirstAsync<KnownRequest?>(
            new Batch().Add($"SELECT {Columns} FROM strangler_answer WHERE context = {side.Context} AND request_key = {key}"), Read, cancellationToken);

    public async Task<bool> RenewAsync(KeyedRequest request, TimeSpan lease, CancellationToken cancellationToken) =>
        await side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_answer SET lease_until = statement_timestamp() + {Times.Whole(lease)}
                WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner} AND answer IS NULL
                """),
            cancellationToken).ConfigureAwait(false) > 0;

    public async Task<bool> AnswerAsync(KeyedRequest request, string answer, CancellationToken cancellationToken) =>
        await side.WriteAsync(
            new Batch().Add($"""
                UPDATE strangler_answer SET answer = {answer} WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner}
                """),
            cancellationToken).ConfigureAwait(false) > 0;

    public Task ReleaseAsync(KeyedRequest request, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_answer WHERE context = {side.Context} AND request_key = {request.Key} AND owner = {request.Owner} AND answer IS NULL
                """),
            cancellationToken);

    public Task<int> PruneAsync(TimeSpan age, int limit, CancellationToken cancellationToken) =>
        side.WriteAsync(
            new Batch().Add($"""
                DELETE FROM strangler_answer WHERE context = {side.Context} AND request_key IN (
                    SELECT request_key FROM strangler_answer WHERE context = {side.Context} AND created_at < statement_timestamp() - {Times.Whole(age)} LIMIT {limit})
                """),
            cancellationToken,
            background: true);

    private static KnownRequest Read(NpgsqlDataReader reader) =>
        new((byte[])reader.GetValue(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetBoolean(3));
}
