using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.LegacyData.Drift;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>Processes are killed while they reconcile, on a real server; what others make of what they left.</summary>
[TestFixture]
public sealed class KilledRunTests
{
    private const int Rows = 400;

    [Test]
    [Category("Case8")]
    public async Task Killed_at_many_chunks_and_resumed_each_entity_is_counted_once()
    {
        await using var world = await WorldAsync();
        var reconciler = world.Host.Reconciler(ReconcileChild.Options(world.Host));
        var expected = Total(
            await reconciler.RunAsync(new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));

        // One run, killed at growing distances, each time taken up by another process; the last ends it. The claim of each is free at
        // once, as it is gone.
        Assert.That(await ReconcileChild.KilledAfterAsync(world, "run", 6, limit.Token), Is.False);
        for (var chunks = 1; chunks <= 10; chunks += 3)
        {
            Assert.That(await ReconcileChild.KilledAfterAsync(world, "resume", chunks, limit.Token), Is.False, $"{chunks}");
        }

        var report = await reconciler.ResumeAsync(DonationsContext.DonationKind, null, limit.Token);

        Assert.That(Total(report), Is.EqualTo(expected));
        Assert.That(report.Notes.Count(note => note.StartsWith("Interrupted", StringComparison.Ordinal)), Is.InRange(2, 5));
        await using var connection = await world.NewDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_reconciliation_checkpoint"), Is.Zero);
    }

    [Test]
    [Category("Case66")]
    public async Task Of_many_that_start_at_once_on_a_real_server_never_two_have_the_context()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var lease = world.Host.Sides.ReconciliationLease;
        for (var round = 0; round < 20; round++)
        {
            var tokens = Enumerable.Range(0, 8).Select(starter => $"{round}-{starter}").ToList();
            var holders = await Task.WhenAll(tokens.Select(token => Task.Run(() => lease.AcquireAsync(Holder(token), null, TimeSpan.FromMinutes(1), CancellationToken.None))));

            Assert.That(holders.Select(holder => holder.Token).Distinct().ToList(), Has.Count.EqualTo(1));
            Assert.That(tokens, Does.Contain(holders[0].Token));
            Assert.That(await lease.RenewAsync($"{round}-none", TimeSpan.FromMinutes(1), CancellationToken.None), Is.False);
            await lease.ReleaseAsync(holders[0].Token, CancellationToken.None);
        }
    }

    [Test]
    [Category("Case66")]
    public async Task A_lease_ends_by_the_servers_clock_or_is_taken_from_its_holder_by_name()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var lease = world.Host.Sides.ReconciliationLease;
        await lease.AcquireAsync(Holder("short"), null, TimeSpan.FromMilliseconds(1), CancellationToken.None);
        Assert.That(await PollAsync(async () =>
            (await lease.AcquireAsync(Holder("a"), null, TimeSpan.FromHours(1), CancellationToken.None)).Token == "a"), Is.True);

        Assert.That((await lease.AcquireAsync(Holder("b"), "somebody", TimeSpan.FromHours(1), CancellationToken.None)).Token,
            Is.EqualTo("a"));
        Assert.That((await lease.AcquireAsync(Holder("b"), "a", TimeSpan.FromHours(1), CancellationToken.None)).Token, Is.EqualTo("b"));
        var checkpoint = new RunCheckpoint(1, "donation", default, default, "{}");
        Assert.That(await lease.SaveAsync("a", checkpoint, CancellationToken.None), Is.False, "it has lost the lease");
        Assert.That(await lease.SaveAsync("b", checkpoint, CancellationToken.None), Is.True);
        Assert.That(await lease.SaveAsync("b", checkpoint with { State = "{ }" }, CancellationToken.None), Is.True,
            "in place of the first");
    }

    private static LeaseHolder Holder(string token) => new(token, "donation: all", "test", ProcessIdentity.Current);

    private static async Task<bool> PollAsync(Func<Task<bool>> condition)
    {
        var until = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(10);
        while (TimeProvider.System.GetUtcNow() < until)
        {
            if (await condition())
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<DonationsWorld> WorldAsync()
    {
        var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(Rows);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        await new DriftPlanter(
            world.Host.Runtime, DonationsContext.DonationKind, new PlantOptions(), (key, _) => PlantedDriftTests.UnmapAsync(world, key))
            .PlantAsync(CancellationToken.None);

        // In flight however much time goes by.
        await using var connection = await world.LegacyDatabase.OpenAsync();
        await connection.ExecuteAsync("UPDATE strangler_journal SET created_at = created_at + INTERVAL 1 DAY WHERE state <> 'parked'");
        return world;
    }

    private static string Total(ReconciliationReport report) => string.Join('\n',
    [
        .. report.Counts.Select(count => $"{count.Key} {count.Value} {report.LegacyCounts[count.Key]} {report.NewCounts[count.Key]}"),
        .. report.FieldCounts.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => $"{field.Key} {field.Value}"),
        .. report.Samples.Select(sample => $"{sample.Id} {sample.NewId} {sample.Verdict} {string.Join(',', sample.Fields)}"),
        .. report.Differing.Select(entity => $"{entity.Id} {entity.Verdict} {string.Join(',', entity.Fields)}"),
        .. report.Sums.SelectMany(sum =>
            sum.Splits.SelectMany(split => split.Groups).Append(sum.Total).Append(sum.Open).Concat(sum.Differing))
            .Select(group => $"{string.Join(',', group.Values)} {group with { Values = [] }}"),
        $"{report.Entities} {report.Deleted} {report.RicherInNew} {report.SignedOff} {report.Outcome}",
    ]);
}
