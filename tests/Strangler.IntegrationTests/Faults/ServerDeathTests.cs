using System.Diagnostics;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// The server of one side is killed (kill -9) or hangs (SIGSTOP) under load, in both directions. Whoever leads goes on or refuses clearly;
/// afterwards nothing is lost and nothing is doubled.
/// </summary>
[CancelAfter(120_000)]
public sealed class ServerDeathTests
{
    private const int Writers = 4;

    // Callers share two cores with two servers here: what a scheduler may add to a bound.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(1500);

    [Test]
    [Category("Case34")]
    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.NewLeads)]
    public async Task A_follower_that_is_killed_and_comes_back_has_missed_nothing_and_nobody_was_refused(Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var (replica, other) = (world.WithRelay(world.Open()), world.WithRelay(world.Open()));
        var (lead, follower) = (Stages.LeadOf(stage), world.ServerOf(Stages.Other(Stages.LeadOf(stage))));
        await using var load = FaultLoad.Start(Writers, replica, other);
        await load.UntilAcknowledgedAsync(100);

        await follower.Process.KillAsync(CancellationToken.None);
        await FaultWorld.UntilAsync("the breaker opens", () => replica.Runtime.BreakerIsOpen && other.Runtime.BreakerIsOpen);
        await load.UntilAcknowledgedAsync(200);
        var behind = (await world.DepthAsync(lead)).Open;
        await follower.Process.RestartAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(100);

        await world.AssertNothingLostAsync(load);
        Assert.That(behind, Is.GreaterThan(100), "the journal has grown");
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    [Test]
    [Category("Case35")]
    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.NewLeads)]
    public async Task A_follower_that_hangs_costs_a_caller_no_more_than_the_bound_and_nothing_once_the_breaker_is_open(Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var replica = world.WithRelay(world.Open());
        var (lead, follower) = (Stages.LeadOf(stage), world.ServerOf(Stages.Other(Stages.LeadOf(stage))));
        await using var load = FaultLoad.Start(Writers, replica);
        await load.UntilAcknowledgedAsync(100);

        await follower.Process.FreezeAsync(CancellationToken.None);
        var frozen = Stopwatch.GetTimestamp();
        await FaultWorld.UntilAsync("the breaker opens", () => replica.Runtime.BreakerIsOpen);
        await load.UntilAcknowledgedAsync(Writers);
        var open = Stopwatch.GetTimestamp();
        await load.UntilAcknowledgedAsync(200);
        var (whole, after) = (load.Longest(Told.Acknowledged, frozen), Began(load, open));
        await follower.Process.ThawAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(100);

        await world.AssertNothingLostAsync(load);
        Assert.That(whole, Is.LessThan(replica.Runtime.Options.InlineApplyTimeout + Slack), "while the breaker was closed");
        Assert.That(after, Is.LessThan(Slack), "while it was open");
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
        Assert.That(await world.DepthAsync(lead), Has.Property("Open").EqualTo(0));
    }

    [Test]
    [Category("Case1")]
    [Category("Case5")]
    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.NewLeads)]
    public async Task A_lead_that_is_killed_and_comes_back_has_all_that_was_acknowledged_and_nothing_that_was_refused(Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var (replica, other) = (world.WithRelay(world.Open()), world.WithRelay(world.Open()));
        var lead = world.ServerOf(Stages.LeadOf(stage));
        await using var load = FaultLoad.Start(Writers, replica, other);
        await load.UntilAcknowledgedAsync(100);

        await lead.Process.KillAsync(CancellationToken.None);
        await load.UntilRefusedAsync(Writers);
        await lead.Process.RestartAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(100);

        await (stage == Stage.LegacyOnly ? AssertOnLegacyAsync(world, load) : world.AssertNothingLostAsync(load));
    }

    [Test]
    [Category("Case35")]
    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.NewLeads)]
    public async Task A_lead_that_hangs_makes_callers_fail_clearly_in_time_and_leaves_nothing_half_done(Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var replica = world.WithRelay(world.Open());
        var lead = world.ServerOf(Stages.LeadOf(stage));
        await using var load = FaultLoad.Start(Writers, replica);
        await load.UntilAcknowledgedAsync(100);

        await lead.Process.FreezeAsync(CancellationToken.None);
        var frozen = Stopwatch.GetTimestamp();
        await load.UntilRefusedAsync(Writers);
        await lead.Process.ThawAsync(CancellationToken.None);
        await load.UntilAcknowledgedAsync(100);

        await world.AssertNothingLostAsync(load);
        Assert.That(load.Longest(Told.Refused, frozen), Is.LessThan(Bound(replica)));
    }

    // A try and a look at the fence, each to its time limit and with the driver's grace after it, or refused connections until the budget is
    // spent.
    internal static TimeSpan Bound(Replica replica) =>
        (2 * (replica.Limits.CommandTimeout + TimeSpan.FromSeconds(2))) + replica.Runtime.Options.PauseBudget;

    private static async Task AssertOnLegacyAsync(FaultWorld world, FaultLoad load)
    {
        await load.EndAsync();
        await world.AssertLedgerAsync(load);
    }

    private static TimeSpan Began(FaultLoad load, long since) =>
        load.Calls.Where(call => call.Began >= since && call.Told == Told.Acknowledged).Select(call => call.Took).DefaultIfEmpty().Max();
}
