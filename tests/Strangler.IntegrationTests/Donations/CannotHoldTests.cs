using Dapper;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Donations;

/// <summary>A value that a side cannot hold is refused by its field's name while the stage is dual, whoever leads; neither side changes, no key is parked.</summary>
public sealed class CannotHoldTests
{
    private const string BeyondUtf8Mb3 = "Danke \U0001F600";

    [TestCase(Stage.DualWrite)]
    [TestCase(Stage.ShadowRead)]
    [TestCase(Stage.NewLeads)]
    public async Task Creates_and_updates_with_such_a_value_change_nothing(Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var kept = NewDonation("max@example.org");
        await world.Donations.Donations.StoreAsync(kept, CancellationToken.None);
        var before = await ContentAsync(world);

        // Neither side holds 251 characters of an e-mail address; of the two only the new one holds an emoji.
        await RefusesAsync(world, NewDonation(new string('x', 251)), "donor.email");
        await RefusesAsync(world, WithComment(NewDonation("max@example.org"), BeyondUtf8Mb3), "comment.text");
        await RefusesAsync(world, WithComment((await world.Donations.Donations.FindAsync(kept.Id, CancellationToken.None))!, BeyondUtf8Mb3), "comment.text");

        Assert.That(await ContentAsync(world), Is.EqualTo(before));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        var lead = stage == Stage.NewLeads ? SideName.New : SideName.Legacy;
        Assert.That((await world.Host.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    /// <summary>The letter of a cancelled donation has no room for its moderation: taken by legacy, it would be on neither side.</summary>
    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.ShadowRead)]
    [TestCase(Stage.NewLeads)]
    public async Task A_change_that_legacy_hides_is_refused_while_it_leads_and_taken_when_it_follows(Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(stage);
        var donations = world.Donations.Donations;
        var donation = NewDonation("max@example.org");
        donation.Cancel();
        await donations.StoreAsync(donation, CancellationToken.None);
        donation = (await donations.FindAsync(donation.Id, CancellationToken.None))!;
        donation.Moderate();
        if (stage != Stage.NewLeads)
        {
            await RefusesAsync(world, donation, "is_moderated");
            donation.Approve();
        }

        donation.ChangeAmount(3000);
        await donations.StoreAsync(donation, CancellationToken.None);
        donation = (await donations.FindAsync(donation.Id, CancellationToken.None))!;
        Assert.That(
            (donation.IsCancelled, donation.IsModerated, donation.AmountInCents), Is.EqualTo((true, stage == Stage.NewLeads, 3000L)));
        if (stage != Stage.LegacyOnly)
        {
            Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        }
    }

    /// <summary>The letter of a cancelled donation says nothing of its booking; a new side that was behind learns of it all the same.</summary>
    [Test]
    [Category("Case34")]
    public async Task What_a_cancellation_hides_reaches_a_new_side_that_was_behind()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(Stage.ShadowRead);
        var donations = world.Donations.Donations;
        var (inOne, inTwo) = (NewDonation("max@example.org", Card(null)), NewDonation("eva@example.org", Card(null)));
        await donations.StoreAsync(inOne, CancellationToken.None);
        await donations.StoreAsync(inTwo, CancellationToken.None);
        inOne.Book(Card("t-1"));
        inOne.Cancel();
        await donations.StoreAsync(inOne, CancellationToken.None);
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'prepared'");
        inTwo.Book(Card("t-2"));
        await donations.StoreAsync(inTwo, CancellationToken.None);
        inTwo.Cancel();
        await donations.StoreAsync(inTwo, CancellationToken.None);
        await RunOnNewAsync(world, "UPDATE strangler_fence SET role = 'follower'");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await world.MoveToAsync(Stage.NewLeads);
        foreach (var id in new[] { inOne.Id, inTwo.Id })
        {
            var donation = (await donations.FindAsync(id, CancellationToken.None))!;
            Assert.That((donation.IsCancelled, donation.PaymentState), Is.EqualTo((true, PaymentState.Booked)), $"{id}");
        }
    }

    [Test]
    public async Task Without_legacy_the_new_side_takes_what_only_it_can_hold()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(Stage.NewOnly);
        var donation = WithComment(NewDonation("max@example.org"), BeyondUtf8Mb3);
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        Assert.That((await world.Donations.Donations.FindAsync(donation.Id, CancellationToken.None))!.Comment!.Text, Is.EqualTo(BeyondUtf8Mb3));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public async Task Ids_below_one_are_refused_and_a_delete_takes_none(long id)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.MoveToAsync(Stage.DualWrite);
        Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => world.Donations.Donations.FindAsync(id, CancellationToken.None));
        Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => world.Donations.Donations.DeleteAsync(id, CancellationToken.None));
        Assert.That(await world.Donations.Donations.FindAsync(4711, CancellationToken.None), Is.Null, "unknown is not an error");
    }

    private static async Task RefusesAsync(DonationsWorld world, Donation donation, string field)
    {
        var (id, refused) = (donation.Id, (CannotHoldException?)null);
        try
        {
            await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        }
        catch (CannotHoldException exception)
        {
            refused = exception;
        }

        Assert.That((refused?.Field, donation.Id), Is.EqualTo((field, id)));
        Assert.That(refused!.Message, Does.Not.Contain("Danke").And.Not.Contain("xxx"), "no values in messages");
    }

    private static async Task<string> ContentAsync(DonationsWorld world)
    {
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        await using var @new = await world.NewDatabase.OpenAsync();
        return string.Join('\n',
        [
            .. await RowsAsync(legacy, "spenden"), .. await RowsAsync(legacy, "strangler_entity"), .. await RowsAsync(@new, "donation"),
            .. await RowsAsync(@new, "donation_comment"), .. await RowsAsync(@new, "strangler_entity"), .. await RowsAsync(@new, "strangler_id_map"),
        ]);
    }

    private static async Task<IEnumerable<string>> RowsAsync(System.Data.Common.DbConnection connection, string table) =>
        (await connection.QueryAsync($"SELECT * FROM {table} ORDER BY 1, 2, 3"))
            .Select(row => table + ": " + string.Join(", ", ((IDictionary<string, object?>)row).Values.Select(value => value is byte[] bytes ? Convert.ToHexString(bytes) : $"{value}")));

    private static Donation WithComment(Donation donation, string text)
    {
        donation.WriteComment(new Comment(text, "Max", IsPublic: true));
        return donation;
    }

    private static async Task RunOnNewAsync(DonationsWorld world, string sql)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(sql);
    }

    private static CreditCardPayment Card(string? transaction) => new(transaction is null ? null : new CreditCardBooking { TransactionId = transaction });

    private static Donation NewDonation(string email, Payment? payment = null) => new(
        0,
        new DateTime(2022, 6, 1, 10, 0, 0),
        2500,
        0,
        new PersonDonor(new PersonName("Herr", "", "Max", "Müller"), new Address("Straße 1", "12345", "Köln", "DE"), email),
        payment ?? new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
}
