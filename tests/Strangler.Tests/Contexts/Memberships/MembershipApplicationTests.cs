using NUnit.Framework;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Common.Tokens;
using Strangler.Contexts.Memberships;
using Strangler.Mapping;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Contexts.Memberships;

/// <summary>The rules of the domain, and that an entity never says more or less than its record.</summary>
public sealed class MembershipApplicationTests
{
    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);
    private static readonly Contact Somewhere = new(new Address("Nyan street", "1234", "Berlin", "DE"), "person@example.org", "1337");
    private static readonly DirectDebitPayment Debit = new(new BankAccount("DE12500105170648489890", "INGDDEFFXXX"));

    [Test]
    public void An_entity_that_nobody_changed_gives_its_record_back()
    {
        var records = new MembershipRecords(MembershipRows.Mapping);
        foreach (var row in MembershipRows.Generate(2_500, 5).Where(row => !row.IsUnreadable))
        {
            var record = MembershipRows.Get(MembershipRows.Of(row));
            var back = records.Apply(records.ToEntity(row.Id, record), record);
            foreach (var field in record.Schema.Fields)
            {
                Assert.That(Record.ValuesEqual(back.Values[field.Ordinal], record.Values[field.Ordinal]), $"{string.Join(' ', row.Kinds)}: {field.Name}");
            }
        }
    }

    [Test]
    public void States_are_changed_one_by_one()
    {
        var application = New();
        application.Moderate(Now, "foc", new ModerationReason("MEMBERSHIP_FEE_TOO_HIGH", ""));
        application.Cancel(Now, "applicant");
        Assert.That(application.Status, Is.EqualTo(new KnownStatus(true, IsCancelled: true, IsModerated: true)));
        application.Approve(Now, "foc");
        Assert.That((application.IsCancelled, application.IsModerated, application.ModerationReasons.Count), Is.EqualTo((true, false, 0)));
        application.Restore(Now, "foc");
        Assert.That(application.Status, Is.EqualTo(new KnownStatus(true)));
        Assert.That(application.Log.Select(entry => entry.Message), Is.EqualTo(new[]
        {
            "marked for moderation by user: foc", "cancelled by user: applicant", "marked as approved by user: foc", "restored by user: foc",
        }));
        application.Restore(Now, "foc");
        application.Approve(Now, "foc");
        Assert.That(application.Log, Has.Count.EqualTo(4), "what is so already is not done again");
        application.MarkExported(Now);
        Assert.That(() => application.Cancel(Now, "applicant"), Throws.InvalidOperationException);
        Assert.That(() => application.ChangeApplicant(Person("Erika")), Throws.InvalidOperationException);
    }

    [Test]
    public void Nobody_acts_on_what_nobody_can_tell()
    {
        var records = new MembershipRecords(MembershipRows.Mapping);
        var record = MembershipRows.Get(MembershipRows.Row(("timestamp", "2018-05-17 11:42:02"), ("status", -2)));
        var application = records.ToEntity(7, record);
        Assert.That(application.Status, Is.EqualTo(new UndecidedStatus(-2)));
        Assert.That((application.IsConfirmed, application.IsCancelled, application.IsModerated), Is.EqualTo((false, false, false)));
        Assert.That(() => application.Cancel(Now, "x"), Throws.InvalidOperationException.With.Message.Contains("before somebody has decided"));
        Assert.That(application.Confirm, Throws.InvalidOperationException);
        Assert.That(() => application.Approve(Now, "x"), Throws.InvalidOperationException);
        application.Decide(new KnownStatus(true, IsModerated: true), Now, "foc");
        var decided = records.Apply(application, record);
        Assert.That((decided["is_moderated"], decided["status_evidence"], decided["undecided_status"]), Is.EqualTo(((object)true, (object)"decided", (object)0L)));
        Assert.That(application.Log.Single().Message, Is.EqualTo("marked for moderation by user: foc"));
    }

    [Test]
    public void An_act_ends_what_an_old_record_was_aborted_as()
    {
        var records = new MembershipRecords(MembershipRows.Mapping);
        var row = MembershipRows.Row(("timestamp", "2014-05-17 11:42:02"), ("status", -4));
        var application = records.ToEntity(7, MembershipRows.Get(row));
        Assert.That(application.Status, Is.EqualTo(new KnownStatus(true, IsAborted: true)));
        application.Cancel(Now, "foc");
        var put = MembershipRows.Mapping.Legacy.Put(records.Apply(application, MembershipRows.Get(row)), row);
        Assert.That(MembershipRows.ColumnOf(put, "status"), Is.EqualTo(-1L));
    }

    [Test]
    public void Direct_debit_is_confirmed_at_once_and_PayPal_when_it_is_booked()
    {
        Assert.That(New().IsConfirmed);
        var application = New(payment: new PayPalPayment((PayPalBooking?)null) { FirstPaymentDate = "2022-07-01" });
        Assert.That((application.IsConfirmed, application.Payment.InitialState), Is.EqualTo((false, PaymentState.Incomplete)));
        application.Book(new PayPalBooking { PayerId = "42" });
        Assert.That((application.IsConfirmed, application.Payment.InitialState), Is.EqualTo((true, PaymentState.Booked)));
        Assert.That(
            application.Payment, Is.EqualTo(new PayPalPayment(new PayPalBooking { PayerId = "42" }) { FirstPaymentDate = "2022-07-01" }));
        Assert.That(() => New().Book(new PayPalBooking()), Throws.InvalidOperationException);
    }

    // T308878: back office and exports search by the joined name.
    [TestCase("Max", "Muster", "Max Muster")]
    [TestCase("", "Muster", "Muster")]
    [TestCase("0", "Muster", "Muster", TestName = "What PHP takes for nothing is left out")]
    public void The_joined_name_is_written_as_the_programs_write_it(string first, string last, string full)
    {
        var records = new MembershipRecords(MembershipRows.Mapping);
        var application = New(Person(last, first));
        Assert.That(records.Apply(application, MembershipRows.Mapping.Schema.Blank())["applicant.full_name"], Is.EqualTo(full));
        application.ChangeApplicant(new CompanyApplicant("Evilcrop", CompanyApplicant.UsualSalutation, Somewhere));
        var company = records.Apply(application, records.Apply(New(Person(last, first)), MembershipRows.Mapping.Schema.Blank()));
        Assert.That((company["applicant.full_name"], company["applicant.first_name"], company["applicant.company"]), Is.EqualTo(((object)"", (object)"", (object)"Evilcrop")));
    }

    [Test]
    public void A_joined_name_that_says_something_else_stays_while_the_name_stays()
    {
        var records = new MembershipRecords(MembershipRows.Mapping);
        var record = MembershipRows.Get(MembershipRows.Row(("vorname", "Max"), ("nachname", "Muster"), ("name", "Dr. Max Muster")));
        var application = records.ToEntity(7, record);
        application.ChangeFee(30_000, 12);
        Assert.That(records.Apply(application, record)["applicant.full_name"], Is.EqualTo("Dr. Max Muster"));
    }

    [Test]
    public void Anonymizing_leaves_nothing_personal_and_keeps_type_and_salutation()
    {
        var application = New(new CompanyApplicant("Evilcrop", "Firma", Somewhere));
        application.IssueTokens(new AccessTokens("access", "update", null));
        application.Promise(new Incentive("tote_bag"));
        application.Anonymize();
        application.Anonymize();
        Assert.That(application.Applicant, Is.EqualTo(new AnonymizedApplicant(ApplicantType.Company, "Firma")));
        Assert.That((((DirectDebitPayment)application.Payment).Account, application.Tokens), Is.EqualTo(((BankAccount?)null, (AccessTokens?)null)));
        Assert.That(application.Incentives, Has.Count.EqualTo(1));
        Assert.That(() => application.ChangeApplicant(Person("Erika")), Throws.InvalidOperationException);
        Assert.That(() => application.ChangePayment(Debit), Throws.InvalidOperationException);
    }

    [TestCase(25_010, 3, true, TestName = "250.10 a quarter is more than 1,000 a year")]
    [TestCase(100_010, 12, true)]
    [TestCase(100_000, 12, false)]
    public void A_high_fee_is_looked_at(long fee, int interval, bool moderated) =>
        Assert.That(MembershipFees.Yearly(fee, interval) > MembershipFees.ModeratedAbove, Is.EqualTo(moderated));

    [TestCase(200, 1, false)]
    [TestCase(199, 1, true)]
    [TestCase(1_000, 3, false)]
    [TestCase(2_400, 12, false)]
    [TestCase(2_400, 2, true)]
    [TestCase(2_400, 0, true)]
    [TestCase(-1, 12, true)]
    [TestCase(10_000_001, 12, true)]
    public void Fees_have_bounds(long fee, int interval, bool isRefused)
    {
        Assert.That(() => New(fee: fee, interval: interval), isRefused ? Throws.TypeOf<ArgumentOutOfRangeException>() : Throws.Nothing);
        Assert.That(() => New().ChangeFee(fee, interval), isRefused ? Throws.TypeOf<ArgumentOutOfRangeException>() : Throws.Nothing);
    }

    [Test]
    public void A_company_pays_more()
    {
        var company = new CompanyApplicant("Evilcrop", "Firma", Somewhere);
        Assert.That(() => New(company, fee: 2_400, interval: 12), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => New(company, fee: 2_500, interval: 3), Throws.Nothing);
        Assert.That(() => New(new CompanyApplicant("", "Firma", Somewhere)), Throws.ArgumentException);
    }

    [Test]
    public void Empty_tokens_let_nobody_in()
    {
        var tokens = new AccessTokens("access", "", Now);
        Assert.That((tokens.AllowsAccess("access"), tokens.AllowsAccess("acces"), tokens.AllowsAccess("")), Is.EqualTo((true, false, false)));
        Assert.That((tokens.AllowsUpdate("", Now), new AccessTokens("", "", null).AllowsAccess("")), Is.EqualTo((false, false)));
        var update = new AccessTokens("", "update", Now);
        Assert.That((update.AllowsUpdate("update", Now.AddSeconds(-1)), update.AllowsUpdate("update", Now)), Is.EqualTo((true, false)));
        Assert.That(new AccessTokens("", "update", null).AllowsUpdate("update", Now));
    }

    [Test]
    public void Bad_input_is_refused()
    {
        Assert.That(() => new MembershipApplication(-1, Now, MembershipType.Active, Person("M"), 2_400, 12, Debit), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => New(new AnonymizedApplicant(ApplicantType.Person, "")), Throws.ArgumentException);
        var application = New();
        Assert.That(() => application.AssignId(0), Throws.TypeOf<ArgumentOutOfRangeException>());
        application.AssignId(7);
        Assert.That(() => application.AssignId(8), Throws.InvalidOperationException);
        Assert.That(() => application.Decide(new KnownStatus(false, IsAborted: true), Now, "x"), Throws.ArgumentException);
    }

    [Test]
    public void An_incentive_is_promised_once_and_two_lines_never_have_the_same_second()
    {
        var application = New();
        application.Promise(new Incentive("tote_bag"));
        application.Promise(new Incentive("tote_bag"));
        application.AddLog(Now, "one");
        application.AddLog(Now.AddMilliseconds(3), "two");
        Assert.That((application.Incentives.Count, application.Log[1].LoggedAt), Is.EqualTo((1, Now.AddSeconds(1))));
    }

    private static PersonApplicant Person(string last, string first = "Max") =>
        new(new PersonName("Herr", "", first, last), Somewhere, new DateOnly(1990, 1, 1));

    private static MembershipApplication New(Applicant? applicant = null, long fee = 10_000, int interval = 3, Payment? payment = null) =>
        new(0, Now, MembershipType.Sustaining, applicant ?? Person("Muster"), fee, interval, payment ?? Debit);
}
