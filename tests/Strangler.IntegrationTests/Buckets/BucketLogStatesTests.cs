using Strangler.Contexts.Buckets;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Buckets;

namespace Strangler.IntegrationTests.Buckets;

/// <summary>The states of logs of buckets.</summary>
public sealed class BucketLogStatesTests : AppendOnlyStatesContract<BucketLog>
{
    private static readonly LegacyTableGenerator _all = LegacyBuckets.Generator(new LegacyRowOptions());

    private protected override int Rows => 450;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds.Except(_all.UnreadableKinds);

    // Nobody cuts a name off any more.
    private protected override IReadOnlyList<string> OfTheStore => ["is_name_cut"];

    private protected override async Task<ContextWorld> CreateWorldAsync() => await BucketsWorld.CreateAsync();

    private protected override AppendOnlyWrapper<BucketLog> WrapperOf(ContextWorld world) => world.Host.Part<BucketsContext>().BucketLogs;

    private protected override BucketLog? Again(BucketLog entity) =>
        entity is { ExternalId: > 0, LoggedAt: { } at } && entity.Buckets.All(bucket => bucket.Name.Length > 0 && bucket.Campaign.Length > 0)
            ? new BucketLog(0, entity.Event, entity.ExternalId, at, entity.Buckets)
            : null;

    private protected override long IdOf(BucketLog entity) => entity.Id;
}
