using System.Data.Common;
using Strangler.Backfill;
using Strangler.DualWrite;

namespace Strangler.MySql;

internal sealed class MySqlQuarantine(MySqlSide side) : IQuarantine
{
    private static readonly Sql Columns = new("`key`, place, reason, since, signed_off_by, sign_off_reason");

    /// <summary>One more column of a select: whether the key is listed.</summary>
    public static void SelectIsListed(Batch batch, string context, EntityKey key) => batch.Part($"""
        , EXISTS (SELECT 1 FROM strangler_quarantine q WHERE q.context = {context} AND q.kind = {key.Kind} AND q.`key` = {key.Id})
        """);

    public static void Remove(Batch batch, string context, EntityKey key) => batch.Add(
        $"DELETE FROM strangler_quarantine WHERE context = {context} AND kind = {key.Kind} AND `key` = {key.Id}");

    // Assignments run from left to right, so `reason` and `place` come last: the others compare with what was there.
    public static void Put(Batch batch, string context, string kind, QuarantineEntry entry)
    {
        var (place, reason) = (Texts.Cut(entry.Place, 255), Texts.Cut(entry.Reason, 1000));
        batch.Add($"""
            INSERT INTO strangler_quarantine (context, kind, `key`, place, reason, since, signed_off_by, sign_off_reason)
            VALUES ({context}, {kind}, {entry.Id}, {place}, {reason}, {Clock.Text(entry.SinceUtc)}, {entry.SignedOffBy},
            {entry.SignOffReason})
            ON DUPLICATE KEY UPDATE since = IF(reason = VALUES(reason) AND place = VALUES(place), since, VALUES(since)),
                signed_off_by = IF(reason = VALUES(reason) AND place = VALUES(place), COALESCE(VALUES(signed_off_by), signed_off_by),
                VALUES(signed_off_by)),
                sign_off_reason = IF(reason = VALUES(reason) AND place = VALUES(place), COALESCE(VALUES(sign_off_reason), sign_off_reason),
                VALUES(sign_off_reason)),
                reason = VALUES(reason), place = VALUES(place)
            """);
    }

    public Task<QuarantineEntry?> FindAsync(EntityKey key, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add(
                $"SELECT {Columns} FROM strangler_quarantine WHERE context = {side.Context} AND kind = {key.Kind} AND `key` = {key.Id}"),
            async (reader, token) => await reader.ReadAsync(token).ConfigureAwait(false) ? Read(reader) : null,
            cancellationToken);

    public async Task<IReadOnlyList<QuarantineEntry>> ListAsync(string kind, int limit, CancellationToken cancellationToken) =>
        await side.ListAsync(
            new Batch().Add($"""
                SELECT {Columns} FROM strangler_quarantine WHERE context = {side.Context} AND kind = {kind} ORDER BY `key` LIMIT {limit}
                """),
            Read,
            cancellationToken).ConfigureAwait(false);

    public Task<(long All, long Open)> CountAsync(string kind, CancellationToken cancellationToken) =>
        side.QueryAsync(
            new Batch().Add($"""
                SELECT COUNT(*), COUNT(*) - COUNT(signed_off_by) FROM strangler_quarantine WHERE context = {side.Context} AND kind = {kind}
                """),
            async (reader, token) =>
            {
                await reader.ReadAsync(token).ConfigureAwait(false);
                return (reader.GetInt64(0), reader.GetInt64(1));
            },
            cancellationToken);

    public Task<int> SignOffAsync(string kind, long? id, string by, string reason, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        batch.Part($"UPDATE strangler_quarantine SET signed_off_by = {Texts.Cut(by, 190)}, sign_off_reason = {Texts.Cut(reason, 1000)}");
        // An earlier sign-off keeps its name and reason.
        batch.Part($" WHERE context = {side.Context} AND kind = {kind} AND signed_off_by IS NULL");
        if (id is { } one)
        {
            batch.Part($" AND `key` = {one}");
        }

        return side.ExecuteAsync(batch.End(), cancellationToken);
    }

    public Task PutAsync(string kind, QuarantineEntry entry, CancellationToken cancellationToken)
    {
        var batch = new Batch();
        Put(batch, side.Context, kind, entry);
        return side.ExecuteAsync(batch, cancellationToken);
    }

    private static QuarantineEntry Read(DbDataReader reader) => new(
        reader.GetInt64(0), reader.GetString(1), reader.GetString(2), FenceSql.Utc(reader, 3),
        reader.IsDBNull(4) ? null : reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5));
}
