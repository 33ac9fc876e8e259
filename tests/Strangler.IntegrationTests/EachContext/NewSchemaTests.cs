using Dapper;
using Strangler.Contexts;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>What the new schema in MySQL of every context that has one must be, asked of the live database: the acceptance criteria, one test each.</summary>
[TestFixtureSource(nameof(Names))]
public sealed class NewSchemaTests(string context)
{
    // Every word that may be part of a name or a code. A new one is looked up in a dictionary, then added.
    private static readonly HashSet<string> English = [.. """
        aborted access account action active actor address ambiguous amount anonymized anonymous applicant approved as at auth author back
        backed bank banner bic binary birth booked booking bucket buckets campaign cancelled card cash cents change city code comment
        company confirmation confirmed content counted country created credit currency current cut date debit decided deleted direct
        donation donor due email entries entry event evidence expires expiry export exported external extra extras fee first flags follow
        form full generated given gross hash hidden historical iban id identifier impression impressions incentive incentives incomplete
        interval is keyword last layout legacy log logged mandate membership message missing moderated moderation modified months name
        named new newsletter no none notice number of office ordinal other page parent password payer payment paypal person phone postcode
        previous program promised provider public published reason reasons receipt registered remote restored role salutation sent session
        settle sofort source state status street subscription sustaining text timestamp title token tracking transaction transfer type
        unconfirmed undecided unknown up update ups user valuation wants yes
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    private static readonly string[] Amounts = ["amount", "legacy_amount", "gross", "fee", "settle_amount", "membership_fee"];

    private TestDatabase _legacy = null!;
    private TestDatabase _new = null!;
    private List<RecordSchema> _schemas = null!;
    private List<AggregateLayout> _layouts = null!;
    private Dictionary<(string Table, string Column), string> _codeDefaults = null!;
    private List<Column> _columns = null!;
    private List<(string Table, string Column)> _keys = null!;
    private List<(string From, string To)> _references = null!;
    private List<(string Table, string? Collation)> _tables = null!;

    // Health regions have their new side in PostgreSQL alone; their own tests look at it.
    private static IEnumerable<string> Names() => ContextList.All.Select(one => one.Name).Where(name => name != "health-regions");

    [OneTimeSetUp]
    public async Task Migrate()
    {
        (_legacy, _new) = (await TestServers.CreateDatabaseAsync("schema_legacy"), await TestServers.CreateDatabaseAsync("schema_new"));
        var settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(context, SideName.Legacy)] = _legacy.ConnectionString,
            [StranglerConfiguration.VariableOf(context, SideName.New)] = _new.ConnectionString,
        };
        var configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, settings.GetValueOrDefault);
        await MigrationPlan.ApplyAsync(configuration, [context], null, CancellationToken.None);
        var mappings = ContextCatalog.LoadMapping(configuration, context).Values.ToList();
        (_schemas, _layouts) = ([.. mappings.Select(mapping => mapping.Schema)], [.. mappings.Select(mapping => mapping.New.Layout)]);
        _codeDefaults = mappings.SelectMany(CodeDefaults).ToDictionary(code => code.Place, code => code.Default);
        await ReadCatalogueAsync();
    }

    [OneTimeTearDown]
    public async Task DropDatabases()
    {
        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
    }

    [Test]
    public void The_tables_are_those_of_the_mapping() => Assert.That(
        _tables.Select(table => table.Table), Is.EquivalentTo(_layouts.SelectMany(layout => layout.Tables.Select(table => table.Name)).Distinct()));

    [Test]
    public void Every_name_and_every_code_is_english()
    {
        var names = _columns.SelectMany(column => new[] { column.Table, column.Name })
            .Concat(_schemas.Select(schema => schema.Kind))
            .Concat(_schemas.SelectMany(schema => schema.Fields).SelectMany(field => field.Codes
                .Concat(field.Items.Select(item => item.Name)).Append(field.Name.Replace('.', '_'))));
        Assert.That(names.SelectMany(name => name.Split('_', '-')).Distinct().Where(word => !English.Contains(word)), Is.Empty);
    }

    [Test]
    public void All_text_is_utf8mb4_unicode_ci()
    {
        Assert.That(_columns.Where(column => column.Collation is not null and not "utf8mb4_unicode_ci").Select(Text), Is.Empty);
        Assert.That(_tables.Where(table => table.Collation != "utf8mb4_unicode_ci"), Is.Empty, "what is added later inherits it");
    }

    [Test]
    public void Texts_and_integers_are_never_null_and_default_to_nothing()
    {
        var keys = _layouts.SelectMany(layout => layout.Tables).Select(table => table.KeyColumn).Append("ordinal").ToHashSet();
        var plain = _columns.Where(column => (column.IsText || column.IsInteger) && !keys.Contains(column.Name)).ToList();
        Assert.That(plain, Is.Not.Empty);
        foreach (var column in plain)
        {
            Assert.That(column.IsNullable, Is.False, Text(column));
            Assert.That(column.Default?.Trim('(', ')', '\'', '"'), Is.EqualTo(DefaultOf(column)), Text(column));
        }
    }

    [Test]
    public void Ids_are_unsigned_never_null_and_allotted_only_in_the_root()
    {
        foreach (var layout in _layouts)
        {
            foreach (var table in layout.Tables)
            {
                var key = _columns.Single(column => column.Table == table.Name && column.Name == table.KeyColumn);
                Assert.That(key.IsNullable, Is.False, Text(key));
                Assert.That(key.FullType, Does.StartWith("bigint").And.EndsWith("unsigned"), Text(key));
                Assert.That(key.Extra.Contains("auto_increment", StringComparison.OrdinalIgnoreCase), Is.EqualTo(table.Role == TableRole.Root), Text(key));
            }
        }
    }

    [Test]
    public void Flags_are_booleans_amounts_are_whole_cents_and_times_are_times()
    {
        Assert.That(
            _columns.Where(column => column.Name.StartsWith("is_", StringComparison.Ordinal) || column.Name.StartsWith("wants_", StringComparison.Ordinal)),
            Has.All.Property(nameof(Column.FullType)).EqualTo("tinyint(1)"));
        Assert.That(_columns.Where(column => Amounts.Contains(column.Name)), Has.All.Property(nameof(Column.Type)).EqualTo("bigint"));
        Assert.That(_columns.Where(column => column.Name.EndsWith("_at", StringComparison.Ordinal)), Has.All.Property(nameof(Column.Type)).EqualTo("datetime"));
        Assert.That(
            _columns.Where(column => column.Type is "float" or "double" or "decimal" or "json" or "enum" or "set" or "timestamp").Select(Text), Is.Empty);
    }

    // What the overloaded legacy columns said together, and what must not be one field again.
    [Test]
    public void States_are_fields_of_their_own()
    {
        var expected = context switch
        {
            "donations" => new[] { "payment_state", "is_cancelled", "is_deleted", "is_moderated", "is_exported", "is_anonymized" },
            "memberships" =>
            [
                "is_confirmed", "is_cancelled", "is_moderated", "is_aborted", "status_evidence", "is_exported", "is_backed_up", "is_anonymized",
            ],
            "subscriptions" => ["confirmation", "is_moderated", "is_exported", "is_backed_up", "is_anonymized"],
            "address-changes" => ["address_type", "external_type", "wants_receipt", "is_exported"],
            "back-office-users" => ["is_active", "expiry_notice"],
            "buckets" => ["event", "is_name_cut"],
            "impressions" or "change-log" => [],
            _ => throw new AssertionException($"Say which states {context} has."),
        };
        Assert.That(_columns.Where(column => column.Table == _layouts[0].Root.Name).Select(column => column.Name), Is.SupersetOf(expected));
        Assert.That(_columns.Where(column => column.Name == "status").Select(Text), Is.Empty);
    }

    [Test]
    public void No_key_goes_by_free_text()
    {
        Assert.That(_keys, Is.Not.Empty);
        var texts = _columns.Where(column => column.IsText).Select(column => (column.Table, column.Name)).ToHashSet();
        Assert.That(_keys.Where(texts.Contains), Is.Empty);
    }

    [Test]
    public void What_is_found_by_text_is_found_by_a_generated_sha_256_that_nothing_empty_has()
    {
        // What the back office has made of a password is called a hash, too. Its users are found as legacy's unique keys find them, and of these there are few.
        var hashes = _columns.Where(column => column.Name.EndsWith("_hash", StringComparison.Ordinal) && column.Name != "password_hash").ToList();
        Assert.That(hashes, context is "back-office-users" ? Is.Empty : Is.Not.Empty);
        foreach (var hash in hashes)
        {
            Assert.That((hash.FullType, hash.IsNullable), Is.EqualTo(("binary(32)", true)), Text(hash));
            Assert.That(hash.Generation, Does.Contain("sha2").IgnoreCase.And.Contain("nullif").IgnoreCase, Text(hash));
            Assert.That(_keys, Does.Contain((hash.Table, hash.Name)));
        }
    }

    [Test]
    public void Foreign_keys_stay_within_the_aggregate()
    {
        Assert.That(_references, Has.Count.EqualTo(_layouts.Sum(layout => layout.Tables.Count - 1)));
        foreach (var (from, to) in _references)
        {
            var layout = _layouts.Single(one => one.IndexOf(from) >= 0);
            Assert.That(to, Is.EqualTo(layout.Root.Name), from);
        }
    }

    private async Task ReadCatalogueAsync()
    {
        const string Ours = "LIKE 'strangler\\_%'";
        await using var connection = await _new.OpenAsync();
        _columns = [.. await connection.QueryAsync<Column>($"""
            SELECT table_name AS `Table`, column_name AS Name, data_type AS Type, column_type AS FullType, is_nullable = 'YES' AS IsNullable,
                column_default AS `Default`, collation_name AS Collation, extra AS Extra, COALESCE(generation_expression, '') AS Generation
            FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name NOT {Ours}
            """)];
        _keys = [.. await connection.QueryAsync<(string, string)>(
            $"SELECT table_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name NOT {Ours}")];
        _references = [.. await connection.QueryAsync<(string, string)>(
            "SELECT table_name, referenced_table_name FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()")];
        _tables = [.. await connection.QueryAsync<(string, string?)>(
            $"SELECT table_name, table_collation FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT {Ours}")];
    }

    // A code begins with the default of its list, all else empty.
    private string DefaultOf(Column column) =>
        _codeDefaults.TryGetValue((column.Table, column.Name), out var code) ? code : column.IsInteger ? "0" : "";

    // Another code than the default, put into a blank record, shows which column the field has.
    private static IEnumerable<((string Table, string Column) Place, string Default)> CodeDefaults(CompiledMapping mapping)
    {
        var blank = mapping.New.Put(mapping.Schema.Blank(), null);
        foreach (var field in mapping.Schema.Fields.Where(field => field.Type == FieldType.Code))
        {
            var other = field.Codes.First(code => code != (string)field.Default!);
            var row = mapping.New.Put(mapping.Schema.Blank().With((field.Name, other)), null);
            for (var at = 0; at < row.Tables.Length; at++)
            {
                var table = mapping.New.Layout.Tables[at];
                for (var place = 0; row.Tables[at].Count > 0 && place < table.Columns.Count; place++)
                {
                    if (row.Tables[at][0][place] is string text && text == other
                        && (blank.Tables[at].Count == 0 || !Equals(blank.Tables[at][0][place], text)))
                    {
                        yield return ((table.Name, table.Columns[place].Name), (string)field.Default!);
                    }
                }
            }
        }

        // Of rows of lists, the column is called as the item.
        foreach (var list in mapping.Schema.Fields.Where(field => field.Items.Any(item => item.Type == FieldType.Code)))
        {
            var blanks = new RecordList([[.. list.Items.Select(item => item.Type == FieldType.Timestamp ? new DateTime(2020, 1, 1) : item.Default)]]);
            var row = mapping.New.Put(mapping.Schema.Blank().With((list.Name, blanks)), null);
            var table = mapping.New.Layout.Tables.Index().Single(one => one.Item.Role == TableRole.Many && row.Tables[one.Index].Count > 0).Item;
            foreach (var item in list.Items.Where(item => item.Type == FieldType.Code))
            {
                yield return ((table.Name, item.Name), (string)item.Default!);
            }
        }
    }

    private static string Text(Column column) => $"{column.Table}.{column.Name}";

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

        public string Generation { get; init; } = "";

        public bool IsText => Collation is not null;

        public bool IsInteger => Type is "tinyint" or "smallint" or "int" or "bigint";
    }
}
