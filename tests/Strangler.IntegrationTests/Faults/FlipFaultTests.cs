using System.Diagnostics;
using Dapper;
using Strangler.Cutover;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>Flips under load on two servers while something is wrong: a long transaction, a partition, clocks that are off.</summary>
[CancelAfter(120_000)]
public sealed class FlipFaultTests
{
    private const int Writers = 4;

    /// <summary>
    /// A writer's transaction stays open over the begin of a flip: the flip waits for it with short lock time-outs and does not decide
    /// before it has ended. Writers who queue behind the flip's lock are let through after each time-out.
    /// </summary>
    [Test]
    [Category("Case11")]
    [Category("Case32")]
    public async Task A_long_write_transaction_makes_the_flip_wait_and_holds_writers_up_no_longer_than_one_lock_time_out()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.ShadowRead);
        var replica = world.WithRelay(world.Open());
        var slow = world.Open(changeSide: side => side.TransactionDeadline = TimeSpan.FromSeconds(10));
        await using var load = FaultLoad.Start(Writers, replica);
        await load.UntilAcknowledgedAsync(50);

        var open = await slow.Sides.Legacy.Store.BeginAsync(new WriteIntent(new EntityKey("donation", 999_999)), CancellationToken.None);
        var began = Stopwatch.GetTimestamp();
        var flip = world.StepAsync(forward: true);
        await FaultWorld.UntilAsync("two lock time-outs have passed", () => Stopwatch.GetElapsedTime(began) > 2.5 * replica.Runtime.Options.FenceLockTimeout);
        Assert.That(flip.IsCompleted, Is.False, "the flip waits");
        Assert.That((await world.Operator.Cutover.StatusAsync(CancellationToken.None)).Stage, Is.EqualTo(Stage.ShadowRead));
        await open.DisposeAsync();

        Assert.That((await flip).Stage, Is.EqualTo(Stage.NewLeads));
        await load.UntilAcknowledgedAsync(50);
        await world.AssertNothingLostAsync(load);
        Assert.That(load.Calls.Max(call => call.Took), Is.LessThan(replica.Runtime.Options.FenceLockTimeout + TimeSpan.FromMilliseconds(1500)));
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    /// <summary>
    /// One replica no longer reaches the side that comes to lead, later the other: it refuses or waits, and never writes on the wrong side.
    /// </summary>
    [Test]
    [Category("Case26")]
    public async Task A_replica_that_is_cut_off_from_one_side_during_flips_is_slow_and_never_wrong()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.ShadowRead);
        await using var legacy = FaultProxy.Before(world.Legacy.Process.Port);
        await using var @new = FaultProxy.Before(world.New.Process.Port);
        var whole = world.WithRelay(world.Open());
        await using var load = FaultLoad.Start(Writers, whole, world.Open(legacy, @new));
        await load.UntilAcknowledgedAsync(50);
        foreach (var proxy in new[] { @new, legacy })
        {
            proxy.FallSilent();
            await FlipAsync(world);
            await load.UntilAcknowledgedAsync(100);
            proxy.Pass();
            await load.UntilAcknowledgedAsync(50);
        }

        await world.AssertNothingLostAsync(load);
    }

    /// <summary>Leases, deadlines and heartbeats go by the databases' clocks; a replica's own only paces it.</summary>
    [Test]
    [Category("Case27")]
    public async Task Replicas_whose_clocks_are_ten_minutes_off_either_way_decide_nothing_wrong()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.ShadowRead);
        var ahead = world.WithRelay(world.Open(time: new SkewedTime(TimeSpan.FromMinutes(10))));
        var behind = world.WithRelay(world.Open(time: new SkewedTime(TimeSpan.FromMinutes(-10))));
        await using var load = FaultLoad.Start(Writers, ahead, behind);
        await load.UntilAcknowledgedAsync(50);
        foreach (var flipper in new[] { ahead, behind, ahead, behind })
        {
            await FlipAsync(world, flipper);
            await load.UntilAcknowledgedAsync(30);
        }

        Assert.That(await StageAsync(world), Is.EqualTo(Stage.ShadowRead));
        await world.AssertNothingLostAsync(load);
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
    }

    /// <summary>
    /// The trap: under REPEATABLE READ a plain SELECT answers from the transaction's snapshot, so after a flip it still shows the epoch of
    /// before. The first statement of our write takes a shared lock, and a locking read shows what is committed.
    /// </summary>
    [Test]
    [Category("Case33")]
    public async Task A_plain_SELECT_reads_a_stale_epoch_and_our_write_does_not()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var before = (await world.Operator.Sides.Legacy.Fence.ReadAsync(CancellationToken.None)).Epoch;
        await using var trapped = await world.OpenAsync(SideName.Legacy);
        await trapped.ExecuteAsync("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION");
        const string Plain = "SELECT epoch FROM strangler_fence WHERE context = 'donations'";
        Assert.That(await trapped.QuerySingleAsync<long>(Plain), Is.EqualTo(before));
        await using (var other = await world.OpenAsync(SideName.Legacy))
        {
            await other.ExecuteAsync("UPDATE strangler_fence SET epoch = epoch + 1 WHERE context = 'donations'");
        }

        Assert.That(await trapped.QuerySingleAsync<long>(Plain), Is.EqualTo(before), "the trap");
        Assert.That(await trapped.QuerySingleAsync<long>($"{Plain} LOCK IN SHARE MODE"), Is.EqualTo(before + 1));
        await using var write = await world.Operator.Sides.Legacy.Store.BeginAsync(
            new WriteIntent(new EntityKey("donation", 1)), CancellationToken.None);
        Assert.That(write.State.Fence.Epoch, Is.EqualTo(before + 1));
    }

    /// <summary>
    /// The connection is cut around the very compare-and-set that decides: the flipper asks the old lead's fence what came of it and goes
    /// on;
    /// the trail has one entry, and it is true.
    /// </summary>
    [Test]
    [Category("Case21")]
    public async Task A_flip_whose_decision_is_cut_off_goes_on_and_the_trail_says_so(
        [Values] SideName from, [Values(CommitCut.Before, CommitCut.AtOnce, CommitCut.After)] CommitCut cut)
    {
        await using var world = await FaultWorld.CreateAsync(from == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads);
        await using var proxy = FaultProxy.Before(world.ServerOf(from).Process.Port);
        var flipper = from == SideName.Legacy ? world.Open(legacy: proxy) : world.Open(@new: proxy);
        await using var load = FaultLoad.Start(Writers, world.WithRelay(world.Open()));
        await load.UntilAcknowledgedAsync(50);
        proxy.CutStatements("UPDATE strangler_fence SET role = 'follower'", cut, most: 2);
        var request = new CutoverRequest { Actor = "flipper", Reason = "test", Force = true };
        var view = await (from == SideName.Legacy
            ? flipper.Cutover.AdvanceAsync(request, null, CancellationToken.None)
            : flipper.Cutover.BackAsync(request, null, CancellationToken.None));

        Assert.That((view.Lead, view.Switching), Is.EqualTo((Stages.Other(from), false)));
        Assert.That(proxy.Cuts, Is.InRange(1, 2), "cut off");
        var entry = (await world.Operator.Cutover.HistoryAsync(10, CancellationToken.None)).Single(entry => entry.Actor == "flipper");
        Assert.That(entry.To, Is.EqualTo($"{view.Stage}"));
        Assert.That(entry.Detail, Does.Not.Contain("failed").And.Not.Contain("not known"));
        await load.UntilAcknowledgedAsync(50);
        await world.AssertNothingLostAsync(load);
    }

    // Refused while a reconciliation that is clean enough is missing or keys are in flight: then the next try.
    private static async Task FlipAsync(FaultWorld world, Replica? flipper = null)
    {
        var forward = await StageAsync(world) == Stage.ShadowRead;
        var cutover = (flipper ?? world.Operator).Cutover;
        var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
        await FaultWorld.UntilAsync("the lead has changed", async () =>
        {
            try
            {
                await (forward ? cutover.AdvanceAsync(request, null, CancellationToken.None) : cutover.BackAsync(request, null, CancellationToken.None));
            }
            catch (Exception exception) when (exception is GateException or CutoverException or FenceBusyException)
            {
                // Aborted: as if it had not been begun.
            }

            return await StageAsync(world) == (forward ? Stage.NewLeads : Stage.ShadowRead);
        });
    }

    private static async Task<Stage> StageAsync(FaultWorld world) =>
        await world.Operator.Cutover.StatusAsync(CancellationToken.None) is { Switching: false } view ? view.Stage : Stage.LegacyOnly;

    private sealed class SkewedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
