using System.Text;
using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>A broken mapping file is told all its mistakes, each with its line and field.</summary>
public sealed class MappingCompilerTests
{
    private const string Salutation = """<field name="donor.salutation" type="text" legacy="spenden.data/anrede" """;
    private const string Interval =
        """<field name="interval_months" type="integer" legacy="spenden.periode" new="donation.interval_months"/>""";

    private static readonly string _sound = File.ReadAllText(DonationRows.Path);

    [Test]
    public void The_delivered_file_is_sound() => Assert.That(MappingLint.Check([DonationRows.Path], DonationRows.Converters), Is.Empty);

    // Name of the case, what is replaced, by what, the field named, a part of the message. The line is that of the replacement.
    private static readonly object[][] _mistakes =
    [
        ["sum of what is not there", "<sum name=\"donations\" amount=\"amount\">", "<sum name=\"donations\" amount=\"betrag\">", "betrag",
            "the sum is declared for a field that is not there"],
        ["sum of a text", "<sum name=\"donations\" amount=\"amount\">", "<sum name=\"donations\" amount=\"provider.status\">",
            "provider.status",
            "a sum needs an amount"],
        ["sum of something personal", "<sum name=\"donations\" amount=\"amount\">", "<sum name=\"donations\" amount=\"donor.email\">",
            "donor.email",
            "must not be made of personal values"],
        ["sum split by what is not there", "<by field=\"payment_type\"/>", "<by field=\"zahlweise\"/>", "zahlweise",
            "split by a field that is not there"],
        ["sum split by something personal", "<by field=\"payment_type\"/>", "<by field=\"donor.city\"/>", "donor.city",
            "must not be split by personal values"],
        ["sum split by a text", "<by field=\"payment_type\"/>", "<by field=\"provider.status\"/>", "provider.status",
            "can be split by a boolean, a code, an integer or a time"],
        ["sum split by a time as it is", "<by field=\"created_at\" per=\"month\"/>", "<by field=\"created_at\"/>", "created_at",
            "per day, month or year"],
        ["sum split by the month of a code", "<by field=\"payment_type\"/>", "<by field=\"payment_type\" per=\"month\"/>", "payment_type",
            "only a time has a day, month or year"],
        ["sum split twice by one field", "<by field=\"is_cancelled\"/>", "<by field=\"is_exported\"/>", "is_exported",
            "split by this field twice"],
        ["owner of a group that is not there", "<group name=\"donor\" owner", "<group name=\"spender\" owner", "spender", "no field belongs to this group"],
        ["owner that does not exist", "<owners default=\"ask\"", "<owners default=\"back-office\"", "", "back-office"],
        ["owner of a flag that is not its time's", "<field name=\"is_exported\" type", "<field name=\"is_exported\" owner=\"new\" type", "is_exported",
            "differs from that of exported_at"],
        ["erasure by no flag", "erased-by=\"is_anonymized\"", "erased-by=\"amount\"", "amount", "erased-by names no boolean field"],
        ["unknown legacy table", "legacy=\"spenden.periode\"", "legacy=\"spende.periode\"", "interval_months", "unknown table 'spende'"],
        ["unknown legacy column", "legacy=\"spenden.periode\"", "legacy=\"spenden.perioden\"", "interval_months",
            "unknown column 'spenden.perioden'"],
        ["forgotten legacy column", "<column name=\"dt_del\" type=\"datetime\" null=\"yes\"/>",
            "<column name=\"dt_del\" type=\"datetime\" null=\"yes\"/><column name=\"neu\" type=\"int\"/>", "neu",
                "neither mapped nor preserved"],
        ["column mapped twice", Interval,
            "<field name=\"interval_months\" type=\"integer\" legacy=\"spenden.info\" new=\"donation.interval_months\"/>",
            "wants_newsletter", "mapped twice", "<field name=\"wants_newsletter\""],
        ["LOB key mapped twice", "legacy=\"spenden.data/anrede\"", "legacy=\"spenden.data/country\"", "donor.country", "mapped twice",
            "donor.country"],
        ["new column mapped twice", "new=\"donation_donor.title\"", "new=\"donation_donor.salutation\"", "donor.title", "mapped twice"],
        ["LOB without key", "legacy=\"spenden.data/anrede\"", "legacy=\"spenden.data\"", "donor.salutation", "name a key in it"],
        ["key of a column", "legacy=\"spenden.periode\"", "legacy=\"spenden.periode/monate\"", "interval_months", "is no LOB"],
        ["format of another type", Salutation, Salutation + "format=\"flag\" ", "donor.salutation", "does not fit a Text"],
        ["format that does not exist", Salutation, Salutation + "format=\"roman\" ", "donor.salutation", "roman"],
        ["money without format", "type=\"money\" format=\"euro\" legacy=\"spenden.betrag\"", "type=\"money\" legacy=\"spenden.betrag\"",
            "amount", "needs its format"],
        ["type that the column does not fit", "type=\"integer\" legacy=\"spenden.periode\"",
            "type=\"timestamp\" legacy=\"spenden.periode\"", "interval_months",
            "does not fit the column spenden.periode"],
        ["unknown type", "type=\"integer\" legacy=\"spenden.periode\"", "type=\"number\" legacy=\"spenden.periode\"", "interval_months",
            "number"],
        ["legacy code twice", "<code legacy=\"UEB\" english=\"bank_transfer\"/>", "<code legacy=\"BEZ\" english=\"bank_transfer\"/>",
            "payment-type", "'BEZ' stands for two"],
        ["English value twice", "<code legacy=\"UEB\" english=\"bank_transfer\"/>", "<code legacy=\"UEB\" english=\"direct_debit\"/>",
            "payment-type", "'direct_debit' stands for two"],
        ["default that is no code", "<codes name=\"payment-type\" default=\"direct_debit\">",
            "<codes name=\"payment-type\" default=\"cheque\">", "payment-type", "default 'cheque'"],
        ["code list without default", "<codes name=\"payment-type\" default=\"direct_debit\">", "<codes name=\"payment-type\">",
            "payment-type", "default"],
        ["unknown code list", "codes=\"donor-type\"", "codes=\"donor-types\"", "donor.type", "unknown code list 'donor-types'"],
        ["code without list", "codes=\"donor-type\" ", "", "donor.type", "a code needs its list"],
        ["unknown new column", "new=\"donation_donor.salutation\"", "new=\"donation_donor.greeting\"", "donor.salutation",
            "unknown column 'donation_donor.greeting'"],
        ["missing new column", " new=\"donation_donor.salutation\"", "", "donor.salutation", "new"],
        ["new column of another type", "<column name=\"salutation\" type=\"text\"/>", "<column name=\"salutation\" type=\"int\"/>",
            "donor.salutation", "does not fit the new column", "donor.salutation"],
        ["new column too short for its codes", "<column name=\"payment_type\" type=\"varchar\" length=\"32\"/>",
            "<column name=\"payment_type\" type=\"varchar\" length=\"5\"/>", "payment_type",
            "longest code", "payment_type\" type=\"code\""],
        ["nullable text on the new side", "<column name=\"salutation\" type=\"text\"/>",
            "<column name=\"salutation\" type=\"text\" null=\"yes\"/>", "donor.salutation", "times may be NULL", "donor.salutation"],
        ["new column that nothing fills", "<column name=\"salutation\" type=\"text\"/>",
            "<column name=\"salutation\" type=\"text\"/><column name=\"lost\" type=\"text\"/>", "lost", "no field stands"],
        ["personal flag missing on a LOB key", "name=\"donor.first_name\" type=\"text\" personal=\"yes\"",
            "name=\"donor.first_name\" type=\"text\"", "donor.first_name", "is personal"],
        ["personal flag missing on a column", "name=\"donor.full_name\" type=\"text\" personal=\"yes\"",
            "name=\"donor.full_name\" type=\"text\"", "donor.full_name", "is personal"],
        ["personal flag missing on a preserved place", "<preserve place=\"spenden.data/phone\" personal=\"yes\"/>",
            "<preserve place=\"spenden.data/phone\" personal=\"no\"/>", "spenden.data/phone", "is personal"],
        ["duplicate field", "name=\"donor.title\"", "name=\"donor.salutation\"", "donor.salutation", "declared twice"],
        ["duplicate column", "<column name=\"info\" type=\"tinyint\"/>", "<column name=\"ort\" type=\"tinyint\"/>", "ort",
            "declared twice"],
        ["duplicate table", "<table name=\"donation_comment\"", "<table name=\"donation_donor\"", "donation_donor", "declared twice"],
        ["unknown converter", "use=\"paypal-account\"", "use=\"paypal-accounts\"", "paypal-accounts",
            "unknown converter; known are code-or-null, date-in-text, donation-anonymized"],
        ["converter with a wrong place", "<place role=\"text\"", "<place role=\"words\"", "split-at-first", "unknown place 'words'"],
        ["converter without a place", "<place role=\"payer\" at=\"spenden.data/paypal_payer_id\"/>", "", "donation-status",
            "'payer' must be given once", "use=\"donation-status\""],
        ["converter without a parameter", "<parameter name=\"separator\" value=\"/\"/>", "", "split-at-first", "separator",
            "use=\"split-at-first\""],
        ["converter with fields of other types", "<field name=\"tracking.campaign\" type=\"text\"",
            "<field name=\"tracking.campaign\" type=\"integer\"", "split-at-first", "of these types", "use=\"split-at-first\""],
        ["field without a source", "legacy=\"spenden.data/anrede\" ", "", "donor.salutation", "exactly one of"],
        ["flag of no timestamp", "flag-of=\"exported_at\"", "flag-of=\"amount\"", "is_exported", "flag-of makes a boolean of a timestamp"],
        ["row of no companion", "row=\"donation_notification_log\"", "row=\"spenden\"", "is_confirmation_sent", "companion table"],
        ["mirror of no text", "name=\"wants_newsletter\" type=\"boolean\"",
            "name=\"wants_newsletter\" type=\"boolean\" mirror=\"spenden.data/info2\"", "wants_newsletter", "can have a mirror"],
        ["time zone that does not exist", "time-zone=\"Europe/Berlin\"", "time-zone=\"Europe/Bärlin\"", "", "unknown time zone"],
        ["foreign writers without an owner", "version=\"2\" time-zone", "version=\"2\" foreign-writers=\"none\" foreign-writers-reason=\"no\" time-zone", "",
            "someone has to answer", "time-zone=\"Europe/Berlin\""],
        ["element that does not exist", "<!-- The comment -->", "<colour/>", "", "colour"],
        ["bad time", "nothing-until=\"1970-01-01 01:00:00\"", "nothing-until=\"long ago\"", "exported_at", "is no time"],
        ["referenced-by that is no column", "referenced-by=\"payment_id\" key=\"id\" character-set",
            "referenced-by=\"zahlung\" key=\"id\" character-set", "donation_payment", "referenced-by must name"],
        ["default that does not fit", "<column name=\"periode\" type=\"smallint\"/>",
            "<column name=\"periode\" type=\"smallint\" default=\"40000\"/>", "periode", "default does not fit"],
    ];

    private static IEnumerable<TestCaseData> Mistakes =>
        _mistakes.Select(mistake => new TestCaseData(
            mistake[1], mistake[2], mistake[3], mistake[4], mistake.Length > 5 ? mistake[5]
                : null) { TestName = $"A_mistake_is_found: {mistake[0]}" });

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_found(string sound, string broken, string field, string message, string? where)
    {
        Assert.That(_sound, Does.Contain(sound));
        var at = _sound.IndexOf(sound, StringComparison.Ordinal);
        var text = string.Concat(_sound.AsSpan(0, at), broken, _sound.AsSpan(at + sound.Length));
        var line = LineOf(text, where is null ? at : text.IndexOf(where, StringComparison.Ordinal));

        var problems = Problems(text);

        Assert.That(
            problems,
            Has.Some.Matches<MappingProblem>(problem => problem.Line == line && problem.Column > 0 && problem.Field == field
                && problem.File == "donations.xml" && problem.Message.Contains(message, StringComparison.Ordinal)),
            () => $"line {line}, field '{field}', '{message}' not among:\n{string.Join('\n', problems)}");
    }

    [Test]
    public void All_mistakes_are_told_at_once_in_the_order_of_the_file()
    {
        var text = _sound.Replace("legacy=\"spenden.periode\"", "legacy=\"spenden.perioden\"", StringComparison.Ordinal)
            .Replace("use=\"paypal-account\"", "use=\"nobody\"", StringComparison.Ordinal)
            .Replace("codes=\"donor-type\"", "codes=\"nothing\"", StringComparison.Ordinal)
            .Replace("<ids from=\"auto-increment\"/>", "<ids from=\"heaven\"/>", StringComparison.Ordinal);

        var problems = Problems(text);

        Assert.That(problems.Select(problem => problem.Field), Is.SupersetOf(new[] { "interval_months", "nobody", "donor.type" }));
        Assert.That(problems.Select(problem => problem.Message), Has.Some.Contains("heaven"));
        Assert.That(problems.Select(problem => problem.Line), Is.Ordered);
    }

    [TestCase("<!DOCTYPE mapping [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", "DTD")]
    [TestCase("<mapping", "")]
    [TestCase("", "")]
    public void A_file_that_is_no_plain_xml_is_refused(string start, string message)
    {
        var problems = Problems(start + "\n");
        Assert.That(problems, Has.Count.EqualTo(1));
        Assert.That(problems[0].Message, Does.Contain(message));
    }

    [Test]
    public void A_file_without_end_is_refused()
    {
        var text = $"<mapping xmlns=\"urn:strangler:mapping\" context=\"{new string('x', 5_000_000)}\"/>";
        Assert.That(Problems(text), Has.Count.EqualTo(1));
    }

    [Test]
    public void A_document_of_another_kind_is_refused() => Assert.That(Problems("<html/>"), Is.Not.Empty);

    [Test]
    public void A_file_that_is_not_there_is_a_problem_of_its_own() =>
        Assert.That(MappingLint.Check(["/nowhere/at.all"])[0].File, Is.EqualTo("at.all"));

    [Test]
    public void A_problem_reads_as_a_place_in_a_file() =>
        Assert.That(
            new MappingProblem("donations.xml", 12, 7, "donor.email", "is wrong").ToString(),
            Is.EqualTo("donations.xml:12:7: donor.email: is wrong"));

    private static IReadOnlyList<MappingProblem> Problems(string text)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return Assert.Throws<MappingException>(() => MappingCompiler.Compile(stream, "donations.xml", DonationRows.Converters))!.Problems;
    }

    private static int LineOf(string text, int at) => text.AsSpan(0, at).Count('\n') + 1;
}
