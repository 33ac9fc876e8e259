using Strangler.DualWrite;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.LocalServers;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>A legacy server (PostgreSQL) that is killed under load, as lead and as follower, while another program writes into it as well.</summary>
public sealed class PostgresLegacyFaultTests
{
    [Test]
    [Category("Case34")]
    public async Task A_legacy_server_that_is_killed_and_comes_back_has_lost_nothing_and_gives_out_no_reserved_id([Values(Stage.ShadowRead, Stage.NewLeads)] Stage stage)
    {
        await using var server = await TestServers.StartPrivatePostgresAsync();
        await using var world = await SubscriptionsWorld.CreateAsync(
            options: SubscriptionLoad.Limits, legacy: await PostgresTestDatabase.CreateAsync(server.ConnectionString, "legacy"),
            @new: await TestServers.CreatePostgresDatabaseAsync("subscriptions_new"));
        await world.FillExamplesAsync(50);
        await world.MoveToAsync(Stage.NewLeads);
        await world.MoveToAsync(stage);
        var load = new SubscriptionLoad(world);
        await using (load.Start())
        {
            await load.UntilAcknowledgedAsync(60);
            for (var time = 0; time < 2; time++)
            {
                await server.KillAsync(CancellationToken.None);
                await (stage == Stage.NewLeads ? load.UntilAcknowledgedAsync(30) : load.UntilRefusedAsync(4));
                await server.RestartAsync(CancellationToken.None);
                await load.UntilAcknowledgedAsync(60);
            }
        }
        await load.UntilSettledAsync();
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        await load.AssertNothingIsLostAsync();
        Assert.That(load.Refused, stage == Stage.NewLeads ? Is.Zero : Is.GreaterThan(0), "while the new side leads nobody notices");
        Assert.That(await world.Host.Sides.PublicIds.OverlapAsync(world.Kind, CancellationToken.None), Is.Zero);
        await world.MoveToAsync(Stage.DualWrite);
    }
}
