using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.LegacyData;
using Strangler.LegacyData.HealthRegions;
using Strangler.Mapping;
using Strangler.Service;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>All contexts of one installation, as in production in one legacy database: migrated by one command, and no legacy table without a fate.</summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class AllContextsTests
{
    private const int Rows = 300;

    // Of programs that came later than the tables that the mappings read.
    private static readonly string[] Later =
    [
        "last_generated_donation_id", "last_generated_membership_id", "last_generated_payment_id", "payment", "payment_bank_transfer", "payment_credit_card",
        "payment_direct_debit", "payment_fee_change", "payment_paypal", "payment_paypal_identifier", "payment_sofort", "payment_reference_codes", "donation_tracking",
        "membership_fee_changes", "banner_tracking", "banner_impressions", "donation_moderation_reason", "donations_moderation_reasons", "doctrine_migration_versions",
    ];

    private TestDatabase _legacy = null!;
    private TestDatabase _new = null!;
    private TestDatabase _postgres = null!;
    private string _config = null!;
    private long _donation;
    private long _membership;
    private IReadOnlyList<(string Context, string Kind, int Rows, int Unreadable)> _filled = null!;

    [OneTimeSetUp]
    public async Task CreateDatabases()
    {
        (_legacy, _new) = (await TestServers.CreateDatabaseAsync("all_legacy"), await TestServers.CreateDatabaseAsync("all_new"));
        _postgres = await TestServers.CreatePostgresDatabaseAsync("all_new");
        await using (var connection = await _legacy.OpenAsync())
        {
            await LegacyFundraising.CreateAsync(connection);
            foreach (var (table, rows) in Later.Select((table, rows) => (table, rows)))
            {
                await connection.ExecuteAsync(
                    $"CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY); INSERT INTO {table} SELECT seq FROM seq_1_to_{rows + 1}");
            }
            await LegacyHealthRegionSchema.CreateAsync(connection);
        }

        var donations = new LegacyDonationGenerator(new LegacyDonationOptions { Rows = Rows });
        await donations.WriteAsync(_legacy.Source.OpenAsync);
        var health = LegacyHealthRegions.All(new LegacyRowOptions { Rows = Rows });
        foreach (var table in health)
        {
            await table.WriteAsync(_legacy.Source.OpenAsync);
        }

        string[] kinds = ["province", "health-region", "postcode", "mobility-week", "case-report"];
        _filled =
        [
            .. health.Zip(kinds, (table, kind) => ("health-regions", kind, table.Rows.Count, table.Rows.Count(row => row.IsUnreadable))),
            ("donations", "donation", Rows, donations.Generate().Count(donation => donation.IsUnreadable)),
            .. await LegacyFundraising.FillOthersAsync(_legacy.Source.OpenAsync, Rows, 1),
        ];
        await using (var connection = await _legacy.OpenAsync())
        {
            _donation = donations.Generate().First(donation => !donation.IsUnreadable).Id;
            _membership = await connection.ExecuteScalarAsync<long>("SELECT MIN(id) FROM request WHERE status = 1 AND backup IS NULL");
            await connection.ExecuteAsync(
                """
                UPDATE request SET donation_id = @_donation WHERE id = @_membership;
                UPDATE request SET donation_id = 4711000 WHERE status = 1 AND backup IS NULL AND id > @_membership ORDER BY id LIMIT 1
                """, new { _donation, _membership });
        }

        _config = Path.Combine(Directory.CreateTempSubdirectory("strangler-test-").FullName, "strangler.json");
        await File.WriteAllTextAsync(_config, JsonSerializer.Serialize(new
        {
            hashKey = "00112233445566778899aabbccddeeff",
            contexts = ContextCatalog.Names.ToDictionary(
                context => context,
                context => new { legacy = _legacy.ConnectionString, @new = (context == "health-regions" ? _postgres : _new).ConnectionString }),
        }));
    }

    [OneTimeTearDown]
    public async Task DropDatabases()
    {
        await _postgres.DisposeAsync();
        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(_config)!, recursive: true);
    }

    [Test, Order(0)]
    public async Task Before_anything_is_migrated_every_table_has_a_fate_and_its_rows_are_counted()
    {
        var fates = await FatesAsync(ExitCodes.Ok);
        await using var connection = await _legacy.OpenAsync();
        var tables = (await connection.QueryAsync<string>("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")).ToList();
        Assert.That(fates.Select(fate => fate.Table).Distinct(), Is.EquivalentTo(tables), "the list and the live catalogue");
        foreach (var fate in fates)
        {
            Assert.That(fate.Rows, Is.EqualTo(await connection.ExecuteScalarAsync<long>($"SELECT COUNT(*) FROM `{fate.Table}`")), fate.Table);
            Assert.That(fate.New, Is.Null, fate.Table);
            Assert.That(fate.Reason, Is.Not.Empty, fate.Table);
        }
    }

    [Test, Order(1)]
    public async Task One_command_migrates_all_contexts()
    {
        Assert.That(await RunAsync("migrate --dry-run", ExitCodes.Ok), Does.Contain("change-log/0001_logged_action").And.Contain("donations/0001_donation"));
        Assert.That(await RunAsync("migrate", ExitCodes.Ok), Does.Contain("migrations applied").And.Not.Contain("left out"));
        Assert.That(await RunAsync("migrate", ExitCodes.Ok), Does.Contain("Nothing to do"));
    }

    [Test, Order(2)]
    public async Task All_are_brought_over_beside_each_other_and_the_fates_count_what_has_arrived()
    {
        foreach (var context in ContextCatalog.Names)
        {
            await RunAsync($"capture install {context}", ExitCodes.Ok);
            await RunAsync($"cutover advance {context}", ExitCodes.Ok);
            await RunAsync($"backfill {context}", ExitCodes.Ok);
            await RunAsync($"quarantine sign-off {context} --all --reason reviewed", ExitCodes.Ok);
        }

        await RunAsync("reconcile --all", ExitCodes.Ok);
        var fates = (await FatesAsync(ExitCodes.Ok)).Where(fate => fate.Fate == TableFate.Migrated).ToList();
        Assert.That(
            fates.Select(fate => (fate.Context, fate.Kind, (int)fate.Rows, (int)fate.New!.Value, (int)fate.Unreadable!.Value)),
            Is.EquivalentTo(_filled.Select(kind => (kind.Context, kind.Kind, kind.Rows, kind.Rows - kind.Unreadable, kind.Unreadable))));
    }

    /// <summary>A row of one context that points to another's: neither entity knows of it, and the other's id map resolves it.</summary>
    [Test, Order(3)]
    public async Task The_donation_behind_an_application_is_found_through_the_id_map_of_donations()
    {
        var donation = JsonDocument.Parse(await RunAsync($"idmap lookup donations {_donation} --json", ExitCodes.Ok)).RootElement.GetProperty("new_id").GetInt64();
        Assert.That(
            await RunAsync($"idmap lookup memberships {_membership} --references", ExitCodes.Ok),
            Does.Contain($"donation (donation_id): donations/donation {_donation} ↔ new id {donation}"));
        await using (var connection = await _new.OpenAsync())
        {
            Assert.That(
                await connection.ExecuteScalarAsync<long>(
                    """
                    SELECT d.new_id FROM membership m
                    JOIN strangler_id_map o ON o.context = 'memberships' AND o.new_id = m.id JOIN strangler_id_map d ON d.context = 'donations' AND d.public_id = m.donation_id
                    WHERE o.public_id = @_membership
                    """, new { _membership }),
                Is.EqualTo(donation));
        }

        Assert.That(await RunAsync("mapping findings memberships --limit 1000", ExitCodes.Found), Does.Contain("donation_id is 4711000; donations/donation 4711000 is not there"));
    }

    [Test, Order(4)]
    public async Task A_table_that_nobody_has_said_anything_of_and_one_that_is_gone_are_told()
    {
        await using var connection = await _legacy.OpenAsync();
        await connection.ExecuteAsync("CREATE TABLE archiv_2009 (id INT PRIMARY KEY); INSERT INTO archiv_2009 VALUES (1), (2)");
        var told = await RunAsync("fates", ExitCodes.Found);
        Assert.That(told, Does.Contain("archiv_2009: No mapping file says").And.Contain("UNDECLARED"));
        Assert.That((await FatesAsync(ExitCodes.Found)).Single(fate => fate.Table == "archiv_2009"), Has.Property("Rows").EqualTo(2).And.Property("Fate").Null);
        await connection.ExecuteAsync("DROP TABLE archiv_2009; RENAME TABLE donation_notification_log TO donation_notification_log_old");
        Assert.That(
            await RunAsync("fates", ExitCodes.Found),
            Does.Contain("donation_notification_log: A mapping reads it, and it is not there").And.Contain("donation_notification_log_old: No mapping file says"));
        await connection.ExecuteAsync("RENAME TABLE donation_notification_log_old TO donation_notification_log");
        await FatesAsync(ExitCodes.Ok);
    }

    private async Task<List<Row>> FatesAsync(int code) =>
    [
        .. JsonDocument.Parse(await RunAsync("fates --json", code)).RootElement.GetProperty("tables").EnumerateArray().Select(row => new Row(
            row.GetProperty("table").GetString()!,
            row.GetProperty("fate") is { ValueKind: JsonValueKind.String } fate ? Enum.Parse<TableFate>(fate.GetString()!, ignoreCase: true) : null,
            row.GetProperty("context").GetString()!, row.GetProperty("kind").GetString()!, row.GetProperty("reason").GetString()!,
            row.GetProperty("legacy_rows").GetInt64(), Number(row, "new_rows"), Number(row, "unreadable"))),
    ];

    private static long? Number(JsonElement row, string name) =>
        row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : null;

    private async Task<string> RunAsync(string line, int code)
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var actual = await StranglerCommandLine.RunAsync(
            [.. line.Split(' '), "--config", _config], TextWriter.Synchronized(output), TextWriter.Synchronized(error), CancellationToken.None);
        Assert.That(actual, Is.EqualTo(code), $"strangler {line}: {output}\n{error}");
        return output.ToString();
    }

    private sealed record Row(string Table, TableFate? Fate, string Context, string Kind, string Reason, long Rows, long? New, long? Unreadable);
}
