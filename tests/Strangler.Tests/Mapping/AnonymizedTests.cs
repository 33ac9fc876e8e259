using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>Anonymized: a backup date beside nothing personal.</summary>
public sealed class AnonymizedTests
{
    private const string Backup = "2016-02-01 03:00:00";
    private static readonly DateTime _backup = new(2016, 2, 1, 3, 0, 0);

    private static AggregateRow Purged(string type = "person") =>
        DonationRows.Row(("name", ""), ("ort", ""), ("email", ""), ("dt_backup", Backup)).WithBlob(
            ("adresstyp", type), ("paypal_payer_id", "X"));

    [Test]
    public void A_purged_donation_reads_as_anonymized() =>
        Assert.That((Purged().Get()["is_anonymized"], Purged().Get()["backed_up_at"]), Is.EqualTo((true, _backup)));

    [TestCase("name", "Max Muster", false)]
    [TestCase("name", "Anonym", true)]
    [TestCase("email", "a@example.org", false)]
    [TestCase("dt_backup", null, false)]
    [TestCase("dt_backup", "0000-00-00 00:00:00", false)]
    public void A_personal_value_or_no_backup_tells_otherwise(string column, string? value, bool expected) =>
        Assert.That(Purged().With(column, value).Get()["is_anonymized"], Is.EqualTo(expected));

    [TestCase("vorname")]
    [TestCase("phone")]
    [TestCase("dob")]
    [TestCase("iban")]
    [TestCase("paypal_address_name")]
    public void So_does_a_personal_key_of_the_blob(string key) =>
        Assert.That(Purged().WithBlob(("adresstyp", "person"), (key, "x")).Get()["is_anonymized"], Is.False);

    [Test]
    public void Of_an_anonymous_donor_it_is_hidden()
    {
        var record = Purged("anonym").Get();
        Assert.That(record["is_anonymized"], Is.EqualTo(new Hidden(false)));
        Assert.That(record["backed_up_at"], Is.EqualTo(_backup));
    }

    [Test]
    public void Anonymizing_without_a_backup_leaves_a_date_that_no_backup_has()
    {
        var row = DonationRows.Row(("name", "Max Muster"), ("dt_new", "2020-01-02 03:04:05"));
        var written = row.Put(("donor.full_name", ""), ("is_anonymized", true));
        Assert.That(written.Column("dt_backup"), Is.EqualTo("2020-01-02 03:04:05"));
        Assert.That((written.Get()["is_anonymized"], written.Get()["backed_up_at"]), Is.EqualTo((true, (object?)null)));
        var restored = written.Put(("is_anonymized", false));
        Assert.That((restored.Column("dt_backup"), restored.Get()["is_anonymized"]), Is.EqualTo(((object?)null, false)));
    }

    [Test]
    public void A_later_backup_of_an_anonymized_donation_is_its_date()
    {
        var written = DonationRows.Row().Put(("is_anonymized", true)).Put(("backed_up_at", _backup));
        Assert.That((written.Column("dt_backup"), written.Get()["is_anonymized"]), Is.EqualTo((Backup, true)));
    }

    [TestCase("donor.full_name", "Max", "is_anonymized")]
    [TestCase("donor.last_name", "Max", "is_anonymized")]
    public void Anonymized_with_a_personal_value_is_refused_never_blanked(string field, string value, string refused)
    {
        var exception =
            Assert.Throws<CannotHoldException>(() => DonationRows.Row(("dt_backup", Backup)).Put((field, value), ("is_anonymized", true)))!;
        Assert.That(exception.Field, Is.EqualTo(refused));
        Assert.That(exception.Message, Does.Not.Contain(value));
    }

    [Test]
    public void Not_anonymized_with_a_backup_and_nothing_personal_is_refused() =>
        Assert.That(Assert.Throws<CannotHoldException>(() => Purged().Put(("is_anonymized", false)))!.Field, Is.EqualTo("is_anonymized"));

    [Test]
    public void Restoring_the_person_restores_the_flag() =>
        Assert.That(Purged().Put(("is_anonymized", false), ("donor.last_name", "Muster")).Get()["is_anonymized"], Is.False);

    [Test]
    public void Extras_that_may_be_personal_can_be_given_up()
    {
        var row = DonationRows.Row(("remote_addr", "192.0.2.1"), ("source", "web")).WithBlob(
            ("phone", "030 1234"), ("mystery", "Max"), ("skin", "10h16"), ("email", "old@example.org"));
        var record = DonationRows.Mapping.WithoutPersonalExtras(row.Get());
        Assert.That(record.List("legacy_extras").Rows.Select(extra => extra[0]), Is.EqualTo(new[] { "data/skin", "source" }));
        var written = DonationRows.Mapping.Legacy.Put(record.With(("is_anonymized", true)), row);
        Assert.That(written.Serialized(), Is.EqualTo("a:2:{s:4:\"skin\";s:5:\"10h16\";s:5:\"email\";s:0:\"\";}"));
        Assert.That(written.Column("remote_addr"), Is.EqualTo(""));
    }
}
