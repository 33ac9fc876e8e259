using System.Data.Common;
using Dapper;
using Strangler.Capture;
using Strangler.Cli;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.LocalServers;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Who else writes legacy, as the triggers note it and the relays add it up.</summary>
public sealed class CensusTests
{
    private const string Password = "secret-5";

    private DonationsWorld _world = null!;
    private CommandLine _cli = null!;
    private string _office = "";
    private string _export = "";

    private ICensus Census => _world.Host.Sides.Census!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync(options: """{ "shadowReadMinimum": 0, "relayPoll": "100ms", "foreignWriterQuiet": "1h" }""");
        await _world.FillAsync(10);
        await _world.MoveToAsync(Stage.DualWrite);
        _cli = new CommandLine(_world);
        (_office, _export) = (await CreateUserAsync("foc"), await CreateUserAsync("exp"));
    }

    [OneTimeTearDown]
    public async Task DropWorld()
    {
        await Foreign.RunAsync(_world, $"DROP USER '{_office}'@'%'; DROP USER '{_export}'@'%'");
        await _world.DisposeAsync();
    }

    [SetUp]
    public Task Forget() => Foreign.RunAsync(_world, "DELETE FROM strangler_foreign_write; DELETE FROM strangler_census");

    [Test]
    public async Task It_names_user_table_columns_and_counts_added_up_or_not()
    {
        await Foreign.RunAsync(_world, "UPDATE spenden SET status = 'N', dt_del = NULL, dt_gruen = NULL");
        await Forget();
        await AsAsync(
            _office, "UPDATE spenden SET status = 'D', dt_del = NOW() ORDER BY id LIMIT 3; UPDATE spenden SET status = 'X' ORDER BY id LIMIT 2");
        await AsAsync(_export, "UPDATE spenden SET dt_gruen = '2026-01-01'; INSERT INTO donation_payment (payment_type) VALUES ('SUB')");
        await AsAsync(_export, "UPDATE spenden SET dt_gruen = '2026-01-01'");
        var before = await ReadAsync();
        Assert.That(before.Select(Text), Is.EquivalentTo(new[]
        {
            $"{_office} spenden UPDATE=2 status=2 dt_del=1", $"{_export} donation_payment INSERT=1, spenden UPDATE=1 dt_gruen=1",
        }));
        Assert.That(await Census.CollectAsync(3, CancellationToken.None), Is.EqualTo(3));
        Assert.That((await ReadAsync()).Select(Text), Is.EquivalentTo(before.Select(Text)), "half of it added up");
        Assert.That(await Census.CollectAsync(100, CancellationToken.None), Is.EqualTo(1));
        Assert.That(await Census.CollectAsync(100, CancellationToken.None), Is.Zero);
        Assert.That((await ReadAsync()).Select(Text), Is.EquivalentTo(before.Select(Text)));
        Assert.That((await Census.ReadAsync(TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(1), CancellationToken.None)), Is.Empty);
    }

    /// <summary>A statement is one, however many rows it changes, and its columns are those that it changed in any of them.</summary>
    [Test]
    public async Task The_columns_of_a_statement_are_those_of_all_its_rows()
    {
        await Foreign.RunAsync(_world, "UPDATE spenden SET status = 'N', dt_del = NULL, ort = 'Bonn', periode = 0; UPDATE spenden SET status = 'D' ORDER BY id LIMIT 3");
        await Forget();
        await AsAsync(_office, "UPDATE spenden SET status = 'D', periode = 0, ort = IF(id = (SELECT MAX(id) FROM (SELECT id FROM spenden) s), 'Ulm', ort)");
        Assert.That((await ReadAsync()).Select(Text), Is.EqualTo(new[] { $"{_office} spenden UPDATE=1 ort=1 status=1" }));
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_foreign_write"), Is.EqualTo(2), "no note without news");
        Assert.That(await Census.CollectAsync(100, CancellationToken.None), Is.EqualTo(2));
        Assert.That((await ReadAsync()).Select(Text), Is.EqualTo(new[] { $"{_office} spenden UPDATE=1 ort=1 status=1" }), "added up");
    }

    [Test]
    public async Task What_is_past_its_retention_is_forgotten()
    {
        await AsAsync(_office, "UPDATE spenden SET betrag = '6.66' ORDER BY id LIMIT 1");
        await Census.CollectAsync(100, CancellationToken.None);
        await Foreign.RunAsync(_world, """
            INSERT INTO strangler_census SELECT context, UTC_DATE() - INTERVAL 31 DAY, writer, program, table_name, event, column_name, writes, first_at, last_at
            FROM strangler_census; INSERT INTO strangler_census
            SELECT 'others', day, writer, program, table_name, event, column_name, writes, first_at, last_at FROM strangler_census
            """);
        Assert.That(await Census.PruneAsync(TimeSpan.FromDays(30), 1, CancellationToken.None), Is.EqualTo(1), "no more at a time than asked for");
        Assert.That(await Census.PruneAsync(TimeSpan.FromDays(30), 100, CancellationToken.None), Is.EqualTo(1));
        Assert.That(await Census.PruneAsync(TimeSpan.FromDays(30), 100, CancellationToken.None), Is.Zero);
        Assert.That((await ReadAsync()).Single().Writes, Is.EqualTo(1));
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_census WHERE context = 'others'"), Is.EqualTo(4), "another context's");
        await Foreign.RunAsync(_world, "DELETE FROM strangler_census WHERE context = 'others'");
    }

    [Test]
    public async Task A_key_that_changes_is_a_column_and_an_unknown_column_counts_for_nothing()
    {
        await Foreign.RunAsync(_world, "ALTER TABLE spenden ADD COLUMN theirs INT NULL");
        await AsAsync(_office, "UPDATE spenden SET theirs = 1; UPDATE spenden SET id = 900001, theirs = 2 ORDER BY id LIMIT 1");
        await AsAsync(_office, "REPLACE INTO spenden (id, kommentar, dt_new) VALUES (900001, '', '2020-01-01')");
        Assert.That((await ReadAsync()).Select(Text), Is.EqualTo(new[] { $"{_office} spenden DELETE=1 INSERT=1 UPDATE=1 id=1" }));
        await Foreign.RunAsync(_world, "ALTER TABLE spenden DROP COLUMN theirs");
    }

    [Test]
    public async Task Our_own_writes_and_what_was_rolled_back_are_not_in_it()
    {
        var donation = CaptureSamples.Donation("Wir");
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await AsAsync(_office, "START TRANSACTION; UPDATE spenden SET betrag = '7.77'; ROLLBACK");
        Assert.That(await ReadAsync(), Is.Empty);
    }

    /// <summary>Two programs in open transactions, and a relay that adds up meanwhile: nobody waits for anybody.</summary>
    [Test]
    public async Task Nobody_waits_for_it()
    {
        await AsAsync(_office, "UPDATE spenden SET betrag = '1.11' ORDER BY id LIMIT 1");
        await using var first = await OpenAsync(_office);
        await using var second = await OpenAsync(_office);
        const string Impatient = "SET SESSION innodb_lock_wait_timeout = 1; START TRANSACTION; ";
        await first.ExecuteAsync($"{Impatient} UPDATE spenden SET betrag = '2.22' ORDER BY id LIMIT 1");
        await second.ExecuteAsync($"{Impatient} UPDATE spenden SET betrag = '3.33' ORDER BY id DESC LIMIT 1");
        Assert.That(await Census.CollectAsync(100, CancellationToken.None), Is.EqualTo(1), "what is not committed is passed over");
        await first.ExecuteAsync("UPDATE spenden SET betrag = '4.44' ORDER BY id LIMIT 1; COMMIT");
        await second.ExecuteAsync("COMMIT");
        Assert.That(await Census.CollectAsync(100, CancellationToken.None), Is.EqualTo(3));
        Assert.That((await ReadAsync()).Single().Writes, Is.EqualTo(4));
    }

    [Test]
    public async Task Two_that_add_up_at_once_count_each_write_once()
    {
        await AsAsync(_office, string.Join(';', Enumerable.Range(1, 60).Select(i => $"UPDATE spenden SET betrag = '{i}.50'")));
        var collected = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            var (all, one) = (0, 0);
            do
            {
                all += one = await Census.CollectAsync(7, CancellationToken.None);
            }
            while (one > 0);
            return all;
        }));
        var rest = await Census.CollectAsync(10_000, CancellationToken.None);
        Assert.That(((await ReadAsync()).Single().Writes, collected.Sum() + rest), Is.EqualTo((60L, 60)), "statements, not rows");
    }

    [Test]
    public async Task The_relay_adds_up_by_itself()
    {
        await AsAsync(_office, "UPDATE spenden SET betrag = '9.99' LIMIT 2");
        using var stop = new CancellationTokenSource();
        var relay = _world.Open().Relay.RunAsync(stop.Token);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        while (await connection.ExecuteScalarAsync<long>("SELECT COALESCE(SUM(writes), 0) FROM strangler_census WHERE column_name = ''") < 1)
        {
            Assert.That(System.Diagnostics.Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(30)));
        }

        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [Test]
    public async Task The_command_shows_it_with_owners_and_finds_whom_nobody_answers_for()
    {
        var silent = await _cli.RunAsync("census donations", ExitCodes.Ok);
        Assert.That(silent.Output, Does.Contain("Nobody else has written").And.Contain("Seen by no trigger"));
        await AsAsync(_office, "UPDATE spenden SET status = 'N' ORDER BY id LIMIT 2");
        var found = await _cli.RunAsync("census donations --since 24h", ExitCodes.Found);
        Assert.That(found.Output, Does.Contain(_office).And.Contain("1 update").And.Contain("status 1").And.Contain("NONE"));
        var json = (await _cli.RunAsync("census donations --json", ExitCodes.Found)).Json;
        var writer = json.GetProperty("writers")[0];
        Assert.That(writer.GetProperty("user").GetString(), Does.StartWith(_office + "@"));
        Assert.That(writer.GetProperty("tables")[0].GetProperty("columns").GetProperty("status").GetInt64(), Is.EqualTo(1));
        Assert.That((await _world.ReconcileAsync()).Notes, Has.One.Match($"Also writes legacy .*{_office}@.*owner: none"));
        Assert.That((await _cli.RunAsync("census donations --since 2099-01-01", ExitCodes.Ok)).Output, Does.Contain("Nobody else"));
        Assert.That((await _cli.RunAsync("census donations --since yesterday", ExitCodes.CouldNotRun)).Error, Does.Contain("--since is 'yesterday'"));
    }

    [TestCase("2099-12-31", true)]
    [TestCase("2020-12-31", false)]
    public async Task Whom_the_mapping_gives_an_owner_may_go_on_until_the_day(string until, bool passes)
    {
        await AsAsync(_office, "UPDATE spenden SET status = 'N' ORDER BY id LIMIT 2");
        await AsAsync(_office, "UPDATE spenden SET status = 'D' ORDER BY id LIMIT 2");
        var folder = Directory.CreateTempSubdirectory("strangler-mapping-").FullName;
        var mapping = Service.ContextCatalog.MappingFileOf(
            Service.Configuration.StranglerConfiguration.Load(_cli.ConfigFile, Service.ContextCatalog.Names), "donations");
        var text = await File.ReadAllTextAsync(mapping);
        await File.WriteAllTextAsync(Path.Combine(folder, "donations.xml"), text.Replace(
            "  <kind name=\"donation\"",
            $"  <foreign-writer user=\"{_office}\" owner=\"back office\" reason=\"moves in spring\" until=\"{until}\"/>\n  <kind name=\"donation\"",
            StringComparison.Ordinal));
        var config = Path.Combine(folder, "strangler.json");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(_cli.ConfigFile)).Replace(
            "{\"hashKey\"", $"{{\"mappings\":\"{folder}\",\"hashKey\"", StringComparison.Ordinal));
        var spoken = await _cli.RunAsync("census donations", config, CancellationToken.None);
        Assert.That(spoken.Code, Is.EqualTo(passes ? ExitCodes.Ok : ExitCodes.Found), spoken.ToString());
        Assert.That(spoken.Output, Does.Contain(passes ? $"back office, until {until}" : $"NONE since {until} (back office)"));
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Where the server keeps the attributes of sessions, also the program's name.</summary>
    [Test]
    public async Task A_server_that_tells_names_the_program()
    {
        await using var server = await TestServers.StartPrivateMySqlAsync(new LocalServerOptions
        {
            FlushLogAtCommit = 2, BufferPoolMegabytes = 64, ServerArguments = ["--performance-schema=ON"],
        });
        await using var world = await DonationsWorld.CreateAsync(legacy: await TestDatabase.CreateOnAsync(server, "donations_legacy"));
        await world.MoveToAsync(Stage.DualWrite);
        await using var theirs = await world.LegacyDatabase.OpenAsync();
        var names = await theirs.QueryAsync<string>(
            "SELECT ATTR_VALUE FROM performance_schema.session_connect_attrs WHERE PROCESSLIST_ID = CONNECTION_ID() AND ATTR_NAME IN ('program_name', '_client_name')");
        await theirs.ExecuteAsync(Foreign.Insert(1));
        Assert.That(await world.Host.Sides.Census!.CollectAsync(10, CancellationToken.None), Is.EqualTo(1));
        var entries = await world.Host.Sides.Census!.ReadAsync(null, CancellationToken.None);
        Assert.That(entries.Single().Program, Is.Not.Empty.And.AnyOf(names.ToArray()));
    }

    [Test]
    [Order(0)]
    public async Task The_last_gate_is_closed_while_one_without_an_owner_writes_or_nobody_watched_for_long()
    {
        await _world.MoveToAsync(Stage.NewLeads);
        await Forget();
        Assert.That(await GateAsync(_world.Host), Is.EqualTo((false, "none, but watched for 0 h only")));
        await Foreign.RunAsync(_world, "UPDATE strangler_capture SET installed_at = installed_at - INTERVAL 2 DAY; UPDATE strangler_audit SET at = at - INTERVAL 1 DAY");
        Assert.That(await GateAsync(_world.Host), Is.EqualTo((true, "none")));

        await AsAsync(_office, "UPDATE spenden SET status = 'D' ORDER BY id LIMIT 2");
        var (passed, value) = await GateAsync(_world.Host);
        Assert.That((passed, value), Is.EqualTo((false, value)));
        Assert.That(value, Does.StartWith(_office + "@").And.Contain("spenden, 1 statement,"));

        await Foreign.RunAsync(_world, "UPDATE strangler_foreign_write SET written_at = written_at - INTERVAL 3 HOUR");
        Assert.That((await GateAsync(_world.Host)).Passed, Is.True, "it has been quiet for the hour that is asked for");
        await _world.MoveToAsync(Stage.DualWrite);
    }

    private static async Task<(bool Passed, string Value)> GateAsync(Service.ContextHost host)
    {
        var gates = await host.Cutover.GatesAsync(Stage.NewOnly, CancellationToken.None);
        var gate = gates.Single(one => one.Name == "foreign writers");
        return (gate.Passed, gate.Value);
    }

    // user table event=n column=n …
    private static string Text(ForeignWriter writer) =>
        $"{writer.User.Split('@')[0]} " + string.Join(", ", writer.Tables.Select(table =>
            $"{table.Table} {string.Join(' ', table.Writes.OrderBy(on => on.Key).Select(on => $"{on.Key}={on.Value}"))}"
            + string.Concat(table.Columns.Select(column => $" {column.Key}={column.Value}"))));

    private async Task<IReadOnlyList<ForeignWriter>> ReadAsync() =>
        CensusRules.Group(await Census.ReadAsync(null, CancellationToken.None), [], TimeProvider.System.GetUtcNow().UtcDateTime);

    private async Task<string> CreateUserAsync(string name)
    {
        var user = $"{name}_{Guid.NewGuid():N}"[..16];
        await Foreign.RunAsync(
            _world,
            $"CREATE USER '{user}'@'%' IDENTIFIED BY '{Password}'; GRANT SELECT, INSERT, UPDATE, DELETE ON `{_world.LegacyDatabase.Name}`.* TO '{user}'@'%'");
        return user;
    }

    private async Task AsAsync(string user, string sql)
    {
        await using var connection = await OpenAsync(user);
        await connection.ExecuteAsync(sql);
    }

    private async Task<DbConnection> OpenAsync(string user) => await MySqlDriver.CreateDataSource(
        CommandLine.With(CommandLine.With(_world.LegacyDatabase.ConnectionString, "User ID", user), "Password", Password), new()).OpenAsync(CancellationToken.None);
}
