using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Strangler.Cli.Demo;

/// <summary>
/// What old programs ask of the legacy tables, in their own SQL: the public comment list and the export's selection (booked, promised or debited,
/// not moderated, deleted, incomplete or exported before; a zero or epoch date in dt_gruen is no export). They never hear of the migration, so their answers must not change.
/// </summary>
internal static class LegacyReaders
{
    private const string CommentList =
        """
        SELECT id, betrag, eintrag, kommentar, CAST(dt_new AS CHAR) AS dt_new
        FROM spenden
        WHERE is_public = 1 AND dt_del IS NULL AND status IN ('N', 'B') AND id BETWEEN @from AND @to
        ORDER BY dt_new DESC, id DESC
        """;

    private const string Export =
        """
        SELECT id, status, name, ort, email, info, bescheinigung, betrag, periode, zahlweise, ueb_code, data, CAST(dt_new AS CHAR) AS dt_new
        FROM spenden
        WHERE status IN ('N', 'Z', 'B') AND (dt_gruen IS NULL OR dt_gruen <= '1970-01-01 01:00:00') AND dt_del IS NULL AND id BETWEEN @from AND @to
        ORDER BY id
        """;

    private const string ExportFromNew =
        """
        SELECT m.public_id AS id
        FROM donation d
        JOIN strangler_id_map m ON m.context = 'donations' AND m.kind = 'donation' AND m.new_id = d.id
        WHERE d.payment_state IN ('new', 'promised', 'booked') AND d.is_cancelled = 0 AND d.is_moderated = 0 AND d.is_exported = 0
          AND d.is_deleted = 0 AND m.public_id BETWEEN @from AND @to
        ORDER BY m.public_id
        """;

    /// <summary>Rows and a digest of every byte of both answers for ids in the range.</summary>
    public static async Task<LegacyAnswers> AskAsync(DbConnection legacy, long from, long to, CancellationToken cancellationToken)
    {
        var comments = await DigestAsync(legacy, CommentList, from, to, cancellationToken).ConfigureAwait(false);
        var export = await DigestAsync(legacy, Export, from, to, cancellationToken).ConfigureAwait(false);
        return new LegacyAnswers(comments.Rows, comments.Digest, export.Rows, export.Digest);
    }

    /// <summary>The ids that the export would take, by legacy's SQL and by the new tables.</summary>
    public static async Task<(IReadOnlyList<long> Legacy, IReadOnlyList<long> New)> ExportIdsAsync(
        DbConnection legacy, DbConnection @new, CancellationToken cancellationToken)
    {
        var all = new { from = 0L, to = long.MaxValue };
        var old = await legacy.QueryAsync<long>(new CommandDefinition(
            $"SELECT id FROM ({Export}) AS export_list", all, cancellationToken: cancellationToken)).ConfigureAwait(false);
        var fresh = await @new.QueryAsync<long>(new CommandDefinition(
            $"SELECT id FROM ({ExportFromNew}) AS export_list", all, cancellationToken: cancellationToken)).ConfigureAwait(false);
        return ([.. old.Order()], [.. fresh.Order()]);
    }

    private static async Task<(int Rows, string Digest)> DigestAsync(
        DbConnection connection, string sql, long from, long to, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var rows = 0;
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in new[] { ("@from", from), ("@to", to) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            rows++;
            for (var column = 0; column < reader.FieldCount; column++)
            {
                var text = reader.IsDBNull(column) ? null : Convert.ToString(reader.GetValue(column), CultureInfo.InvariantCulture);
                hash.AppendData(Encoding.UTF8.GetBytes(text is null ? "-;" : string.Create(CultureInfo.InvariantCulture, $"{text.Length}:{text};")));
            }
        }

        return (rows, Convert.ToHexStringLower(hash.GetHashAndReset())[..16]);
    }
}

/// <summary>Answers of the old programs' queries.</summary>
internal sealed record LegacyAnswers(int Comments, string CommentsDigest, int Exported, string ExportDigest);
