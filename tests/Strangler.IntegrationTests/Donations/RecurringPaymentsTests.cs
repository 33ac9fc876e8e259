using System.Globalization;
using Dapper;
using Strangler.Cli;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Capture;
using Strangler.IntegrationTests.Cli;
using Strangler.Mapping;
using Strangler.Reconciliation;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Later payments of recurring donations, which are donations of their own: linked on the new side by what the logs say, told where the two ends do not
/// say the same, and nowhere guessed.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class RecurringPaymentsTests
{
    private const int First = 900_000;
    private const string To = "paypal_handler: new transaction id to corresponding";
    private static readonly DateTime Noon = new(2022, 6, 1, 12, 0, 0);

    private DonationsWorld _world = null!;
    private List<(long Id, bool IsParent)> _families = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        _families =
        [
            .. (await _world.FillAsync(2_000)).Where(row => row.Kinds.Any(kind => kind is "paypal-child" or "paypal-parent"))
                .Select(row => ((long)row.Id, row.Kinds.Contains("paypal-parent"))),
        ];
        await using var connection = await OpenAsync(_world.LegacyDatabase);
        foreach (var (id, row) in Rows())
        {
            await row.InsertAsync(connection, First + id);
        }

        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test, Order(0)]
    public async Task On_the_new_side_a_later_payment_refers_to_its_parent_s_row()
    {
        var parents = await ParentsAsync();
        Assert.That(_families.Count(one => one.IsParent), Is.Positive);
        Assert.That(_families.Where(one => !one.IsParent && !parents.ContainsKey(one.Id)), Is.Empty, "each generated child has its parent");
        Assert.That(_families.Where(one => one.IsParent && parents.ContainsKey(one.Id)), Is.Empty);
        Assert.That(
            parents.Where(pair => pair.Key > First).Select(pair => $"{pair.Key - First} {pair.Value - First}"),
            Is.EquivalentTo(new[] { "2 1", "5 5", "6 77", "11 10" }), "one that is gone, or is the donation itself, is what the log says; several are none");
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    [Test, Order(1)]
    public async Task Ends_that_do_not_say_the_same_are_listed_with_their_evidence()
    {
        var cli = new CommandLine(_world);
        var found = (await cli.RunAsync("mapping findings donations --limit 100000 --json", ExitCodes.Found)).Json;
        Assert.That(
            found.GetProperty("found").EnumerateArray().Select(row => (Id: row.GetProperty("id").GetInt64(), Text: $"{row.GetProperty("finding")}: {row.GetProperty("evidence")}"))
                .Where(row => row.Id > First).Select(row => $"{row.Id - First} {row.Text.Replace("900", "..", StringComparison.Ordinal)}"),
            Is.EquivalentTo(new[]
            {
                "1 follow_up_names_no_parent: follow_ups names ..003; donations/donation ..003 has no paypal.parent_id",
                "1 follow_up_not_there: follow_ups names ..078; donations/donation ..078 is not there",
                "1 logged_follow_up_names_no_parent: log_entries names ..004; donations/donation ..004 does not tell its paypal.parent_id",
                "1 logged_follow_up_denied: log_entries names ..005; donations/donation ..005 has the paypal.parent_id ..005",
                "4 parent_ambiguous: paypal.parent_evidence is ambiguous",
                "5 parent_is_own_id: paypal.parent_id is the row's own id; donations/donation ..005 is there",
                "6 parent_not_there: paypal.parent_id is ..077; donations/donation ..077 is not there",
                "10 follow_up_denied: follow_ups names ..011; donations/donation ..011 has another provider.transaction_id",
                "10 follow_up_denied: follow_ups names ..002; donations/donation ..002 has the paypal.parent_id ..001",
                "10 logged_follow_up_not_there: log_entries names ..079; donations/donation ..079 is not there",
            }));
        Assert.That(found.GetProperty("findings").GetProperty("parent_ambiguous").GetInt64(), Is.EqualTo(1), "no generated row is");
        Assert.That(cli.EverythingSaid, Does.Not.Contain("TRANSACTION"), "transaction ids are personal");
        Assert.That((await cli.RunAsync("mapping explain donations", ExitCodes.Ok)).Output, Does.Contain("paypal.parent_id leads to donations/donation"));
    }

    [Test, Order(2)]
    public async Task A_frontend_s_later_payment_is_linked_on_both_sides_in_every_stage()
    {
        foreach (var stage in new[] { Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.DualWrite })
        {
            await _world.MoveToAsync(stage);
            var parent = await StoreAsync(Recurring());
            var child = Recurring();
            child.Follow(parent.Id, Noon);
            await StoreAsync(child);
            parent = (await _world.Donations.Donations.FindAsync(parent.Id, CancellationToken.None))!;
            parent.AddFollowUp(new FollowUp($"TRANSACTION{child.Id}", child.Id), Noon);
            await StoreAsync(parent);
            await _world.Host.Relay.DrainAsync(CancellationToken.None);
            foreach (var side in new[] { SideName.Legacy, SideName.New })
            {
                var record = (await _world.RecordAsync(side, child.Id))!;
                Assert.That((record["paypal.parent_id"], record["paypal.parent_evidence"]), Is.EqualTo(((object)parent.Id, (object)"named")), $"{side} in {stage}");
                Assert.That((await _world.RecordAsync(side, parent.Id))!.List("follow_ups").Rows.Single()[1], Is.EqualTo(child.Id), $"{side} in {stage}");
            }

            var found = (await _world.Donations.Donations.FindAsync(child.Id, CancellationToken.None))!;
            Assert.That(((PayPalPayment)found.Payment).ParentId, Is.EqualTo(parent.Id), $"{stage}");
        }
    }

    // While legacy leads, nobody can say more than it can hold.
    [Test, Order(3)]
    public async Task What_the_log_leaves_open_is_decided_where_the_decision_can_be_kept()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        var several = (await _world.Donations.Donations.FindAsync(First + 4, CancellationToken.None))!;
        several.Follow(First + 1, Noon);
        Assert.That(() => StoreAsync(several), Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo("paypal.parent_id"));

        await _world.MoveToAsync(Stage.NewLeads);
        several = (await _world.Donations.Donations.FindAsync(First + 4, CancellationToken.None))!;
        var before = await _world.LegacyBytesAsync(First + 4);
        several.Follow(First + 1, Noon);
        await StoreAsync(several);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await ParentsAsync())[First + 4], Is.EqualTo(First + 1));
        Assert.That(await _world.LegacyBytesAsync(First + 4), Is.EqualTo(before), "the log stays as it is");

        // What another program books meanwhile, it logs as ever.
        await using (var connection = await OpenAsync(_world.LegacyDatabase))
        {
            await PayPal("TRANSACTION30", ("2020-02-03 10:00:00", $"{To} parent donation: {First + 1}")).InsertAsync(connection, First - 500);
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await ParentsAsync())[First - 500], Is.EqualTo(First + 1));
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    /// <summary>While new leads, the frontend and another program each log a parent, of which neither knew: nobody guesses, and one command decides.</summary>
    [TestCase(SideName.New)]
    [TestCase(SideName.Legacy)]
    [Order(4)]
    public async Task Two_parents_from_both_sides_at_once_park_the_key_until_one_command_decides(SideName taken)
    {
        await _world.MoveToAsync(Stage.NewLeads);
        var id = First - 400 + (int)taken;
        await using var connection = await OpenAsync(_world.LegacyDatabase);
        await PayPal("TRANSACTION40", ("2020-02-03 10:00:00", "paypal_handler: booked")).InsertAsync(connection, id);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await new AheadFrontend(_world).ChangeAsync(id, donation => donation.Follow(First + 1, Noon));
        var theirs = PayPal("TRANSACTION40", ("2020-02-03 10:00:00", "paypal_handler: booked"), ("2020-02-03 10:00:01", $"{To} parent donation: {First + 10}"));
        await connection.ExecuteAsync("UPDATE spenden SET data = @data WHERE id = @id", new { data = Convert.ToBase64String(Map([.. theirs.Entries])), id });
        await _world.Host.Relay.DrainAsync(CancellationToken.None);

        var cli = new CommandLine(_world);
        Assert.That((await cli.RunAsync("conflicts list donations", ExitCodes.Found)).Output, Does.Contain($"donation {id}").And.Contain("paypal.parent_id"));
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Found)).Output, Does.Contain("parked").And.Contain($"{id}"));
        Assert.That((await cli.RunAsync($"conflicts show donations {id}", ExitCodes.Ok)).Output, Does.Contain($"{First + 1}").And.Contain($"{First + 10}"));
        var (side, parent) = taken == SideName.New ? ("new", First + 1) : ("legacy", First + 10);
        await cli.RunAsync($"conflicts resolve donations {id} --take {side} --reason looked-at --apply", ExitCodes.Ok);
        await _world.Host.Relay.DrainAsync(CancellationToken.None);

        await cli.RunAsync("conflicts list donations", ExitCodes.Ok);
        await cli.RunAsync("relay status donations", ExitCodes.Ok);
        Assert.That((await ParentsAsync())[id], Is.EqualTo(parent));
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    // 1 is the parent of 2 (both say so), of 3 (whose line is lost), 4 (which names two) and 5 (which names itself), and names one that is gone; 6 names one that is
    // gone. 10 claims 11 by another transaction, and 2, which is not its own.
    private static IEnumerable<(long Id, HandWrittenRow Row)> Rows() =>
    [
        (1, PayPal(
                "TRANSACTION1", ("2020-01-01 10:00:00", $"{To} child donation: {First + 2}"), ("2020-01-02 10:00:00", $"{To} child donation: {First + 4}"),
                ("2020-01-03 10:00:00", $"{To} child donation: {First + 5}"))
            .Key("transactionIds", Map((Text("TRANSACTION2"), Id(2)), (Text("TRANSACTION3"), Id(3)), (Text("TRANSACTION78"), Id(78))))),
        (2, PayPal("TRANSACTION2", ("2020-01-01 10:00:00", $"{To} parent donation: {First + 1}"))),
        (3, PayPal("TRANSACTION3", ("2020-01-01 10:00:00", "paypal_handler: booked"))),
        (4, PayPal("TRANSACTION4", ("2020-01-01 10:00:00", $"{To} parent donation: {First + 1}"), ("2020-01-01 10:00:01", $"{To} parent donation: {First + 10}"))),
        (5, PayPal("TRANSACTION5", ("2020-01-01 10:00:00", $"{To} parent donation: {First + 5}"))),
        (6, PayPal("TRANSACTION6", ("2020-01-01 10:00:00", $"{To} parent donation: {First + 77}"))),
        (10, PayPal("TRANSACTION10", ("2020-01-01 10:00:00", $"{To} child donation: {First + 79}"))
            .Key("transactionIds", Map((Text("TRANSACTION12"), Id(11)), (Text("TRANSACTION13"), Id(2))))),
        (11, PayPal("TRANSACTION11", ("2020-01-01 10:00:00", $"{To} parent donation: {First + 10}"))),
    ];

    private static byte[] Id(int id) => Raw(string.Create(CultureInfo.InvariantCulture, $"i:{First + id};"));

    private static HandWrittenRow PayPal(string transaction, params (string At, string Message)[] log) =>
        new HandWrittenRow().With("zahlweise", "PPL").With("status", "B").With("periode", 1).Without("iban").Key("ext_payment_id", transaction)
            .Key("log", Map([.. log.Select(line => (Text(line.At), Text(line.Message)))]));

    private static Donation Recurring() => new(
        0, Noon, 1_000, 1, new PersonDonor(new PersonName("Frau", "", "Erika", "Muster"), new Address("Nyan street", "12345", "Berlin", "DE"), "e@example.org"),
        new PayPalPayment(new PayPalBooking { PayerId = "PAYER" }));

    private async Task<Donation> StoreAsync(Donation donation)
    {
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation;
    }

    // By the rows' own ids, and back through the map.
    private async Task<Dictionary<long, long>> ParentsAsync()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        return (await connection.QueryAsync<(long Child, long Parent)>(
            """
            SELECT CAST(c.public_id AS SIGNED), CAST(p.public_id AS SIGNED) FROM donation_payment_paypal d
            JOIN strangler_id_map c ON c.context = 'donations' AND c.new_id = d.donation_id JOIN strangler_id_map p ON p.context = 'donations' AND p.new_id = d.parent_id
            """)).ToDictionary(pair => pair.Child, pair => pair.Parent);
    }
}
