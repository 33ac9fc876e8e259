using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>The rows that the data dictionary shows, in English.</summary>
public sealed class DonationFixtureTests
{
    private static readonly Dictionary<string, AggregateRow> _rows = DonationRows.Generate(2_500, 7)
        .SelectMany(donation => donation.Kinds.Where(kind => kind[0] == 'F').Select(kind => (kind, Row: DonationRows.Of(donation))))
        .GroupBy(entry => entry.kind).ToDictionary(group => group.Key, group => group.First().Row);

    private static IEnumerable<string> Names => _rows.Keys.Order();

    [Test]
    public void There_are_seventeen() => Assert.That(_rows, Has.Count.EqualTo(17));

    [TestCaseSource(nameof(Names))]
    public void It_keeps_every_byte_on_a_change_elsewhere(string name)
    {
        var row = _rows[name];
        var written = row.Put(("comment.text", "neu"));
        Assert.That(written.Column("data"), Is.EqualTo(row.Column("data")));
        Assert.That(written.With("kommentar", row.Column("kommentar")).SameAs(row));
    }

    [TestCaseSource(nameof(Names))]
    public void It_is_the_same_on_the_new_side_and_put_back_on_an_empty_place(string name)
    {
        var record = _rows[name].Get();
        Assert.That(DonationRows.Mapping.New.Get(DonationRows.Mapping.New.Put(record, null)).AgreesWith(record));
        Assert.That(DonationRows.Mapping.Legacy.Put(record, null).Get().AgreesWith(record));
    }

    [TestCase("F1-bank-transfer", "payment_type", "bank_transfer")]
    [TestCase("F1-bank-transfer", "payment_state", "promised")]
    [TestCase("F1-bank-transfer", "donor.type", "person")]
    [TestCase("F1-bank-transfer", "donor.city", "Smalltown")]
    [TestCase("F1-bank-transfer", "donor.email", "max.muster@mydomain.com")]
    [TestCase("F1-bank-transfer", "tracking.campaign", "dewiki")]
    [TestCase("F1-bank-transfer", "tracking.keyword", "wikipedia:spenden")]
    [TestCase("F1-bank-transfer", "token.update", "03a448b5ceafb19b954d25688a72973b002ba012")]
    [TestCase("F1-bank-transfer", "amount", 100L)]
    [TestCase("F2-direct-debit", "payment_state", "new")]
    [TestCase("F2-direct-debit", "direct_debit.account_number", "0648489890")]
    [TestCase("F2-direct-debit", "direct_debit.iban", "DE12500105170648489890")]
    [TestCase("F3-credit-card", "payment_state", "booked")]
    [TestCase("F3-credit-card", "credit_card.amount", 500L)]
    [TestCase("F3-credit-card", "credit_card.expiry", "12/2038")]
    [TestCase("F3-credit-card", "provider.account", "bc11c979141b208631145ce6f211ab0cdf19b92e")]
    [TestCase("F3-credit-card", "provider.status", "processed")]
    [TestCase("F4-paypal-child", "paypal.payer_id", "QEEMF34KV3ECL")]
    [TestCase("F4-paypal-child", "provider.account", "")]
    [TestCase("F4-paypal-child", "paypal.subscription_id", "I-DYP3HRBE7WUA")]
    [TestCase("F4-paypal-child", "paypal.settle_amount", 123L)]
    [TestCase("F4-paypal-child", "provider.timestamp", "05:10:30 May 17, 2016 PDT")]
    [TestCase("F5-paypal-parent", "paypal.fee", 64L)]
    [TestCase("F5-paypal-parent", "interval_months", 12L)]
    [TestCase("F6-anonymous-paypal", "donor.type", "anonymous")]
    [TestCase("F6-anonymous-paypal", "donor.city", "Berlin")]
    [TestCase("F7-email-only", "donor.type", "email")]
    [TestCase("F7-email-only", "donor.email", "foo@bar.baz")]
    [TestCase("F8-company", "donor.company", "Fluffy Beings Ltd.")]
    [TestCase("F8-company", "donor.type", "company")]
    [TestCase("F9-purged", "is_anonymized", true)]
    [TestCase("F9-purged", "donor.type", "person")]
    [TestCase("F10-sofort", "sofort.is_registered", true)]
    [TestCase("F10-sofort", "payment_state", "promised")]
    [TestCase("F10-sofort-incomplete", "payment_state", "incomplete")]
    [TestCase("F10-sofort-incomplete", "sofort.confirmed_at", null)]
    [TestCase("F11-cash", "payment_type", "cash")]
    [TestCase("F12-card-booked-but-x", "payment_state", "incomplete")]
    [TestCase("F12-card-booked-but-x", "provider.transaction_id", "spenden.wikimedia.de-IDvooNg2sh#1")]
    [TestCase("F13-form", "amount", 551L)]
    [TestCase("F13-form", "donor.title", "Prof. Dr.")]
    [TestCase("F13-form-bank-transfer", "amount", 1234L)]
    [TestCase("F13-form-anonymous", "donor.type", "anonymous")]
    [TestCase("F13-form-foreign", "direct_debit.iban", "FR7630066100410001057380116")]
    public void It_says(string name, string field, object? value) => Assert.That(_rows[name].Get()[field], Is.EqualTo(value));

    [Test]
    public void The_parent_names_its_follow_ups() => Assert.That(_rows["F5-paypal-parent"].Get().List("follow_ups").Count, Is.EqualTo(3));

    [TestCase(
        "F1-bank-transfer",
        new[] { "data/betrag", "data/confirmationPage", "data/eintrag", "data/id", "data/info", "data/name", "data/periode",
        "data/user_agent" })]
    [TestCase("F11-cash", new string[0])]
    [TestCase("F13-form", new string[0])]
    public void What_no_field_expresses_is_an_extra(string name, string[] extras) =>
        Assert.That(_rows[name].Get().List("legacy_extras").Rows.Select(extra => (string)extra[0]!), Is.EqualTo(extras));

    [TestCase("F11-cash", new[] { "donation", "donation_donor" })]
    [TestCase(
        "F10-sofort-incomplete",
        new[] { "donation", "donation_comment", "donation_donor", "donation_payment_bank_transfer", "donation_payment_sofort",
        "donation_tracking" })]
    public void Only_what_is_there_gets_a_row_on_the_new_side(string name, string[] tables)
    {
        var layout = DonationRows.Mapping.New.Layout;
        var there = DonationRows.Mapping.New.Put(_rows[name].Get(), null);
        Assert.That(
            layout.Tables.Where((_, at) => there.Tables[at].Count > 0).Select(table => table.Name).Except(["donation_comment"]).Order(),
            Is.EqualTo(tables.Except(["donation_comment"])));
    }
}
