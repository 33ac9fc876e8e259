using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>What legacy rows mean, and what is refused as meaningless.</summary>
public sealed class DonationReadingTests
{
    [TestCase("24.00", 2400)]
    [TestCase("5.51", 551)]
    [TestCase("100", 10000)]
    [TestCase(".1", 10)]
    [TestCase("5.", 500)]
    [TestCase("0.1", 10)]
    [TestCase("1.994", 199)]
    [TestCase("1.995", 200)]
    [TestCase("1.9949999", 199)]
    [TestCase("1.999", 200)]
    [TestCase("1e3", 100000)]
    [TestCase("1E3", 100000)]
    [TestCase("1e-3", 0)]
    [TestCase("+5.00", 500)]
    [TestCase(" 5.00", 500)]
    [TestCase("007.50", 750)]
    [TestCase("9999999999999.99", 999999999999999)]
    [TestCase("9999999999999999", 999999999999999900)]
    [TestCase("", 0)]
    [TestCase(null, 0)]
    public void An_amount_is_read_as_the_programs_read_it(string? text, long cents) =>
        Assert.That(DonationRows.Row(("betrag", text)).Get()["amount"], Is.EqualTo(cents));

    [TestCase("12,50")]
    [TestCase("-0.50")]
    [TestCase("-5")]
    [TestCase("1.5e3")]
    [TestCase("1.e3")]
    [TestCase("12 Euro")]
    [TestCase("5.00 ")]
    [TestCase(".")]
    [TestCase("+")]
    [TestCase("++5")]
    [TestCase("+-5")]
    [TestCase("e3")]
    [TestCase("1e30")]
    [TestCase("0x1A")]
    [TestCase("1.2.3")]
    [TestCase("10000000000000000")]
    [TestCase("99999999999999.990")]
    public void An_amount_without_a_sure_meaning_is_unreadable(string text) =>
        AssertUnreadable(DonationRows.Row(("betrag", text)), "spenden.betrag", text);

    [TestCase("status", "Y")]
    [TestCase("status", "")]
    [TestCase("status", "n")]
    [TestCase("zahlweise", "XYZ")]
    [TestCase("zahlweise", "")]
    [TestCase("dt_new", "2015-02-30 12:00:00")]
    [TestCase("dt_del", "2015-00-10 12:00:00")]
    [TestCase("dt_gruen", "2015-01-10 24:00:00")]
    [TestCase("dt_backup", "0999-01-10 12:00:00")]
    public void A_column_without_meaning_is_unreadable(string column, string text) =>
        AssertUnreadable(DonationRows.Row((column, text)), "spenden." + column, text.Length > 3 ? text : "no such text");

    [TestCase("*** no base64 ***", "is not base64")]
    [TestCase("PGh0bWw+", "is not serialized by PHP")]
    [TestCase("czo1OiJBcnJheSI7", "does not hold an array")]
    [TestCase("Yjowow==", "is not serialized by PHP")]
    [TestCase("YjowOw==", "does not hold an array")]
    [TestCase("array", "")]
    public void A_blob_without_an_array_is_unreadable(string text, string reason)
    {
        var exception = Assert.Throws<UnreadableException>(() => DonationRows.Row(("data", text)).Get())!;
        Assert.That(exception.Place, Is.EqualTo("spenden.data"));
        Assert.That(exception.Reason, Does.StartWith(reason));
    }

    [TestCase("adresstyp", "verein")]
    [TestCase("adresstyp", "Person")]
    [TestCase("uexpiry", "gestern")]
    [TestCase("impCount", "viele")]
    [TestCase("impCount", "1.5")]
    public void A_blob_value_without_meaning_is_unreadable(string key, string text) =>
        AssertUnreadable(DonationRows.Row().WithBlob((key, text)), "spenden.data/" + key, text);

    [Test]
    public void A_nested_value_where_a_scalar_is_expected_is_unreadable()
    {
        AssertUnreadable(DonationRows.Row().WithBlob(("vorname", DonationRows.Php(("Karla", 1)))), "spenden.data/vorname", "Karla");
        AssertUnreadable(DonationRows.Row().WithBlob(("impCount", new PhpArray())), "spenden.data/impCount", "{");
    }

    [Test]
    public void Text_that_is_no_utf8_is_unreadable() =>
        AssertUnreadable(DonationRows.Row().WithBlob(("nachname", (byte[])[0x4D, 0xFC, 0x6C])), "spenden.data/nachname", "M");

    [TestCase(null)]
    [TestCase("")]
    [TestCase("Array")]
    public void A_missing_blob_reads_as_empty_and_stays(string? data)
    {
        var row = DonationRows.Row(("data", data));
        var record = row.Get();
        Assert.That(record["donor.type"], Is.EqualTo("unknown"));
        Assert.That(record.List("legacy_extras").Count, Is.Zero);
        Assert.That(row.Put(("interval_months", 3L)).Column("data"), Is.EqualTo(data), "a change elsewhere must not touch it");
        Assert.That(row.Put(("donor.last_name", "Muster")).Serialized(), Is.EqualTo("a:1:{s:8:\"nachname\";s:6:\"Muster\";}"));
    }

    [TestCase(0, false)]
    [TestCase(1, true)]
    [TestCase(2, true)]
    [TestCase(-1, true)]
    public void A_flag_is_whatever_is_not_zero(int stored, bool value)
    {
        var row = DonationRows.Row(("info", stored));
        Assert.That(row.Get()["wants_newsletter"], Is.EqualTo(value));
        Assert.That(row.Put(("interval_months", 1L)).Column("info"), Is.EqualTo((long)stored));
    }

    [Test]
    public void Nothing_and_empty_read_alike_and_stay_what_they_are()
    {
        var row = DonationRows.Row(("name", null), ("email", ""), ("bescheinigung", null), ("betrag", null)).WithBlob(
            ("titel", null), ("anrede", ""));
        var written = row.Put(("interval_months", 6L));
        Assert.That(
            (written.Column("name"), written.Column("email"), written.Column("bescheinigung"), written.Column("betrag")),
            Is.EqualTo(((object?)null, "", (object?)null, (object?)null)));
        Assert.That(written.Column("data"), Is.EqualTo(row.Column("data")));
        Assert.That((written.Get()["donor.title"], written.Get()["donor.full_name"]), Is.EqualTo(("", "")));
    }

    [TestCase("0000-00-00 00:00:00")]
    [TestCase("1970-01-01 00:00:00")]
    [TestCase("1970-01-01 01:00:00")]
    public void A_zero_export_date_means_not_exported_and_stays(string stored)
    {
        var row = DonationRows.Row(("dt_gruen", stored));
        Assert.That((row.Get()["is_exported"], row.Get()["exported_at"]), Is.EqualTo((false, (object?)null)));
        Assert.That(row.Put(("interval_months", 1L)).Column("dt_gruen"), Is.EqualTo(stored));
    }

    [Test]
    public void A_time_in_the_repeated_hour_stays_civil()
    {
        var row = DonationRows.Row(("dt_new", "2020-10-25 02:30:00"));
        Assert.That(row.Get()["created_at"], Is.EqualTo(new DateTime(2020, 10, 25, 2, 30, 0)));
        Assert.That(DonationRows.Mapping.New.Put(row.Get(), null).Root[0], Is.EqualTo("2020-10-25 02:30:00"));
    }

    [Test]
    public void Integers_in_the_blob_are_read_in_either_kind_and_written_in_theirs()
    {
        var row = DonationRows.Row().WithBlob(("plz", 12345), ("impCount", "7"), ("bImpCount", 1));
        Assert.That(
            (row.Get()["donor.postcode"], row.Get()["tracking.impressions"], row.Get()["tracking.banner_impressions"]),
            Is.EqualTo(("12345", 7L, 1L)));
        var written = row.Put(("donor.postcode", "54321"), ("tracking.impressions", 8L), ("tracking.banner_impressions", 2L));
        Assert.That(written.Serialized(), Is.EqualTo("a:3:{s:3:\"plz\";i:54321;s:8:\"impCount\";s:1:\"8\";s:9:\"bImpCount\";i:2;}"));
        Assert.That(row.Put(("donor.postcode", "01067")).Serialized(), Does.Contain("s:5:\"01067\""));
    }

    [TestCase("campaign/keyword", "campaign", "keyword")]
    [TestCase("de.wikipedia.org/sidebar/x", "de.wikipedia.org", "sidebar/x")]
    [TestCase("campaign", "campaign", "")]
    [TestCase("/keyword", "", "keyword")]
    [TestCase("/", "", "")]
    [TestCase("", "", "")]
    public void Tracking_is_split_at_its_first_slash(string text, string campaign, string keyword)
    {
        var row = DonationRows.Row().WithBlob(("tracking", text));
        Assert.That((row.Get()["tracking.campaign"], row.Get()["tracking.keyword"]), Is.EqualTo((campaign, keyword)));
        Assert.That(row.Put(("interval_months", 1L)).Blob()[0].Value, Is.InstanceOf<PhpString>().With.Property("Text").EqualTo(text));
    }

    [Test]
    public void Log_and_follow_ups_are_lists_in_their_order()
    {
        var row = DonationRows.Row().WithBlob(
            ("log", DonationRows.Php(("2016-05-17 11:42:02", "second"), ("2016-05-16 11:42:02", "first"))),
            ("transactionIds", DonationRows.Php(("16R12136PU8783961", 2), ("123456789", 3))));
        var record = row.Get();
        Assert.That(
            record.List("log_entries"),
            Is.EqualTo(
            new RecordList([[new DateTime(2016, 5, 17, 11, 42, 2), "second", "", "", "other"], [new DateTime(2016, 5, 16, 11, 42, 2), "first", "", "", "other"]])));
        Assert.That(record.List("follow_ups"), Is.EqualTo(new RecordList([["16R12136PU8783961", 2L], ["123456789", 3L]])));
        Assert.That(record.List("legacy_extras").Count, Is.Zero);
    }

    [Test]
    public void A_map_in_which_one_entry_fits_not_is_an_extra_whole()
    {
        var row = DonationRows.Row().WithBlob(("log", DonationRows.Php(("2016-05-17 11:42:02", "fine"), ("yesterday", "not"))));
        var record = row.Get();
        Assert.That(record.List("log_entries").Count, Is.Zero);
        Assert.That(record.List("legacy_extras").Rows[0][0], Is.EqualTo("data/log"));
        Assert.That(row.Put(("donor.title", "Dr.")).Serialized(), Does.Contain("s:9:\"yesterday\";s:3:\"not\";"));
    }

    [Test]
    public void What_the_last_key_of_two_says_counts()
    {
        var row = DonationRows.Row(("data", Convert.ToBase64String("a:2:{s:7:\"vorname\";s:1:\"a\";s:7:\"vorname\";s:1:\"b\";}"u8)));
        Assert.That(row.Get()["donor.first_name"], Is.EqualTo("b"));
        Assert.That(row.Put(("interval_months", 1L)).Column("data"), Is.EqualTo(row.Column("data")));
    }

    private static void AssertUnreadable(AggregateRow row, string place, string value)
    {
        var exception = Assert.Throws<UnreadableException>(() => row.Get())!;
        Assert.That(exception.Place, Is.EqualTo(place));
        Assert.That(exception.Reason, Does.Not.Contain(value), "a reason holds no values");
    }
}
