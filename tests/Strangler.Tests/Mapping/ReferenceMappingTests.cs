using System.Text;
using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>References, findings, secrets, shared tables and columns that stay: what a mapping file may say of them, and what is a mistake.</summary>
public sealed class ReferenceMappingTests
{
    private static readonly string _sound = File.ReadAllText(AddressChangeRows.Path);

    private static readonly string[][] _mistakes =
    [
        ["reference of no integer", "field=\"external_id\" by", "field=\"created_at\" by", "created_at", "a reference is an integer field"],
        ["reference by no code", "by=\"external_type\"", "by=\"created_at\"", "created_at", "by names the code field"],
        ["target of no value", "<to when=\"donation\" context", "<to when=\"donations\" context", "owner", "has no value 'donations'"],
        ["target without a value", "<to when=\"donation\" context", "<to context", "owner", "say when it is meant"],
        ["two targets for a value", "<to when=\"donation\" context", "<to when=\"membership\" context", "owner", "two targets for the same value"],
        ["target in its own context", "context=\"donations\" kind", "context=\"address-changes\" kind", "owner", "goes without saying"],
        ["reference to an unknown kind", "<to when=\"donation\" context=\"donations\" kind=\"donation\"/>", "<to when=\"donation\" kind=\"nothing\"/>", "owner", "no kind 'nothing'"],
        ["signed ids", "<column name=\"external_id\" type=\"bigint\" unsigned=\"yes\"/>", "<column name=\"external_id\" type=\"bigint\"/>", "external_id", "it is a bigint, unsigned"],
        ["finding of no reference", "check=\"own-id\" reference=\"owner\"", "check=\"own-id\" reference=\"nobody\"", "owner_is_own_id", "no reference 'nobody'"],
        ["finding that lacks what it needs", "check=\"own-id\" reference=\"owner\"", "check=\"own-id\"", "owner_is_own_id", "the check needs reference"],
        ["finding with what it has no use for", "check=\"no-target\" reference=\"owner\"", "check=\"no-target\" reference=\"owner\" table=\"address\"", "owner_not_there",
            "no use for table"],
        ["finding about a list that is none", "check=\"own-id\" reference=\"owner\"", "check=\"listed-no-target\" reference=\"owner\" list=\"followers\" item=\"id\"", "owner_is_own_id",
            "there is no list 'followers'"],
        ["finding about a list of another kind's", "check=\"own-id\" reference=\"owner\"", "check=\"listed-no-target\" reference=\"owner\" list=\"followers\" item=\"id\"",
            "owner_is_own_id", "must refer back"],
        ["finding that says nothing", "check=\"own-id\" reference=\"owner\"", "check=\"says\"", "owner_is_own_id", "the check needs field"],
        ["finding that tells a personal value along", "check=\"own-id\" reference=\"owner\"", "check=\"says\" field=\"address_type\" value=\"person\" other=\"address.city\"",
            "address.city", "the evidence holds its value"],
        ["finding about a personal value", "field=\"address_type\" value=\"person\" other", "field=\"address.city\" value=\"Leer\" other", "address.city", "personal"],
        ["finding about no table", "check=\"shared-row\" table=\"address\"", "check=\"shared-row\" table=\"address_change\"", "address_shared",
            "no referenced table"],
        ["finding before a day of no time", "time=\"created_at\" before", "time=\"address_type\" before", "address_type", "no timestamp"],
        ["finding without the day", " before=\"2020-03-18\"", "", "owner_is_own_id", "the check needs before"],
        ["shared root", "role=\"root\" key=\"id\" character-set", "role=\"root\" shared=\"yes\" key=\"id\" character-set", "address_change", "can be shared"],
        ["secret whose field is none", "length=\"16\" null=\"yes\"/>", "length=\"16\" null=\"yes\" secret=\"yes\"/>", "address.salutation", "is a secret"],
        ["column that stays and is mapped", "<column name=\"export_date\" type=\"datetime\" null=\"yes\"/>",
            "<column name=\"export_date\" type=\"datetime\" null=\"yes\" stays=\"nobody needs it\"/>", "marked-time", "unknown column"],
        ["column of the new side that stays", "<column name=\"city\" type=\"varchar\" length=\"100\"/>", "<column name=\"city\" type=\"varchar\" length=\"100\" stays=\"here\"/>",
            "city", "only a column of legacy"],
        ["deleted-at that is no time", "<kind name=\"address-change\">", "<kind name=\"address-change\" deleted-at=\"address_type\">", "address_type", "no timestamp"],
        ["two fates of one table", "<kind name=\"address-change\">",
            "<table-fate name=\"old\" fate=\"kept\" reason=\"one\"/><table-fate name=\"old\" fate=\"dropped\" reason=\"other\"/><kind name=\"address-change\">", "old", "declared twice"],
        ["default that is no time", "<column name=\"created_at\" type=\"datetime\"/>", "<column name=\"created_at\" type=\"datetime\" default=\"soon\"/>", "created_at",
            "the default is no time"],
    ];

    private static IEnumerable<TestCaseData> Mistakes => _mistakes.Select(
        mistake => new TestCaseData(mistake[1], mistake[2], mistake[3], mistake[4]) { TestName = $"A_mistake_is_found: {mistake[0]}" });

    [TestCaseSource(nameof(Mistakes))]
    public void A_mistake_is_found(string sound, string broken, string field, string message)
    {
        Assert.That(_sound, Does.Contain(sound));
        var at = _sound.IndexOf(sound, StringComparison.Ordinal);
        var problems = Problems(string.Concat(_sound.AsSpan(0, at), broken, _sound.AsSpan(at + sound.Length)));
        Assert.That(
            problems,
            Has.Some.Matches<MappingProblem>(problem => problem.Field == field && problem.Line > 0 && problem.Message.Contains(message, StringComparison.Ordinal)),
            () => string.Join('\n', problems));
    }

    [Test]
    public void A_column_that_stays_is_in_no_layout_and_its_reason_is_explained()
    {
        var mapping = Compile(_sound
            .Replace("""<column name="donation_receipt" """, """<column name="old_salt" type="varchar" length="8" stays="nobody needs it"/><column name="donation_receipt" """,
                StringComparison.Ordinal));
        Assert.That(mapping.Legacy.Layout.Root.IndexOf("old_salt"), Is.EqualTo(-1));
        Assert.That(mapping.LegacyTables[0].Staying, Is.EqualTo(new[] { "old_salt" }));
        Assert.That(mapping.Explain().ToText(), Does.Contain("address_change.old_salt: nobody needs it"));
    }

    [Test]
    public void A_secret_is_personal_and_explained_as_what_it_is()
    {
        var mapping = Compile(_sound
            .Replace("""<column name="street" type="varchar" length="100" null="yes" personal="yes"/>""",
                """<column name="street" type="varchar" length="100" null="yes" secret="yes"/>""", StringComparison.Ordinal)
            .Replace("""<field name="address.street" type="text" personal="yes" """, """<field name="address.street" type="text" secret="yes" """, StringComparison.Ordinal));
        var street = mapping.Schema.Fields[mapping.Schema.OrdinalOf("address.street")];
        Assert.That((street.Secret, street.Personal), Is.EqualTo((true, true)));
        Assert.That(mapping.Explain().ToText(), Does.Contain("address.street **").And.Contain("never shown in clear"));
    }

    [Test]
    public void The_delivered_file_explains_references_and_known_damage() => Assert.That(
        AddressChangeRows.Mapping.Explain().ToText(),
        Does.Contain("external_id leads to donations/donation where external_type is donation")
            .And.Contain("resolved by that context's id map").And.Contain("owner_is_own_id: The migration of March 2020"));

    // The column takes no NULL: what an insert leaves there says that there is none.
    [Test]
    public void A_time_is_taken_away_by_what_says_nothing_where_the_column_takes_no_null()
    {
        const string Column = """<column name="created_at" type="datetime"/>""";
        const string Field = """<field name="created_at" type="timestamp" """;
        var mapping = Compile(_sound
            .Replace(Column, """<column name="created_at" type="datetime" default="1970-01-01 00:00:00"/>""", StringComparison.Ordinal)
            .Replace(Field, """<field name="created_at" type="timestamp" nothing-until="1970-01-01 00:00:00" """, StringComparison.Ordinal));
        var row = AddressChangeRows.First("used");
        var at = mapping.Legacy.Layout.Root.IndexOf("created_at");
        var without = mapping.Legacy.Put(mapping.Legacy.Get(row).With(("created_at", null)), row);
        Assert.That(without.Root[at], Is.EqualTo("1970-01-01 00:00:00"));
        Assert.That(mapping.Legacy.Get(without)["created_at"], Is.Null);
        Assert.That(
            mapping.Legacy.Put(mapping.Schema.Blank().With(("modified_at", new DateTime(2020, 1, 1))), null).Root[at], Is.EqualTo("1970-01-01 00:00:00"), "an insert");
        Assert.That(
            () => AddressChangeRows.Put(row, ("created_at", null)), Throws.TypeOf<CannotHoldException>(), "without such a default");
    }

    private static IReadOnlyList<MappingProblem> Problems(string text)
    {
        try
        {
            Compile(text);
            return [];
        }
        catch (MappingException exception)
        {
            return exception.Problems;
        }
    }

    private static CompiledMapping Compile(string text)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return MappingCompiler.Compile(stream, "address-changes.xml")[0];
    }
}
