using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Faults;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>What is peculiar of donations whose new side is PostgreSQL.</summary>
public sealed class DonationsOnPostgresTests
{
    private const string Nul = "Nul\0l";
    private DonationsWorld _world = null!;

    [SetUp]
    public async Task CreateWorld() => _world = await DonationsWorld.CreateAsync(@new: await TestServers.CreatePostgresDatabaseAsync("donations_new"));

    [TearDown]
    public async Task DropWorld() => await _world.DisposeAsync();

    /// <summary>A full life of generated rows, with differences that are planted behind the wrapper's back.</summary>
    [Test]
    public async Task Generated_donations_come_over_what_is_planted_is_found_and_the_way_back_is_open()
    {
        var unreadable = (await _world.FillAsync(1_500, includeUnreadable: true)).Where(row => row.IsUnreadable).Select(row => (long)row.Id).ToHashSet();
        await _world.MoveToAsync(Stage.ShadowRead);
        var clean = await _world.ReconcileAsync();
        Assert.That(clean.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(clean)));
        var planted = await PlantAsync();
        var drift = await _world.ReconcileAsync();
        Assert.That(drift.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That((drift.Counts[Verdict.Drift], drift.Counts[Verdict.MissingInNew]), Is.EqualTo((3, 1)), () => string.Join('\n', ReportText.Render(drift)));
        Assert.That(drift.FieldCounts.Keys, Is.EquivalentTo(new[] { "amount", "donor.city", "is_exported" }));
        var repair = await new RepairJob(_world.Host.Runtime).RunAsync(_world.Kind, planted, false, "test", "planted", null, CancellationToken.None);
        Assert.That(repair.Repaired, Is.EqualTo(4));
        var lists = await CommentsAsync(unreadable);
        await _world.MoveToAsync(Stage.NewLeads);
        Assert.That(await CommentsAsync(unreadable), Is.EqualTo(lists), "the list of comments is the same from both sides");
        await _world.MoveToAsync(Stage.LegacyOnly);
        Assert.That(await CommentsAsync(unreadable), Is.EqualTo(lists));
    }

    /// <summary>PostgreSQL's text has no character 0: the entity is set aside by the field's name, and refused where a caller asks for it.</summary>
    [Test]
    public async Task A_text_with_the_character_0_is_refused_by_the_fields_name()
    {
        var ours = FaultLoad.New("one");
        await _world.Donations.Donations.StoreAsync(ours, CancellationToken.None);
        await _world.RunForeignAsync($"UPDATE spenden SET kommentar = CONCAT('a', CHAR(0), 'b') WHERE id = {ours.Id}");
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        var entry = (await _world.Host.Sides.Quarantine.ListAsync(_world.Kind, 10, CancellationToken.None)).Single();
        Assert.That((entry.Id, entry.Place), Is.EqualTo((ours.Id, "comment.text")));
        Assert.That(entry.Reason, Does.Contain("the character 0"));

        await _world.RunForeignAsync($"UPDATE spenden SET kommentar = 'ab' WHERE id = {ours.Id}");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await _world.MoveToAsync(Stage.NewLeads);
        var donation = (await _world.Donations.Donations.FindAsync(ours.Id, CancellationToken.None))!;
        donation.AddLog(donation.CreatedAt, Nul);
        Assert.That(
            () => _world.Donations.Donations.StoreAsync(donation, CancellationToken.None),
            Throws.TypeOf<CannotHoldException>().With.Message.Contains("log").And.Message.Contains("the character 0"));
    }

    [Test]
    public async Task The_schema_is_what_the_mapping_says()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var columns = (await connection.QueryAsync<(string Table, string Column, string Type, bool IsNullable, string? Default)>("""
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'strangler%'
            """)).ToDictionary(column => (column.Table, column.Column));
        var tables = _world.Host.Mappings[_world.Kind].New.Layout.Tables;
        Assert.That(columns.Keys.Select(key => key.Table).Distinct(), Is.EquivalentTo(tables.Select(table => table.Name)));
        foreach (var table in tables)
        {
            Assert.That(columns[(table.Name, table.KeyColumn)] is { Type: "bigint", IsNullable: false }, table.Name);
            foreach (var column in table.Columns)
            {
                var actual = columns[(table.Name, column.Name)];
                Assert.That(actual.Type, Is.AnyOf(PostgresTypes.Of(column)), $"{table.Name}.{column.Name}");
                Assert.That(actual.IsNullable, Is.EqualTo(column.Nullable), $"{table.Name}.{column.Name}");
                Assert.That(actual.Default is not null || column.Type is ColumnType.DateTime or ColumnType.Binary, $"{table.Name}.{column.Name} has no default");
            }
        }
    }

    [Test]
    public async Task A_migration_is_done_once_and_excludes_another()
    {
        var again = await _world.Host.MigrateAsync(null, CancellationToken.None);
        Assert.That(again.IsUpToDate, Is.True);
        var targets = again.Targets.Select(target => (target.Side, target.Items.Count)).ToList();
        Assert.That(targets, Has.Some.Matches<(SideName Side, int Count)>(target => target.Side == SideName.New && target.Count == 14));
        await using var connection = await _world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync("SELECT pg_advisory_lock(8319400225905537633)");
        var options = new Strangler.Postgres.PostgresSideOptions { ConnectionString = _world.NewDatabase.ConnectionString["postgres:".Length..] };
        var database = Strangler.Postgres.PostgresMigrations.Database(options, SideName.New);
        Assert.That(
            () => database.LockAsync(TimeSpan.FromMilliseconds(50), CancellationToken.None),
            Throws.TypeOf<Strangler.Migrations.MigrationException>().With.Message.Contains("already running"));
        await Strangler.Postgres.PostgresSides.CloseAsync(options);
    }

    [Test]
    public void What_a_configuration_cannot_have_is_refused_by_the_setting()
    {
        string Refused(string legacy, string @new, string context = "donations")
        {
            var settings = new Dictionary<string, string>
            {
                [StranglerConfiguration.VariableOf(context, SideName.Legacy)] = legacy,
                [StranglerConfiguration.VariableOf(context, SideName.New)] = @new,
                ["STRANGLER_HASH_KEY"] = new('a', 64),
            };
            var configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, settings.GetValueOrDefault);
            return Assert.Throws<ConfigurationException>(
                () => ContextHost.Open(configuration, context, _world.Logs, TimeProvider.System))!.Message;
        }

        var (legacy, @new) = (_world.LegacyDatabase.ConnectionString, _world.NewDatabase.ConnectionString);
        Assert.That(Refused(@new, @new), Does.Contain("STRANGLER_DONATIONS_LEGACY names a PostgreSQL server"));
        Assert.That(Refused(legacy, "postgres:Host=x;Username=u"), Does.Contain("names no database"));
        Assert.That(Refused(legacy, "postgres:Host=x;Database=d;Password=a;secret"), Does.Contain("cannot be read").And.Not.Contain("secret"));
        Assert.That(Refused(legacy, "postgres:Host=x;Database=d;Password=a;secret=b"), Does.Contain("in quotes").And.Not.Contain("secret"));
        Assert.That(Refused(legacy, "postgres:Host=x,y;Database=d"), Does.Contain("several hosts"));
    }

    // Three differences of a type each, and a row that is gone, in four donations that have a city.
    private async Task<IReadOnlyList<long>> PlantAsync()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var chosen = (await connection.QueryAsync<(long PublicId, long NewId)>("""
            SELECT m.public_id, m.new_id FROM strangler_id_map m JOIN donation_donor d ON d.donation_id = m.new_id WHERE d.city <> '' ORDER BY 1 LIMIT 4
            """)).ToList();
        foreach (var (sql, at) in new[]
        {
            ("UPDATE donation SET amount = amount + 1 WHERE id = @id", 0),
            ("UPDATE donation_donor SET city = city || ' ' WHERE donation_id = @id", 1),
            ("UPDATE donation SET is_exported = NOT is_exported WHERE id = @id", 2),
            ("DELETE FROM donation WHERE id = @id", 3),
        })
        {
            await connection.ExecuteAsync(sql, new { id = chosen[at].NewId });
        }

        return [.. chosen.Select(one => one.PublicId)];
    }

    // Of what can be read: legacy's list shows the others, too, and amounts that are none.
    private async Task<IReadOnlyList<(long Id, string Author, string Text, DateTime At)>> CommentsAsync(HashSet<long> without) =>
    [
        .. (await _world.Donations.Comments.FindPublicAsync(1000, 0, CancellationToken.None))
            .Where(comment => !without.Contains(comment.DonationId))
            .Select(comment => (comment.DonationId, comment.Author, comment.Text, comment.DonatedAt)),
    ];
}
