using Npgsql;
using Strangler.Backfill;
using Strangler.DualWrite;

namespace Strangler.Postgres;

internal sealed class PostgresQuarantine(PostgresSide side) : IQuarantine
{
    private static readonly Sql Columns = new("key, place, reason, since, signed_off_by, sign_off_reason");

    private static readonly Sql IsSame = new("q.reason = EXCLUDED.reason AND q.place = EXCLUDED.place");

    /// <summary>One more column of a select: whether the key is listed.</summary>
    public static void SelectIsListed(Batch batch, string context, EntityKey key) => batch.Part($"""
        , EXISTS (SELECT 1 FROM strangler_quarantine q WHERE q.context = {context} AND q.kind = {key.Kind} AND q.key = {key.Id})
        """);

    public static void Remove(Batch batch, string context, EntityKey key) => batch.Add(
        $"DELETE FROM strangler_quarantine WHERE context = {context} AND kind = {key.Kind} AND key = {key.Id}");

    public static void Put(Batch batch, string context, string kind, QuarantineEntry entry) => batch.Add($"""
        INSERT INTO strangler_quarantine AS q (context, kind, key, place, reason, since, signed_off_by, sign_off_reason)
        VALUES ({context}, {kind}, {entry.Id}, {Texts.Cut(entry.Place, 255)}, {Texts.Cut(entry.Reason, 1000)}, {Times.Stored(entry.SinceUtc)},
            {entry.SignedOffBy}, {entry.SignOffReason})
        ON CONFLICT (context, kind, key) DO UPDATE SET
            since = CASE WHEN {IsSame} THEN q.since ELSE EXCLUDED.since END,
            signed_off_by = CASE WHEN {IsSame} THEN COALESCE(EXCLUDED.signed_off_by, q.signed_off_by) ELSE EXCLUDED.signed_off_by END,
            sign_off_reason = CASE WHEN {IsSame} THEN COALESCE(EXCLUDED.sign_off_reason, q.sign_off_reason) ELSE EXCLUDED.sign_off_reason END,
            reason = EXCLUDED.reason, place = EXCLUDED.place
        """);

    public Task<QuarantineEntry?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add(
                $"SELECT {Columns} FROM strangler_quarantine WHERE context = {side.Context} AND kind = {key.Kind} AND key = {key.Id}"),
            Read,
            cancellationToken);

    public async Task<IReadOnlyList<QuarantineEntry>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add(
                $"SELECT {Columns} FROM strangler_quarantine WHERE context = {side.Context} AND kind = {kind} ORDER BY key LIMIT {limit}"),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<(long All, long Open)> CountAsync(string kind, CancellationToken cancellationToken) =>
        side.FirstAsync(
            new Batch().Add($"""
                SELECT COUNT(*), COUNT(*) - COUNT(signed_off_by) FROM strangler_quarantine WHERE context = {side.Context} AND kind = {kind}
                """),
            reader => (reader.GetInt64(0), reader.GetInt64(1)),
            cancellationToken);

    public Task<int> SignOffAsync(string kind, long? id, string by, string reason, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"UPDATE strangler_quarantine SET signed_off_by = {Texts.Cut(by, 190)}, sign_off_reason = {Texts.Cut(reason, 1000)}");
        // An earlier sign-off keeps its name and reason.
        batch.Part($" WHERE context = {side.Context} AND kind = {kind} AND signed_off_by IS NULL");
        if (id is { } one)
        {
            batch.Part($" AND key = {one}");
        }

        return side.WriteAsync(batch.End(), cancellationToken);
    }

    public Task PutAsync(string kind, QuarantineEntry entry, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        Put(batch, side.Context, kind, entry);
        return side.WriteAsync(batch, cancellationToken);
    }

    private static QuarantineEntry Read(NpgsqlDataReader reader) => new(
        reader.GetInt64(0), reader.GetString(1), reader.GetString(2), Times.Utc(reader, 3),
        reader.IsDBNull(4) ? null : reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5));
}
