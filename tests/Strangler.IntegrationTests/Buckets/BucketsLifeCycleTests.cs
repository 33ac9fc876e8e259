using Strangler.Contexts.Buckets;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.Buckets;

/// <summary>The life cycle of logs of buckets.</summary>
public sealed class BucketsLifeCycleTests : AppendOnlyLifeCycleContract<BucketLog>
{
    private static readonly DateTime Noon = new(2022, 11, 18, 12, 0, 0);

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) => await BucketsWorld.CreateAsync(options: options);

    private protected override AppendOnlyWrapper<BucketLog> WrapperOf(ContextHost host) => host.Part<BucketsContext>().BucketLogs;

    private protected override BucketLog New(long id, long number) => new(
        id, number % 2 == 0 ? LoggedEvent.DonationCreated : LoggedEvent.MembershipCreated, number, Noon,
        [.. Enumerable.Range(0, (int)(number % 4)).Select(at => new Bucket($"variant-{at}", "header_template"))]);

    private protected override long NumberOf(BucketLog entity) => entity.ExternalId;

    private protected override long IdOf(BucketLog entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("external_id", number);

    private protected override string ForeignInsert(long id, long number) =>
        $"""
        INSERT INTO bucket_log (id, event_name, external_id, date) VALUES ({id}, 'donationCreated', {number}, '2021-10-31 02:30:00');
        INSERT INTO bucket_log_bucket (bucket_log_id, name, campaign) VALUES ({id}, 'default', 'header_template'), ({id}, 'video', 'other');
        """;

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE bucket_log SET external_id = {number} WHERE id = {id}";

    private protected override string ForeignDelete(long id) =>
        $"DELETE FROM bucket_log_bucket WHERE bucket_log_id = {id}; DELETE FROM bucket_log WHERE id = {id}";
}
