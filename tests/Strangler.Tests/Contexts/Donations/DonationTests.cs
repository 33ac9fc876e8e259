using NUnit.Framework;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;

namespace Strangler.Tests.Contexts.Donations;

/// <summary>The rules of a donation, apart from any store.</summary>
public sealed class DonationTests
{
    private static readonly DateTime Noon = new(2022, 4, 21, 12, 0, 0);

    [Test]
    public void A_negative_id_is_refused() =>
        Assert.That(() => new Donation(-1, Noon, 500, 0, new AnonymousDonor(), new CashPayment()), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void An_id_is_given_once()
    {
        var donation = Person();
        donation.AssignId(4711);
        Assert.Multiple(() =>
        {
            Assert.That(donation.Id, Is.EqualTo(4711));
            Assert.That(() => donation.AssignId(4712), Throws.InvalidOperationException);
            Assert.That(() => Person().AssignId(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        });
    }

    [Test]
    public void Cancelling_leaves_payment_state_and_moderation_alone()
    {
        var donation = Person(new PayPalPayment(new PayPalBooking { PayerId = "HE373U84ENFYQ" }));
        donation.Moderate(new ModerationReason("AMOUNT_TOO_HIGH", "amount"));
        donation.Cancel();
        Assert.Multiple(() =>
        {
            Assert.That(donation.PaymentState, Is.EqualTo(PaymentState.Booked));
            Assert.That(donation.IsModerated, Is.True);
            Assert.That(donation.IsCancelled, Is.True);
        });
        donation.Restore();
        Assert.That((donation.PaymentState, donation.IsModerated, donation.IsCancelled), Is.EqualTo((PaymentState.Booked, true, false)));
    }

    [Test]
    public void An_unconfirmed_external_payment_has_no_booking_and_booking_it_changes_the_state()
    {
        var donation = Person(new CreditCardPayment((CreditCardBooking?)null));
        Assert.That(donation.PaymentState, Is.EqualTo(PaymentState.Incomplete));
        donation.Book(new CreditCardPayment(new CreditCardBooking { TransactionId = "t-1" }));
        Assert.That(donation.PaymentState, Is.EqualTo(PaymentState.Booked));
    }

    [Test]
    public void A_payment_is_booked_as_its_own_type_only() =>
        Assert.Multiple(() =>
        {
            Assert.That(() => Person(new PayPalPayment((PayPalBooking?)null)).Book(new CreditCardPayment(new CreditCardBooking())), Throws.ArgumentException);
            Assert.That(() => Person(new BankTransferPayment("XW-A3D-EFT-Z")).Book(new BankTransferPayment("x")), Throws.InvalidOperationException);
        });

    [Test]
    public void Booking_a_cancelled_donation_hides_its_comment()
    {
        var donation = Person(new PayPalPayment((PayPalBooking?)null));
        donation.WriteComment(new Comment("For great justice!", "Erika", IsPublic: true));
        donation.Cancel();
        donation.Book(new PayPalPayment(new PayPalBooking { PayerId = "p" }));
        Assert.That(donation.Comment!.IsPublic, Is.False);
    }

    [Test]
    public void Two_log_lines_never_share_a_second()
    {
        var donation = Person();
        donation.AddLog(Noon, "first");
        donation.AddLog(Noon, "second");
        donation.AddLog(Noon.AddSeconds(-10), "third");
        Assert.That(donation.Log.Select(entry => entry.LoggedAt), Is.EqualTo(new[] { Noon, Noon.AddSeconds(1), Noon.AddSeconds(2) }));
    }

    [Test]
    public void Anonymizing_erases_personal_data_and_keeps_type_and_salutation()
    {
        var donation = Person(new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
        donation.WriteComment(new Comment("secret", "Erika", IsPublic: false));
        donation.IssueTokens(new AccessTokens("a", "b", Noon));
        donation.Anonymize(Noon);
        Assert.Multiple(() =>
        {
            Assert.That(donation.Donor, Is.EqualTo(new AnonymizedDonor(DonorType.Person, "Frau")));
            Assert.That(donation.Payment, Is.EqualTo(new DirectDebitPayment((BankAccount?)null)));
            Assert.That(donation.Comment, Is.Null);
            Assert.That(donation.Tokens, Is.Null);
            Assert.That(donation.BackedUpAt, Is.EqualTo(Noon));
        });
    }

    [Test]
    public void An_exported_donor_can_no_longer_be_changed()
    {
        var donation = Person();
        donation.MarkExported(Noon);
        Assert.That(() => donation.ChangeDonor(new AnonymousDonor(), false, false), Throws.InvalidOperationException);
    }

    [Test]
    public void An_anonymous_donor_wants_neither_newsletter_nor_receipt()
    {
        var donation = Person();
        donation.ChangeDonor(new AnonymousDonor(), wantsNewsletter: true, wantsReceipt: true);
        Assert.That((donation.WantsNewsletter, donation.WantsReceipt), Is.EqualTo((false, false)));
    }

    [TestCase(2)]
    [TestCase(-1)]
    public void An_interval_that_is_not_offered_is_refused(int months) =>
        Assert.That(() => Person().ChangeInterval(months), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void A_companys_full_name_names_its_contact() => Assert.That(
        new CompanyDonor("Widgets GmbH", new PersonName("Frau", "Dr.", "Erika", "Muster"), new Address("", "", "", "DE"), "").FullName,
        Is.EqualTo("Widgets GmbH - Dr. Erika Muster"));

    private static Donation Person(Payment? payment = null) => new(
        0,
        Noon,
        1337,
        3,
        new PersonDonor(new PersonName("Frau", "", "Erika", "Muster"), new Address("Nyan Street", "12345", "Berlin", "DE"), "foo@bar.baz"),
        payment ?? new DirectDebitPayment(new BankAccount("DE12500105170648489890", "INGDDEFFXXX")));
}
