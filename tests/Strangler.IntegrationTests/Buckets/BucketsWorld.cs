using Strangler.Contexts.Buckets;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Buckets;

namespace Strangler.IntegrationTests.Buckets;

/// <summary>Logs of buckets, each with its rows of buckets, on two fresh databases.</summary>
internal sealed class BucketsWorld : PlainWorld<BucketsWorld>
{
    private BucketsWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(BucketsContext.Name, BucketsContext.BucketLogKind, legacy, @new, options, "bucket_log", "id")
    {
    }

    public BucketLogRepositoryWrapper BucketLogs => Host.Part<BucketsContext>().BucketLogs;

    public static Task<BucketsWorld> CreateAsync(bool migrate = true, string? options = null) => CreateAsync(
        "buckets", (legacy, @new) => new BucketsWorld(legacy, @new, options), connection => LegacyBucketSchema.CreateAsync(connection), migrate);

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = Generators(new LegacyRowOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable })[0];
        await LegacyBuckets.WriteAsync(generator, LegacyDatabase.Source.OpenAsync);
        return [.. generator.Generate().Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows =>
        [.. base.LegacyRows, ("SELECT * FROM bucket_log_bucket WHERE bucket_log_id = @id ORDER BY id", "bucket_log_bucket")];

    protected override IReadOnlyList<LegacyTableGenerator> Generators(LegacyRowOptions options) => [LegacyBuckets.Generator(options)];
}
