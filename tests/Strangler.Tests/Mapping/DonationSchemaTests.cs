using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Mapping;

/// <summary>The mapping, the migrations and the legacy schema are three descriptions of the same tables.</summary>
public sealed partial class DonationSchemaTests
{
    private static readonly string[] _keys = ["id", "donation_id", "ordinal"];

    [Test]
    public void The_migrations_create_what_the_mapping_describes()
    {
        var created = Migrations().SelectMany(text => Tables().Matches(text)).ToDictionary(
            table => table.Groups["name"].Value,
            table => Columns().Matches(table.Groups["columns"].Value)
                .Where(column => !_keys.Contains(column.Groups["name"].Value)
                    && !column.Value.Contains("GENERATED", StringComparison.Ordinal))
                .ToDictionary(column => column.Groups["name"].Value, column => column.Groups["type"].Value));
        foreach (var (table, column) in Migrations().SelectMany(text => Altered().Matches(text)).SelectMany(
            table => Added().Matches(table.Groups["columns"].Value).Where(column => !column.Value.Contains("GENERATED", StringComparison.Ordinal)).Select(column => (table.Groups["name"].Value, column))))
        {
            Assert.That(column.Value, Does.Contain("NOT NULL DEFAULT"), table);
            created[table].Add(column.Groups["name"].Value, column.Groups["type"].Value);
        }

        var described = DonationRows.Mapping.New.Layout.Tables.ToDictionary(table => table.Name, table => table.Columns);

        Assert.That(created.Keys, Is.EquivalentTo(described.Keys));
        foreach (var (table, columns) in described)
        {
            Assert.That(created[table].Keys, Is.EquivalentTo(columns.Select(column => column.Name)), table);
            foreach (var column in columns)
            {
                Assert.That(
                    Limits(created[table][column.Name]), Is.EqualTo((column.Type, column.MaxLength, column.MaxBytes)),
                    $"{table}.{column.Name}");
            }
        }
    }

    [Test]
    public void Every_text_of_the_new_side_is_utf8mb4_and_never_null()
    {
        foreach (var text in Migrations())
        {
            foreach (Match table in Tables().Matches(text))
            {
                Assert.That(
                    table.Groups["options"].Value, Does.Contain("DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"),
                    table.Groups["name"].Value);
                foreach (Match column in Columns().Matches(table.Groups["columns"].Value))
                {
                    Assert.That(
                        column.Value.Contains("NOT NULL", StringComparison.Ordinal) || column.Groups["type"].Value is "DATETIME"
                        || column.Value.Contains("GENERATED", StringComparison.Ordinal), column.Value);
                }
            }
        }
    }

    [Test]
    public void The_mapping_knows_every_column_of_the_legacy_table() =>
        Assert.That(DonationRows.Layout.Root.Columns.Select(column => column.Name).Prepend("id"), Is.EqualTo(LegacyDonation.ColumnNames));

    [Test]
    public void Every_name_of_the_new_side_is_english_and_lower_case() =>
        Assert.That(
            DonationRows.Mapping.New.Layout.Tables.SelectMany(table => table.Columns.Select(column => column.Name).Prepend(table.Name)),
                Is.All.Match("^[a-z][a-z_]*$"));

    [Test]
    public void The_explanation_shows_both_languages()
    {
        var text = DonationRows.Mapping.Explain().ToText();
        Assert.That(text, Does.Match(@"spenden\.data/vorname +donor\.first_name \* +text +\(?text\)? +donation_donor\.first_name"));
        Assert.That(
            text, Does.Contain("'BEZ' = direct_debit").And.Contain("'firma' = company").And.Contain(
            "legacy times are civil time in Europe/Berlin"));
        Assert.That(text, Does.Contain("donation-status: payment_state, is_moderated, is_cancelled").And.Contain("* personal data"));
        Assert.That(
            DonationRows.Mapping.Explain().Fields.Select(field => field.Field),
            Is.SupersetOf(DonationRows.Mapping.Schema.Fields.Select(field => field.Name)));
    }

    [Test]
    public void What_the_file_declares_is_compiled()
    {
        var mapping = DonationRows.Mapping;
        Assert.That(
            (mapping.Context, mapping.Kind, mapping.Version, mapping.TimeZone.Id),
            Is.EqualTo(("donations", "donation", 2, "Europe/Berlin")));
        Assert.That(mapping.IdSource, Is.EqualTo(new IdSource(IdOrigin.AutoIncrement, "spenden", "id")));
        Assert.That(mapping.ForeignWriters, Is.Null, "back office and export write the legacy tables themselves: capture is needed");
        Assert.That(mapping.DeclaredDifferences, Is.Empty);
        Assert.That(
            mapping.Schema.Fields[mapping.Schema.OrdinalOf("donor.email")],
            Has.Property("Personal").True.And.Property("MaxLength").EqualTo(250));
        var sofort = mapping.Legacy.Layout.Tables[mapping.Legacy.Layout.IndexOf("donation_payment_sofort")];
        Assert.That(
            (sofort.Role, sofort.ReferencedBy, sofort.Parent), Is.EqualTo((TableRole.Referenced, "payment_id", "donation_payment")));
    }

    private static (ColumnType Type, int MaxLength, int MaxBytes) Limits(string type) => type switch
    {
        "DATETIME" => (ColumnType.DateTime, 0, 0),
        "TEXT" => (ColumnType.Text, 0, 65_535),
        "MEDIUMBLOB" => (ColumnType.Binary, 0, 16_777_215),
        _ when type.StartsWith("VARCHAR", StringComparison.Ordinal) => (ColumnType.Text, int.Parse(type[8..^1], null), 0),
        _ => (ColumnType.Integer, 0, 0),
    };

    private static IEnumerable<string> Migrations()
    {
        return Directory.GetFiles(SourceTree.PathOf("migrations", "donations", "mysql"), "*.sql").Order().Select(File.ReadAllText);
    }

    [GeneratedRegex(@"CREATE TABLE IF NOT EXISTS (?<name>\w+) \((?<columns>.*?)\n\) (?<options>[^\n]*)", RegexOptions.Singleline)]
    private static partial Regex Tables();

    [GeneratedRegex(@"ALTER TABLE (?<name>\w+)\n(?<columns>.*?)(\n-- step|\z)", RegexOptions.Singleline)]
    private static partial Regex Altered();

    [GeneratedRegex(@"^  ADD COLUMN (?<name>[a-z_]+) (?<type>[A-Z]+(\(\d+\))?).*$", RegexOptions.Multiline)]
    private static partial Regex Added();

    [GeneratedRegex(@"^  (?<name>[a-z_]+) (?<type>[A-Z]+(\(\d+\))?).*$", RegexOptions.Multiline)]
    private static partial Regex Columns();
}
