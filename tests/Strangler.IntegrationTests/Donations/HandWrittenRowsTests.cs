using Strangler.Backfill;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Rows that no generator makes: each is either kept to the byte, changed field by field, and agreed upon by both sides, or it is listed in
/// quarantine and refused (Case49, Case50, Case51, Case52, Case55, Case56).
/// </summary>
[Category("Case50")]
[Category("Case52")]
public sealed class HandWrittenRowsTests
{
    private static readonly string[] Unreadable =
    [
        "unreadable: amount ' 5.00 '", "unreadable: amount '-0'", "unreadable: amount '-0.50'", "unreadable: amount '5,00'",
            "unreadable: amount '1.234,56'",
        "unreadable: amount '1.2e3'", "unreadable: amount '12345678901234.00'", "unreadable: amount of 250 characters",
        "unreadable: status 'n'", "unreadable: status ' '", "unreadable: payment type 'bez'", "unreadable: payment type ''",
        "unreadable: adresstyp 7", "unreadable: adresstyp array", "unreadable: adresstyp 'Person'", "unreadable: vorname not utf-8",
        "unreadable: vorname array", "unreadable: impCount text", "unreadable: references", "unreadable: dt_new 2016-00-00",
            "unreadable: dt_gruen 2016-02-30",
        "unreadable: dt_del 2016-00-00", "unreadable: uexpiry text", "unreadable: base64 cut", "unreadable: object",
    ];

    private readonly List<(long Id, string Name, HandWrittenRow Row)> _rows = [];
    private DonationsWorld _world = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await using var connection = await HandWrittenRow.OpenAsync(_world.LegacyDatabase);
        var next = 1L;
        foreach (var (name, row) in Scenes())
        {
            var id = name == "max id" ? int.MaxValue - 100_000 : next;
            await row.InsertAsync(connection, id);
            _rows.Add((id, name, row));
            next += 1 + (next % 3);
        }
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    [Order(0)]
    public async Task What_cannot_be_read_is_listed_with_place_and_reason_and_nothing_else_is()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        var listed = await _world.Host.Sides.Quarantine.ListAsync(DonationsContext.DonationKind, 1000, CancellationToken.None);
        Assert.That(listed.Select(entry => _rows.Single(row => row.Id == entry.Id).Name), Is.EquivalentTo(Unreadable));
        Assert.That(listed, Has.All.Matches<QuarantineEntry>(entry => entry.Place.StartsWith("spenden.", StringComparison.Ordinal)
            && entry.Reason.Length > 0));
    }

    [Test]
    [Order(1)]
    public Task In_dual_write_every_row_is_kept_or_refused() => KeepAllAsync();

    [Test]
    [Order(2)]
    public Task In_dual_write_every_change_arrives_on_both_sides_and_nothing_else_does() => ChangeAllAsync(Stage.DualWrite, half: 0);

    [Test]
    [Order(3)]
    public async Task While_new_leads_every_row_is_kept_or_refused()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        await KeepAllAsync();
    }

    [Test]
    [Order(4)]
    public Task While_new_leads_every_change_arrives_on_both_sides_and_nothing_else_does() => ChangeAllAsync(Stage.NewLeads, half: 1);

    [Test]
    [Order(5)]
    public async Task At_the_end_both_sides_are_identical()
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    private static bool IsReadable(string name) => !name.StartsWith("unreadable", StringComparison.Ordinal);

    private async Task KeepAllAsync()
    {
        var failures = new List<string>();
        foreach (var (id, name, _) in _rows)
        {
            var before = await _world.LegacyBytesAsync(id);
            try
            {
                var donation = await _world.Donations.Donations.FindAsync(id, CancellationToken.None);
                if (donation is null || !IsReadable(name))
                {
                    failures.Add($"{name}: {(donation is null ? "not found" : "read")}");
                    continue;
                }

                await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
                if (await Differences(id) is { Length: > 0 } differences)
                {
                    failures.Add($"{name}: the sides differ in {differences}");
                }
            }
            catch (Exception refused) when (!IsReadable(name) && refused is UnreadableException or QuarantinedException)
            {
                await AssertRefusesWritesAsync(id, name, failures);
            }
            catch (Exception exception) when (exception is not AssertionException)
            {
                failures.Add($"{name}: {exception.GetType().Name}: {exception.Message}");
            }

            if (await _world.LegacyBytesAsync(id) != before)
            {
                failures.Add($"{name}: other bytes");
            }
        }

        Assert.That(failures, Is.Empty, () => string.Join('\n', failures));
    }

    private async Task AssertRefusesWritesAsync(long id, string name, List<string> failures)
    {
        try
        {
            await _world.Donations.Donations.StoreAsync(
                new Donation(id, new DateTime(2020, 1, 1), 100, 0, new AnonymousDonor(), new BankTransferPayment("XW-1")),
                    CancellationToken.None);
            failures.Add($"{name}: written over");
        }
        catch (Exception exception) when (exception is ConflictException or UnreadableException or QuarantinedException)
        {
        }

        if ((await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Stage == Stage.NewLeads)
        {
            try
            {
                await _world.Donations.Donations.DeleteAsync(id, CancellationToken.None);
                failures.Add($"{name}: a delete was acknowledged that legacy never saw");
            }
            catch (Exception exception) when (exception is UnreadableException or QuarantinedException)
            {
            }
        }
    }

    private async Task ChangeAllAsync(Stage stage, int half)
    {
        var failures = new List<string>();
        foreach (var (id, name, _) in _rows.Where(row => IsReadable(row.Name) && row.Id % 2 == half))
        {
            // Beyond what legacy can write, only the new side can go on: such a change is parked, and counted as the price of rolling back.
            if (stage == Stage.NewLeads && name is "amount '1234567890123456'" or "amount '9999999999999.99'")
            {
                continue;
            }

            foreach (var (what, may, act, fields) in DonationStatesTests.Changes)
            {
                try
                {
                    var lost = stage == Stage.DualWrite ? DonationStatesTests.LostByTheLetter.GetValueOrDefault(what, []) : [];
                    await ChangeAsync(id, $"{name}, {what}", may, act, [.. fields, .. lost], failures);
                }
                catch (Exception exception) when (exception is not AssertionException)
                {
                    failures.Add($"{name}, {what}: {exception.GetType().Name}: {exception.Message}");
                }
            }
        }

        Assert.That(failures, Is.Empty, () => string.Join('\n', failures));
    }

    private async Task ChangeAsync(
        long id, string what, Func<Donation, bool> may, Action<Donation> act, string[] fields, List<string> failures)
    {
        var donation = await _world.Donations.Donations.FindAsync(id, CancellationToken.None);
        if (!may(donation!))
        {
            return;
        }

        var (legacy, @new) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        var bytes = await _world.LegacyBytesAsync(id);
        act(donation!);
        try
        {
            await _world.Donations.Donations.StoreAsync(donation!, CancellationToken.None);
        }
        catch (CannotHoldException refused)
        {
            if (!fields.Any(field => field == "*" || refused.Field.StartsWith(field, StringComparison.Ordinal))
                || await _world.LegacyBytesAsync(id) != bytes)
            {
                failures.Add($"{what}: {refused.Message}");
            }

            return;
        }

        var (legacyNow, newNow) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        foreach (var (before, after) in new[] { (legacy!, legacyNow!), (@new!, newNow!) })
        {
            var others = DonationStatesTests.DifferingFields(before, after)
                .Where(field => field != "legacy_extras"
                    && !fields.Any(allowed => allowed == "*" || field.StartsWith(allowed, StringComparison.Ordinal)));
            failures.AddRange(others.Select(field => $"{what}: {field} has changed, too"));
        }

        if (await Differences(id) is { Length: > 0 } differences)
        {
            failures.Add($"{what}: the sides differ in {differences}");
        }
    }

    private async Task<string> Differences(long id)
    {
        var (legacy, @new) = (await _world.RecordAsync(SideName.Legacy, id), await _world.RecordAsync(SideName.New, id));
        return legacy is null || @new is null
            ? $"existence ({(legacy is null ? "" : "legacy")}{(@new is null ? "" : "new")})"
            : string.Join(", ", DonationStatesTests.DifferingFields(legacy, @new));
    }

    private static IEnumerable<(string Name, HandWrittenRow Row)> Scenes()
    {
        foreach (var amount in new[] { "1e3", ".1", "0.305", "0", "5.", "00005.00", "+5.00", " 5.00", "1234567890123456", "",
            "9999999999999.99" })
        {
            yield return ($"amount '{amount}'", new HandWrittenRow().With("betrag", amount));
        }

        foreach (var amount in new[] { " 5.00 ", "-0", "-0.50", "5,00", "1.234,56", "1.2e3", "12345678901234.00" })
        {
            yield return ($"unreadable: amount '{amount}'", new HandWrittenRow().With("betrag", amount));
        }

        yield return ("unreadable: amount of 250 characters", new HandWrittenRow().With("betrag", new string('7', 250)));
        foreach (var interval in new[] { 2, -1, 32767, -32768 })
        {
            yield return ($"interval {interval}", new HandWrittenRow().With("periode", interval));
        }

        yield return ("unreadable: status 'n'", new HandWrittenRow().With("status", "n"));
        yield return ("unreadable: status ' '", new HandWrittenRow().With("status", " "));
        yield return ("unreadable: payment type 'bez'", new HandWrittenRow().With("zahlweise", "bez"));
        yield return ("unreadable: payment type ''", new HandWrittenRow().With("zahlweise", ""));
        foreach (var column in new[] { "name", "ort", "email", "bescheinigung", "betrag", "source", "hash" })
        {
            yield return ($"{column} NULL", new HandWrittenRow().With(column, null));
        }

        foreach (var column in new[] { "name", "ort", "email", "source", "hash", "betrag" })
        {
            yield return ($"{column} ''", new HandWrittenRow().With(column, ""));
        }

        yield return ("data NULL", new HandWrittenRow().RawData(null));
        yield return ("data Array", new HandWrittenRow().RawData("Array"));
        yield return ("data of an empty array", new HandWrittenRow().RawData(Convert.ToBase64String(Raw("a:0:{}"))));
        foreach (var (info, receipt, isPublic) in new[] { (-1, -128, 2), (127, 2, -1), (0, 0, 1) })
        {
            yield return (
                $"flags {info} {receipt} {isPublic}",
                new HandWrittenRow().With("info", info).With("bescheinigung", receipt).With("is_public", isPublic).With("kommentar", "x")
                    .With("eintrag", "anonym"));
        }

        yield return ("public without a comment", new HandWrittenRow().With("is_public", 1).With("eintrag", "Max Muster, Köln"));
        foreach (var (column, date) in new[]
                 {
                     ("dt_new", "0000-00-00 00:00:00"), ("dt_new", "2021-03-28 02:30:00"), ("dt_new", "2021-10-31 02:30:00"),
                         ("dt_new", "9999-12-31 23:59:59"),
                     ("dt_del", "0000-00-00 00:00:00"), ("dt_gruen", "0000-00-00 00:00:00"), ("dt_gruen", "1970-01-01 01:00:00"),
                     ("dt_backup", "0000-00-00 00:00:00"), ("dt_exp", "2016-02-30 00:00:00"), ("dt_exp", "2016-00-00 00:00:00"),
                         ("dt_exp", "0000-00-00 00:00:00"),
                     ("dt_backup", "2016-05-17 11:42:02"),
                 })
        {
            yield return ($"{column} {date}", new HandWrittenRow().With(column, date));
        }

        yield return ("unreadable: dt_new 2016-00-00", new HandWrittenRow().With("dt_new", "2016-00-00 00:00:00"));
        yield return ("unreadable: dt_gruen 2016-02-30", new HandWrittenRow().With("dt_gruen", "2016-02-30 00:00:00"));
        yield return ("unreadable: dt_del 2016-00-00", new HandWrittenRow().With("dt_del", "2016-00-00 00:00:00"));
        yield return ("unreadable: uexpiry text", new HandWrittenRow().Key("uexpiry", "tomorrow"));

        yield return ("duplicate known key",
            new HandWrittenRow().Entry(Text("vorname"), Text("Anna")).Entry(Text("tracking"), Text("a/b")));
        yield return ("duplicate unknown key", new HandWrittenRow().Entry(Text("x"), Text("1")).Entry(Text("x"), Raw("i:2;")));
        yield return ("int keys",
            new HandWrittenRow().Entry(Raw("i:0;"), Text("zero")).Entry(Raw("i:-7;"), Raw("N;")).Entry(Text("12"), Raw("b:1;")));
        yield return ("unknown of every type", new HandWrittenRow()
            .Entry(Text("float"), Raw("d:0.10000000000000001;")).Entry(Text("negative zero"), Raw("d:-0;"))
                .Entry(Text("nan"), Raw("d:NAN;"))
            .Entry(Text("inf"), Raw("d:-INF;")).Entry(Text("no"), Raw("b:0;")).Entry(Text("null"), Raw("N;"))
            .Entry(Text("nested"), Map((Text("a"), Map((Raw("i:1;"), Bytes(0xFF, 0x00)))), (Text("a"), Raw("N;"))))
            .Entry(Bytes(0xC3, 0x28), Bytes(0x80)).Entry(Text("50%"), Text("")).Entry(Text(""), Text("empty key"))
            .Entry(Text(" vorname"), Text("blank")).Entry(Text("Vorname"), Text("case")));
        yield return ("known of other types", new HandWrittenRow()
            .Key("plz", Raw("i:12345;")).Key("strasse", Raw("d:1.5;")).Key("titel", Raw("b:0;")).Key("firma", Raw("b:1;"))
                .Key("impCount", Text("0007"))
            .Key("bImpCount", Raw("N;")).Key("tracking", Raw("i:5;")).Key("country", Raw("N;")).Key("token", Raw("i:9;")));
        yield return ("adresstyp missing", new HandWrittenRow().Without("adresstyp"));
        yield return ("adresstyp null", new HandWrittenRow().Key("adresstyp", Raw("N;")));
        yield return ("adresstyp false", new HandWrittenRow().Key("adresstyp", Raw("b:0;")));
        yield return ("unreadable: adresstyp 7", new HandWrittenRow().Key("adresstyp", Raw("i:7;")));
        yield return ("unreadable: adresstyp array", new HandWrittenRow().Key("adresstyp", Raw("a:0:{}")));
        yield return ("unreadable: adresstyp 'Person'", new HandWrittenRow().Key("adresstyp", "Person"));
        yield return ("unreadable: vorname not utf-8", new HandWrittenRow().Key("vorname", Bytes(0x4A, 0xF6, 0x72, 0x67)));
        yield return ("unreadable: vorname array", new HandWrittenRow().Key("vorname", Map((Raw("i:0;"), Text("Erika")))));
        yield return ("unreadable: impCount text", new HandWrittenRow().Key("impCount", "many"));
        yield return ("unreadable: references", new HandWrittenRow().Entry(Text("again"), Raw("R:2;")));
        yield return ("unreadable: object", new HandWrittenRow().Entry(Text("o"), Raw("O:8:\"stdClass\":0:{}")));
        yield return ("unreadable: base64 cut",
            new HandWrittenRow().RawData(Convert.ToBase64String(Map([.. new HandWrittenRow().Entries]))[..100]));

        yield return ("log with int keys",
            new HandWrittenRow().Key("log", Map((Raw("i:0;"), Text("one")), (Raw("i:20160517;"), Text("two")))));
        yield return ("log of no texts",
            new HandWrittenRow().Key("log", Map((Text("2016-05-17 11:42:02"), Raw("i:1;")), (Text("2016-05-17 11:42:03"), Map()))));
        yield return ("log of one time in two formats", new HandWrittenRow().Key(
            "log", Map((Text("2016-05-17 11:42:02"), Text("a")), (Text("2016-05-17T11:42:02"), Text("b")),
                (Text("2016-5-17 11:42:02"), Text("c")))));
        yield return ("log as text", new HandWrittenRow().Key("log", "none"));
        yield return ("log not in order",
            new HandWrittenRow().Key("log", Map((Text("2017-01-01 00:00:00"), Text("b")), (Text("2016-01-01 00:00:00"), Text("")))));
        yield return ("log in the last second", new HandWrittenRow().Key("log", Map((Text("9999-12-31 23:59:59"), Text("end")))));
        foreach (var (name, value) in new (string, byte[])[]
                 {
                     ("numbers", Map((Raw("i:123456789;"), Raw("i:2;")))), ("texts", Map((Text("16R12136PU8783961"), Text("3")))),
                         ("list", Map((Raw("i:0;"), Text("abc")))),
                     ("nested", Map((Text("a"), Map()))), ("null", Raw("N;")), ("text", Text("a,b")),
                         ("negative", Map((Text("t"), Raw("i:-5;")))),
                     ("empty", Map()), ("float", Map((Text("t"), Raw("d:2;")))),
                 })
        {
            yield return ($"transactionIds {name}", PayPal().Key("transactionIds", value));
        }

        yield return ("blob at its limit", new HandWrittenRow().Key("zzz", new string('x', 49_149 - 600)));
        yield return ("emoji in the blob", new HandWrittenRow().Key("vorname", "😀").Key("strasse", "Straße 😀"));
        yield return ("decomposed in the blob, composed in the column",
            new HandWrittenRow().Key("ort", "Ko\u0308ln").With("ort", "K\u00f6ln"));
        yield return ("trailing blanks",
            new HandWrittenRow().Key("ort", "Berlin ").With("ort", "Berlin").With("name", "Erika Muster ").With("email", "a@b.c "));
        yield return ("mirrors disagree", new HandWrittenRow()
            .With("ort", "Hamburg").With("email", "other@example.org").With("name", "Someone Else").With("betrag", "1.00")
                .With("periode", 0).With("info", 0)
            .With("eintrag", "x").With("kommentar", "y").Key("betrag", "2.00").Key("periode", Raw("i:12;")).Key("info", Raw("i:1;"))
                .Key("eintrag", "z")
            .Key("kommentar", "w").Key("id", Raw("i:999;")).Key("name", "Third"));
        yield return ("mirrors only in the blob", new HandWrittenRow().With("ort", null).With("email", null).With("name", null));
        yield return ("mirrors only in the columns", new HandWrittenRow().Without("ort").Without("email"));
        yield return ("paypal mirrors disagree",
            PayPal().Key("ext_subscr_id", "I-OTHER").Key("paypal_subscr_id", "I-ONE").Key("ext_payment_account", "QOTHER"));
        yield return ("paypal amounts of no kind",
            PayPal().Key("paypal_mc_gross", "ten").Key("paypal_mc_fee", Map()).Key("paypal_settle_amount", Raw("d:1.5;")));
        yield return ("card amounts", new HandWrittenRow()
            .With("zahlweise", "MCP").With("status", "X").Key("mcp_amount", "1337").Key("mb_amount", "13.37")
                .Key("ext_payment_id", "id#1"));
        yield return ("Sofort without its second table",
            SofortRow(501).First("INSERT INTO donation_payment (id, payment_type) VALUES (501, 'SUB')"));
        yield return ("Sofort pointing nowhere", SofortRow(502));
        yield return ("Sofort of another type of payment", SofortRow(503).With("zahlweise", "BEZ").With("status", "N")
            .First("INSERT INTO donation_payment (id, payment_type) VALUES (503, 'SUB')")
            .First("INSERT INTO donation_payment_sofort (id, confirmed_at) VALUES (503, '2016-01-01 00:00:00')"));
        yield return ("Sofort with a zero date", SofortRow(504).With("status", "X")
            .First("INSERT INTO donation_payment (id, payment_type) VALUES (504, '')")
            .First("INSERT INTO donation_payment_sofort (id, confirmed_at) VALUES (504, '0000-00-00 00:00:00')"));
        yield return ("Sofort with only the second table", SofortRow(505)
            .First("INSERT INTO donation_payment_sofort (id, confirmed_at) VALUES (505, '2016-01-01 00:00:00')"));
        yield return ("cancelled, anonymous with leftovers", new HandWrittenRow().With("status", "D").Key("adresstyp", "anonym"));
        yield return ("max id", new HandWrittenRow());
    }

    private static HandWrittenRow SofortRow(int payment) =>
        new HandWrittenRow().With("zahlweise", "SUB").With("status", "Z").With("payment_id", payment).With("ueb_code", "XW-DAR-E99-X");

    private static HandWrittenRow PayPal() =>
        new HandWrittenRow().With("zahlweise", "PPL").With("status", "B").Key("paypal_payer_id", "QEEMF34KV3ECL")
            .Key("ext_payment_account", "QEEMF34KV3ECL")
            .Key("ext_payment_id", "72171T32A6H345906").Key("paypal_mc_gross", "10.00");
}
