using System.Data.Common;
using System.Globalization;

namespace Strangler.LegacyData.Buckets;

/// <summary>Rows of the legacy tables <c>bucket_log</c> and <c>bucket_log_bucket</c>.</summary>
public static class LegacyBuckets
{
    /// <summary>What 24 characters leave of the longer name.</summary>
    public const string CutName = "membershipApplicationCre";

    private const string ZeroDate = "0000-00-00 00:00:00";

    private static readonly (string Campaign, string[] Names)[] _campaigns =
    [
        ("header_template", ["default", "smaller"]), ("membership_call_to_actio", ["regular", "video"]), ("desktop-address-form-ste", ["no-step", "step_by_step"]),
        ("campaigns.straße", ["größer", "kleiner"]),
    ];

    private static readonly string[] _bucketColumns = ["id", "bucket_log_id", "name", "campaign"];

    private static readonly TableScenes _scenes = new(
        "bucket_log",
        ["id", "event_name", "external_id", "date"],
        (dice, number, of) =>
        [
            "donationCreated", 3_000_000 + dice.Next(900_000),
            new DateTime(2019, 3, 1).AddMinutes(number * 2_000_000.0 / of).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        ],
        [
            (new RowScene("donation", (_, _) => { }), 60),
            (new RowScene("membership", (row, _) => Membership(row, "membershipApplicationCreated")), 10),
            (new RowScene("membership-cut", (row, _) => Membership(row, CutName)), 10),
            (new RowScene("no-buckets", (_, _) => { }), 5),
        ],
        [
            new("one-bucket", (_, _) => { }),
            new("the-same-bucket-twice", (_, _) => { }),
            new("buckets-without-a-name", (_, _) => { }),
            new("buckets-that-are-full", (_, _) => { }),
            new("a-hundred-buckets", (_, _) => { }),
            new("of-nothing", (row, _) => row.Set("external_id", 0)),
            new("of-the-largest-id", (row, _) => row.Set("external_id", (long)int.MaxValue)),
            new("zero-date", (row, _) => row.Set("date", ZeroDate)),
            new("repeated-hour", (row, _) => row.Set("date", "2021-10-31 02:30:00")),
        ],
        [
            new("unknown-event", (row, _) => row.Set("event_name", "subscriptionCreated")),
            new("no-event", (row, _) => row.Set("event_name", "")),
            new("event-cut-elsewhere", (row, _) => row.Set("event_name", "membershipApplicationCreat")),
            new("event-in-other-letters", (row, _) => row.Set("event_name", "DonationCreated")),
            new("id-below-zero", (row, _) => row.Set("external_id", -1)),
            new("impossible-date", (row, _) => row.Set("date", "2019-02-30 12:00:00")),
        ],
        (Describe, ["event-donation", "event-membership", "event-cut"]));

    public static LegacyTableGenerator Generator(LegacyRowOptions options) => new(_scenes, options);

    /// <summary>The buckets of a generated log: key, name, campaign; the same for the same log.</summary>
    public static IReadOnlyList<(long Id, string Name, string Campaign)> BucketsOf(LegacyRow log)
    {
        var dice = new Dice((ulong)log.Id * 0x9E3779B97F4A7C15);
        (string Name, string Campaign)[] buckets = log.Kinds[0] switch
        {
            "no-buckets" => [],
            "one-bucket" => [("default", "header_template")],
            "the-same-bucket-twice" => [("default", "header_template"), ("video", "membership_call_to_actio"), ("default", "header_template")],
            "buckets-without-a-name" => [("", "header_template"), ("default", "")],
            "buckets-that-are-full" => [(new string('ß', 24), new string('ł', 24)), (" with blanks ", "Straße ")],
            "a-hundred-buckets" => [.. Enumerable.Range(0, 100).Select(number => ($"variant-{number}", "header_template"))],
            _ => [.. _campaigns.Take(1 + dice.Next(_campaigns.Length)).Select(campaign => (dice.Pick(campaign.Names), campaign.Campaign))],
        };

        // With room in between, and not in the order of the logs: buckets of logs written at the same time lie among each other.
        return [.. buckets.Select((bucket, at) => ((log.Id * 1_000) + (at * 3), bucket.Name, bucket.Campaign))];
    }

    /// <summary>Creates nothing but rows: the tables must be there.</summary>
    public static async Task WriteAsync(
        LegacyTableGenerator generator, Func<CancellationToken, Task<DbConnection>> connectionFactory, CancellationToken cancellationToken = default)
    {
        await generator.WriteAsync(connectionFactory, null, cancellationToken).ConfigureAwait(false);
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
        var buckets = generator.Generate().SelectMany(log => BucketsOf(log).Select(bucket => (object?[])[bucket.Id, log.Id, bucket.Name, bucket.Campaign]));
        foreach (var batch in buckets.Chunk(500))
        {
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(transaction, "bucket_log_bucket", _bucketColumns, batch, row => row, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Membership(LegacyRow row, string name)
    {
        row.Set("event_name", name);
        row.Set("external_id", 10_000 + ((long)row["external_id"]! % 40_000));
    }

    private static IEnumerable<string> Describe(LegacyRow row)
    {
        var name = (string)row["event_name"]!;
        if (name is "donationCreated" or "membershipApplicationCreated" or CutName)
        {
            yield return name == "donationCreated" ? "event-donation" : name == CutName ? "event-cut" : "event-membership";
        }
    }
}
