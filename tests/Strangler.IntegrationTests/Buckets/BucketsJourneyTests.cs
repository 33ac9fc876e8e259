using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Buckets;

namespace Strangler.IntegrationTests.Buckets;

/// <summary>The command line on a context of rows and child rows.</summary>
public sealed class BucketsJourneyTests : ContextJourneyContract
{
    private static readonly LegacyRow _log = LegacyBuckets.Generator(new LegacyRowOptions { Rows = 600 }).Generate().First(row => row.Kinds.Contains("donation"));

    private protected override int LeastPersonalValues => 1;

    private protected override IReadOnlyList<string> Explained =>
        ["bucket_log.event_name", "cut off again", "(rows of bucket_log_bucket)", "bucket_log_bucket.campaign", "subject_not_there"];

    private protected override IReadOnlyList<string> Quarantined => ["bucket_log.event_name", "unknown code", "bucket_log.external_id", "bucket_log.date"];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples => [("bucket-log", _log.Id)];

    private protected override string PlantedDrift => $"UPDATE bucket_log SET logged_at = '1999-12-31 12:00:00' WHERE id = {NewIdOf("bucket-log", _log.Id)}";

    private protected override (string Kind, long Id) PlantedIn => ("bucket-log", _log.Id);

    private protected override string PlantedField => "logged_at";

    private protected override string ForeignUpdate => $"UPDATE bucket_log_bucket SET name = 'arrived' WHERE bucket_log_id = {_log.Id}";

    private protected override string ForeignArrived => "SELECT COUNT(*) FROM bucket_log_bucket WHERE name = 'arrived'";

    // Nothing is personal here.
    private protected override string PersonalValues => "SELECT '(nothing)' FROM DUAL WHERE 1 = 0";

    private protected override async Task<ContextWorld> CreateWorldAsync() => await BucketsWorld.CreateAsync(migrate: false);
}
