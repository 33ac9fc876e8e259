using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Strangler.Contexts.Impressions;

/// <summary>What is asked of the legacy tables beside single entities.</summary>
internal static class LegacyImpressionQueries
{
    // The index finds by the collation, the bytes decide.
    private const string ByName =
        "SELECT banner_id FROM backend_banner WHERE cn_name = @name AND CAST(cn_name AS BINARY) = @bytes ORDER BY banner_id LIMIT 1";

    private const string Sum = "SELECT CAST(COALESCE(SUM(imp_count), 0) AS SIGNED) FROM backend_impressions WHERE banner_id = @banner";

    public static Task<long?> FindBannerAsync(DbConnection connection, DbTransaction? transaction, string name, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByName, new { name, bytes = Encoding.UTF8.GetBytes(name) }, transaction, cancellationToken: cancellationToken));

    public static Task<long> CountAsync(DbConnection connection, DbTransaction? transaction, long banner, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(Sum, new { banner }, transaction, cancellationToken: cancellationToken));
}

/// <summary>The same questions to the new tables, in words that MySQL and PostgreSQL understand alike.</summary>
internal static class NewImpressionQueries
{
    private const string ByName =
        """
        SELECT m.public_id FROM banner b
        JOIN strangler_id_map m ON m.context = 'impressions' AND m.kind = 'banner' AND m.new_id = b.id
        WHERE b.name_hash = @hash ORDER BY m.public_id LIMIT 1
        """;

    // A banner that nothing here has ever referred to has no pair, and was never seen.
    private const string Sum =
        """
        SELECT COALESCE(SUM(number), 0) FROM impression WHERE banner_id = CASE WHEN @banner = 0 THEN 0 ELSE (
            SELECT m.new_id FROM strangler_id_map m WHERE m.context = 'impressions' AND m.kind = 'banner' AND m.public_id = @banner) END
        """;

    public static Task<long?> FindBannerAsync(DbConnection connection, DbTransaction? transaction, string name, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long?>(new CommandDefinition(
            ByName, new { hash = SHA256.HashData(Encoding.UTF8.GetBytes(name)) }, transaction, cancellationToken: cancellationToken));

    public static Task<long> CountAsync(DbConnection connection, DbTransaction? transaction, long banner, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(Sum, new { banner }, transaction, cancellationToken: cancellationToken));
}
