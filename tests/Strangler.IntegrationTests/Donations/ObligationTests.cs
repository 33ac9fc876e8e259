using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.IntegrationTests.Donations;

/// <summary>Lost obligations on real servers, one a side: a planted one is found by the relay's own loop, and a system under load has none.</summary>
public sealed class ObligationTests
{
    private const string Options = """
        { "obligationPause": "20ms", "obligationInterval": "1s", "relayPoll": "100ms", "fenceLockTimeout": "5s", "shadowReadMinimum": 0, "maxAttempts": 1 }
        """;

    [Test]
    public async Task A_planted_one_is_found_by_the_running_relay_and_logged_as_an_error([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(stage);
        var good = await StoreAsync(world.Donations, 1);
        var lost = await StoreAsync(world.Donations, 2);
        var follower = stage == Stage.NewLeads ? world.LegacyDatabase : world.NewDatabase;
        await using (var connection = await follower.OpenAsync())
        {
            // As a follower that lost its last seconds: the journal row was settled, and the accepted state is gone.
            await connection.ExecuteAsync("UPDATE strangler_entity SET counter = 0 WHERE `key` = @lost", new { lost });
        }

        using var stop = new CancellationTokenSource();
        var relay = world.Host.Relay.RunAsync(stop.Token);
        while (!world.Logs.Lines.Any(line => line.StartsWith("Error 1104", StringComparison.Ordinal)))
        {
            Assert.That(relay.IsCompleted, Is.False);
            await Task.Delay(20, CancellationToken.None);
        }

        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(world.Logs.Lines.Single(line => line.StartsWith("Error 1104", StringComparison.Ordinal)), Does.Contain($"donation {lost}"));
        Assert.That((await new ObligationCheck(world.Host.Runtime).ReviewAsync(CancellationToken.None)).Select(key => key.Id), Is.EqualTo(new[] { lost }));

        var donation = (await world.Donations.Donations.FindAsync(lost, CancellationToken.None))!;
        donation.ChangeAmount(77);
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        Assert.That(await new ObligationCheck(world.Host.Runtime).ReviewAsync(CancellationToken.None), Is.Empty, "the next write brought it along");
        Assert.That(good, Is.Not.EqualTo(lost));
    }

    [Test]
    [Category("Case59")]
    public async Task Under_load_none_is_found([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        const int Searches = 15;
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(stage);
        using var stop = new CancellationTokenSource();
        var replicas = new[] { world.Host, world.Open() };
        var relays = replicas.Select(replica => replica.Relay.RunAsync(stop.Token)).ToList();
        var writers = Enumerable.Range(0, 4).Select(i => Task.Run(() => WriteAsync(replicas[i % 2].Part<DonationsContext>(), i, stop.Token))).ToList();
        var check = new ObligationCheck(world.Host.Runtime);
        long compared = 0;
        for (var i = 0; i < Searches; i++)
        {
            var report = await check.CheckAllAsync(CancellationToken.None);
            Assert.That(report.Lost, Is.Empty);
            compared += report.Checked;
        }

        await stop.CancelAsync();
        var written = (await Task.WhenAll(writers)).Sum();
        await Task.WhenAll(relays);
        Assert.That(compared, Is.Positive);
        Assert.That(written, Is.GreaterThan(Searches));
        Assert.That(world.Logs.Lines.Where(line => line.StartsWith("Error 1104", StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>Case 17: what it refers to is not there yet. Tried again until it is, never parked, though one attempt is all that other failures get.</summary>
    [Test]
    [Category("Case17")]
    public async Task A_child_that_comes_before_its_parent_is_tried_again_and_not_parked()
    {
        await using var world = await DonationsWorld.CreateAsync(options: Options);
        await world.MoveToAsync(Stage.DualWrite);
        await using var @new = await world.NewDatabase.OpenAsync();
        await @new.ExecuteAsync("CREATE TABLE parent (amount BIGINT NOT NULL PRIMARY KEY) ENGINE = InnoDB");
        var type = await @new.ExecuteScalarAsync<string>(
            "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'donation' AND column_name = 'amount'");
        await @new.ExecuteAsync($"ALTER TABLE parent MODIFY amount {type} NOT NULL");
        await @new.ExecuteAsync("ALTER TABLE donation ADD CONSTRAINT child FOREIGN KEY (amount) REFERENCES parent (amount)");
        using var stop = new CancellationTokenSource();
        var relay = world.Host.Relay.RunAsync(stop.Token);
        var id = await StoreAsync(world.Donations, 4711);
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        while (await legacy.ExecuteScalarAsync<int>("SELECT COALESCE(MAX(attempts), 0) FROM strangler_journal") < 3)
        {
            await Task.Delay(20, CancellationToken.None);
        }

        Assert.That(await legacy.ExecuteScalarAsync<int>("SELECT COUNT(*) FROM strangler_journal WHERE state = 'parked'"), Is.Zero);
        await @new.ExecuteAsync("INSERT INTO parent (amount) VALUES (4711)");
        while (await world.RecordAsync(SideName.New, id) is null)
        {
            await Task.Delay(20, CancellationToken.None);
        }

        await stop.CancelAsync();
        await relay;
    }

    // Few keys, each written all the time: nearly always in flight.
    private static async Task<long> WriteAsync(DonationsContext donations, int seed, CancellationToken stop)
    {
        var random = new Random(seed);
        List<long> mine = [];
        long writes = 0;
        for (; !stop.IsCancellationRequested; writes++)
        {
            if (mine.Count < 2)
            {
                mine.Add(await StoreAsync(donations, random.Next(1, 100_000)));
                continue;
            }

            var donation = (await donations.Donations.FindAsync(mine[random.Next(mine.Count)], CancellationToken.None))!;
            donation.ChangeAmount(random.Next(1, 100_000));
            await donations.Donations.StoreAsync(donation, CancellationToken.None);
        }

        return writes;
    }

    private static async Task<long> StoreAsync(DonationsContext donations, long amount)
    {
        var donation = new Donation(
            0, new DateTime(2022, 6, 1, 10, 0, 0), amount, 0,
            new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), "max@example.org"),
            new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        await donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }
}
