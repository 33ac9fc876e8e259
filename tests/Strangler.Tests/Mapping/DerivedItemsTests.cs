using System.Text;
using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Mapping.Converters;

namespace Strangler.Tests.Mapping;

/// <summary>What a line of a log says, in items of its own: compared like all others, made anew with each write, and never written to legacy.</summary>
public sealed class DerivedItemsTests
{
    private const string Time = "2016-05-16 19:23:16";

    [TestCase("paypal_handler: booked", "paypal_handler", "", "booked")]
    [TestCase("mcp_handler: booked", "mcp_handler", "", "booked")]
    [TestCase("frontend: storno", "frontend", "", "cancelled")]
    [TestCase("handle_paypal_payment_without_donation_use_case: booked", "handle_paypal_payment_without_donation_use_case", "", "booked")]
    [TestCase("sepa-mandat confirmed", "", "", "mandate_confirmed")]
    [TestCase("ueb-code generated (1 tries in 0.02 secs)", "", "", "code_generated")]
    [TestCase("marked as approved and anonymized by user: erika", "back_office", "erika", "approved_and_anonymized")]
    [TestCase("Comment set to private by user: erika", "back_office", "erika", "comment_hidden")]
    [TestCase("paypal_handler: new transaction id corresponding parent donation: 7", "paypal_handler", "", "created_as_follow_up")]
    [TestCase("book_donation_use_case: new transaction id to corresponding child donation: 7", "book_donation_use_case", "", "follow_up_created")]
    [TestCase("booked", "", "", "booked")]
    [TestCase("note: booked", "", "", "other", TestName = "A note that looks like a program's line names none")]
    [TestCase("paypal_handler: Booked", "paypal_handler", "", "other", TestName = "Words that nobody knows are no action")]
    [TestCase("", "", "", "other")]
    public void A_line_is_told_by_program_user_and_action(string message, string program, string actor, string action) =>
        Assert.That(Line(Row(message).Get()), Is.EqualTo(new object[] { message, program, actor, action }));

    [Test]
    public void A_name_that_the_column_cannot_hold_is_not_told_and_no_reason_to_refuse_the_line()
    {
        foreach (var (name, told) in new[] { (new string('x', 64), new string('x', 64)), (new string('x', 65), ""), (string.Concat(Enumerable.Repeat("\U0001F600", 64)), string.Concat(Enumerable.Repeat("\U0001F600", 64))) })
        {
            var record = Row("cancelled by user: " + name).Get();
            Assert.That(Line(record)[2], Is.EqualTo(told));
            Assert.That(Line(DonationRows.Mapping.New.Get(DonationRows.Mapping.New.Put(record, null))), Is.EqualTo(Line(record)));
        }
    }

    [Test]
    public void Whatever_a_record_says_of_them_legacy_keeps_its_bytes_and_the_new_side_has_them_made_anew()
    {
        var row = Row("cancelled by user: erika");
        var record = row.Get();
        object?[] wrong = [.. record.List("log_entries").Rows[0]];
        (wrong[2], wrong[3], wrong[4]) = ("frontend", "anna", "booked");
        foreach (var changed in new[] { wrong, wrong[..2] })
        {
            var other = record.With(("log_entries", new RecordList([changed])));
            Assert.That(DonationRows.Mapping.Legacy.Put(other, row), Is.SameAs(row));
            Assert.That(DonationRows.Mapping.New.Get(DonationRows.Mapping.New.Put(other, null)).AgreesWith(record));
        }
    }

    [Test]
    public void A_stored_one_that_is_wrong_shows_until_anything_of_the_entity_is_written()
    {
        var (lens, record) = (DonationRows.Mapping.New, Row("cancelled by user: erika").Get());
        var stored = lens.Put(record, null).Clone();
        var table = lens.Layout.IndexOf("donation_log_entry");
        stored.Tables[table][0][lens.Layout.Tables[table].IndexOf("actor")] = "anna";
        Assert.That(Line(lens.Get(stored))[2], Is.EqualTo("anna"));
        Assert.That(lens.Get(stored).AgreesWith(record), Is.False);
        Assert.That(Line(lens.Get(lens.Put(lens.Get(stored).With(("amount", 4711L)), stored)))[2], Is.EqualTo("erika"));
    }

    // What is replaced in the delivered file, by what, and a part of the message.
    [TestCase("<derived use=\"event-line\" from=\"message\">", "<derived use=\"event-lines\" from=\"message\">", "unknown derivation; known are event-line")]
    [TestCase("<derived use=\"event-line\" from=\"message\">", "<derived use=\"event-line\" from=\"logged_at\">", "from names no Text item")]
    [TestCase("<derived use=\"event-line\" from=\"message\">", "<derived use=\"event-line\" from=\"actor\">", "from names no Text item")]
    [TestCase("<item name=\"program\" type=\"text\" personal=\"yes\" new=\"program\"/>", "", "of these types, in this order: Text, Text, Code")]
    [TestCase("<item name=\"actor\" type=\"text\" personal=\"yes\"", "<item name=\"actor\" type=\"text\"", "message is personal")]
    [TestCase("<item name=\"actor\" type=\"text\"", "<item name=\"actor\" type=\"text\" legacy=\"value\"", "no legacy place")]
    [TestCase("codes=\"log-action\"", "codes=\"log-actions\"", "unknown code list 'log-actions'")]
    [TestCase("default=\"other\" one-way=\"yes\"", "default=\"other\"", "'cancelled' stands for two things")]
    [TestCase("type=\"code\" codes=\"payment-type\"", "type=\"code\" codes=\"log-action\"", "is one-way")]
    public void A_mistake_in_the_declaration_is_told(string sound, string broken, string message)
    {
        var text = File.ReadAllText(DonationRows.Path);
        Assert.That(text, Does.Contain(sound));
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text.Replace(sound, broken, StringComparison.Ordinal)));
        Assert.That(
            Assert.Throws<MappingException>(() => MappingCompiler.Compile(stream, "donations.xml", DonationRows.Converters))!.Problems.Select(problem => problem.Message),
            Has.Some.Contains(message));
    }

    [Test]
    public void A_derivation_that_says_what_no_column_holds_is_not_believed()
    {
        var text = File.ReadAllText(DonationRows.Path).Replace("use=\"event-line\"", "use=\"careless\"", StringComparison.Ordinal);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        var shape = new DerivationShape(FieldType.Text, [FieldType.Text, FieldType.Text, FieldType.Code]);
        var mapping = MappingCompiler.Compile(stream, "donations.xml", DonationRows.Converters.AddDerivation("careless", shape, new Careless())).Single();
        Assert.That(mapping.Legacy.Get(Row("x")).List("log_entries").Rows[0][2..], Is.EqualTo(new object[] { "", "", "other" }));
    }

    [Test]
    public void The_explanation_says_where_they_come_from() => Assert.That(
        DonationRows.Mapping.Explain().ToText(), Does.Match(@"\(told from message, never written back: event-line\) +log_entries\[\]\.actor \* +text +donation_log_entry\.actor"));

    private static AggregateRow Row(string message) => DonationRows.Row().WithBlob(("adresstyp", "person"), ("log", DonationRows.Php((Time, message))));

    private static object?[] Line(Record record) => record.List("log_entries").Rows.Single()[1..];

    private sealed class Careless : ItemDerivation
    {
        public override string Description => "";

        public override void Derive(object source, Span<object?> values) => (values[0], values[1], values[2]) = ("half \ud800", 7L, "unheard of");
    }
}
