using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// A side's server comes back with the data of seconds ago: a failover to a replica that lagged, or a backup that was put back. What was
/// accepted is gone; nobody who wrote it knows.
/// </summary>
[Category("Case35")]
[CancelAfter(120_000)]
public sealed class LostSecondsTests
{
    private const int Writers = 4;

    [Test]
    public async Task A_follower_that_lost_the_last_seconds_is_found_out_and_repaired([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var replica = world.WithRelay(world.Open());
        await using var load = FaultLoad.Start(Writers, replica);
        var follower = world.ServerOf(Stages.Other(Stages.LeadOf(stage)));
        await load.UntilAcknowledgedAsync(50);
        await follower.Process.SaveAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(100);
        await load.EndAsync();
        await world.DrainAsync();

        await follower.Process.RestoreAsync(CancellationToken.None);
        var found = await world.ReconcileAsync();
        Assert.That(found.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(found.Counts[Verdict.LostObligation], Is.Positive);
        Assert.That(
            Differing(found), Is.EqualTo(found.Counts[Verdict.LostObligation]), () => string.Join('\n', ReportText.Render(found)));

        var result = await RepairAsync(world, found.DifferingIds);
        Assert.That(result.Repaired, Is.EqualTo(found.Counts[Verdict.LostObligation]));
        await world.AssertNothingLostAsync(load);
    }

    /// <summary>
    /// The lead is older than what the other side has accepted. Either state may be the right one, so nothing of it is overwritten by
    /// itself: not by the relay, not by a repair, and not by writes that go on meanwhile.
    /// </summary>
    [Test]
    public async Task A_lead_that_was_restored_from_a_backup_overwrites_nothing_of_what_the_other_side_has(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var replica = world.Open();
        var (lead, follower) = (Stages.LeadOf(stage), Stages.Other(Stages.LeadOf(stage)));
        var changed = await StoreAsync(replica, "changed");
        await StoreAsync(replica, "untouched");
        await world.ServerOf(lead).Process.SaveAsync(CancellationToken.None);
        await ChangeAsync(replica, changed, "after the backup");
        await ChangeAsync(replica, changed, "and again");
        var born = await StoreAsync(replica, "born after the backup");
        await world.DrainAsync();

        await world.ServerOf(lead).Process.RestoreAsync(CancellationToken.None);
        var found = await world.ReconcileAsync();
        Assert.That(found.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(found.Counts[Verdict.Regression], Is.EqualTo(2), () => string.Join('\n', ReportText.Render(found)));
        Assert.That(Differing(found), Is.EqualTo(2));

        await ChangeAsync(replica, changed, "after the restore");
        await world.DrainAsync();
        Assert.That((await world.DepthAsync(lead)).Parked, Is.EqualTo(1), "the key waits for a decision, and closes the gates");
        var result = await RepairAsync(world, [changed, born]);
        Assert.That(result.Repaired, Is.Zero);
        Assert.That(await LogAsync(world, follower, changed), Does.Contain("and again").And.Not.Contain("after the restore"));
        Assert.That(await LogAsync(world, follower, born), Does.Contain("created"));
        Assert.That(await LogAsync(world, lead, changed), Does.Contain("after the restore").And.Not.Contain("and again"));
    }

    private static Task<RepairResult> RepairAsync(FaultWorld world, IReadOnlyList<long> ids) => new RepairJob(world.Operator.Runtime).RunAsync(
        DonationsContext.DonationKind, ids, dryRun: false, "test", "a side was restored", null, CancellationToken.None);

    private static long Differing(ReconciliationReport report) =>
        report.Counts.Where(count => count.Key != Verdict.Matched).Sum(count => count.Value);

    private static async Task<long> StoreAsync(Replica replica, string marker)
    {
        var donation = FaultLoad.New(marker.Replace(' ', '-'));
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    private static async Task ChangeAsync(Replica replica, long id, string change)
    {
        var donation = (await replica.Donations.FindAsync(id, CancellationToken.None))!;
        donation.AddLog(donation.CreatedAt, change);
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
    }

    // A side's own record, whoever leads; empty when it has none.
    private static async Task<IReadOnlyList<string>> LogAsync(FaultWorld world, SideName side, long id)
    {
        var repository = world.Operator.Runtime.Kind(DonationsContext.DonationKind).Of(side);
        var state = await repository.Store.ReadAsync(new EntityKey(DonationsContext.DonationKind, id), CancellationToken.None);
        return state.Row is null ? [] : [.. repository.Lens.Get(state.Row).List("log_entries").Rows.Select(row => (string)row[1]!)];
    }
}
