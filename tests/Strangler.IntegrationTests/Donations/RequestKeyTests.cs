using System.Data.Common;
using System.Globalization;
using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Donations;

/// <summary>A request with a key is carried out once, on real servers: in every stage, by two callers at once, after a lost answer, across flips (Case2, Case5).</summary>
[Category("Case5")]
public sealed class RequestKeyTests
{
    [Test]
    [Category("Case2")]
    public async Task A_retry_returns_the_first_result_in_every_stage_and_two_at_once_make_one([Values] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var replicas = new[] { world.Host, world.Open() };
        var first = await StoreAsync(world.Host, "once");
        Assert.That(await StoreAsync(replicas[1], "once"), Is.EqualTo(first));

        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => StoreAsync(replicas[i % 2], "at once"))));
        Assert.That(ids.Distinct().ToList(), Has.Count.EqualTo(1));
        Assert.That(ids[0], Is.Not.EqualTo(first));
        await AssertDonationsAsync(world, stage, 2);
    }

    [Test]
    [Category("Case2")]
    public async Task A_retry_after_any_number_of_flips_finds_what_was_carried_out_before_the_first()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var ids = new Dictionary<string, long> { ["LegacyOnly"] = await StoreAsync(world.Host, "LegacyOnly") };
        foreach (var stage in new[] { Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            ids.TryAdd($"{stage}", await StoreAsync(world.Host, $"{stage}"));
            foreach (var (key, id) in ids)
            {
                Assert.That(await StoreAsync(world.Host, key), Is.EqualTo(id), $"{key}, tried again in {stage}");
            }
        }

        Assert.That(ids.Values, Is.Unique);
        await AssertDonationsAsync(world, Stage.NewOnly, ids.Count);
    }

    /// <summary>The COMMIT happened and its answer was lost: the engine itself finds out, and so does a caller who tries again, before a flip and after it.</summary>
    [Test]
    public async Task The_first_result_is_returned_when_the_answer_to_its_commit_was_lost([Values] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var lead = Stages.LeadOf(stage);
        await using var proxy = ProxyTo(lead == SideName.Legacy ? world.LegacyDatabase : world.NewDatabase);
        await using var behind = Behind(world, lead, proxy);
        await StoreAsync(behind, "warm");
        proxy.Arm();
        var id = await StoreAsync(behind, "lost");
        Assert.That(proxy.Cut, Is.EqualTo(1), "the answer was to be lost");
        Assert.That(await StoreAsync(world.Host, "lost"), Is.EqualTo(id));
        await AssertDonationsAsync(world, stage, 2);
        if (stage is Stage.ShadowRead or Stage.NewLeads)
        {
            var other = stage == Stage.ShadowRead ? Stage.NewLeads : Stage.ShadowRead;
            await world.MoveToAsync(other);
            Assert.That(await StoreAsync(world.Host, "lost"), Is.EqualTo(id), "after the flip");
            await AssertDonationsAsync(world, other, 2);
        }
    }

    private static async Task<long> StoreAsync(ContextHost host, string requestKey)
    {
        var donation = new Donation(
            0, new DateTime(2022, 6, 1, 10, 0, 0), 500, 0,
            new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
            new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        await host.Part<DonationsContext>().Donations.StoreAsync(donation, CancellationToken.None, requestKey);
        return donation.Id;
    }

    private static async Task AssertDonationsAsync(DonationsWorld world, Stage stage, int expected)
    {
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var (database, table) = Stages.LeadOf(stage) == SideName.Legacy ? (world.LegacyDatabase, "spenden") : (world.NewDatabase, "donation");
        await using var connection = await database.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<int>($"SELECT COUNT(*) FROM {table}"), Is.EqualTo(expected));
    }

    private static LostReplyProxy ProxyTo(TestDatabase database)
    {
        var server = new DbConnectionStringBuilder { ConnectionString = database.ConnectionString };
        var port = server.TryGetValue("Port", out var value) ? Convert.ToInt32(value, CultureInfo.InvariantCulture) : 3306;
        return new LostReplyProxy((string)server["Server"], port);
    }

    private static ContextHost Behind(DonationsWorld world, SideName side, LostReplyProxy proxy)
    {
        var environment = new Dictionary<string, string>(world.Environment);
        var variable = StranglerConfiguration.VariableOf(DonationsContext.Name, side);
        environment[variable] = new DbConnectionStringBuilder
        {
            ConnectionString = environment[variable], ["Server"] = "127.0.0.1", ["Port"] = proxy.Port,
        }.ConnectionString;
        var configuration = StranglerConfiguration.Load(
            world.ConfigFile, ContextCatalog.Names, name => environment.TryGetValue(name, out var value) ? value : null);
        return ContextHost.Open(configuration, DonationsContext.Name, world.Logs, TimeProvider.System);
    }
}
