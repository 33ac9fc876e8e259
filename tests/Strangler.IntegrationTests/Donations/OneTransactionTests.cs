using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Reconciliation;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Writes with oneTransaction: what the follower's part meets never fails the write, is never lost and never doubled. Cases 5, 41.
/// </summary>
public sealed class OneTransactionTests
{
    private const string Options = """{ "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "oneTransaction": true }""";
    private const string Hasty = """{ "shadowReadMinimum": 0, "inlineApplyTimeout": "300ms", "oneTransaction": true }""";

    [Test]
    public async Task The_follower_has_every_write_when_it_is_acknowledged_and_nothing_is_in_the_journal(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(stage);
        using var joint = new JointCount();
        var donation = NewDonation(100);
        await world.Donations.Donations.StoreAsync(donation, default, "the-request");
        donation.ChangeAmount(200);
        await world.Donations.Donations.StoreAsync(donation, default);
        await AssertBothAsync(world, donation.Id, 200);
        await world.Donations.Donations.DeleteAsync(donation.Id, default);
        await AssertBothAsync(world, donation.Id, null);
        Assert.That(joint.Count, Is.GreaterThanOrEqualTo(3));
        Assert.That((await world.Host.Sides.Of(Stages.LeadOf(stage)).Journal.DepthAsync(default)).Open, Is.Zero);
        var key = new EntityKey(DonationsContext.DonationKind, donation.Id);
        var requests = await world.Host.Sides.Of(Stages.Other(Stages.LeadOf(stage))).Store.RequestsAsync(key, null, default);
        Assert.That(requests.Select(request => request.RequestKey), Is.EqualTo(new[] { "the-request" }));
    }

    /// <summary>The server's refusal of a value, which our own check of the mapping's lengths did not see.</summary>
    [Test]
    public async Task What_the_follower_refuses_stays_in_the_journal_and_is_brought_over_later()
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(Stage.DualWrite);
        await RunOnNewAsync(world, "ALTER TABLE donation_donor MODIFY email VARCHAR(3) NOT NULL DEFAULT ''");
        var donation = NewDonation(100);
        await world.Donations.Donations.StoreAsync(donation, default);
        await AssertOwedAsync(world, donation.Id);
        Assert.That(string.Join('\n', world.Logs.Lines), Does.Contain(" 1008 ").And.Not.Contain("max@example.org"));
        await RunOnNewAsync(world, "ALTER TABLE donation_donor MODIFY email VARCHAR(250) NOT NULL DEFAULT ''");
        await AssertBroughtAsync(world, donation.Id, 100);
    }

    /// <summary>A second's wait is rolled back to the savepoint; a shorter time limit ends the whole transaction, which is repeated.</summary>
    [Test]
    public async Task A_lock_on_the_followers_entity_row_does_not_fail_the_write([Values(Options, Hasty)] string options)
    {
        await using var world = await DonationsWorld.CreateAsync(options: options);
        await world.MoveToAsync(Stage.DualWrite);
        var donation = NewDonation(100);
        await world.Donations.Donations.StoreAsync(donation, default);
        await AssertBothAsync(world, donation.Id, 100);
        await using (var other = await world.NewDatabase.OpenAsync())
        {
            await other.ExecuteAsync($"START TRANSACTION; SELECT * FROM strangler_entity WHERE `key` = {donation.Id} FOR UPDATE");
            donation.ChangeAmount(200);
            await world.Donations.Donations.StoreAsync(donation, default);
        }

        Assert.That((await world.RecordAsync(SideName.Legacy, donation.Id))!.Integer("amount"), Is.EqualTo(200));
        Assert.That(string.Join('\n', world.Logs.Lines), Does.Contain(options == Options ? " 1008 " : " 1000 "));
        await AssertBroughtAsync(world, donation.Id, 200);
        Assert.That(await CountAsync(world), Is.EqualTo((1, 1)));
    }

    [Test]
    public async Task A_follower_that_does_not_follow_is_left_alone()
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(Stage.DualWrite);
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'prepared'");
        var donation = NewDonation(100);
        await world.Donations.Donations.StoreAsync(donation, default);
        await AssertOwedAsync(world, donation.Id);
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'follower'");
        await AssertBroughtAsync(world, donation.Id, 100);
    }

    /// <summary>A follower that lags is caught up with by the relay, request keys and all; a joint write would skip what lies between.</summary>
    [Test]
    public async Task A_write_whose_predecessor_the_follower_lacks_goes_the_ordinary_way()
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(Stage.DualWrite);
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'prepared'");
        var donation = NewDonation(100);
        await world.Donations.Donations.StoreAsync(donation, default, "first");
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'follower'");
        using var joint = new JointCount();
        donation.ChangeAmount(200);
        await world.Donations.Donations.StoreAsync(donation, default);
        Assert.That(joint.Count, Is.Zero);
        await AssertBothAsync(world, donation.Id, 200);
        var requests = await world.Host.Sides.New.Store.RequestsAsync(new EntityKey(DonationsContext.DonationKind, donation.Id), null, default);
        Assert.That(requests.Select(request => request.RequestKey), Is.EqualTo(new[] { "first" }));
    }

    /// <summary>Before the follower's part is begun, and when it is written but not committed: nothing of the first try is left on either side.</summary>
    [Test]
    public async Task A_connection_cut_in_between_costs_a_repetition_and_doubles_nothing(
        [Values(HookPoint.WriteBegun, HookPoint.WriteBeforeCommit)] HookPoint point, [Values] bool create)
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(Stage.DualWrite);
        var cuts = 0;
        var armed = false;
        var donations = world.Open(async (reached, _) =>
        {
            if (armed && reached == point && Interlocked.Increment(ref cuts) == 1)
            {
                await CutWritersAsync(world);
            }
        }).Part<DonationsContext>().Donations;
        await donations.StoreAsync(NewDonation(1), default);
        var donation = NewDonation(100);
        if (!create)
        {
            await donations.StoreAsync(donation, default);
            donation.ChangeAmount(300);
        }

        armed = true;
        await donations.StoreAsync(donation, default);
        Assert.That(cuts, Is.GreaterThanOrEqualTo(2), "it was not repeated");
        await AssertBothAsync(world, donation.Id, create ? 100 : 300);
        Assert.That(await CountAsync(world), Is.EqualTo((2, 2)));
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public async Task It_is_refused_where_the_connection_strings_name_two_servers()
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        var settings = new Dictionary<string, string>(world.Environment);
        var variable = StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New);
        settings[variable] = new System.Data.Common.DbConnectionStringBuilder { ConnectionString = settings[variable], ["Port"] = 1 }.ConnectionString;
        var configuration = StranglerConfiguration.Load(
            world.ConfigFile, Service.ContextCatalog.Names, name => settings.TryGetValue(name, out var value) ? value : null);
        var error = Assert.Throws<ConfigurationException>(
            () => Service.ContextHost.Open(configuration, DonationsContext.Name, world.Logs, TimeProvider.System))!;
        Assert.That(error.Message, Does.Contain("contexts.donations.options.oneTransaction").And.Contain(":1;"));
        await world.Host.CheckAsync(default);
    }

    private static async Task AssertOwedAsync(DonationsWorld world, long id)
    {
        Assert.That(await world.RecordAsync(SideName.Legacy, id), Is.Not.Null);
        Assert.That(await world.RecordAsync(SideName.New, id), Is.Null);
        Assert.That((await world.Host.Sides.Legacy.Journal.DepthAsync(default)).Open, Is.EqualTo(1));
    }

    private static async Task AssertBroughtAsync(DonationsWorld world, long id, long amount)
    {
        // An inline apply that was given up may still hold the key, and the relay then waits before it tries again.
        await Faults.FaultWorld.UntilAsync("the journal is empty", async () =>
        {
            await world.Host.Relay.DrainAsync(default);
            return (await world.Host.Sides.Legacy.Journal.DepthAsync(default)).Open == 0;
        });
        await AssertBothAsync(world, id, amount);
    }

    private static async Task AssertBothAsync(DonationsWorld world, long id, long? amount)
    {
        var (legacy, @new) = (await world.RecordAsync(SideName.Legacy, id), await world.RecordAsync(SideName.New, id));
        Assert.That((legacy?.Integer("amount"), @new?.Integer("amount")), Is.EqualTo((amount, amount)));
    }

    private static async Task<(int Legacy, int New)> CountAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return (await connection.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM spenden"),
            await connection.ExecuteScalarAsync<int>($"SELECT COUNT(*) FROM `{world.NewDatabase.Name}`.donation"));
    }

    private static async Task RunOnNewAsync(DonationsWorld world, string sql)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    // Every session of this world's databases that is in a transaction.
    private static async Task CutWritersAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        var ids = (await connection.QueryAsync<long>(
            """
            SELECT p.ID FROM information_schema.PROCESSLIST p JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID
            WHERE p.DB IN (@legacy, @new)
            """,
            new { legacy = world.LegacyDatabase.Name, @new = world.NewDatabase.Name })).ToList();
        Assert.That(ids, Is.Not.Empty, "nobody to cut off");
        foreach (var id in ids)
        {
            await connection.ExecuteAsync($"KILL {id}");
        }
    }

    private static Donation NewDonation(long amount) => new(
        0,
        new DateTime(2022, 6, 1, 10, 0, 0),
        amount,
        0,
        new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
        new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
}
