using System.Security.Cryptography;
using System.Text;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Faults;
using Strangler.Mapping;
using Strangler.Schemas;
using Strangler.Reconciliation;
using static Strangler.IntegrationTests.Donations.HandWrittenRow;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Erasure wins: after an anonymization or a deletion no byte of what was personal stands in any column of any table of either database,
/// nor in a log, whatever was in flight or parked (Case64).
/// </summary>
[Category("Case64")]
public sealed class ErasureTests
{
    private const string Mark = "Qxz";

    private static readonly string[] PersonalKeys =
    [
        "titel", "vorname", "nachname", "firma", "strasse", "plz", "ort", "email", "phone", "dob", "name", "eintrag", "kommentar",
        "user_agent", "iban", "bic", "konto", "blz", "bankname", "paypal_payer_id", "paypal_first_name", "paypal_last_name",
        "paypal_address_name", "ext_payment_account", "ext_payment_id", "ext_subscr_id", "paypal_subscr_id", "transaction_id",
        "mcp_sessionid", "mcp_auth", "mcp_title", "mcp_cc_expiry_date", "token", "utoken", "unheard of",
    ];

    private static readonly string[] Purged =
    [
        "vorname", "nachname", "plz", "ort", "strasse", "email", "phone", "dob", "bankname", "konto", "blz", "bic", "iban", "titel",
        "paypal_first_name", "paypal_last_name", "paypal_address_name",
    ];

    private static readonly string[] PersonalColumns = ["name", "ort", "email", "eintrag", "remote_addr", "hash", "ueb_code"];

    private static readonly DateTime Now = new(2022, 6, 1, 12, 30, 0);

    [Test]
    public async Task Anonymized_nothing_personal_is_left_anywhere(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage, [Values("person", "firma", "email", "anonym", "", "purged")] string type)
    {
        await using var world = await FilledAsync(type, stage);
        await EraseAsync(world, donation => donation.Anonymize(Now));
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task Anonymized_with_a_new_side_in_PostgreSQL_nothing_personal_is_left_anywhere([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync("person", stage, @new: await TestServers.CreatePostgresDatabaseAsync("donations_new"));
        await EraseAsync(world, donation => donation.ChangeDonor(Somebody("b"), true, true), "request");
        await EraseAsync(world, donation => donation.Anonymize(Now));
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task Anonymized_while_the_follower_is_down_and_an_older_version_is_in_flight_nothing_comes_back(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync("person", stage);
        var (database, table) = stage == Stage.DualWrite ? (world.NewDatabase, "donation") : (world.LegacyDatabase, "spenden");
        await using (var connection = await HandWrittenRow.OpenAsync(database))
        {
            await RunAsync(connection, $"RENAME TABLE {table} TO out_of_order");
            await EraseAsync(world, donation => donation.ChangeDonor(Somebody("b"), true, true));
            await EraseAsync(world, donation => donation.Anonymize(Now));
            await TryDrainAsync(world);
            await RunAsync(connection, $"RENAME TABLE out_of_order TO {table}");
        }

        await EraseAsync(world, donation => donation.AddLog(Now, "approved"));
        await FaultWorld.UntilAsync("the relay goes on", () => TryDrainAsync(world));
        await AssertNothingIsLeftAsync(world);
    }

    // A table of legacy's that is gone is no failure of a key: the relay rests until it is there again, and looks every other second.
    private static async Task<bool> TryDrainAsync(DonationsWorld world)
    {
        try
        {
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            return true;
        }
        catch (SchemaMismatchException)
        {
            return false;
        }
    }

    [Test]
    public async Task Erased_while_an_older_version_is_parked_nothing_comes_back([Values] bool deleted)
    {
        await using var world = await FilledAsync("person", Stage.NewLeads);
        await ParkAsync(world, donation => donation.ChangeDonor(Somebody("d"), true, true));
        var journal = world.Host.Sides.Of(SideName.New).Journal;
        Assert.That((await journal.DepthAsync(CancellationToken.None)).Parked, Is.EqualTo(1));
        if (deleted)
        {
            await world.Donations.Donations.DeleteAsync(1, CancellationToken.None);
        }
        else
        {
            await EraseAsync(world, donation => donation.Anonymize(Now));
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
        await AssertNothingIsLeftAsync(world);
    }

    /// <summary>An apply that has read the old state sleeps before its commit, and wakes after the erasure was acknowledged.</summary>
    [Test]
    public async Task An_apply_that_holds_an_older_state_wakes_after_the_erasure_and_brings_nothing_back()
    {
        await using var world = await FilledAsync(
            "person", Stage.ShadowRead, """{ "inlineApplyTimeout": "10ms", "shadowReadSample": 0, "fenceLockTimeout": "5s" }""");
        await using var holder = await HandWrittenRow.OpenAsync(world.NewDatabase);
        await RunAsync(
            holder,
            "CREATE TRIGGER sleeper BEFORE UPDATE ON donation_donor FOR EACH ROW SET @slept = GET_LOCK('sleeper', 30) + RELEASE_LOCK('sleeper')");
        Assert.That(await holder.ExecuteScalarAsync<int>("SELECT GET_LOCK('sleeper', 5)"), Is.EqualTo(1));
        await EraseAsync(world, donation => donation.ChangeDonor(Somebody("late"), true, true));
        var late = world.Host.Relay.DrainAsync(CancellationToken.None);
        while (await holder.ExecuteScalarAsync<int>(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = DATABASE()") == 0)
        {
            Assert.That(late.IsCompleted, Is.False, "the apply was to sleep");
            await Task.Delay(10, CancellationToken.None);
        }

        await EraseAsync(world, donation => donation.Anonymize(Now));
        Assert.That(late.IsCompleted, Is.False, "the old state was to be in flight still");
        await RunAsync(holder, "DO RELEASE_LOCK('sleeper')");
        Assert.That((await late).Applied, Is.Positive, "the old state has been written");
        await DrainedAsync(world, SideName.Legacy);
        await AssertNothingIsLeftAsync(world);
    }

    /// <summary>The follower refuses the state for good and quotes its values; the key is parked, then erased, then tried again.</summary>
    [Test]
    public async Task Parked_by_an_error_that_quotes_values_then_erased_and_tried_again(
        [Values(Stage.ShadowRead, Stage.NewLeads)] Stage stage, [Values] bool unique)
    {
        await using var world = await FilledAsync(
            "person", stage, """{ "maxAttempts": 1, "shadowReadSample": 1, "shadowReadMinimum": 0, "fenceLockTimeout": "5s" }""");
        var (lead, database, table) = stage == Stage.ShadowRead
            ? (SideName.Legacy, world.NewDatabase, "donation_donor")
            : (SideName.New, world.LegacyDatabase, "spenden");
        await using var connection = await HandWrittenRow.OpenAsync(database);

        // What is refused ends up in the server's message: Duplicate entry '…', or what a trigger says.
        await RunAsync(connection, $"CREATE TABLE taken (email VARCHAR(250) NOT NULL PRIMARY KEY) SELECT '{Mark}@example.org' AS email");
        await RunAsync(connection, unique
            ? $"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW INSERT INTO taken VALUES (NEW.email)"
            : $"""
            CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW
            BEGIN
                DECLARE said VARCHAR(128) DEFAULT CONCAT('Value: ''', NEW.email, ''' is refused');
                IF NEW.email LIKE '{Mark}%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END IF;
            END
            """);
        await EraseAsync(world, donation => donation.ChangeDonor(Somebody("d"), true, true), "request-1");
        await DrainedAsync(world, lead);
        var journal = world.Host.Sides.Of(lead).Journal;
        var parked = (await journal.ParkedAsync(10, CancellationToken.None)).Single();
        Assert.That(parked.LastError, Is.Not.Empty.And.Not.Contain(Mark));

        await journal.RetryAsync(null, CancellationToken.None);
        await DrainedAsync(world, lead);
        Assert.That(await journal.ParkedAsync(10, CancellationToken.None), Has.Count.EqualTo(1), "parked again");
        await EraseAsync(world, donation => donation.Anonymize(Now), "request-2");
        await RunAsync(connection, "DROP TRIGGER refuse");
        await RunAsync(connection, "DROP TABLE taken");
        await journal.RetryAsync(null, CancellationToken.None);
        await DrainedAsync(world, lead);
        Assert.That((await journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
        await AssertNothingIsLeftAsync(world);
    }

    /// <summary>Shadow reads compare the donation while it is erased; what the command line writes about it, files included, holds none of it.</summary>
    [Test]
    public async Task Erased_while_shadow_reads_run_no_table_log_or_report_file_holds_anything()
    {
        await using var world = await FilledAsync("person", Stage.NewLeads);
        await using (var connection = await HandWrittenRow.OpenAsync(world.NewDatabase))
        {
            await RunAsync(connection, $"UPDATE donation_donor SET full_name = '{Mark}drift', city = '{Mark}drift'");
        }

        using var stop = new CancellationTokenSource();
        var relay = world.Host.Relay.RunAsync(stop.Token);
        while (await CountAsync(world, "SELECT COUNT(*) FROM strangler_shadow_mismatch") == 0)
        {
            await world.Donations.Donations.FindAsync(1, CancellationToken.None);
        }

        var cli = new Cli.CommandLine(world);
        var folder = Path.Combine(Path.GetDirectoryName(world.ConfigFile)!, "reports");
        Directory.CreateDirectory(folder);
        await WriteReportsAsync(cli, folder, "before");
        await EraseAsync(world, donation => donation.Anonymize(Now), "request-1");
        await WriteReportsAsync(cli, folder, "after");
        foreach (var verb in new[]
            {
                "relay status donations --check", "relay status donations --json", "quarantine list donations", "cutover history donations",
                "repair donations --keys 1", "status", "cutover status donations", "timeline donations 1", "report show donations 1",
                    "report list donations",
            })
        {
            await cli.RunAsync(verb);
        }

        await stop.CancelAsync();
        await relay;
        await AssertNothingIsLeftAsync(world);
        Assert.That(cli.EverythingSaid, Does.Not.Contain(Mark));
        var files = Directory.GetFiles(folder);
        Assert.That(files, Has.Length.EqualTo(6));
        Assert.That(files.Where(file => IsPersonal(File.ReadAllBytes(file))), Is.Empty);
    }

    [Test]
    public async Task Deleted_nothing_personal_is_left_anywhere([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FilledAsync("person", stage);
        await world.Donations.Donations.DeleteAsync(1, CancellationToken.None);
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task What_a_donation_is_given_after_its_erasure_stays()
    {
        await using var world = await FilledAsync("anonym", Stage.NewLeads);
        var known = Somebody("c");
        await EraseAsync(world, donation =>
        {
            donation.Anonymize(Now);
            donation.ChangeDonor(known, true, true);
        });
        Assert.That((await world.Donations.Donations.FindAsync(1, CancellationToken.None))!.Donor, Is.EqualTo(known));
    }

    [Test]
    public async Task Of_a_key_that_stands_there_twice_both_values_are_erased()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await InsertAsync(world, Row("person").Entry(Text("vorname"), Text(Mark + "twice")));
        await world.MoveToAsync(Stage.DualWrite);
        await EraseAsync(world, donation => donation.Anonymize(Now));
        await AssertNothingIsLeftAsync(world);
    }

    [Test]
    public async Task A_row_that_cannot_be_read_leaves_no_value_in_lists_reports_or_logs()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await InsertAsync(world, Row("person").Key("nachname", Map((Text(Mark), Text(Mark)))));
        await InsertAsync(world, Row("person").With("betrag", Mark), id: 2);
        await InsertAsync(world, Row("person").Key("adresstyp", Mark + "Verein"), id: 3);
        await world.MoveToAsync(Stage.ShadowRead);
        foreach (var id in new[] { 1L, 2, 3 })
        {
            var refused = Assert.ThrowsAsync<UnreadableException>(() => world.Donations.Donations.FindAsync(id, CancellationToken.None))!;
            Assert.That(refused.ToString(), Does.Not.Contain(Mark));
            await world.Donations.Donations.DeleteAsync(id, CancellationToken.None);
        }

        await AssertNothingIsLeftAsync(world);
        var listed = await world.Host.Sides.Quarantine.ListAsync(DonationsContext.DonationKind, 10, CancellationToken.None);
        Assert.That(listed, Is.Empty, "what is gone is not listed any more");
    }

    private static async Task<DonationsWorld> FilledAsync(string type, Stage stage, string? options = null, TestDatabase? @new = null)
    {
        var world = await DonationsWorld.CreateAsync(options: options, @new: @new);
        await InsertAsync(world, Row(type));
        await world.MoveToAsync(stage);
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            // A report about a difference in each text of the donor stays in the history.
            await RunAsync(connection, "UPDATE donation_donor SET full_name = CONCAT(full_name, 'Qxzdrift'), city = 'Qxzdrift'");
            await RunAsync(connection, "UPDATE donation_log_entry SET message = 'Qxzdrift'");
        }

        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(string.Join('\n', ReportText.Render(report)), Does.Not.Contain(Mark));
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await RunAsync(connection, "UPDATE donation_log_entry SET message = 'sepa-mandat confirmed'");
        }

        return world;
    }

    private static HandWrittenRow Row(string type)
    {
        var row = new HandWrittenRow();
        foreach (var column in PersonalColumns)
        {
            row.With(column, Mark + column);
        }

        foreach (var key in PersonalKeys)
        {
            row.Key(key, Mark + key);
        }

        row.Key("paypal_mc_gross", "10.00").Key("transactionIds", Map((Text($"{Mark}follow-up"), Raw("i:4712;"))));
        if (type == "purged")
        {
            // An old program's purge: it knew these, and no others.
            foreach (var key in Purged)
            {
                row.Without(key);
            }

            return row.With("name", "").With("ort", "").With("email", "").With("dt_backup", "2018-01-01 00:00:00");
        }

        return row.Key("adresstyp", type);
    }

    private static CompanyDonor Somebody(string name) => new(
        Mark + name, new PersonName("", Mark, Mark + name, Mark), new Address(Mark, Mark, Mark, "DE"), $"{Mark}@example.org");

    private static async Task InsertAsync(DonationsWorld world, HandWrittenRow row, long id = 1)
    {
        await using var connection = await HandWrittenRow.OpenAsync(world.LegacyDatabase);
        await row.InsertAsync(connection, id);
    }

    private static async Task EraseAsync(DonationsWorld world, Action<Donation> act, string? requestKey = null)
    {
        var donation = await world.Donations.Donations.FindAsync(1, CancellationToken.None);
        act(donation!);
        await world.Donations.Donations.StoreAsync(donation!, CancellationToken.None, requestKey);
    }

    // Back-off included: until nothing is open, whatever is parked.
    private static async Task DrainedAsync(DonationsWorld world, SideName lead)
    {
        while (await world.Host.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None) is { Open: > 0 })
        {
            await world.Host.Relay.DrainAsync(CancellationToken.None);
            await Task.Delay(10, CancellationToken.None);
        }
    }

    private static async Task<long> CountAsync(DonationsWorld world, string sql)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>(sql);
    }

    private static async Task WriteReportsAsync(Cli.CommandLine cli, string folder, string name)
    {
        await cli.RunAsync("reconcile donations");
        var file = Path.Combine(folder, name);
        await cli.RunAsync($"reconcile donations --json --report json={file}.json --report csv={file}.csv --report html={file}.html");
    }

    private static async Task AssertNothingIsLeftAsync(DonationsWorld world)
    {
        var places = new List<string>();
        foreach (var database in new[] { world.LegacyDatabase, world.NewDatabase })
        {
            await using var connection = await database.OpenAsync();
            var (schema, bytes) = database is PostgresTestDatabase
                ? ("current_schema()", "SELECT CASE pg_typeof(\"{0}\")::text WHEN 'bytea' THEN CAST(\"{0}\" AS text)::bytea ELSE convert_to(\"{0}\"::text, 'UTF8') END FROM \"{1}\"")
                : ("DATABASE()", "SELECT CAST(`{0}` AS BINARY) FROM `{1}`");
            var columns = await connection.QueryAsync<(string Table, string Column)>(
                $"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = {schema}");
            foreach (var (table, column) in columns)
            {
                var cells = await connection.QueryAsync<byte[]?>(string.Format(System.Globalization.CultureInfo.InvariantCulture, bytes, column, table));
                if (cells.Any(cell => cell is not null && IsPersonal(cell)))
                {
                    places.Add($"{table}.{column}");
                }
            }
        }

        Assert.That(places, Is.Empty);
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Mark, StringComparison.OrdinalIgnoreCase)), Is.Empty);
    }

    private static bool IsPersonal(byte[] cell)
    {
        var decoded = new byte[cell.Length];
        var isBase64 = Convert.TryFromBase64Chars(Encoding.Latin1.GetString(cell), decoded, out var length);
        return Contains(cell) || (isBase64 && Contains(decoded.AsSpan(0, length)))
            || PersonalKeys.Any(key => cell.AsSpan().SequenceEqual(SHA256.HashData(Encoding.UTF8.GetBytes(Mark + key))));
    }

    private static bool Contains(ReadOnlySpan<byte> bytes) => bytes.IndexOf(Encoding.UTF8.GetBytes(Mark)) >= 0;

    // Somebody holds legacy's row, so that the change cannot be brought along; then it is set aside as after too many attempts.
    private static async Task ParkAsync(DonationsWorld world, Action<Donation> change)
    {
        await using (var legacy = await world.LegacyDatabase.OpenAsync())
        {
            await using var holding = await legacy.BeginTransactionAsync();
            await legacy.ExecuteAsync("SELECT id FROM spenden WHERE id = 1 FOR UPDATE", transaction: holding);
            await EraseAsync(world, change);
        }

        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync("UPDATE strangler_journal SET state = 'parked' WHERE `key` = 1");
    }
}
