using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Mapping;

namespace Strangler.IntegrationTests.Donations;

/// <summary>What the new schema must be, asked of the live database: the acceptance criteria, one test each.</summary>
public sealed class NewSchemaTests
{
    private const string OfContext = "table_schema = DATABASE() AND table_name LIKE 'donation%'";

    // Every word that may be part of a name or a code. A new one is looked up in a dictionary, then added.
    private static readonly HashSet<string> English = [.. """
        access account address amount anonymized anonymous at auth author backed bank banner bic booked booking campaign cancelled card
        cash cents city code comment company confirmation confirmed content country created credit currency date debit deleted direct
        donation donor email entries entry expires expiry export exported extra extras fee first follow full gross hash historical iban id
        identifier impressions incomplete interval is keyword last legacy log logged message moderated moderation months name new
        newsletter number ordinal parent payer payment paypal person postcode promised provider public reason reasons receipt registered
        salutation sent session settle sofort source state status street subscription text timestamp title token tracking transaction
        transfer type unknown up ups update valuation wants
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    private DonationsWorld _world = null!;
    private List<Column> _columns = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await using var connection = await _world.NewDatabase.OpenAsync();
        _columns = [.. await connection.QueryAsync<Column>($"""
            SELECT table_name AS `Table`, column_name AS Name, data_type AS Type, column_type AS FullType,
                is_nullable = 'YES' AS IsNullable,
                column_default AS `Default`, collation_name AS Collation, extra AS Extra FROM information_schema.columns WHERE {OfContext}
            """)];
    }

    [OneTimeTearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    [Test]
    public void Every_name_and_every_code_is_english()
    {
        var schema = _world.Host.Runtime.Kind(DonationsContext.DonationKind).Of(Strangler.DualWrite.SideName.New).Lens.Schema;
        var names = _columns.SelectMany(column => new[] { column.Table, column.Name })
            .Concat(schema.Fields.SelectMany(field => field.Codes
                .Concat(field.Items.Select(item => item.Name)).Append(field.Name.Replace('.', '_'))));
        Assert.That(names.SelectMany(name => name.Split('_')).Distinct().Where(word => !English.Contains(word)), Is.Empty);
    }

    [Test]
    public void All_text_is_utf8mb4_unicode_ci() =>
        Assert.That(_columns.Where(column => column.Collation is not null && column.Collation != "utf8mb4_unicode_ci").Select(Text),
            Is.Empty);

    [Test]
    public async Task New_tables_inherit_that_collation()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        Assert.That(
            await connection.QueryAsync<string>($"""
                SELECT table_name FROM information_schema.tables WHERE {OfContext} AND table_collation <> 'utf8mb4_unicode_ci'
                """),
            Is.Empty);
    }

    [Test]
    public void Texts_and_integers_are_never_null_and_default_to_nothing()
    {
        var keys = new[] { "id", "donation_id", "ordinal" };
        foreach (var column in _columns.Where(column => (column.IsText || column.IsInteger) && !keys.Contains(column.Name)))
        {
            Assert.That(column.IsNullable, Is.False, Text(column));
            var @default = column.Default?.Trim('(', ')', '\'', '"');
            Assert.That(@default, Is.EqualTo(DefaultOf(column)), Text(column));
        }
    }

    [Test]
    public void Ids_are_unsigned_and_never_null()
    {
        var ids = _columns.Where(column => column.Name is "id" or "donation_id").ToList();
        Assert.That(ids, Has.Count.EqualTo(_columns.DistinctBy(column => column.Table).Count()));
        Assert.That(ids.Where(column => column.IsNullable || !column.FullType.StartsWith("bigint", StringComparison.Ordinal)
            || !column.FullType.EndsWith("unsigned", StringComparison.Ordinal)).Select(Text), Is.Empty);
    }

    [Test]
    public void Flags_are_booleans_and_amounts_are_whole_cents()
    {
        Assert.That(
            _columns.Where(column => column.Name.StartsWith("is_", StringComparison.Ordinal)
                || column.Name.StartsWith("wants_", StringComparison.Ordinal)),
            Has.All.Property(nameof(Column.FullType)).EqualTo("tinyint(1)").And.Some.Property(nameof(Column.Name)).EqualTo("is_exported"));
        Assert.That(
            _columns.Where(column => column.Name is "amount" or "legacy_amount" or "gross" or "fee" or "settle_amount"),
            Has.Exactly(6).Items.And.All.Property(nameof(Column.Type)).EqualTo("bigint"));
        Assert.That(_columns.Where(column => column.Type is "float" or "double" or "decimal" or "json" or "enum" or "set").Select(Text),
            Is.Empty);
    }

    [Test]
    public void Payment_state_cancellation_deletion_moderation_export_and_anonymization_are_fields_of_their_own() => Assert.That(
        _columns.Where(column => column.Table == "donation").Select(column => column.Name),
        Is.SupersetOf(new[] { "payment_state", "is_cancelled", "is_deleted", "is_moderated", "is_exported", "is_anonymized" }));

    [Test]
    public async Task No_key_goes_by_free_text()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var keys = (await connection.QueryAsync<(string Table, string Column)>(
            $"SELECT table_name, column_name FROM information_schema.statistics WHERE {OfContext}")).ToList();
        Assert.That(keys, Has.Count.GreaterThan(10));
        Assert.That(keys.Where(key => _columns.Single(column => column.Table == key.Table && column.Name == key.Column).IsText), Is.Empty);
    }

    [Test]
    public async Task Foreign_keys_stay_within_the_context()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var references = (await connection.QueryAsync<(string From, string To)>("""
            SELECT table_name, referenced_table_name FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()
            """)).ToList();
        Assert.That(references, Is.Not.Empty);
        Assert.That(references
            .Where(reference => reference.To != "donation" || !reference.From.StartsWith("donation_", StringComparison.Ordinal)), Is.Empty);
    }

    private static string Text(Column column) => $"{column.Table}.{column.Name}";

    private static string DefaultOf(Column column) => (column.Table, column.Name) switch
    {
        ("donation", "payment_type") => "direct_debit",
        ("donation", "payment_state") => "new",
        ("donation_donor", "type") => "unknown",
        _ => column.IsInteger ? "0" : "",
    };

    private sealed class Column
    {
        public string Table { get; init; } = "";

        public string Name { get; init; } = "";

        public string Type { get; init; } = "";

        public string FullType { get; init; } = "";

        public bool IsNullable { get; init; }

        public string? Default { get; init; }

        public string? Collation { get; init; }

        public string Extra { get; init; } = "";

        public bool IsText => Collation is not null;

        public bool IsInteger => Type is "tinyint" or "smallint" or "int" or "bigint";
    }
}
