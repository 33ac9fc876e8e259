using System.Diagnostics;
using Dapper;
using Strangler.Backfill;
using Strangler.Capture;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.LocalServers;
using Strangler.Mapping;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Capture;

/// <summary>Installing, checking and removing the triggers.</summary>
public sealed class InstallTests
{
    private const int Triggers = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private DonationsWorld _world = null!;

    private ICapture Capture => _world.Host.Capture.Capture;

    [OneTimeSetUp]
    public async Task CreateWorld() => _world = await DonationsWorld.CreateAsync(capture: false);

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [TearDown]
    public Task Remove() => Capture.RemoveAsync(Patience, null, CancellationToken.None);

    [Test]
    public async Task Installed_once_nothing_is_left_to_do_and_removed_nothing_is_left()
    {
        var before = await LookOfLegacyAsync();
        var planned = await Capture.PlanInstallAsync(CancellationToken.None);
        Assert.That(planned.Where(statement => statement.StartsWith("CREATE TRIGGER", StringComparison.Ordinal)).ToList(), Has.Count.EqualTo(Triggers));
        Assert.That(planned.Except(planned.TakeLast(Triggers)), Has.All.Contains("PROCEDURE").And.Exactly(3).Items, "which they call, so they come first");
        Assert.That(await LookOfLegacyAsync(), Is.EqualTo(before), "a plan changes nothing");
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Fault, Is.EqualTo("not installed"));

        Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(Triggers));
        Assert.That(await _world.InstallCaptureAsync(), Is.Zero);
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Fault, Is.Null);
        Assert.That(await Capture.PlanInstallAsync(CancellationToken.None), Is.Empty);

        Assert.That((await Capture.PlanRemoveAsync(CancellationToken.None)).Count, Is.EqualTo(planned.Count));
        Assert.That(await Capture.RemoveAsync(Patience, null, CancellationToken.None), Is.EqualTo(Triggers));
        Assert.That(await LookOfLegacyAsync(), Is.EqualTo(before));
        Assert.That(await Foreign.RunAsync(_world, "INSERT INTO spenden (kommentar, dt_new) VALUES ('', '2020-01-01')"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_trigger_that_is_not_as_it_must_be_is_named_and_replaced()
    {
        await _world.InstallCaptureAsync();
        const string Name = "strangler_donations_donation_spenden_upd";
        await Foreign.RunAsync(_world, "DROP TRIGGER strangler_donations_donation_spenden_del");
        await Foreign.RunAsync(_world, $"DROP TRIGGER {Name}");
        await Foreign.RunAsync(_world, $"CREATE TRIGGER {Name} AFTER UPDATE ON spenden FOR EACH ROW SET @x = 1");
        var state = await Capture.LookAsync(CancellationToken.None);
        Assert.That(state.Fault, Is.EqualTo("1 changed, 1 missing"));
        Assert.That(state.Parts.Single(part => part.Name == Name).Detail, Is.EqualTo("somebody has changed it"));
        Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(2));

        // As an earlier build, or an earlier mapping, would have left it.
        await Foreign.RunAsync(_world, $"DROP TRIGGER {Name}");
        await Foreign.RunAsync(_world, $"CREATE TRIGGER {Name} AFTER UPDATE ON spenden FOR EACH ROW SET @x = 2");
        await Foreign.RunAsync(_world, $"UPDATE strangler_capture SET checksum = SHA2('SET @x = 2', 256) WHERE name = '{Name}'");
        await Foreign.RunAsync(_world, "CREATE TRIGGER strangler_donations_donation_spenden_old AFTER UPDATE ON spenden FOR EACH ROW SET @x = 3");
        await Foreign.RunAsync(_world, "INSERT INTO strangler_capture VALUES ('donations', 'strangler_donations_donation_spenden_old', 'spenden', 'UPDATE', '', NOW(), '')");
        state = await Capture.LookAsync(CancellationToken.None);
        Assert.That(state.Fault, Is.EqualTo("1 changed, 1 stale"));
        Assert.That(state.Parts.Single(part => part.Name == Name).Detail, Does.StartWith("the mapping or this program has changed"));
        Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(2));
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Parts, Has.Count.EqualTo(Triggers));
    }

    /// <summary>A table that is put in the place of another leaves the triggers on the one that was there.</summary>
    [Test]
    [Category("Case45")]
    public async Task Triggers_that_went_along_with_a_renamed_table_are_brought_back()
    {
        await _world.InstallCaptureAsync();
        await Foreign.RunAsync(_world, """
            CREATE TABLE notified LIKE donation_notification_log;
            RENAME TABLE donation_notification_log TO notified_before, notified TO donation_notification_log
            """);
        try
        {
            var gone = (await Capture.LookAsync(CancellationToken.None)).Parts.Where(part => part.State != CapturePartState.Installed).ToList();
            Assert.That(gone.Select(part => part.Table).Distinct(), Is.EqualTo(new[] { "donation_notification_log" }));
            Assert.That(gone, Has.Count.EqualTo(3));
            Assert.That(gone[0].Detail, Does.StartWith("it went along with its table, which is notified_before now"));
            Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(3));
            Assert.That((await Capture.LookAsync(CancellationToken.None)).Fault, Is.Null);
            await using var connection = await _world.LegacyDatabase.OpenAsync();
            Assert.That(
                await connection.ExecuteScalarAsync<long>(
                    "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'notified_before'"),
                Is.Zero);
        }
        finally
        {
            await Foreign.RunAsync(_world, "DROP TABLE donation_notification_log; RENAME TABLE notified_before TO donation_notification_log");
        }
    }

    /// <summary>A dump that is loaded brings its triggers along, word for word, after its rows: nobody noted those.</summary>
    [Test]
    public async Task A_trigger_that_somebody_has_created_anew_word_for_word_is_noticed()
    {
        await _world.InstallCaptureAsync();
        const string Name = "strangler_donations_donation_donation_notification_log_del";
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var body = await connection.ExecuteScalarAsync<string>("SELECT ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_NAME = @Name AND TRIGGER_SCHEMA = DATABASE()", new { Name });
        // The server tells a trigger's time of creation in hundredths of a second only.
        await connection.ExecuteAsync($"DO SLEEP(0.05); SET SESSION sql_mode = ''; DROP TRIGGER {Name}");
        await connection.ExecuteAsync($"CREATE TRIGGER {Name} AFTER DELETE ON donation_notification_log FOR EACH ROW {body}");
        var state = await Capture.LookAsync(CancellationToken.None);
        Assert.That(state.Parts.Single(part => part.State != CapturePartState.Installed).Detail, Does.StartWith("somebody has created it anew"));
        Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(1));
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Fault, Is.Null);
    }

    [Test]
    [Category("Case45")]
    public async Task Without_the_procedures_other_programs_go_on_working_and_it_is_told()
    {
        await _world.InstallCaptureAsync();
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        foreach (var name in (await connection.QueryAsync<string>("SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()")).ToList())
        {
            await connection.ExecuteAsync($"DROP PROCEDURE {name}");
        }

        await connection.ExecuteAsync("INSERT INTO strangler_fence (context, role, stage, epoch, dual_epoch) VALUES ('donations', 'lead', 'DualWrite', 2, 2)"
            + " ON DUPLICATE KEY UPDATE stage = 'DualWrite'");
        try
        {
            Assert.That(await Foreign.RunAsync(_world, $"{Foreign.Insert(1)}; UPDATE spenden SET betrag = '1.00'; DELETE FROM spenden"), Is.GreaterThanOrEqualTo(3));
        }
        finally
        {
            await connection.ExecuteAsync("UPDATE strangler_fence SET stage = 'LegacyOnly'");
        }

        var state = await Capture.LookAsync(CancellationToken.None);
        Assert.That(state.Parts.Select(part => part.State), Has.All.EqualTo(CapturePartState.Changed));
        Assert.That(state.Parts[0].Detail, Does.Contain("the procedure strangler_capture_touch_"));
        await _world.InstallCaptureAsync();
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Fault, Is.Null);
    }

    [Test]
    public async Task A_trigger_of_their_own_stays_and_works_and_is_told_of()
    {
        await Foreign.RunAsync(_world, "CREATE TABLE their_log (id INT)");
        await Foreign.RunAsync(_world, "CREATE TRIGGER theirs AFTER INSERT ON spenden FOR EACH ROW INSERT INTO their_log VALUES (NEW.id)");
        await _world.InstallCaptureAsync();
        Assert.That((await Capture.LookAsync(CancellationToken.None)).Notes, Has.One.Contains("theirs (AFTER INSERT)"));
        await Foreign.RunAsync(_world, Foreign.Insert(4711));
        Assert.That(await Foreign.RunAsync(_world, "DELETE FROM their_log WHERE id = 4711"), Is.EqualTo(1));
        await Foreign.RunAsync(_world, "DROP TABLE their_log; DROP TRIGGER theirs; DELETE FROM spenden");
    }

    [Test]
    [Category("Case48")]
    public async Task A_column_that_is_gone_is_named_the_gate_closes_and_nothing_is_installed_over_it()
    {
        await _world.InstallCaptureAsync();
        await Foreign.RunAsync(_world, "ALTER TABLE spenden CHANGE COLUMN hash hash_2 VARCHAR(250) NULL");
        try
        {
            var state = await Capture.LookAsync(CancellationToken.None);
            Assert.That((state.IsComplete, state.Fault), Is.EqualTo((false, "spenden has no column hash")));
            await Assert.ThatAsync(
                _world.InstallCaptureAsync, Throws.TypeOf<CaptureException>().With.Message.Contains("spenden has no column hash"));
            Assert.That(
                await Foreign.RunAsync(_world, $"{Foreign.Insert(1)}; UPDATE spenden SET betrag = '1.00'"), Is.EqualTo(2), "their writes do not fail");
        }
        finally
        {
            await Foreign.RunAsync(_world, "ALTER TABLE spenden CHANGE COLUMN hash_2 hash VARCHAR(250) NULL; DELETE FROM spenden");
        }
    }

    [Test]
    public async Task A_table_in_use_is_waited_for_a_second_at_a_time_and_others_get_through()
    {
        await using var reader = await _world.LegacyDatabase.OpenAsync();
        await reader.ExecuteAsync("START TRANSACTION; SELECT COUNT(*) FROM spenden");
        using var stop = new CancellationTokenSource();
        var longest = Task.Run(() => LongestWriteAsync(stop.Token));
        await Assert.ThatAsync(
            () => Capture.InstallAsync(TimeSpan.FromSeconds(2), null, CancellationToken.None),
            Throws.TypeOf<CaptureException>().With.Message.Contains("spenden was in use without a pause"));
        var installing = Capture.InstallAsync(Patience, null, CancellationToken.None);
        await reader.ExecuteAsync("COMMIT");
        Assert.That(await installing, Is.Positive);
        await stop.CancelAsync();
        Assert.That(await longest, Is.LessThan(TimeSpan.FromSeconds(4)), "a writer waits a second, and for the load of the machine");
        await Foreign.RunAsync(_world, "DELETE FROM spenden");
    }

    [Test]
    public async Task A_user_without_the_privilege_is_told_who_can()
    {
        var user = $"u{Guid.NewGuid():N}"[..16];
        await Foreign.RunAsync(_world, $"CREATE USER '{user}'@'%' IDENTIFIED BY 'secret-5'; GRANT SELECT, INSERT, UPDATE, DELETE ON `{_world.LegacyDatabase.Name}`.* TO '{user}'@'%'");
        try
        {
            var options = Options(Cli.CommandLine.With(
                Cli.CommandLine.With(_world.LegacyDatabase.ConnectionString, "User ID", user), "Password", "secret-5"));
            await Assert.ThatAsync(
                () => Side(options).InstallAsync(Patience, null, CancellationToken.None),
                Throws.TypeOf<CaptureException>().With.Message.Contains("GRANT TRIGGER").And.Message.Contains("administrator"));
            await MySqlSides.CloseAsync(options);
        }
        finally
        {
            await Foreign.RunAsync(_world, $"DROP USER '{user}'@'%'");
        }
    }

    /// <summary>A script of somebody who may look at the data and not at triggers: it must not say that nobody has installed them.</summary>
    [Test]
    public async Task A_user_who_may_not_see_triggers_is_told_so_by_the_check()
    {
        await _world.InstallCaptureAsync();
        var user = $"u{Guid.NewGuid():N}"[..16];
        await Foreign.RunAsync(_world, $"CREATE USER '{user}'@'%' IDENTIFIED BY 'secret-5'; GRANT SELECT, INSERT, UPDATE, DELETE ON `{_world.LegacyDatabase.Name}`.* TO '{user}'@'%'");
        try
        {
            var cli = new Cli.CommandLine(_world);
            var config = cli.Write(Cli.CommandLine.With(Cli.CommandLine.With(cli.Legacy, "User ID", user), "Password", "secret-5"), cli.New);
            var refused = await cli.RunAsync("capture check donations", config, CancellationToken.None);
            Assert.That(refused.Code, Is.EqualTo(Strangler.Cli.ExitCodes.Found), refused.ToString());
            Assert.That(refused.Output, Does.Contain("lacks the privilege TRIGGER"));
            await Foreign.RunAsync(_world, $"GRANT TRIGGER, EXECUTE ON `{_world.LegacyDatabase.Name}`.* TO '{user}'@'%'");
            var granted = await cli.RunAsync("capture check donations", config, CancellationToken.None);
            Assert.That(granted.Code, Is.EqualTo(Strangler.Cli.ExitCodes.Ok), granted.ToString());
        }
        finally
        {
            await Foreign.RunAsync(_world, $"DROP USER '{user}'@'%'");
        }
    }

    [Test]
    public async Task Tables_that_no_transaction_holds_together_and_names_that_are_taken_are_refused()
    {
        await Foreign.RunAsync(_world, "DROP TABLE donation_notification_log; CREATE TABLE donation_notification_log (donation_id INT NOT NULL PRIMARY KEY) ENGINE = MyISAM");
        await Assert.ThatAsync(
            _world.InstallCaptureAsync, Throws.TypeOf<CaptureException>().With.Message.Contains("donation_notification_log is MyISAM"));
        await Foreign.RunAsync(_world, "ALTER TABLE donation_notification_log ENGINE = InnoDB");
        await Foreign.RunAsync(_world, "CREATE TABLE theirs (id INT)");
        await Foreign.RunAsync(_world, "CREATE TRIGGER strangler_donations_donation_spenden_upd AFTER UPDATE ON theirs FOR EACH ROW SET @x = 1");
        await Assert.ThatAsync(
            _world.InstallCaptureAsync,
            Throws.TypeOf<CaptureException>().With.Message.Contains("strangler_donations_donation_spenden_upd stands on theirs"));
        Assert.That(await Foreign.RunAsync(_world, "DROP TABLE theirs"), Is.Zero);
        Assert.That(await _world.InstallCaptureAsync(), Is.EqualTo(Triggers), "and nothing was left half installed");
    }

    [Test]
    public async Task A_server_with_a_binary_log_says_what_its_administrator_has_to_set()
    {
        await using var server = await TestServers.StartPrivateMySqlAsync(new LocalServerOptions
        {
            FlushLogAtCommit = 2, BufferPoolMegabytes = 64, ServerArguments = ["--log-bin=binlog", "--server-id=1", "--binlog-format=MIXED"],
        });
        await using var admin = MySqlDriver.CreateDataSource(server.ConnectionString(), new());
        await using var connection = await admin.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync("CREATE DATABASE legacy CHARACTER SET utf8mb4; USE legacy");
        await LegacyData.LegacySchema.CreateAsync(connection);
        foreach (var text in (await MySqlMigrations.ReadCatalogAsync(_world.Migrations, CancellationToken.None)).Files
            .Where(file => file.Context == "strangler" && file.AppliesTo(SideName.Legacy)).SelectMany(file => file.Steps))
        {
            await connection.ExecuteAsync(text);
        }

        await connection.ExecuteAsync("CREATE USER 'limited'@'%' IDENTIFIED BY 'secret-5'; GRANT ALL ON legacy.* TO 'limited'@'%'");
        var options = Options(Cli.CommandLine.With(Cli.CommandLine.With(server.ConnectionString("legacy"), "User ID", "limited"), "Password", "secret-5"));
        await Assert.ThatAsync(
            () => Side(options).InstallAsync(Patience, null, CancellationToken.None),
            Throws.TypeOf<CaptureException>().With.Message.Contains("log_bin_trust_function_creators = 1"));
        await connection.ExecuteAsync("SET GLOBAL log_bin_trust_function_creators = 1");
        Assert.That(await Side(options).InstallAsync(Patience, null, CancellationToken.None), Is.EqualTo(Triggers));
        await connection.ExecuteAsync("INSERT INTO strangler_fence (context, role, stage, epoch, dual_epoch) VALUES ('donations', 'lead', 'DualWrite', 2, 2)");
        await connection.ExecuteAsync(Foreign.Insert(1));
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_journal"), Is.EqualTo(1));
        await MySqlSides.CloseAsync(options);
    }

    [Test]
    public async Task Without_it_nothing_that_rests_on_it_begins_and_removing_it_in_a_dual_stage_has_to_be_forced()
    {
        await using var world = await DonationsWorld.CreateAsync(capture: false);
        await world.MoveToAsync(Stage.DualWrite);
        await Assert.ThatAsync(() => world.BackfillAsync(), Throws.TypeOf<CaptureException>().With.Message.Contains("strangler capture install donations"));
        var gate = (await world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None)).Single(gate => gate.Name == "capture");
        Assert.That((gate.Passed, gate.Value, gate.Cure), Is.EqualTo((false, "not installed", "strangler capture install donations")));

        await world.InstallCaptureAsync();
        await world.OpenGatesAsync(Stage.ShadowRead);
        Assert.That((await world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None)).Where(gate => !gate.Passed), Is.Empty);
        await Assert.ThatAsync(() => RemoveAsync(world, "", force: false), Throws.TypeOf<CaptureException>().With.Message.Contains("--force"));
        await Assert.ThatAsync(() => RemoveAsync(world, " ", force: true), Throws.TypeOf<CaptureException>().With.Message.Contains("--reason"));
        Assert.That(await RemoveAsync(world, "test", force: true), Is.EqualTo(Triggers));
        await world.InstallCaptureAsync();
        var closed = (await world.Host.Cutover.GatesAsync(Stage.ShadowRead, CancellationToken.None)).Where(gate => !gate.Passed).Select(gate => gate.Name);
        Assert.That(closed, Is.EqualTo(new[] { "full reconciliation of donation" }), "what was written in between was not captured");
        var history = await world.Host.Cutover.HistoryAsync(10, CancellationToken.None);
        Assert.That(history.Select(entry => (entry.Action, entry.Forced)), Does.Contain(("capture remove", true)).And.Contain(("capture install", false)));
    }

    private static Task<int> RemoveAsync(DonationsWorld world, string reason, bool force) =>
        world.Host.Capture.RemoveAsync("test", reason, force, Patience, null, CancellationToken.None);

    private static MySqlSideOptions Options(string connectionString) => new() { ConnectionString = connectionString };

    private ICapture Side(MySqlSideOptions options) => MySqlSides.CreateLegacy(
        options, DonationsContext.Name,
        new Dictionary<string, AggregateLayout> { [DonationsContext.DonationKind] = _world.Host.Mappings[DonationsContext.DonationKind].Legacy.Layout }).Capture;

    private async Task<TimeSpan> LongestWriteAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var longest = TimeSpan.Zero;
        while (!cancellationToken.IsCancellationRequested)
        {
            var began = Stopwatch.GetTimestamp();
            await connection.ExecuteAsync("INSERT INTO spenden (kommentar, dt_new) VALUES ('', '2020-01-01')");
            var took = Stopwatch.GetElapsedTime(began);
            longest = took > longest ? took : longest;
        }

        return longest;
    }

    private async Task<string> LookOfLegacyAsync()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var triggers = await connection.QueryAsync<string>("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()");
        var procedures = await connection.QueryAsync<string>("SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()");
        var noted = await connection.QueryAsync<string>("SELECT name FROM strangler_capture");
        return string.Join(',', triggers.Concat(procedures).Concat(noted));
    }
}
