using System.Collections.Concurrent;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// The whole life of the context on real servers: every stage forward and back with writers hammering through every flip from two replicas. One assertion:
/// both sides are identical, and nothing acknowledged is missing.
/// </summary>
public sealed class DonationsLifeCycleTests
{
    private const int Rows = 1_500;
    private const int Writers = 4;

    [Test]
    public async Task Forward_and_back_and_forward_again_under_load_nothing_is_lost([Values] bool oneTransaction)
    {
        using var joint = new JointCount();
        await using var world = await DonationsWorld.CreateAsync(options: oneTransaction ? DonationsWorld.OneTransaction : null);
        await world.FillAsync(Rows, includeUnreadable: true);
        using var stop = new CancellationTokenSource();
        using var relayStop = new CancellationTokenSource();
        var replicas = new[] { world.Host, world.Open() };
        var relays = replicas.Select(replica => replica.Relay.RunAsync(relayStop.Token)).ToList();
        var acknowledged = new ConcurrentDictionary<long, long>();
        var conflicts = new ConcurrentQueue<ConflictException>();
        var writers = Enumerable.Range(0, Writers)
            .Select(number => Task.Run(
                () => WriteAsync(replicas[number % 2].Part<DonationsContext>().Donations, number, acknowledged, conflicts, stop.Token)))
            .ToList();
        foreach (var stage in new[] { Stage.NewLeads, Stage.DualWrite, Stage.NewLeads, Stage.LegacyOnly, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
        await relayStop.CancelAsync();
        foreach (var relay in relays)
        {
            await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(acknowledged, Has.Count.GreaterThan(Writers));

        // Nobody else writes a writer's donations. What it has loaded while the new side led it cannot save in LegacyOnly, where no version tells; there is one way there.
        Assert.That(conflicts, Has.Count.LessThanOrEqualTo(Writers));
        await AssertNoEchoAsync(world);
        Assert.That(joint.Count, oneTransaction ? Is.GreaterThan(Writers) : Is.Zero);
        foreach (var (id, amount) in acknowledged)
        {
            var (legacy, @new) = (await world.RecordAsync(SideName.Legacy, id), await world.RecordAsync(SideName.New, id));
            Assert.That((legacy?.Integer("amount"), @new?.Integer("amount")), Is.EqualTo(((long?)amount, (long?)amount)), $"donation {id}");
        }
    }

    [Test]
    public async Task A_create_returns_the_public_id_in_every_stage_and_old_ids_go_on_working()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var created = new List<(long Id, long Amount)>();
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly })
        {
            await world.MoveToAsync(stage);
            var donation = NewDonation(1000 + created.Count);
            await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
            created.Add((donation.Id, donation.AmountInCents));
            foreach (var (id, amount) in created)
            {
                Assert.That((await world.Donations.Donations.FindAsync(id, CancellationToken.None))?.AmountInCents, Is.EqualTo(amount), $"{id} in {stage}");
            }
        }

        Assert.That(created.Select(one => one.Id), Is.Unique);
        foreach (var (id, _) in created)
        {
            var newId = await world.Host.Sides.IdMap.FindNewIdAsync(DonationsContext.DonationKind, id, CancellationToken.None);
            Assert.That(newId, Is.Not.Null.And.Not.EqualTo(id), "new ids start far away from public ones");
        }
    }

    [Test]
    public async Task A_retried_create_with_the_same_request_key_returns_the_first_result_also_across_a_flip()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(Stage.ShadowRead);
        var first = NewDonation(4711);
        await world.Donations.Donations.StoreAsync(first, CancellationToken.None, "request-1");
        var again = NewDonation(4711);
        await world.Open().Part<DonationsContext>().Donations.StoreAsync(again, CancellationToken.None, "request-1");
        await world.MoveToAsync(Stage.NewLeads);
        var afterFlip = NewDonation(4711);
        await world.Donations.Donations.StoreAsync(afterFlip, CancellationToken.None, "request-1");
        Assert.That((again.Id, afterFlip.Id), Is.EqualTo((first.Id, first.Id)));
        Assert.That((await world.ReconcileAsync()).LegacyRows, Is.EqualTo(1));
    }

    [Test]
    public async Task A_deleted_donation_is_gone_on_both_sides_and_stays_gone()
    {
        await using var world = await DonationsWorld.CreateAsync();
        foreach (var stage in new[] { Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            var donation = NewDonation(500);
            await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
            await world.Donations.Donations.DeleteAsync(donation.Id, CancellationToken.None);
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            Assert.That(await world.Donations.Donations.FindAsync(donation.Id, CancellationToken.None), Is.Null);
            Assert.That(await world.RecordAsync(SideName.Legacy, donation.Id), Is.Null);
            Assert.That(await world.RecordAsync(SideName.New, donation.Id), Is.Null);
        }

        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    [Test]
    public async Task In_legacy_only_the_new_database_is_never_contacted()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.NewDatabase.DisposeAsync();
        var donation = NewDonation(500);
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        donation.ChangeAmount(600);
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        Assert.That((await world.Donations.Donations.FindAsync(donation.Id, CancellationToken.None))?.AmountInCents, Is.EqualTo(600));
        Assert.That(await world.Donations.Donations.FindAsync(donation.Id + 1, CancellationToken.None), Is.Null);
    }

    // None of our own writes may look like another program's.
    private static async Task AssertNoEchoAsync(DonationsWorld world)
    {
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_entity WHERE foreign_seq > 0"), Is.Zero, database.Name);
        }
    }

    // A writer of its own donations; what it was told last is what both sides must hold.
    private static async Task WriteAsync(
        DonationRepositoryWrapper donations, int number, ConcurrentDictionary<long, long> acknowledged, ConcurrentQueue<ConflictException> conflicts,
        CancellationToken stop)
    {
        var random = new Random(number);
        var mine = new List<long>();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (mine.Count == 0 || random.Next(4) == 0)
                {
                    var donation = NewDonation(random.Next(1, 100_000));
                    await donations.StoreAsync(donation, CancellationToken.None, $"{number}-{Guid.NewGuid():N}");
                    mine.Add(donation.Id);
                    acknowledged[donation.Id] = donation.AmountInCents;
                }
                else
                {
                    var id = mine[random.Next(mine.Count)];
                    var donation = await donations.FindAsync(id, CancellationToken.None) ?? throw new AssertionException($"Donation {id} has disappeared.");
                    Assert.That(donation.AmountInCents, Is.EqualTo(acknowledged[id]), "a read showed a state older than the caller's own write");
                    donation.ChangeAmount(random.Next(1, 100_000));
                    await donations.StoreAsync(donation, CancellationToken.None);
                    acknowledged[id] = donation.AmountInCents;
                }
            }
            catch (SwitchingException)
            {
                // Refused for certain; the writer goes on with something else.
            }
            catch (ConflictException exception)
            {
                conflicts.Enqueue(exception);
            }
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
