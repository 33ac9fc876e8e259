using Dapper;
using Strangler.Contexts.Memberships;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>The lines within memberships' LOBs, by the same design as donations'.</summary>
public sealed class MembershipEventLogTests
{
    [Test]
    public async Task Events_of_the_same_second_from_two_replicas_all_survive_on_both_sides([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await MembershipsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var application = MembershipSamples.Application();
        await world.Host.Part<MembershipsContext>().Memberships.StoreAsync(application, CancellationToken.None);
        var loggers = new[] { world.Host, world.Open() }.Select(host => host.Part<MembershipsContext>().Events).ToList();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(
            number => loggers[number % 2].LogAsync(application.Id, $"marked as approved by user: user{number}", CancellationToken.None)));
        await world.Host.Relay.DrainAsync(CancellationToken.None);

        var lines = await loggers[0].FindAsync(application.Id, CancellationToken.None);
        Assert.That(lines.Select(line => line.At), Is.Unique);
        Assert.That(lines.Select(line => line.Who), Is.EquivalentTo(new[] { "user0", "user1", "user2", "user3" }));
        Assert.That(lines.Select(line => (line.What, line.Program)), Is.All.EqualTo(("marked as approved", "back_office")));
        await using var connection = await world.NewDatabase.OpenAsync();
        Assert.That(
            await connection.QueryAsync<(DateTime, string)>("SELECT logged_at, message FROM membership_log_entry ORDER BY logged_at"),
            Is.EqualTo(lines.Select(line => (line.At, line.Text))));
        Assert.That(
            await connection.QueryAsync<(string, string, string)>(
                "SELECT actor, program, action FROM membership_log_entry WHERE actor_hash = UNHEX(SHA2('user2', 256)) AND logged_at > '2020-01-01'"),
            Is.EqualTo(new[] { ("user2", "back_office", "approved") }));
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }
}
