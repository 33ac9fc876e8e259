using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>What a write changes, what it leaves alone, and what it refuses by name.</summary>
public sealed class DonationWritingTests
{
    private const string Strange =
        """a:4:{s:7:"vorname";s:3:"Max";s:7:"mystery";a:2:{i:0;d:0.10000000000000001;i:7;N;}s:8:"nachname";s:6:"Muster";i:4711;b:1;}""";

    [Test]
    public void An_unchanged_record_gives_the_very_row()
    {
        var row = DonationRows.Row(("data", Encode(Strange)));
        Assert.That(DonationRows.Mapping.Legacy.Put(row.Get(), row), Is.SameAs(row));
    }

    [Test]
    public void A_changed_key_stands_in_its_place_and_all_others_stay_byte_for_byte()
    {
        var written = DonationRows.Row(("data", Encode(Strange))).Put(("donor.first_name", "Karla"), ("donor.company", "Widgets GmbH"));
        Assert.That(
            written.Serialized(),
            Is.EqualTo(
                Strange.Replace("a:4:{", "a:5:{", StringComparison.Ordinal).Replace(
                "s:3:\"Max\"", "s:5:\"Karla\"", StringComparison.Ordinal)[..^1]
                + """s:5:"firma";s:12:"Widgets GmbH";}"""));
    }

    [Test]
    public void Unknown_keys_are_extras_with_their_very_bytes()
    {
        var extras = DonationRows.Row(("data", Encode(Strange))).Get().List("legacy_extras");
        Assert.That(
            extras.Rows.Select(row => (row[0], System.Text.Encoding.UTF8.GetString((byte[])row[1]!))),
            Is.EqualTo(new[] { ("data/4711", "b:1;"), ("data/mystery", "a:2:{i:0;d:0.10000000000000001;i:7;N;}") }));
    }

    [Test]
    public void A_change_of_the_extras_is_written_back()
    {
        var row = DonationRows.Row(("data", Encode(Strange)), ("source", "https://example.org"));
        var kept = row.Get().List("legacy_extras").Rows.Where(extra => !Equals(extra[0], "data/mystery") && !Equals(extra[0], "source"));
        var written = row.Put(("legacy_extras", new RecordList([.. kept, ["data/neu", "i:1;"u8.ToArray()]])));
        Assert.That(
            written.Serialized(), Is.EqualTo("""a:4:{s:7:"vorname";s:3:"Max";s:8:"nachname";s:6:"Muster";i:4711;b:1;s:3:"neu";i:1;}"""));
        Assert.That(written.Column("source"), Is.Null);
    }

    [Test]
    public void Bytes_that_are_no_text_name_an_extra_of_their_own()
    {
        var row = DonationRows.Row(
            ("data", Convert.ToBase64String((byte[])[.. "a:2:{s:2:\""u8, 0xE4, 0xF6, .. "\";i:1;s:1:\"%\";i:2;}"u8])));
        Assert.That(row.Get().List("legacy_extras").Rows.Select(extra => extra[0]), Is.EqualTo(new[] { "data/%25", "data/%E4%F6" }));
        var fresh = DonationRows.Mapping.Legacy.Put(row.Get(), null);
        Assert.That(fresh.Get().List("legacy_extras"), Is.EqualTo(row.Get().List("legacy_extras")));
    }

    [Test]
    public void A_null_column_and_an_empty_one_are_told_apart_among_the_extras()
    {
        Assert.That(DonationRows.Row(("hash", null)).Get().List("legacy_extras").Count, Is.Zero);
        var row = DonationRows.Row(("hash", ""));
        Assert.That(row.Get().List("legacy_extras").Rows[0][0], Is.EqualTo("hash"));
        Assert.That(DonationRows.Mapping.Legacy.Put(row.Get(), null).Column("hash"), Is.EqualTo(""));
    }

    [Test]
    public void The_email_is_written_to_both_places_while_they_agree()
    {
        var row = DonationRows.Row(("email", "a@example.org")).WithBlob(("email", "a@example.org")).Put(("donor.email", "b@example.org"));
        Assert.That((row.Column("email"), row.Serialized()), Is.EqualTo(("b@example.org", "a:1:{s:5:\"email\";s:13:\"b@example.org\";}")));
    }

    [Test]
    public void A_copy_that_disagrees_stays_until_the_domain_gives_it_up()
    {
        var row = DonationRows.Row(("email", "a@example.org")).WithBlob(("email", "old@example.org"));
        var record = row.Get();
        Assert.That((record["donor.email"], record.List("legacy_extras").Rows[0][0]), Is.EqualTo(("a@example.org", "data/email")));
        Assert.That(row.Put(("donor.email", "b@example.org")).Serialized(), Does.Contain("old@example.org"));

        var changed = DonationRows.Mapping.Legacy.Put(DonationRows.Mapping.Change(record, "donor.email", "b@example.org"), row);
        Assert.That(
            (changed.Column("email"), changed.Serialized()), Is.EqualTo(("b@example.org", "a:1:{s:5:\"email\";s:13:\"b@example.org\";}")));
        Assert.That(changed.Get().List("legacy_extras").Count, Is.Zero);
    }

    [TestCase("Berlin", "Berlin", "Berlin", false)]
    [TestCase("Berlin", "Bonn", "Bonn", true)]
    [TestCase("Berlin", "", "", true)]
    [TestCase("Berlin", null, "Berlin", false)]
    [TestCase(null, "Bonn", "Bonn", false)]
    public void The_city_is_the_blobs_and_the_columns_where_the_blob_has_none(string? column, string? blob, string city, bool isExtra)
    {
        var row = DonationRows.Row(("ort", column));
        row = blob is null ? row : row.WithBlob(("ort", blob));
        Assert.That(row.Get()["donor.city"], Is.EqualTo(city));
        Assert.That(row.Get().List("legacy_extras").Rows.Any(extra => Equals(extra[0], "ort")), Is.EqualTo(isExtra));
        foreach (var value in (string[])["Ulm", "", "Berlin", "Bonn"])
        {
            var changed = DonationRows.Mapping.Change(row.Get(), "donor.city", value);
            Assert.That(DonationRows.Mapping.Legacy.Put(changed, row).Get().AgreesWith(changed), value);
        }
    }

    [TestCase("PPL", "P", "P", "")]
    [TestCase("PPL", "P", "Q", "Q")]
    [TestCase("PPL", "P", null, "")]
    [TestCase("MCP", "P", "P", "P")]
    public void The_account_of_a_PayPal_payment_is_only_what_differs_from_the_payer(
        string type, string payer, string? account, string shown)
    {
        var row = DonationRows.Row(("zahlweise", type)).WithBlob(("paypal_payer_id", payer), ("ext_payment_account", account));
        Assert.That(row.Get()["provider.account"], Is.EqualTo(shown));
        foreach (var next in new[] { "N", "" })
        {
            foreach (var kind in new[] { "paypal", "credit_card", "direct_debit" })
            {
                var written = row.Put(("payment_type", kind), ("paypal.payer_id", next), ("provider.account", ""));
                Assert.That((written.Get()["paypal.payer_id"], written.Get()["provider.account"]), Is.EqualTo((next, "")));
            }
        }
    }

    [Test]
    public void An_account_that_is_missing_beside_a_payer_stays_missing()
    {
        var row = DonationRows.Row(("zahlweise", "PPL")).WithBlob(("paypal_payer_id", "P"));
        Assert.That(row.Put(("paypal.payer_id", "N")).Serialized(), Is.EqualTo("a:1:{s:15:\"paypal_payer_id\";s:1:\"N\";}"));
    }

    [Test]
    public void A_booking_by_PayPal_writes_the_payer_to_both_places()
    {
        var row = DonationRows.Row(("status", "X"), ("zahlweise", "PPL")).Put(
            ("payment_state", "booked"), ("paypal.payer_id", "HE373U84ENFYQ"), ("paypal.subscription_id", "I-1"));
        Assert.That(row.Column("status"), Is.EqualTo("B"));
        Assert.That(
            row.Serialized(),
            Does.Contain("s:19:\"ext_payment_account\";s:13:\"HE373U84ENFYQ\"").And.Contain("s:13:\"ext_subscr_id\";s:3:\"I-1\""));
    }

    [Test]
    public void An_unconfirmed_payment_gets_no_payment_data_by_being_saved()
    {
        var row = DonationRows.Row(("status", "X"), ("zahlweise", "PPL")).WithBlob(("adresstyp", "anonym"));
        Assert.That(row.Put(("wants_newsletter", true)).Serialized(), Is.EqualTo("a:1:{s:9:\"adresstyp\";s:6:\"anonym\";}"));
        Assert.That(
            DonationRows.Mapping.New.Put(row.Get(), null).Tables.Count(table => table.Count > 0), Is.EqualTo(2), "donation and donor");
    }

    [Test]
    public void An_amount_that_a_provider_garbled_is_kept_as_an_extra()
    {
        var row = DonationRows.Row().WithBlob(("mcp_amount", 1337), ("paypal_mc_fee", "0,47"));
        var record = row.Get();
        Assert.That((record["credit_card.amount"], record["paypal.fee"]), Is.EqualTo((0L, 0L)));
        Assert.That(
            record.List("legacy_extras").Rows.Select(extra => extra[0]), Is.EqualTo(new[] { "data/mcp_amount", "data/paypal_mc_fee" }));
        var changed = DonationRows.Mapping.Change(record, "credit_card.amount", 1337L);
        Assert.That(
            DonationRows.Mapping.Legacy.Put(changed, row).Serialized(),
            Is.EqualTo("a:2:{s:10:\"mcp_amount\";s:5:\"13.37\";s:13:\"paypal_mc_fee\";s:4:\"0,47\";}"));
        Assert.That(DonationRows.Mapping.Legacy.Put(record, null).Get().AgreesWith(record));
    }

    [Test]
    public void Companion_rows_come_and_go_with_their_fields()
    {
        var row = DonationRows.Row(("zahlweise", "SUB"));
        var registered =
            row.Put(("sofort.is_registered", true), ("sofort.confirmed_at", new DateTime(2021, 8, 4, 13, 25, 44)),
            ("is_confirmation_sent", true));
        Assert.That(registered.Tables[DonationRows.Layout.IndexOf("donation_payment")][0], Is.EqualTo(new object?[] { "SUB" }));
        Assert.That(
            registered.Tables[DonationRows.Layout.IndexOf("donation_payment_sofort")][0],
            Is.EqualTo(new object?[] { "2021-08-04 13:25:44" }));
        Assert.That(registered.Tables[DonationRows.Layout.IndexOf("donation_notification_log")], Has.Count.EqualTo(1));
        var gone = row.WithSofort("2021-08-04 13:25:44").Put(("sofort.is_registered", false), ("sofort.confirmed_at", null));
        Assert.That(gone.Column("payment_id"), Is.Null);
        Assert.That(gone.Tables.Skip(1), Is.All.Empty);
    }

    [Test]
    public void Whatever_was_is_not_changed_by_a_write()
    {
        var row = DonationRows.Row(("data", Encode(Strange))).WithSofort(null);
        var before = row.Clone();
        _ = row.Put(("donor.first_name", "Karla"), ("sofort.is_registered", false), ("legacy_extras", RecordList.Empty), ("amount", 5L));
        Assert.That(row.SameAs(before));
    }

    private static readonly object?[][] _refusals =
    [
        ["donor.full_name", new string('x', 251)],
        ["donor.full_name", "\U0001F984"],
        ["donor.full_name", "\ud800"],
        ["donor.first_name", "\udc00"],
        ["donor.first_name", new string('x', 49_200)],
        ["donor.email", "\U0001F984@example.org"],
        ["donor.city", new string('x', 251)],
        ["comment.text", new string('ä', 32_768)],
        ["bank_transfer.code", new string('x', 33)],
        ["amount", -1L],
        ["amount", 1_000_000_000_000_000L],
        ["interval_months", 32_768L],
        ["interval_months", -32_769L],
        ["created_at", null],
        ["created_at", new DateTime(999, 12, 31)],
        ["created_at", new DateTime(2020, 1, 1).AddTicks(1)],
        ["created_at", new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc)],
        ["is_exported", true],
        ["is_anonymized", true],
        ["sofort.confirmed_at", new DateTime(2020, 1, 1)],
        ["tracking.campaign", "a/b"],
        ["payment_type", "cheque"],
        ["payment_state", "unpaid"],
        ["paypal.gross", -1L],
        ["log_entries", new RecordList([[new DateTime(2020, 1, 1), "a"], [new DateTime(2020, 1, 1), "b"]])],
        ["log_entries", new RecordList([[null, "a"]])],
        ["log_entries", new RecordList([[new DateTime(2020, 1, 1), "\ud800"]])],
        ["follow_ups", new RecordList([["12", 1L], ["12", 2L]])],
        ["legacy_extras", new RecordList([["nowhere", "i:1;"u8.ToArray()]])],
        ["legacy_extras", new RecordList([["data/vorname", "i:1;"u8.ToArray()]])],
        ["legacy_extras", new RecordList([["data/x", "no php"u8.ToArray()]])],
        ["legacy_extras", new RecordList([["data/x", "i:1;"u8.ToArray()], ["data/x", "i:2;"u8.ToArray()]])],
        ["legacy_extras", new RecordList([["data/b", "i:1;"u8.ToArray()], ["data/a", "i:2;"u8.ToArray()]])],
    ];

    [TestCaseSource(nameof(_refusals))]
    public void What_legacy_cannot_hold_is_refused_by_the_fields_name(string field, object? value)
    {
        var row = DonationRows.Row(("name", "Max Muster"));
        var before = row.Clone();
        Assert.That(Assert.Throws<CannotHoldException>(() => row.Put((field, value)))!.Field, Is.EqualTo(field));
        Assert.That(row.SameAs(before));
    }

    [Test]
    public void An_emoji_is_held_by_the_blob() =>
        Assert.That(DonationRows.Row().Put(("donor.first_name", "\U0001F984")).Get()["donor.first_name"], Is.EqualTo("\U0001F984"));

    [Test]
    public void A_blob_may_be_as_long_as_its_column_and_no_longer()
    {
        // a:1:{s:7:"vorname";s:49118:"…";} has 49,149 bytes, which are 65,532 characters of base64; one more would make 65,536 of them.
        Assert.That(
            ((string)DonationRows.Row().Put(("donor.first_name", new string('x', 49_118))).Column("data")!).Length, Is.EqualTo(65_532));
        Assert.Throws<CannotHoldException>(() => DonationRows.Row().Put(("donor.first_name", new string('x', 49_119))));
    }

    [Test]
    public void A_value_of_another_type_is_the_callers_mistake()
    {
        Assert.Throws<ArgumentException>(() => DonationRows.Row().Put(("amount", "5.00")));
        Assert.Throws<ArgumentException>(() => DonationRows.Row().Put(("donor.title", null)));
        Assert.Throws<ArgumentException>(() => DonationRows.Row().Put(("is_cancelled", 1L)));
    }

    private static string Encode(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
}
