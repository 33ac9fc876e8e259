using System.Diagnostics;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Faults;

/// <summary>What runs beside callers must not be felt by them: shadow reads, relays, reconciliations.</summary>
[CancelAfter(120_000)]
public sealed class QuietReaderTests
{
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(1);

    /// <summary>The new side answers late, not at all, or with errors: answers are the same and as quick, and the relay counts failures.</summary>
    [Test]
    [Category("Case38")]
    public async Task Shadow_reads_of_a_side_that_is_slow_or_fails_are_not_felt_by_readers([Values("slow", "silent", "refuses", "broken")] string fault)
    {
        await using var world = await FaultWorld.CreateAsync(Stage.ShadowRead);
        await using var proxy = FaultProxy.Before(world.New.Process.Port);
        var replica = world.WithRelay(world.Open(@new: proxy, change: options => options.ShadowReadSample = 1));
        var donation = FaultLoad.New("shadow");
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
        await BreakAsync(world, proxy, fault);

        for (var i = 0; i < 200; i++)
        {
            var began = Stopwatch.GetTimestamp();
            var read = await replica.Donations.FindAsync(donation.Id, CancellationToken.None);
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(Budget));
            Assert.That((read!.AmountInCents, ((PersonDonor)read.Donor).Email), Is.EqualTo((donation.AmountInCents, "shadow@example.org")));
        }

        if (fault is "refuses" or "broken")
        {
            await FaultWorld.UntilAsync(
                "a failed comparison is told", () => world.Logs.Lines.Any(line => line.Contains("shadow read", StringComparison.OrdinalIgnoreCase)));
        }
    }

    /// <summary>All background connections of a replica are taken, then all of its callers': neither runs out because of the other.</summary>
    [Test]
    [Category("Case37")]
    public async Task Callers_write_while_background_work_has_used_up_its_connections()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var replica = world.Open(
            change: options => options.InlineApplyTimeout = TimeSpan.FromSeconds(5),
            changeSide: side => (side.ForegroundConnections, side.BackgroundConnections) = (4, 2));
        List<ISideTransaction> background = [];
        using (Lane.EnterBackground())
        {
            foreach (var side in Enum.GetValues<SideName>())
            {
                for (var i = 0; i < replica.Limits.BackgroundConnections; i++)
                {
                    background.Add(await replica.Sides.Of(side).Store.BeginAsync(
                        new WriteIntent(new EntityKey("donation", 1_000_000 + i)), CancellationToken.None));
                }
            }
        }

        await using var load = FaultLoad.Start(4, replica);
        await load.UntilAcknowledgedAsync(100);
        await load.StopAsync();
        foreach (var transaction in background)
        {
            await transaction.DisposeAsync();
        }

        await world.AssertNothingLostAsync(load);
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
        Assert.That(world.Logs.Lines.Where(line => line.Contains("was not brought along", StringComparison.Ordinal)), Is.Empty, "inline applies");
    }

    /// <summary>
    /// All of a relay's lanes, or a repair, wait for rows that somebody else has locked on the follower, each with a connection in its
    /// hand.
    /// Callers have one a side here, and do not miss it: nobody is refused, and everything is brought along at once.
    /// </summary>
    [Test]
    [Category("Case37")]
    public async Task Callers_do_not_feel_background_work_that_waits_with_connections_in_its_hands([Values("relay", "repair")] string work)
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var ids = await ApartAsync(world, inFlight: work == "relay");
        var told = world.Logs.Lines.Count;
        await using var other = await world.OpenAsync(SideName.New);
        await other.ExecuteAsync("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION");
        await other.ExecuteAsync(
            "SELECT * FROM strangler_entity WHERE context = 'donations' AND kind = 'donation' AND `key` IN @ids FOR UPDATE", new { ids });
        var replica = world.Open(
            change: options => options.InlineApplyTimeout = TimeSpan.FromSeconds(5),
            changeSide: side =>
            {
                (side.ForegroundConnections, side.BackgroundConnections) = (1, 8);
                side.BackgroundLockTimeout = side.BackgroundCommandTimeout = TimeSpan.FromSeconds(30);
            });
        var background = work == "relay"
            ? replica.Relay.DrainAsync(CancellationToken.None)
            : new RepairJob(replica.Runtime).RunAsync("donation", ids, dryRun: false, "test", "test", null, CancellationToken.None) as Task;
        await world.UntilLockWaitAsync(SideName.New);

        await using var load = FaultLoad.Start(1, replica);
        await load.UntilAcknowledgedAsync(60);
        await load.StopAsync();
        Assert.That(background.IsCompleted, Is.False, "it waits");
        await other.ExecuteAsync("COMMIT");
        await background;
        Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
        Assert.That(
            world.Logs.Lines.Skip(told).Where(line => line.Contains("was not brought along", StringComparison.Ordinal)), Is.Empty,
            "inline applies");
        await world.AssertNothingLostAsync(load, donation => ids.Contains(donation.Id));
    }

    // Donations whose follower is behind (their journal rows stand), or differs without anybody's knowledge.
    private static async Task<long[]> ApartAsync(FaultWorld world, bool inFlight)
    {
        await using var proxy = FaultProxy.Before(world.New.Process.Port);
        var (near, cutOff) = (world.Open(), world.Open(@new: proxy));
        proxy.Refuse();
        List<long> ids = [];
        for (var i = 0; i < 4; i++)
        {
            var donation = FaultLoad.New($"apart{i}");
            await near.Donations.StoreAsync(donation, CancellationToken.None);
            ids.Add(donation.Id);
            if (inFlight)
            {
                var loaded = (await cutOff.Donations.FindAsync(donation.Id, CancellationToken.None))!;
                loaded.ChangeAmount(777);
                await cutOff.Donations.StoreAsync(loaded, CancellationToken.None);
            }
        }

        if (!inFlight)
        {
            await using var connection = await world.OpenAsync(SideName.New);
            await connection.ExecuteAsync("UPDATE donation SET amount = amount + 1");
        }

        return [.. ids];
    }

    private static async Task BreakAsync(FaultWorld world, FaultProxy proxy, string fault)
    {
        switch (fault)
        {
            case "slow":
                proxy.SlowDown(TimeSpan.FromMilliseconds(700));
                break;
            case "silent":
                proxy.FallSilent();
                break;
            case "refuses":
                proxy.Refuse();
                break;
            default:
                await world.New.RunAsync("ALTER TABLE donation DROP COLUMN created_at", world.DatabaseOf(SideName.New));
                break;
        }
    }
}
