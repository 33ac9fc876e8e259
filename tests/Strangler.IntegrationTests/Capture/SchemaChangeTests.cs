using System.Diagnostics;
using System.Diagnostics.Metrics;
using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Schemas;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// Case48: somebody changes a legacy table under our feet. The old programs go on writing, nothing is lost, applied by halves or parked; everything
/// that rests on the mapping rests, says why, and goes on by itself.
/// </summary>
[Category("Case48")]
public sealed class SchemaChangeTests
{
    private DonationsWorld _world = null!;
    private CommandLine _cli = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(20);
        await Foreign.RunAsync(_world, "UPDATE spenden SET source = NULL");
        await _world.MoveToAsync(Stage.ShadowRead);
        _cli = new CommandLine(_world);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [TestCase(
        "RENAME COLUMN hash TO hash_2", "RENAME COLUMN hash_2 TO hash",
        "spenden.hash: the table spenden has no column hash; renamed? not in the mapping: hash_2", TestName = "renamed")]
    [TestCase(
        "DROP COLUMN source", "ADD COLUMN source VARCHAR(250) NULL", "spenden.source: the table spenden has no column source", TestName = "gone")]
    [TestCase(
        "MODIFY COLUMN source TEXT", "MODIFY COLUMN source VARCHAR(250)", "spenden.source: the column is text, the mapping says varchar(250)",
        TestName = "of another type")]
    [TestCase(
        "MODIFY COLUMN source VARCHAR(240)", "MODIFY COLUMN source VARCHAR(250)",
        "spenden.source: the column is varchar(240), the mapping says varchar(250)", TestName = "shorter")]
    [TestCase(
        "MODIFY COLUMN remote_addr VARCHAR(250) NULL DEFAULT ''", "MODIFY COLUMN remote_addr VARCHAR(250) NOT NULL DEFAULT ''",
        "spenden.remote_addr: the column may be NULL, the mapping says it may not", TestName = "nullable")]
    [TestCase(
        "MODIFY COLUMN source VARCHAR(250) CHARACTER SET latin1", "MODIFY COLUMN source VARCHAR(250)",
        "spenden.source: the column's character set is latin1, the mapping says utf8", TestName = "of another character set")]
    [TestCase(
        "ADD COLUMN theirs INT NOT NULL, ALTER COLUMN theirs DROP DEFAULT", "DROP COLUMN theirs",
        "spenden.theirs: the mapping does not know the column theirs, and every insert has to give it", TestName = "added and to be given")]
    [TestCase("RENAME TO spenden_2", "RENAME TO spenden", "spenden: the database has no table spenden", TestName = "the whole table gone")]
    public async Task Everything_rests_says_why_and_goes_on_by_itself(string change, string back, string message)
    {
        var id = await AnyIdAsync();
        var table = change.StartsWith("RENAME TO", StringComparison.Ordinal) ? "spenden_2" : "spenden";
        await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '1.00' WHERE id = {id}");
        await Foreign.RunAsync(_world, $"ALTER TABLE spenden {change}");
        try
        {
            Assert.That(
                await Foreign.RunAsync(_world, $"UPDATE {table} SET betrag = '{Random.Shared.Next(100, 999)}.00' WHERE id = {id}"), Is.EqualTo(1),
                "other programs go on writing");
            await Assert.ThatAsync(
                () => _world.Open().Relay.DrainAsync(CancellationToken.None),
                Throws.TypeOf<SchemaMismatchException>().With.Message.Match(@"donations\.xml:\d+:\d+: ").And.Message.Contains(message));
            await Assert.ThatAsync(() => _world.ReconcileAsync(), Throws.TypeOf<SchemaMismatchException>());
            var depth = await _world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None);
            Assert.That((depth.Open > 0, depth.Parked), Is.EqualTo((true, 0L)), "all of it is still owed, nothing is parked");
            await AssertItIsToldAsync(message);
        }
        finally
        {
            await Foreign.RunAsync(_world, $"ALTER TABLE {table} {back}");
        }

        var pass = await _world.Open().Relay.DrainAsync(CancellationToken.None);
        Assert.That((pass.Applied, pass.Failed), Is.EqualTo((1, 0)), () => string.Join('\n', _world.Logs.Lines.TakeLast(5)));
        Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        Assert.That((await _cli.RunAsync("mapping lint --against-database", ExitCodes.Ok)).Output, Does.Contain("1 file, no mistakes"));
        await _cli.RunAsync("capture check donations", ExitCodes.Ok);
    }

    [Test]
    public async Task A_column_more_is_named_and_stops_nothing()
    {
        var id = await AnyIdAsync();
        await Foreign.RunAsync(_world, "ALTER TABLE spenden ADD COLUMN theirs INT NOT NULL DEFAULT 7");
        try
        {
            await Foreign.RunAsync(_world, $"UPDATE spenden SET theirs = 8, betrag = '{Random.Shared.Next(100, 999)}.00' WHERE id = {id}");
            Assert.That((await _world.Open().Relay.DrainAsync(CancellationToken.None)).Applied, Is.EqualTo(1));
            var donation = CaptureSamples.Donation("Mehr");
            await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
            var loaded = (await _world.Donations.Donations.FindAsync(id, CancellationToken.None))!;
            loaded.MarkConfirmationSent();
            await _world.Donations.Donations.StoreAsync(loaded, CancellationToken.None);
            await using var connection = await _world.LegacyDatabase.OpenAsync();
            Assert.That(
                await connection.QueryAsync<int>("SELECT theirs FROM spenden WHERE id IN @ids ORDER BY id", new { ids = new[] { id, donation.Id } }),
                Is.EqualTo(new[] { 8, 7 }), "kept where it was, the table's default where the row is new");
            Assert.That((await _world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));

            const string Warning = "spenden.theirs: warning: the mapping does not know the column";
            Assert.That((await _cli.RunAsync("mapping lint --against-database", ExitCodes.Ok)).Output, Does.Contain(Warning));
            Assert.That((await _cli.RunAsync("capture check donations", ExitCodes.Ok)).Output, Does.Contain(Warning));
            Assert.That((await _cli.RunAsync("capture status donations", ExitCodes.Ok)).Output, Does.Contain(Warning));
        }
        finally
        {
            await Foreign.RunAsync(_world, "ALTER TABLE spenden DROP COLUMN theirs");
        }
    }

    /// <summary>The relay runs, the tables change in its midst: noticed without anyone's asking, and over without anyone's help.</summary>
    [Test]
    public async Task A_relay_that_runs_rests_and_goes_on()
    {
        var id = await AnyIdAsync();
        using var stop = new CancellationTokenSource();
        var replica = _world.Open();
        var relay = replica.Relay.RunAsync(stop.Token);
        try
        {
            await Foreign.RunAsync(_world, "ALTER TABLE spenden RENAME COLUMN ort TO stadt");
            await Foreign.RunAsync(_world, $"UPDATE spenden SET betrag = '444.00', stadt = 'Ulm' WHERE id = {id}");
            await UntilAsync(() => Task.FromResult(Logged("spenden.ort")));
            Assert.That((await replica.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
            await Foreign.RunAsync(_world, "ALTER TABLE spenden RENAME COLUMN stadt TO ort");
            await UntilAsync(async () => (await _world.RecordAsync(SideName.New, id))!.Integer("amount") == 44_400);
            Assert.That(Logged("are as the mapping says again"), Is.True);

            // What it has claimed would stay claimed.
            await UntilAsync(async () => (await replica.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Open == 0);
        }
        finally
        {
            await stop.CancelAsync();
            await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

    }

    /// <summary>Between two looks: the server's own error says it, to the relay and to a caller, and nobody calls it the key's fault.</summary>
    [Test]
    public async Task A_statement_that_names_a_missing_column_is_a_mismatch_and_no_poison()
    {
        var id = await AnyIdAsync();
        await Foreign.RunAsync(_world, "ALTER TABLE spenden RENAME COLUMN hash TO hash_2");
        try
        {
            await Assert.ThatAsync(
                () => _world.Host.Sides.Legacy.Store.ReadAsync(new EntityKey("donation", id), CancellationToken.None),
                Throws.TypeOf<SchemaMismatchException>().With.Message.Contains("hash"));
            await Assert.ThatAsync(
                () => _world.Donations.Donations.StoreAsync(CaptureSamples.Donation("Niemand"), CancellationToken.None),
                Throws.TypeOf<SchemaMismatchException>().With.Message.Contains("mapping lint --against-database"));
        }
        finally
        {
            await Foreign.RunAsync(_world, "ALTER TABLE spenden RENAME COLUMN hash_2 TO hash");
        }
    }

    /// <summary>
    /// Altered a moment ago, and nobody has looked since: what is read is either what stands there, or it is refused with the column's name;
    /// and what is refused is not parked.
    /// </summary>
    [TestCase("betrag", "DECIMAL(10,2) NULL", "VARCHAR(250) COLLATE utf8_unicode_ci NULL", "UPDATE spenden SET betrag = 77.5 WHERE id = @id", false)]
    [TestCase("betrag", "VARCHAR(300) COLLATE utf8_unicode_ci NULL", "VARCHAR(250) COLLATE utf8_unicode_ci NULL", "UPDATE spenden SET betrag = '77.50' WHERE id = @id", true)]
    [TestCase("betrag", "INT NULL", "VARCHAR(250) COLLATE utf8_unicode_ci NULL", "UPDATE spenden SET betrag = 77 WHERE id = @id", false)]
    [TestCase("betrag", "BLOB NULL", "VARCHAR(250) COLLATE utf8_unicode_ci NULL", "UPDATE spenden SET betrag = '77.50' WHERE id = @id", false)]
    [TestCase("periode", "BIGINT NOT NULL", "SMALLINT(6) NOT NULL DEFAULT 0", "UPDATE spenden SET betrag = '77.50', periode = 12 WHERE id = @id", true)]
    [TestCase("periode", "VARCHAR(9) NOT NULL", "SMALLINT(6) NOT NULL DEFAULT 0", "UPDATE spenden SET betrag = '77.50', periode = '12' WHERE id = @id", false)]
    [TestCase("periode", "DOUBLE NOT NULL", "SMALLINT(6) NOT NULL DEFAULT 0", "UPDATE spenden SET betrag = '77.50', periode = 12.5 WHERE id = @id", false)]
    [TestCase("periode", "SMALLINT(6) NULL", "SMALLINT(6) NOT NULL DEFAULT 0", "UPDATE spenden SET betrag = '77.50', periode = NULL WHERE id = @id", false)]
    [TestCase("eintrag", "VARCHAR(250) NULL", "VARCHAR(250) COLLATE utf8_unicode_ci NOT NULL DEFAULT ''", "UPDATE spenden SET betrag = '77.50', eintrag = NULL WHERE id = @id", false)]
    [TestCase("dt_gruen", "DATE NULL", "DATETIME NULL", "UPDATE spenden SET betrag = '77.50', dt_gruen = '2022-06-01' WHERE id = @id", false)]
    [TestCase("dt_gruen", "INT NULL", "DATETIME NULL", "UPDATE spenden SET betrag = '77.50', dt_gruen = 1654077600 WHERE id = @id", false)]
    [TestCase("dt_gruen", "DATETIME(3) NULL", "DATETIME NULL", "UPDATE spenden SET betrag = '77.50', dt_gruen = '2022-06-01 10:00:00.123' WHERE id = @id", false)]
    [TestCase("dt_gruen", "VARCHAR(30) NULL", "DATETIME NULL", "UPDATE spenden SET betrag = '77.50', dt_gruen = '2022-06-01 10:00:00' WHERE id = @id", true)]
    public async Task Between_two_looks_nothing_is_read_as_what_it_is_not(string column, string altered, string back, string write, bool isBrought)
    {
        await using var world = await DonationsWorld.CreateAsync(
            options: """{ "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "100ms", "schemaCheckInterval": "1h", "foreignWriterQuiet": "0s" }""");
        await world.MoveToAsync(Stage.DualWrite);
        var donation = CaptureSamples.Donation("Muster");
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        const string Lax = "SET SESSION sql_mode = ''; ";
        await Foreign.RunAsync(world, $"{Lax}UPDATE spenden SET dt_gruen = NULL; ALTER TABLE spenden MODIFY COLUMN {column} {altered}");
        await Foreign.RunAsync(world, Lax + write.Replace("@id", $"{donation.Id}", StringComparison.Ordinal));
        if (isBrought)
        {
            await world.Host.Relay.DrainAsync(CancellationToken.None);
        }
        else
        {
            // Noticed by the first key that is read; then nothing more is claimed.
            await Assert.ThatAsync(() => world.Host.Relay.DrainAsync(CancellationToken.None), Throws.TypeOf<SchemaMismatchException>());
        }

        var amount = (await world.RecordAsync(SideName.New, donation.Id))!.Integer("amount");
        Assert.That(amount, Is.EqualTo(isBrought ? 7_750L : 2_500L), () => string.Join('\n', world.Logs.Lines.TakeLast(3)));
        var depth = await world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None);
        Assert.That((depth.Open, depth.Parked, depth.Quarantined), Is.EqualTo((isBrought ? 0L : 1L, 0L, 0L)));
        Assert.That(await world.Host.Sides.Quarantine.CountAsync(world.Kind, CancellationToken.None), Is.EqualTo((0L, 0L)), "no fault of the row's");
        if (!isBrought)
        {
            Assert.That(world.Logs.Lines, Has.Some.Match($"Error 1720 .*donations\\.xml:.*spenden\\.{column}"), "at once, though nobody was due to look");
        }

        // A write of ours meets it as well, under the table's lock.
        var loaded = new Func<Task>(async () =>
        {
            var found = (await world.Donations.Donations.FindAsync(donation.Id, CancellationToken.None))!;
            found.SubscribeNewsletter(true);
            await world.Donations.Donations.StoreAsync(found, CancellationToken.None);
        });
        if (!isBrought)
        {
            await Assert.ThatAsync(loaded, Throws.InstanceOf<Exception>());
        }

        await Foreign.RunAsync(world, $"{Lax}UPDATE spenden SET dt_gruen = NULL; UPDATE spenden SET periode = 0; UPDATE spenden SET eintrag = ''; "
            + $"ALTER TABLE spenden MODIFY COLUMN {column} {back}; UPDATE spenden SET betrag = '78.50'");
        await world.Open().Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.RecordAsync(SideName.New, donation.Id))!.Integer("amount"), Is.EqualTo(7_850L), "and goes on");
    }

    /// <summary>The triggers see that there was a write and cannot tell whose: it is said at once, and only a reconciliation finds it.</summary>
    [Test]
    public async Task A_key_column_of_another_name_is_told_at_once_and_what_was_missed_is_found()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(10);
        await world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        using var stop = new CancellationTokenSource();
        var relay = world.Open().Relay.RunAsync(stop.Token);
        await Foreign.RunAsync(world, "ALTER TABLE spenden RENAME COLUMN id TO nummer");
        try
        {
            Assert.That(await Foreign.RunAsync(world, "UPDATE spenden SET betrag = '3.33' ORDER BY dt_new LIMIT 2"), Is.EqualTo(2));
            await UntilAsync(() => Task.FromResult(world.Logs.Lines.Any(line => line.Contains("Error 1751", StringComparison.Ordinal))));
            Assert.That(world.Logs.Lines, Has.Some.Match(@"Error 1720 .*spenden: .*no column id").Or.Some.Match(@"Error 1720 .*spenden\.id"));
        }
        finally
        {
            await Foreign.RunAsync(world, "ALTER TABLE spenden RENAME COLUMN nummer TO id");
        }

        await UntilAsync(async () => (await world.Host.Sides.Census!.ReadAsync(null, CancellationToken.None)).Any(entry => entry.Column == Strangler.Capture.CensusEntry.Unnoted));
        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var gate = (await world.Host.Cutover.GatesAsync(Stage.NewLeads, CancellationToken.None)).Single(one => one.Name.StartsWith("full reconciliation", StringComparison.Ordinal));
        Assert.That(gate.Passed, Is.False, "an earlier reconciliation opens nothing");
        var report = await world.ReconcileAsync();
        Assert.That((report.Outcome, report.Counts[Verdict.Uncaptured]), Is.EqualTo((ReconciliationOutcome.Drift, 2L)));
        Assert.That((await new CommandLine(world).RunAsync("census donations")).Output, Does.Contain("entity unknown"));
    }

    /// <summary>A tool that swaps the table has taken its triggers along: said by the relay, at the gate and by the command.</summary>
    [Test]
    public async Task Triggers_that_are_gone_are_noticed_while_the_relay_runs()
    {
        await using var world = await DonationsWorld.CreateAsync(
            options: """{ "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "100ms", "captureCheckInterval": "100ms", "foreignWriterQuiet": "0s" }""");
        await world.FillAsync(5);
        await world.MoveToAsync(Stage.ShadowRead);
        await world.ReconcileAsync();
        using var stop = new CancellationTokenSource();
        var looks = 0;
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "strangler.capture.complete")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        meters.SetMeasurementEventCallback<int>((_, complete, _, _) => looks += complete);
        meters.Start();
        var relay = world.Open().Relay.RunAsync(stop.Token);
        await UntilAsync(() => Task.FromResult(Volatile.Read(ref looks) > 0));
        await Foreign.RunAsync(world, "DROP TRIGGER strangler_donations_donation_spenden_upd");
        await UntilAsync(() => Task.FromResult(world.Logs.Lines.Any(line => line.Contains("Error 1752", StringComparison.Ordinal))));
        await stop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.That(await world.InstallCaptureAsync(), Is.EqualTo(1));
        var closed = (await world.Host.Cutover.GatesAsync(Stage.NewLeads, CancellationToken.None)).Where(gate => !gate.Passed).Select(gate => gate.Name);
        Assert.That(closed, Does.Contain("full reconciliation of donation"), "what was written in between was not captured");
    }

    /// <summary>What the triggers do in the meantime: whichever column is gone, keys of all tables included, no write of theirs fails.</summary>
    [TestCase("spenden", "id", "nummer", null)]
    [TestCase("spenden", "payment_id", "zahlung", "UPDATE donation_payment SET payment_type = 'XYZ' WHERE id = {payment}")]
    [TestCase("donation_payment", "payment_type", "art", "UPDATE donation_payment SET art = 'XYW' WHERE id = {payment}")]
    [TestCase("donation_payment", "payment_type", "art", "INSERT INTO donation_payment (id, art) VALUES (777, 'SUB'); DELETE FROM donation_payment WHERE id = 777")]
    public async Task No_write_of_other_programs_fails_while_a_column_is_gone(string table, string column, string renamed, string? write)
    {
        var sofort = CaptureSamples.Sofort();
        await _world.Donations.Donations.StoreAsync(sofort, CancellationToken.None);
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var payment = await connection.ExecuteScalarAsync<long>("SELECT payment_id FROM spenden WHERE id = @Id", new { sofort.Id });
        await connection.ExecuteAsync($"ALTER TABLE {table} RENAME COLUMN {column} TO {renamed}");
        try
        {
            await connection.ExecuteAsync("UPDATE spenden SET betrag = '3.33' ORDER BY dt_new LIMIT 2; INSERT INTO spenden (kommentar, dt_new) VALUES ('', '2020-01-01')");
            if (write is not null)
            {
                await connection.ExecuteAsync(write.Replace("{payment}", $"{payment}", StringComparison.Ordinal));
            }
        }
        finally
        {
            await connection.ExecuteAsync($"ALTER TABLE {table} RENAME COLUMN {renamed} TO {column}");
        }

        Assert.That((await _world.Host.Capture.Capture.LookAsync(CancellationToken.None)).Fault, Is.Null, "the triggers are the same");
        await _world.Host.Capture.RemoveAsync("test", "what follows is the test's", force: true, TimeSpan.FromSeconds(20), null, CancellationToken.None);
        await Foreign.RunAsync(_world, "DELETE FROM spenden WHERE kommentar = '' AND dt_new = '2020-01-01'");
        await _world.InstallCaptureAsync();
    }

    [Test]
    public async Task A_draft_is_compared_with_the_database_of_its_context_every_difference_at_once()
    {
        var draft = Path.Combine(Path.GetDirectoryName(_world.ConfigFile)!, "donations.xml");
        var text = await File.ReadAllTextAsync(Service.ContextCatalog.MappingFileOf(
            Service.Configuration.StranglerConfiguration.Load(_cli.ConfigFile, Service.ContextCatalog.Names), "donations"));
        await File.WriteAllTextAsync(
            draft,
            text.Replace("<column name=\"eintrag\" type=\"varchar\" length=\"250\"", "<column name=\"eintrag\" type=\"varchar\" length=\"200\"", StringComparison.Ordinal)
                .Replace("<column name=\"info\" type=\"tinyint\"/>", "<column name=\"info\" type=\"smallint\"/>", StringComparison.Ordinal));
        var lines = (await _cli.RunAsync($"mapping lint {draft} --against-database", ExitCodes.Found)).Output.Split('\n');
        Assert.That(lines, Has.One.Match(@"donations\.xml:\d+:\d+: spenden\.eintrag: the column is varchar\(250\), the mapping says varchar\(200\)"));
        Assert.That(lines, Has.One.Match(@"donations\.xml:\d+:\d+: spenden\.info: the column is tinyint, the mapping says smallint"));
        Assert.That(lines, Has.One.Contains("2 mistakes"));
        Assert.That((await _cli.RunAsync($"mapping lint {draft}", ExitCodes.Ok)).Output, Does.Contain("no mistakes"), "in itself it is sound");
    }

    private async Task AssertItIsToldAsync(string message)
    {
        Assert.That((await _cli.RunAsync("mapping lint --against-database", ExitCodes.Found)).Output, Does.Match(@"donations\.xml:\d+:\d+: ").And.Contain(message));
        Assert.That((await _cli.RunAsync("capture check donations", ExitCodes.Found)).Output, Does.Contain(message));
        Assert.That((await _cli.RunAsync("capture status donations", ExitCodes.Found)).Output, Does.Contain(message));
        Assert.That((await _cli.RunAsync("status --json", ExitCodes.Ok)).Output, Does.Contain("DIFFERS"));
        Assert.That((await _cli.RunAsync("relay drain donations", ExitCodes.CouldNotRun)).Error, Does.Contain(message));
        foreach (var target in new[] { Stage.NewLeads, Stage.DualWrite })
        {
            var gates = await _world.Host.Cutover.GatesAsync(target, CancellationToken.None);
            var gate = gates.SingleOrDefault(one => one.Name == "legacy schema");
            Assert.That(gate is null ? target == Stage.DualWrite : !gate.Passed && gate.Value.Contains(message, StringComparison.Ordinal), Is.True);
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(30)));
        }
    }

    private bool Logged(string text) => _world.Logs.Lines.Any(line => line.Contains(text, StringComparison.Ordinal));

    private async Task<long> AnyIdAsync()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("SELECT MIN(id) FROM spenden WHERE betrag = '5.00' OR id > 0");
    }
}
