using NUnit.Framework;
using Strangler.Mapping;
using Strangler.Schemas;

namespace Strangler.Tests.Schemas;

/// <summary>Case48: what counts as a difference between a mapping and the tables, and where the mapping says otherwise.</summary>
[Category("Case48")]
public sealed class SchemaRulesTests
{
    private static readonly DeclaredTable Table = new(
        "spenden", "id", "utf8",
        [
            new DeclaredColumn("name", "varchar", 250, false, true, new MappingPlace("donations.xml", 20, 10)),
            new DeclaredColumn("info", "tinyint", 0, false, false, new MappingPlace("donations.xml", 21, 10)),
        ],
        new MappingPlace("donations.xml", 18, 8));

    private static readonly ActualColumn Id = new("spenden", "id", "int", 0, false, false, null, false);
    private static readonly ActualColumn Name = new("spenden", "name", "varchar", 250, false, true, "utf8mb3", false);
    private static readonly ActualColumn Info = new("spenden", "info", "tinyint", 0, false, false, null, false);

    [Test]
    public void Tables_that_are_as_mapped_differ_in_nothing() =>
        Assert.That(Differences(Id, Name with { Name = "NAME" }, Info), Is.Empty, "the server does not tell upper from lower case either");

    [Test]
    public void Each_kind_of_change_is_named_with_its_place()
    {
        Assert.That(Differences(Id, Info), Is.EqualTo(new[] { "donations.xml:20:10: spenden.name: the table spenden has no column name" }));
        Assert.That(
            Differences(Id, Name with { Name = "name_2" }, Info)[0],
            Is.EqualTo("donations.xml:20:10: spenden.name: the table spenden has no column name; renamed? not in the mapping: name_2"));
        Assert.That(
            Differences(Id, Name with { SqlType = "text", Length = 0 }, Info),
            Is.EqualTo(new[] { "donations.xml:20:10: spenden.name: the column is text, the mapping says varchar(250)" }));
        Assert.That(
            Differences(Id, Name with { Length = 200 }, Info),
            Is.EqualTo(new[] { "donations.xml:20:10: spenden.name: the column is varchar(200), the mapping says varchar(250)" }));
        Assert.That(
            Differences(Id, Name, Info with { Unsigned = true }),
            Is.EqualTo(new[] { "donations.xml:21:10: spenden.info: the column is tinyint unsigned, the mapping says tinyint" }));
        Assert.That(
            Differences(Id, Name with { Nullable = false }, Info with { Nullable = true }),
            Is.EqualTo(new[]
            {
                "donations.xml:20:10: spenden.name: the column may not be NULL, the mapping says it may",
                "donations.xml:21:10: spenden.info: the column may be NULL, the mapping says it may not",
            }));
        Assert.That(
            Differences(Id, Name with { CharacterSet = "utf8mb4" }, Info),
            Is.EqualTo(new[] { "donations.xml:20:10: spenden.name: the column's character set is utf8mb4, the mapping says utf8" }));
        Assert.That(
            Differences(Id with { Name = "nummer" }, Name, Info)[0], Does.StartWith("donations.xml:18:8: spenden.id: the table spenden has no column id"));
        Assert.That(Differences(Id with { SqlType = "char" }, Name, Info), Has.One.Contains("must be a whole number"));
        Assert.That(Differences(), Is.EqualTo(new[] { "donations.xml:18:8: spenden: the database has no table spenden" }));
    }

    [Test]
    public void An_unknown_column_is_a_warning_unless_an_insert_has_to_give_it()
    {
        var theirs = new ActualColumn("spenden", "theirs", "int", 0, false, false, null, false);
        var harmless = SchemaRules.Compare([Table], [Id, Name, Info, theirs]).Single();
        Assert.That((harmless.Stops, harmless.Problem.Field), Is.EqualTo((false, "spenden.theirs")));
        Assert.That(harmless.ToString(), Does.StartWith("donations.xml:18:8: spenden.theirs: warning: "));
        var harmful = SchemaRules.Compare([Table], [Id, Name, Info, theirs with { MustBeGiven = true }]).Single();
        Assert.That((harmful.Stops, harmful.ToString()), Is.EqualTo((true, harmful.Problem.ToString())));
        Assert.That(harmful.ToString(), Does.Contain("creates would fail"));
    }

    [Test]
    public void Bytes_may_lie_in_a_column_that_the_table_calls_text_if_it_is_as_long()
    {
        var table = Table with { Columns = [new DeclaredColumn("code", "varbinary", 32, false, true, new MappingPlace("donations.xml", 22, 10))] };
        var code = Name with { Name = "code", Length = 32 };
        Assert.That(SchemaRules.Compare([table], [Id, code]), Is.Empty);
        Assert.That(SchemaRules.Compare([table], [Id, code with { SqlType = "varbinary", CharacterSet = null }]), Is.Empty);
        Assert.That(SchemaRules.Compare([table], [Id, code with { Length = 16 }]), Has.Count.EqualTo(1));
        Assert.That(SchemaRules.Compare([table], [Id, code with { SqlType = "text", Length = 0 }]), Has.Count.EqualTo(1));
    }

    private static string[] Differences(params ActualColumn[] actual) =>
        [.. SchemaRules.Compare([Table], actual).Where(difference => difference.Stops).Select(difference => difference.ToString())];
}
