using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.LocalServers;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// Case 6: the new side leads and legacy's server is killed (SIGKILL) right after it has reserved a block of public ids.
/// </summary>
[Category("Case6")]
[CancelAfter(120_000)]
public sealed class LegacyDownTests
{
    private const int Block = 30;

    // A process takes ten ids at a time: the last of a block may be gaps, but none is given out twice.
    private const string Options =
        """
        { "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "relayLease": "1s", "inlineApplyTimeout": "500ms",
          "idBlock": 30 }
        """;

    [Test]
    public async Task While_legacy_is_down_creates_go_on_until_the_block_is_used_up_and_no_id_is_born_twice(
        CancellationToken cancellationToken)
    {
        await using var server = await TestServers.StartPrivateMySqlAsync(new LocalServerOptions());
        var legacy = await TestDatabase.CreateOnAsync(server, "legacy");
        await using var world = await DonationsWorld.CreateAsync(options: Options, legacy: legacy);
        var existing = (await world.FillAsync(5))[0].Id;
        await world.MoveToAsync(Stage.NewLeads);
        await server.KillAsync(cancellationToken);

        var created = await CreateUntilExhaustedAsync(world, cancellationToken);
        Assert.That(created, Has.Count.EqualTo(Block));
        Assert.That(created, Is.Unique);
        var again = CrashOperation.Donation($"create{Block - 1}", 100);
        await world.Donations.Donations.StoreAsync(again, cancellationToken, $"request{Block - 1}");
        Assert.That(again.Id, Is.EqualTo(created[^1]), "a retry needs no id");
        var donation = (await world.Donations.Donations.FindAsync(existing, cancellationToken))!;
        donation.ChangeAmount(4321);
        await world.Donations.Donations.StoreAsync(donation, cancellationToken);
        await world.Donations.Donations.DeleteAsync(created[0], cancellationToken);

        await server.RestartAsync(cancellationToken);
        await using (var connection = await world.LegacyDatabase.OpenAsync())
        {
            // Rolled back: while new leads, a row of theirs would stay in legacy, and in flight.
            var foreign = await connection.ExecuteScalarAsync<long>(
                "START TRANSACTION; INSERT INTO spenden (kommentar, dt_new) VALUES ('', NOW()); SELECT LAST_INSERT_ID()");
            Assert.That(foreign, Is.GreaterThan(created.Max()));
            await connection.ExecuteAsync("ROLLBACK");
        }

        await DrainAsync(world, cancellationToken);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(await world.Donations.Legacy.FindAsync(created[^1], cancellationToken), Is.Not.Null);
        await world.Host.Sides.PublicIds.ReserveAsync(DonationsContext.DonationKind, Block, cancellationToken);
        var next = CrashOperation.Donation("after", 100);
        await world.Donations.Donations.StoreAsync(next, cancellationToken);
        Assert.That(created, Does.Not.Contain(next.Id));
    }

    private static async Task<List<long>> CreateUntilExhaustedAsync(DonationsWorld world, CancellationToken cancellationToken)
    {
        List<long> created = [];
        while (true)
        {
            var donation = CrashOperation.Donation($"create{created.Count}", 100);
            try
            {
                await world.Donations.Donations.StoreAsync(donation, cancellationToken, $"request{created.Count}");
                created.Add(donation.Id);
            }
            catch (IdsExhaustedException exception)
            {
                Assert.That(exception.Message, Does.Contain("reserve-ids"));
                return created;
            }
        }
    }

    private static async Task DrainAsync(DonationsWorld world, CancellationToken cancellationToken)
    {
        while (true)
        {
            await world.Host.Relay.DrainAsync(cancellationToken);
            var depth = await world.Host.Sides.New.Journal.DepthAsync(cancellationToken);
            Assert.That(depth.Parked, Is.Zero);
            if (depth.Open == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }
    }
}
