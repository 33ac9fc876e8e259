using System.Security.Cryptography;
using System.Text;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Erasure wins: after an anonymization or a deletion no byte of what was personal stands in any column of any table of either database,
/// nor in a log, whatever was in flight or parked (Case64).
/// </summary>
[Category("Case64")]
public sealed class ErasureTests
{
    private const string Mark = "Qxz";

    private static readonly string[] PersonalKeys =
    [
        "titel", "vorname", "nachname", "firma", "strasse", "plz", "ort", "email", "phone", "dob", "name", "eintrag", "kommentar",
        "user_agent", "iban", "bic", "konto", "blz", "bankname", "paypal_payer_id", "paypal_first_name", "paypal_last_name",
        "paypal_address_name", "ext_payment_account", "ext_payment_id", "ext_subscr_id", "paypal_subscr_id", "transaction_id",
        "mcp_sessionid", "mcp_auth", "mcp_title", "mcp_cc_expiry_date", "token", "utoken", "unheard of",
    ];

    private static readonly string[] Purged =
    [
        "vorname", "nachname", "plz", "ort", "strasse", "email", "phone", "dob", "bankname", "konto", "blz", "bic", "iban", "titel",
        "paypal_first_name", "paypal_last_name", "paypal_address_name",
    ];

    private static readonly string[] PersonalColumns = ["name", "ort", "email", "eintrag", "remote_addr", "hash", "ueb_code"];

    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    [Test]
    public async Task Anonymized_nothing_personal_is_left_anywhere(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage, [Values("person", "firma", "email", "anonym", "", "purged")] string type)
    {
        await using var world = await FilledAsync(type, stage);
        await EraseAsync(world, donation => donation.Anonymize(Now));
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task Anonymized_while_the_follower_is_down_and_an_older_version_is_in_flight_nothing_comes_back(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync("person", stage);
        var (database, table) = stage == Stage.DualWrite ? (world.NewDatabase, "donation") : (world.LegacyDatabase, "spenden");
        await using (var connection = await HandWrittenRow.OpenAsync(database))
        {
            await RunAsync(connection, $"RENAME TABLE {table} TO out_of_order");
            await EraseAsync(world, donation => donation.ChangeDonor(Somebody("b"), true, true));
            await EraseAsync(world, donation => donation.Anonymize(Now));
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            await RunAsync(connection, $"RENAME TABLE out_of_order TO {table}");
        }

        await EraseAsync(world, donation => donation.AddLog(Now, "approved"));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task Erased_while_an_older_version_is_parked_nothing_comes_back([Values] bool deleted)
    {
        await using var world = await FilledAsync("person", Stage.NewLeads);
        await ParkAsync(world, donation => donation.ChangeDonor(Somebody("d"), true, true));
        var journal = world.Host.Sides.Of(SideName.New).Journal;
        Assert.That((await journal.DepthAsync(CancellationToken.None)).Parked, Is.EqualTo(1));
        if (deleted)
        {
            await world.Donations.Donations.DeleteAsync(1, CancellationToken.None);
        }
        else
        {
            await EraseAsync(world, donation => donation.Anonymize(Now));
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task Deleted_nothing_personal_is_left_anywhere([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync("person", stage);
        await world.Donations.Donations.DeleteAsync(1, CancellationToken.None);
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task What_a_donation_is_given_after_its_erasure_stays()
    {
        await using var world = await FilledAsync("anonym", Stage.NewLeads);
        var known = Somebody("c");
        await EraseAsync(world, donation =>
        {
            donation.Anonymize(Now);
            donation.ChangeDonor(known, true, true);
        });
        Assert.That((await world.Donations.Donations.FindAsync(1, CancellationToken.None))!.Donor, Is.EqualTo(known));
    }

    [Test]
    public async Task Of_a_key_that_stands_there_twice_both_values_are_erased()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await InsertAsync(world, Row("person").Entry(Text("vorname"), Text(Mark + "twice")));
        await world.MoveToAsync(Stage.DualWrite);
        await EraseAsync(world, donation => donation.Anonymize(Now));
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task A_row_that_cannot_be_read_leaves_no_value_in_lists_reports_or_logs()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await InsertAsync(world, Row("person").Key("nachname", Map((Text(Mark), Text(Mark)))));
        await InsertAsync(world, Row("person").With("betrag", Mark), id: 2);
        await InsertAsync(world, Row("person").Key("adresstyp", Mark + "Verein"), id: 3);
        await world.MoveToAsync(Stage.ShadowRead);
        foreach (var id in new[] { 1L, 2, 3 })
        {
            var refused = Assert.ThrowsAsync<UnreadableException>(() => world.Donations.Donations.FindAsync(id, CancellationToken.None))!;
            Assert.That(refused.ToString(), Does.Not.Contain(Mark));
            await world.Donations.Donations.DeleteAsync(id, CancellationToken.None);
        }

        await AssertNothingIsLeftAsync(world);
        var listed = await world.Host.Sides.Quarantine.ListAsync(DonationsContext.DonationKind, 10, CancellationToken.None);
        Assert.That(listed, Is.Empty, "what is gone is not listed any more");
    }

    private static async Task<DonationsWorld> FilledAsync(string type, Stage stage)
    {
        var world = await DonationsWorld.CreateAsync();
        await InsertAsync(world, Row(type));
        await world.MoveToAsync(stage);
        await using (var connection = await HandWrittenRow.OpenAsync(world.NewDatabase))
        {
            // A report about a difference in each text of the donor stays in the history.
            await RunAsync(connection, "UPDATE donation_donor SET full_name = CONCAT(full_name, 'Qxzdrift'), city = 'Qxzdrift'");
            await RunAsync(connection, "UPDATE donation_log_entry SET message = 'Qxzdrift'");
        }

        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(string.Join('\n', ReportText.Render(report)), Does.Not.Contain(Mark));
        await using (var connection = await HandWrittenRow.OpenAsync(world.NewDatabase))
        {
            await RunAsync(connection, "UPDATE donation_log_entry SET message = 'sepa-mandat confirmed'");
        }

        return world;
    }

    private static HandWrittenRow Row(string type)
    {
        var row = new HandWrittenRow();
        foreach (var column in PersonalColumns)
        {
            row.With(column, Mark + column);
        }

        foreach (var key in PersonalKeys)
        {
            row.Key(key, Mark + key);
        }

        row.Key("paypal_mc_gross", "10.00").Key("transactionIds", Map((Text($"{Mark}follow-up"), Raw("i:4712;"))));
        if (type == "purged")
        {
            // An old program's purge: it knew these, and no others.
            foreach (var key in Purged)
            {
                row.Without(key);
            }

            return row.With("name", "").With("ort", "").With("email", "").With("dt_backup", "2018-01-01 00:00:00");
        }

        return row.Key("adresstyp", type);
    }

    private static CompanyDonor Somebody(string name) => new(
        Mark + name, new PersonName("", Mark, Mark + name, Mark), new Address(Mark, Mark, Mark, "DE"), $"{Mark}@example.org");

    private static async Task InsertAsync(DonationsWorld world, HandWrittenRow row, long id = 1)
    {
        await using var connection = await HandWrittenRow.OpenAsync(world.LegacyDatabase);
        await row.InsertAsync(connection, id);
    }

    private static async Task EraseAsync(DonationsWorld world, Action<Donation> act)
    {
        var donation = await world.Donations.Donations.FindAsync(1, CancellationToken.None);
        act(donation!);
        await world.Donations.Donations.StoreAsync(donation!, CancellationToken.None);
    }

    private static async Task AssertNothingIsLeftAsync(DonationsWorld world)
    {
        var places = new List<string>();
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            var columns = await connection.QueryAsync<(string Table, string Column)>(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()");
            foreach (var (table, column) in columns)
            {
                var cells = await connection.QueryAsync<byte[]?>($"SELECT CAST(`{column}` AS BINARY) FROM `{table}`");
                if (cells.Any(cell => cell is not null && IsPersonal(cell)))
                {
                    places.Add($"{table}.{column}");
                }
            }
        }

        Assert.That(places, Is.Empty);
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Mark, StringComparison.OrdinalIgnoreCase)), Is.Empty);
    }

    private static bool IsPersonal(byte[] cell)
    {
        var decoded = new byte[cell.Length];
        var isBase64 = Convert.TryFromBase64Chars(Encoding.Latin1.GetString(cell), decoded, out var length);
        return Contains(cell) || (isBase64 && Contains(decoded.AsSpan(0, length)))
            || PersonalKeys.Any(key => cell.AsSpan().SequenceEqual(SHA256.HashData(Encoding.UTF8.GetBytes(Mark + key))));
    }

    private static bool Contains(ReadOnlySpan<byte> bytes) => bytes.IndexOf(Encoding.UTF8.GetBytes(Mark)) >= 0;

    // Somebody holds legacy's row, so that the change cannot be brought along; then it is set aside as after too many attempts.
    private static async Task ParkAsync(DonationsWorld world, Action<Donation> change)
    {
        await using (var legacy = await world.LegacyDatabase.OpenAsync())
        {
            await using var holding = await legacy.BeginTransactionAsync();
            await legacy.ExecuteAsync("SELECT id FROM spenden WHERE id = 1 FOR UPDATE", transaction: holding);
            await EraseAsync(world, change);
        }

        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync("UPDATE strangler_journal SET state = 'parked' WHERE `key` = 1");
    }
}
