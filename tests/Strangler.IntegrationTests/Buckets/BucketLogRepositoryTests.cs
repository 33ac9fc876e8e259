using Dapper;
using Strangler.Contexts.Buckets;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Buckets;

/// <summary>What is asked of the log of buckets, answered alike in every stage; and what becomes of rows of buckets.</summary>
public sealed class BucketLogRepositoryTests
{
    private static readonly DateTime Noon = new(2022, 11, 18, 12, 0, 0);

    [Test]
    public async Task Counting_goes_by_the_letter_and_knows_both_forms_of_the_long_name()
    {
        await using var world = await BucketsWorld.CreateAsync();
        await world.RunForeignAsync(
            """
            INSERT INTO bucket_log (id, event_name, external_id, date) VALUES
                (1, 'donationCreated', 5, '2020-01-01 12:00:00'), (2, 'membershipApplicationCre', 5, '2020-01-01 12:00:00'),
                (3, 'membershipApplicationCreated', 6, '2023-01-01 12:00:00'), (4, 'donationCreated', 6, '2023-01-01 12:00:00');
            INSERT INTO bucket_log_bucket (bucket_log_id, name, campaign) VALUES
                (1, 'default', 'test'), (1, 'video', 'other'), (2, 'default', 'test'), (3, 'default', 'test'), (3, 'Default', 'test'), (4, 'größer', 'Test');
            """);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads, Stage.DualWrite, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            Assert.That(await CountAsync("test", LoggedEvent.DonationCreated), Is.EqualTo("default 1"), $"{stage}");
            Assert.That(await CountAsync("test", LoggedEvent.MembershipCreated), Is.EqualTo("Default 1, default 2"), $"{stage}");
            Assert.That(await CountAsync("Test", LoggedEvent.DonationCreated), Is.EqualTo("größer 1"), $"{stage}");
            Assert.That(await CountAsync("unheard-of", LoggedEvent.DonationCreated), Is.Empty, $"{stage}");
        }

        async Task<string> CountAsync(string campaign, LoggedEvent @event) =>
            string.Join(", ", (await world.BucketLogs.CountAsync(campaign, @event, CancellationToken.None)).Select(count => $"{count.Name} {count.Number}"));
    }

    /// <summary>What a program adds to the rows of a log, takes from them, or says of another one, while the new side leads.</summary>
    [Test]
    public async Task Rows_of_buckets_that_another_program_touches_arrive_and_keep_their_keys()
    {
        await using var world = await BucketsWorld.CreateAsync();
        await world.MoveToAsync(Stage.NewLeads);
        var log = new BucketLog(0, LoggedEvent.DonationCreated, 7, Noon, [new Bucket("a", "x"), new Bucket("b", "x"), new Bucket("a", "x")]);
        await world.BucketLogs.AppendAsync(log, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var keys = await KeysAsync(world, log.Id);
        Assert.That(keys, Has.Count.EqualTo(3), "two that say the same are two");
        await world.RunForeignAsync(
            $"DELETE FROM bucket_log_bucket WHERE id = {keys[1]}; INSERT INTO bucket_log_bucket (bucket_log_id, name, campaign) VALUES ({log.Id}, 'c', 'y')");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var found = (await world.BucketLogs.FindAsync(log.Id, CancellationToken.None))!;
        Assert.That(found.Buckets.Select(bucket => bucket.Name), Is.EqualTo(new[] { "a", "a", "c" }));
        Assert.That((await KeysAsync(world, log.Id)).Take(2), Is.EqualTo(new[] { keys[0], keys[2] }));
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public async Task A_name_that_is_too_long_for_its_column_is_refused_and_nothing_is_cut_off()
    {
        await using var world = await BucketsWorld.CreateAsync();
        var log = new BucketLog(0, LoggedEvent.DonationCreated, 7, Noon, [new Bucket(new string('x', 25), "campaign")]);
        Assert.That(() => world.BucketLogs.AppendAsync(log, CancellationToken.None), Throws.TypeOf<CannotHoldException>().With.Message.Contains("name"));
        await using var connection = await world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM bucket_log"), Is.Zero);
    }

    private static async Task<List<long>> KeysAsync(BucketsWorld world, long id)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return [.. await connection.QueryAsync<long>("SELECT id FROM bucket_log_bucket WHERE bucket_log_id = @id ORDER BY id", new { id })];
    }
}
