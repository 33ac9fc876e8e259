using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Strangler.Contexts.Buckets;

/// <summary>What is asked of the legacy tables beside single logs.</summary>
internal static class LegacyBucketLogQueries
{
    // Both forms of the longer name. To the letter, as on the new side: names of variants are no words.
    private const string Sql =
        """
        SELECT b.name AS Name, COUNT(*) AS Number FROM bucket_log l JOIN bucket_log_bucket b ON b.bucket_log_id = l.id
        WHERE CAST(b.campaign AS BINARY) = @campaign AND CAST(l.event_name AS BINARY) IN @events
        GROUP BY CAST(b.name AS BINARY), b.name ORDER BY CAST(b.name AS BINARY)
        """;

    private static readonly byte[][] _donation = ["donationCreated"u8.ToArray()];
    private static readonly byte[][] _membership = ["membershipApplicationCreated"u8.ToArray(), "membershipApplicationCre"u8.ToArray()];

    public static async Task<IReadOnlyList<BucketCount>> CountAsync(
        DbConnection connection, DbTransaction? transaction, string campaign, LoggedEvent @event, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync<(string Name, long Number)>(new CommandDefinition(
            Sql,
            new { campaign = Encoding.UTF8.GetBytes(campaign), events = @event == LoggedEvent.DonationCreated ? _donation : _membership },
            transaction,
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        return [.. rows.Select(row => new BucketCount(row.Name, row.Number))];
    }
}

/// <summary>The same questions to the new tables, in words that MySQL and PostgreSQL understand alike: they have no other word for a text's bytes.</summary>
internal static class NewBucketLogQueries
{
    private const string Sql =
        """
        SELECT MIN(b.name) AS Name, COUNT(*) AS Number FROM bucket_log_bucket b JOIN bucket_log l ON l.id = b.bucket_log_id
        WHERE b.campaign_hash = @campaign AND l.event = @event GROUP BY MD5(b.name)
        """;

    private static readonly Comparer<string> ByBytes =
        Comparer<string>.Create((left, right) => Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right)));

    public static async Task<IReadOnlyList<BucketCount>> CountAsync(
        DbConnection connection, DbTransaction? transaction, string campaign, LoggedEvent @event, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync<(string Name, long Number)>(new CommandDefinition(
            Sql,
            new { campaign = SHA256.HashData(Encoding.UTF8.GetBytes(campaign)), @event = BucketLogRecords.CodeOf(@event) },
            transaction,
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        return [.. rows.Select(row => new BucketCount(row.Name, row.Number)).OrderBy(count => count.Name, ByBytes)];
    }
}
