using NUnit.Framework;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.Mapping;
using Strangler.Mapping.Php;

namespace Strangler.Tests.Mapping;

/// <summary>
/// Of which recurring donation one is a later payment: told by lines of the log, in the words of three generations of the program, and by nothing
/// else. What they leave open stays open.
/// </summary>
public sealed class FollowUpParentTests
{
    private const string Words = "paypal_handler: new transaction id to corresponding parent donation:";
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    [TestCase("7 named", Words + " 7")]
    [TestCase("7 named", "paypal_handler: new transaction id corresponding parent donation: 7", TestName = "The older wording")]
    [TestCase("7 named", "book_donation_use_case: new transaction id to corresponding parent donation: 7", TestName = "The newer program")]
    [TestCase("7 named", "paypal_handler: booked", Words + " 7", "frontend: storno")]
    [TestCase("7 named", Words + " 7", Words + " 7", TestName = "Twice the same is once")]
    [TestCase("? ambiguous", Words + " 7", Words + " 8", TestName = "Two parents are no parent")]
    [TestCase("? ambiguous", Words + " seven", TestName = "A line without a number")]
    [TestCase("? ambiguous", Words + " 7 or 8")]
    [TestCase("? ambiguous", Words)]
    [TestCase("? ambiguous", Words + " 0")]
    [TestCase("? ambiguous", Words + " -7")]
    [TestCase("? ambiguous", Words + " 99999999999999999999")]
    [TestCase("? ambiguous", Words + " 7", Words + " eight", TestName = "A number beside a line without one")]
    [TestCase("0 none")]
    [TestCase("0 none", "paypal_handler: booked")]
    [TestCase("0 none", "paypal_handler: new transaction id to corresponding child donation: 7", TestName = "A line about a child is none about a parent")]
    [TestCase("0 none", " " + Words + " 7", TestName = "A line that only quotes the words is none")]
    public void The_log_says_of_which_it_is_a_later_payment(string expected, params string[] messages) =>
        Assert.That(ParentOf(Row("PPL", messages).Get()), Is.EqualTo(expected));

    [Test]
    public void Of_another_payment_the_words_say_nothing() =>
        Assert.That(ParentOf(Row("BEZ", Words + " 7").Get()), Is.EqualTo("0 none"));

    [Test]
    public void Without_its_line_legacy_cannot_hold_a_parent_and_with_it_it_can()
    {
        var row = Row("PPL", "paypal_handler: booked");
        (string, object?)[] parent = [("paypal.parent_id", 7L), ("paypal.parent_evidence", "named")];
        Assert.That(
            () => row.Put(parent), Throws.TypeOf<CannotHoldException>().With.Property(nameof(CannotHoldException.Field)).EqualTo("paypal.parent_id"));
        var line = new RecordList([[new DateTime(2020, 1, 1), "paypal_handler: booked"], [new DateTime(2020, 1, 2), Words + " 7"]]);
        Assert.That(ParentOf(row.Put([.. parent, ("log_entries", line)]).Get()), Is.EqualTo("7 named"));
        Assert.That(
            () => row.Put(("log_entries", line)), Throws.TypeOf<CannotHoldException>(), "nor a line without what it says");
    }

    // Legacy hides which of them it is: the new side may know.
    [Test]
    public void An_ambiguous_log_is_no_obstacle_to_anything_else_and_stays_as_it_is()
    {
        var row = Row("PPL", Words + " 7", Words + " 8");
        var changed = row.Put(("amount", 500L));
        Assert.That((changed.Serialized(), ParentOf(changed.Get())), Is.EqualTo((row.Serialized(), "? ambiguous")));
        var decided = row.Get().With(("paypal.parent_id", 8L));
        Assert.That(DonationRows.Mapping.Legacy.Put(decided, row).SameAs(row));
    }

    [Test]
    public void A_donation_follows_one_and_keeps_it_whatever_is_booked_or_corrected()
    {
        var records = new DonationRecords(DonationRows.Mapping);
        var row = Row("PPL");
        var donation = records.ToEntity(9, row.Get());
        donation.Follow(7, Now);
        donation.Follow(7, Now);
        Assert.That(donation.Log.Single().Message, Is.EqualTo("book_donation_use_case: new transaction id to corresponding parent donation: 7"));
        donation.Book(new PayPalPayment(new PayPalBooking { PayerId = "p" }));
        donation.CorrectPayment(new PayPalPayment(new PayPalBooking { PayerId = "q" }));
        Assert.That(((PayPalPayment)donation.Payment).ParentId, Is.EqualTo(7));
        Assert.That(ParentOf(DonationRows.Mapping.Legacy.Put(records.Apply(donation, row.Get()), row).Get()), Is.EqualTo("7 named"));
        Assert.That(() => donation.Follow(8, Now), Throws.InvalidOperationException.With.Message.Contains("of 7 already"));
        Assert.That(() => donation.Follow(9, Now), Throws.InvalidOperationException);
        Assert.That(() => donation.Follow(0, Now), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => records.ToEntity(9, Row("BEZ").Get()).Follow(7, Now), Throws.InvalidOperationException);
    }

    [Test]
    public void The_parent_names_it_as_the_programs_do()
    {
        var records = new DonationRecords(DonationRows.Mapping);
        var row = Row("PPL");
        var parent = records.ToEntity(7, row.Get());
        parent.AddFollowUp(new FollowUp("T4242", 9), Now);
        parent.AddFollowUp(new FollowUp("T4242", 9), Now);
        var record = DonationRows.Mapping.Legacy.Put(records.Apply(parent, row.Get()), row).Get();
        Assert.That(record.List("follow_ups"), Is.EqualTo(new RecordList([["T4242", 9L]])));
        Assert.That(
            record.List("log_entries").Rows.Single()[1], Is.EqualTo("book_donation_use_case: new transaction id to corresponding child donation: 9"));
        Assert.That(() => parent.AddFollowUp(new FollowUp("T", 7), Now), Throws.InvalidOperationException);
    }

    [Test]
    public void Of_several_parents_somebody_who_knows_says_which_and_the_log_stays()
    {
        var records = new DonationRecords(DonationRows.Mapping);
        var record = Row("PPL", Words + " 7", Words + " 8").Get();
        var donation = records.ToEntity(9, record);
        Assert.That((PayPalPayment)donation.Payment, Is.EqualTo(new PayPalPayment((PayPalBooking?)null) { NamesSeveralParents = true }));
        donation.Follow(8, Now);
        var decided = records.Apply(donation, record);
        Assert.That((decided["paypal.parent_id"], decided["paypal.parent_evidence"], donation.Log.Count), Is.EqualTo(((object)8L, (object)"ambiguous", 2)));
    }

    private static AggregateRow Row(string type, params string[] messages)
    {
        var log = new PhpArray();
        foreach (var (at, message) in messages.Index())
        {
            log.Set($"2020-01-0{at + 1} 00:00:00", PhpString.Of(message));
        }

        var row = DonationRows.Row(("zahlweise", type), ("status", type == "PPL" ? "X" : "N"), ("betrag", "5.00"));
        return messages.Length == 0 ? row.WithBlob(("adresstyp", "anonym")) : row.WithBlob(("adresstyp", "anonym"), ("log", log));
    }

    private static string ParentOf(Record record) =>
        $"{(record["paypal.parent_id"] is Hidden { Derived: 0L } ? "?" : record["paypal.parent_id"])} {record["paypal.parent_evidence"]}";
}
