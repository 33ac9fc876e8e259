using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Connections that end, stall or crawl at the worst moments: around the COMMIT of the lead and of the follower, after any byte, before the
/// greeting.
/// </summary>
[CancelAfter(120_000)]
public sealed class CutConnectionTests
{
    private const int Writers = 4;

    /// <summary>
    /// Case 5, one call at a time: a commit whose reply is lost is found out, with and without a request key, and there are never two.
    /// </summary>
    [Test]
    [Category("Case5")]
    public async Task A_create_whose_COMMIT_is_cut_off_is_there_once(
        [Values(Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var lead = Stages.LeadOf(stage);
        await using var proxy = FaultProxy.Before(world.ServerOf(lead).Process.Port);
        var replica = world.Open(lead == SideName.Legacy ? proxy : null, lead == SideName.New ? proxy : null);
        List<long> ids = [];
        foreach (var cut in Enum.GetValues<CommitCut>())
        {
            foreach (var requestKey in new[] { null, $"request-{cut}" })
            {
                var donation = FaultLoad.New($"{cut}-{requestKey}");
                proxy.CutCommits(cut, Random.Shared, most: 1);
                await replica.Donations.StoreAsync(donation, CancellationToken.None, requestKey);
                Assert.That(donation.Id, Is.Positive);
                ids.Add(donation.Id);

                var change = $"after {cut}";
                donation.AddLog(donation.CreatedAt, change);
                proxy.CutCommits(cut, Random.Shared, most: 1);
                var mayBeUnknown = stage == Stage.LegacyOnly && requestKey is null;
                var known = await TryChangeAsync(replica, donation, requestKey is null ? null : $"{requestKey}-change", mayBeUnknown);

                // Past the proxy: a read may be refused for a connection that was cut, which is not the matter here.
                var stored = await world.Operator.Donations.FindAsync(donation.Id, CancellationToken.None);
                Assert.That(
                    stored!.Log.Count(entry => entry.Message == change),
                    known || cut == CommitCut.After ? Is.EqualTo(1) : Is.LessThanOrEqualTo(1),
                    $"{cut}, {requestKey ?? "no key"}");
            }
        }

        Assert.That(proxy.Cuts, Is.EqualTo(2 * ids.Count), "each COMMIT was cut off once");
        if (stage != Stage.LegacyOnly)
        {
            await world.DrainAsync();
        }

        foreach (var side in Stages.IsDual(stage) ? Enum.GetValues<SideName>() : [SideName.Legacy])
        {
            Assert.That(await world.IdsAsync(side), Is.EqualTo(ids.Order()), $"donations in {side}");
        }
    }

    [Test]
    [Category("Case5")]
    public async Task COMMITs_of_the_lead_that_are_cut_off_under_load_are_found_out(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage, [Values(CommitCut.AtOnce, CommitCut.After)] CommitCut cut)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        await using var proxy = FaultProxy.Before(world.ServerOf(Stages.LeadOf(stage)).Process.Port);
        await UnderLoadAsync(world, proxy, Stages.LeadOf(stage), () => proxy.CutCommits(cut, Random.Shared, 0.3), _ => proxy.Cuts >= 40);
        Assert.That(world.Logs.Lines.Count(line => line.Contains(nameof(CommitOutcomeUnknownException), StringComparison.Ordinal)), Is.Positive);
    }

    [Test]
    [Category("Case3")]
    [Category("Case4")]
    public async Task COMMITs_of_the_follower_that_are_cut_off_under_load_are_made_good(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var follower = Stages.Other(Stages.LeadOf(stage));
        await using var proxy = FaultProxy.Before(world.ServerOf(follower).Process.Port);
        var load = await UnderLoadAsync(
            world, proxy, follower, () => proxy.CutCommits((CommitCut)Random.Shared.Next(4), Random.Shared, 0.2), _ => proxy.Cuts >= 30);
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    /// <summary>Also within packets and greetings. To open a connection takes MySql.Data some 60 KB.</summary>
    [Test]
    [Category("Case3")]
    [Category("Case5")]
    public async Task Connections_that_are_cut_after_any_byte_lose_and_double_nothing([Values] SideName side)
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        await using var proxy = FaultProxy.Before(world.ServerOf(side).Process.Port);
        await UnderLoadAsync(world, proxy, side, () => proxy.CutAnywhere(Random.Shared, 400_000), _ => proxy.Cuts >= 40);
    }

    [Test]
    [Category("Case35")]
    public async Task A_follower_that_accepts_and_falls_silent_holds_nobody_up_beyond_the_bound()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        await using var proxy = FaultProxy.Before(world.New.Process.Port);
        var load = await UnderLoadAsync(world, proxy, SideName.New, proxy.FallSilent, load => load.Replica.Runtime.BreakerIsOpen, 150);
        Assert.That(load.Calls.Max(call => call.Took), Is.LessThan(TimeSpan.FromMilliseconds(1500)));
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    /// <summary>Ten times the usual 5 ms a round trip: slower, and else nothing.</summary>
    [Test]
    [Category("Case35")]
    public async Task A_follower_of_ten_times_the_latency_still_gets_everything_inline()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        await using var proxy = FaultProxy.Before(world.New.Process.Port);
        var delay = TimeSpan.FromMilliseconds(10);
        var load = await UnderLoadAsync(world, proxy, SideName.New, () => proxy.SlowDown(delay), _ => true, 60);
        Assert.That(load.Replica.Runtime.BreakerIsOpen, Is.False);
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    // Nothing is counted in LegacyOnly: without a request key nobody can tell ours from another's of the same content, and the caller is told
    // that.
    private static async Task<bool> TryChangeAsync(Replica replica, Donation donation, string? requestKey, bool mayBeUnknown)
    {
        try
        {
            await replica.Donations.StoreAsync(donation, CancellationToken.None, requestKey);
            return true;
        }
        catch (CommitOutcomeUnknownException) when (mayBeUnknown)
        {
            return false;
        }
    }

    private static async Task<FaultLoad> UnderLoadAsync(
        FaultWorld world, FaultProxy proxy, SideName side, Action fault, Func<FaultLoad, bool> enough, int more = 20)
    {
        var replica = world.WithRelay(world.Open(side == SideName.Legacy ? proxy : null, side == SideName.New ? proxy : null));
        await using var load = FaultLoad.Start(Writers, replica);
        await load.UntilAcknowledgedAsync(50);
        fault();
        await FaultWorld.UntilAsync("the fault has done enough", () => enough(load));
        await load.UntilAcknowledgedAsync(more);
        proxy.Pass();
        await load.UntilAcknowledgedAsync(50);
        await world.AssertNothingLostAsync(load);
        return load;
    }
}
