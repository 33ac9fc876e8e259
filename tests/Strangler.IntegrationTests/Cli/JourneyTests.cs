using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Cli;

/// <summary>
/// The README's way of a context, command by command, against generated rows: exit codes, refusals, differences planted with SQL, JSON of every verb. At the end
/// all that was ever said is searched for secrets and personal data.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class JourneyTests
{
    private DonationsWorld _world = null!;
    private CommandLine _cli = null!;
    private IReadOnlyList<long> _ids = null!;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync(migrate: false);
        await _world.FillAsync(400, includeUnreadable: true);
        _cli = new CommandLine(_world);
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        _ids = (await legacy.QueryAsync<long>("SELECT id FROM spenden ORDER BY id")).ToList();
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test, Order(0)]
    public async Task Migrate_once_then_nothing_is_left_to_do_also_when_two_run_at_once()
    {
        Assert.That((await _cli.RunAsync("migrate --dry-run", ExitCodes.Ok)).Output, Does.Contain("CREATE TABLE").And.Contain("Nothing was executed"));
        await _cli.RunAsync("migrate status", ExitCodes.Found);
        var both = await Task.WhenAll(_cli.RunAsync("migrate"), _cli.RunAsync("migrate"));
        Assert.That(both.Select(run => run.Code), Is.All.Zero, string.Join<Spoken>('\n', both));
        Assert.That((await _cli.RunAsync("migrate", ExitCodes.Ok)).Output, Does.Contain("Nothing to do"));
        Assert.That((await _cli.RunAsync("migrate status --json", ExitCodes.Ok)).Json.GetProperty("up_to_date").GetBoolean(), Is.True);
        Assert.That((await _cli.RunAsync("migrate --json", ExitCodes.Ok)).Json.GetProperty("applied").GetInt32(), Is.Zero);
        Assert.That((await _cli.RunAsync("migrate --dry-run --json", ExitCodes.Ok)).Json.GetProperty("steps").GetArrayLength(), Is.Zero);
    }

    [Test, Order(1)]
    public async Task In_legacy_only_what_needs_two_sides_says_what_comes_first()
    {
        foreach (var verb in new[] { "backfill donations", "reconcile donations", "repair donations --keys 1" })
        {
            Assert.That((await _cli.RunAsync(verb, ExitCodes.CouldNotRun)).Error, Does.Contain("LegacyOnly").And.Contain("strangler cutover advance donations"));
        }

        Assert.That((await _cli.RunAsync("cutover back donations", ExitCodes.CouldNotRun)).Error, Does.Contain("no way back"));
        Assert.That((await _cli.RunAsync("cutover back donations --dry-run", ExitCodes.CouldNotRun)).Error, Does.Contain("no way back"));
        Assert.That((await _cli.RunAsync("mapping verify donations", ExitCodes.Ok)).Output, Does.Contain("0 violations"));
        Assert.That((await _cli.RunAsync("mapping verify donations --json", ExitCodes.Ok)).Json.GetProperty("violations").GetInt64(), Is.Zero);
        Assert.That((await _cli.RunAsync("mapping lint --json", ExitCodes.Ok)).Json.GetProperty("problems").GetArrayLength(), Is.Zero);
        Assert.That((await _cli.RunAsync("mapping explain donations --json", ExitCodes.Ok)).Json.ValueKind, Is.EqualTo(JsonValueKind.Object));
    }

    [Test, Order(2)]
    public async Task A_gate_that_is_closed_refuses_with_value_and_cure_and_force_needs_a_reason()
    {
        await _cli.RunAsync("cutover advance donations", ExitCodes.Ok);
        await InstallCaptureAsync();
        var refused = await _cli.RunAsync("cutover advance donations", ExitCodes.Refused);
        Assert.That(refused.Error, Does.StartWith("error: donations may not go to ShadowRead; nothing was changed."));
        Assert.That(refused.Error, Does.Contain("CLOSED  backfill of donation: not begun (required: complete)  Cure: strangler backfill donations"));
        Assert.That((await _cli.RunAsync("cutover advance donations --dry-run", ExitCodes.Refused)).Output, Does.Contain("CLOSED  backfill of donation"));
        Assert.That((await _cli.RunAsync("cutover advance donations --force", ExitCodes.CouldNotRun)).Error, Does.Contain("--force needs --reason"));
        Assert.That((await _cli.RunAsync("cutover status donations", ExitCodes.Ok)).Output, Does.StartWith("donations: DualWrite"));

        var gates = (await _cli.RunAsync("cutover status donations --json", ExitCodes.Ok)).Json.GetProperty("gates").EnumerateArray().ToList();
        AssertCuresCanBeTyped(gates);
    }

    private async Task InstallCaptureAsync()
    {
        Assert.That((await _cli.RunAsync("cutover status donations", ExitCodes.Ok)).Output, Does.Contain("capture: not installed").And.Contain("strangler capture install donations"));
        Assert.That((await _cli.RunAsync("backfill donations", ExitCodes.CouldNotRun)).Error, Does.Contain("Run: strangler capture install donations"));
        Assert.That((await _cli.RunAsync("capture status donations", ExitCodes.Found)).Output, Does.Contain("missing").And.Contain("strangler capture install"));
        Assert.That(
            (await _cli.RunAsync("capture install donations --dry-run", ExitCodes.Ok)).Output,
            Does.Contain("CREATE TRIGGER `strangler_donations_donation_spenden_upd` AFTER UPDATE ON `spenden`").And.Contain("DELIMITER ;;").And.Contain("Nothing was executed"));
        Assert.That((await _cli.RunAsync("capture check donations", ExitCodes.Found)).Output, Does.Contain("missing"));
        Assert.That((await _cli.RunAsync("capture install donations --patience soon", ExitCodes.CouldNotRun)).Error, Does.Contain("30s or 5m"));
        Assert.That((await _cli.RunAsync("capture install donations", ExitCodes.Ok)).Output, Does.Contain("12 of 12 triggers"));
        Assert.That((await _cli.RunAsync("capture install donations --json", ExitCodes.Ok)).Json.GetProperty("changed").GetInt32(), Is.Zero);
        Assert.That((await _cli.RunAsync("capture check donations --json", ExitCodes.Ok)).Json.GetProperty("complete").GetBoolean(), Is.True);
        Assert.That((await _cli.RunAsync("capture status donations", ExitCodes.Ok)).Output, Does.Contain("installed").And.Contain("writes in the journal: 0"));
        Assert.That((await _cli.RunAsync("capture remove donations", ExitCodes.CouldNotRun)).Error, Does.Contain("DualWrite").And.Contain("--force"));
        Assert.That((await _cli.RunAsync("capture remove donations --dry-run", ExitCodes.Ok)).Output, Does.Contain("DROP TRIGGER"));
    }

    [Test, Order(3)]
    public async Task A_backfill_that_is_interrupted_ends_with_130_and_the_next_one_completes_it()
    {
        Assert.That((await _cli.RunAsync("backfill donations --dry-run", ExitCodes.Ok)).Output, Does.Contain("nothing was written"));
        using var stop = new CancellationTokenSource();
        var running = _cli.RunAsync("backfill donations --max-rate 50", _cli.ConfigFile, stop.Token);
        while ((await _cli.RunAsync("backfill donations --dry-run --json", ExitCodes.Ok)).Json.GetProperty("checkpoint").ValueKind == JsonValueKind.Null && !running.IsCompleted)
        {
            await Task.Yield();
        }

        await stop.CancelAsync();
        var interrupted = await running;
        Assert.That(interrupted.Code, Is.EqualTo(ExitCodes.Interrupted), interrupted.ToString());
        Assert.That(interrupted.Error, Does.Contain("Interrupted").And.Not.Contain("error:"));
        Assert.That((await _cli.RunAsync("backfill donations --dry-run", ExitCodes.Ok)).Output, Does.Contain("Would go on in pass 1"));
        var done = await _cli.RunAsync("backfill donations --json", ExitCodes.Ok);
        Assert.That(done.Json.GetProperty("quarantined").GetInt64(), Is.Positive);
        Assert.That((await _cli.RunAsync("backfill donations --dry-run", ExitCodes.Ok)).Output, Does.Contain("Was completed"));
    }

    [Test, Order(4)]
    public async Task Quarantine_is_listed_without_values_and_signed_off_with_a_reason()
    {
        var listed = (await _cli.RunAsync("quarantine list donations --json", ExitCodes.Ok)).Json;
        var one = listed.GetProperty("entries")[0].GetProperty("id").GetInt64();
        Assert.That(listed.GetProperty("open").GetInt64(), Is.Positive);
        await _cli.RunAsync("quarantine list donations --limit 1", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("quarantine sign-off donations 99999999 --reason reviewed", ExitCodes.Found)).Output, Does.Contain("99999999 is not in quarantine"));
        Assert.That((await _cli.RunAsync($"quarantine sign-off donations {one} --reason reviewed --json", ExitCodes.Ok)).Json.GetProperty("signed_off").GetInt32(), Is.EqualTo(1));
        await _cli.RunAsync($"quarantine sign-off donations {one} --reason reviewed", ExitCodes.Found);
        await _cli.RunAsync("quarantine sign-off donations --all --reason reviewed", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("quarantine list donations", ExitCodes.Ok)).Output, Does.Contain(" 0 not signed off"));
    }

    [Test, Order(5)]
    public async Task Ids_are_found_both_ways()
    {
        var id = await AnyMappedIdAsync();
        var found = (await _cli.RunAsync($"idmap lookup donations {id} --json", ExitCodes.Ok)).Json;
        var newId = found.GetProperty("new_id").GetInt64();
        Assert.That((await _cli.RunAsync($"idmap lookup donations --new {newId} --json", ExitCodes.Ok)).Json.GetProperty("public_id").GetInt64(), Is.EqualTo(id));
        Assert.That((await _cli.RunAsync("idmap lookup donations 99999999", ExitCodes.Found)).Output, Does.Contain("no pair with public id 99999999"));
        Assert.That((await _cli.RunAsync($"idmap lookup donations {id} --kind nope", ExitCodes.CouldNotRun)).Error, Does.Contain("no kind 'nope'; donations has: donation."));
    }

    [Test, Order(6)]
    public async Task Reconcile_is_clean_then_finds_what_was_planted_and_a_repair_needs_apply()
    {
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
        var id = await AnyMappedIdAsync();
        await using var @new = await _world.NewDatabase.OpenAsync();
        await @new.ExecuteAsync("UPDATE donation SET amount = amount + 1 WHERE id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id });
        await @new.ExecuteAsync("UPDATE donation_donor SET email = 'planted.person@example.org' WHERE donation_id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id });

        var drift = await _cli.RunAsync("reconcile donations --json", ExitCodes.Found);
        Assert.That(drift.Json.GetProperty("counts").GetProperty("drift").GetInt64(), Is.EqualTo(1), drift.ToString());
        var run = drift.Json.GetProperty("run_id").GetInt64();
        Assert.That((await _cli.RunAsync($"reconcile donations --range {id}..{id}", ExitCodes.Found)).Output, Does.Contain("amount"));
        var keys = Path.Combine(Path.GetDirectoryName(_cli.ConfigFile)!, "keys");
        await File.WriteAllTextAsync(keys, $"{id}\nnot-an-id\n");
        Assert.That((await _cli.RunAsync($"reconcile donations --keys-from {keys}", ExitCodes.CouldNotRun)).Error, Does.Contain($"{keys}: no id of 1 or more in line 2"));
        await File.WriteAllTextAsync(keys, $"{id}\n");
        await _cli.RunAsync($"reconcile donations --keys-from {keys}", ExitCodes.Found);

        Assert.That((await _cli.RunAsync($"repair donations --from-report {run}", ExitCodes.Ok)).Output, Does.Contain("Nothing was changed; add --apply"));
        Assert.That((await _cli.RunAsync($"repair donations --keys {id} --json", ExitCodes.Ok)).Json.GetProperty("dry_run").GetBoolean(), Is.True);
        await _cli.RunAsync($"reconcile donations --range {id}..{id}", ExitCodes.Found);
        Assert.That((await _cli.RunAsync($"repair donations --from-report {run} --apply", ExitCodes.CouldNotRun)).Error, Does.Contain("--apply needs --reason"));
        Assert.That((await _cli.RunAsync("repair donations --from-report 9999", ExitCodes.CouldNotRun)).Error, Does.Contain("no finished reconciliation 9999"));
        await _cli.RunAsync($"repair donations --from-report {run} --apply --reason planted", ExitCodes.Ok);
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
    }

    [Test, Order(7)]
    public async Task What_is_in_flight_makes_a_reconciliation_inconclusive_and_parked_keys_can_be_retried()
    {
        var id = await AnyMappedIdAsync();
        var donation = (await _world.Donations.Donations.FindAsync(id, CancellationToken.None))!;
        donation.ChangeAmount(donation.AmountInCents + 7);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);

        // As if the follower had not been reached: its rows as before, and the obligation in the journal.
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        await using var @new = await _world.NewDatabase.OpenAsync();
        await @new.ExecuteAsync("UPDATE strangler_entity SET counter = counter - 1 WHERE `key` = @id", new { id });
        await @new.ExecuteAsync("UPDATE donation SET amount = amount - 7 WHERE id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id });
        await legacy.ExecuteAsync(
            """
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at)
            SELECT context, kind, `key`, epoch, counter, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 HOUR FROM strangler_entity WHERE `key` = @id
            """,
            new { id });
        Assert.That((await _cli.RunAsync("reconcile donations", ExitCodes.Inconclusive)).Output, Does.Contain("INCONCLUSIVE"));

        await legacy.ExecuteAsync("UPDATE strangler_journal SET state = 'parked', last_error = 'of this test' WHERE `key` = @id", new { id });
        var status = (await _cli.RunAsync("relay status donations --json", ExitCodes.Found)).Json;
        Assert.That(status.GetProperty("parked").GetInt64(), Is.EqualTo(1));
        Assert.That((await _cli.RunAsync("relay status donations", ExitCodes.Found)).Output, Does.Contain("(legacy leads)").And.Contain("of this test"));
        var parked = await _cli.RunAsync("cutover status donations --json", ExitCodes.Ok);
        AssertCuresCanBeTyped(parked.Json.GetProperty("gates").EnumerateArray());
        Assert.That(parked.Output, Does.Contain("strangler relay retry donations --all"));

        Assert.That((await _cli.RunAsync("relay retry donations 99999999 --json", ExitCodes.Found)).Json.GetProperty("put_back").GetInt64(), Is.Zero);
        Assert.That((await _cli.RunAsync("relay retry donations 99999999", ExitCodes.Found)).Output, Does.Contain("Id 99999999 is not parked."));
        Assert.That((await _cli.RunAsync($"relay retry donations {id}", ExitCodes.Ok)).Output, Does.Contain("1 put back"));
        Assert.That((await _cli.RunAsync("relay drain donations --json", ExitCodes.Ok)).Json.GetProperty("applied").GetInt64(), Is.EqualTo(1));
        Assert.That((await _cli.RunAsync("relay retry donations --all", ExitCodes.Ok)).Output, Does.Contain("Nothing was parked"));
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
    }

    [Test, Order(8)]
    public async Task A_reconciliation_that_is_interrupted_ends_with_130_and_opens_no_gate()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var interrupted = await _cli.RunAsync("reconcile donations", _cli.ConfigFile, stop.Token);
        Assert.That(interrupted.Code, Is.EqualTo(ExitCodes.Interrupted), interrupted.ToString());
        Assert.That(interrupted.Error.Trim(), Does.StartWith("Interrupted; "));
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
    }

    [Test, Order(9)]
    public async Task Forward_to_new_only_which_wants_its_name_typed_and_has_no_way_back()
    {
        await _cli.RunAsync("cutover advance donations --reason planned", ExitCodes.Ok);
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
        AssertCuresCanBeTyped((await _cli.RunAsync("cutover advance donations --dry-run --json")).Json.GetProperty("gates").EnumerateArray());
        Assert.That((await _cli.RunAsync("cutover reserve-ids donations --count 10 --json")).All, Is.Not.Empty);
        await _world.MoveToAsync(Strangler.DualWrite.Stage.NewLeads);
        await _cli.RunAsync("cutover back donations", ExitCodes.Ok);
        await _world.MoveToAsync(Strangler.DualWrite.Stage.NewLeads);
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("cutover advance donations", ExitCodes.Refused)).Error, Does.Contain("confirmation: none").And.Contain("--confirm donations"));
        Assert.That((await _cli.RunAsync("cutover advance donations --confirm yes --force --reason now", ExitCodes.Refused)).Error, Does.Contain("confirmation: 'yes'"));
        Assert.That((await _cli.RunAsync("cutover advance donations --confirm donations --json", ExitCodes.Ok)).Json.GetProperty("to").GetString(), Is.EqualTo("NewOnly").Or.EqualTo("new_only"));
        Assert.That((await _cli.RunAsync("cutover back donations", ExitCodes.CouldNotRun)).Error, Does.Contain("no way back"));
        Assert.That((await _cli.RunAsync("cutover advance donations", ExitCodes.CouldNotRun)).Error, Does.Contain("no way on"));
        Assert.That((await _cli.RunAsync("cutover resume donations --json", ExitCodes.Ok)).Json.ValueKind, Is.EqualTo(JsonValueKind.Object));
        Assert.That((await _cli.RunAsync("cutover abort donations --json", ExitCodes.Ok)).Json.ValueKind, Is.EqualTo(JsonValueKind.Object));
        Assert.That((await _cli.RunAsync("cutover history donations --json", ExitCodes.Ok)).Json.GetArrayLength(), Is.GreaterThan(4));
        Assert.That((await _cli.RunAsync("cutover history donations --limit 2", ExitCodes.Ok)).Output, Does.Contain("NewOnly"));
        Assert.That((await _cli.RunAsync("status --json", ExitCodes.Ok)).Json.GetArrayLength(), Is.EqualTo(1));
        Assert.That((await _cli.RunAsync("status", ExitCodes.Ok)).Output, Does.Contain("NewOnly"));
        await _cli.RunAsync("status --verbose", ExitCodes.Ok);
    }

    [Test, Order(10)]
    public async Task Nothing_ever_said_holds_a_secret_personal_data_or_a_colour_code()
    {
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        var personal = (await legacy.QueryAsync<string>(
            """
            SELECT DISTINCT value FROM (SELECT name AS value FROM spenden UNION SELECT email FROM spenden UNION SELECT hash FROM spenden UNION SELECT remote_addr FROM spenden) AS v
            WHERE CHAR_LENGTH(value) >= 8
            """)).Append("planted.person@example.org").ToList();
        var said = _cli.EverythingSaid;
        Assert.That(personal, Has.Count.GreaterThan(100));
        Assert.That(personal.Where(value => said.Contains(value, StringComparison.OrdinalIgnoreCase)), Is.Empty);
        Assert.That(said, Does.Not.Contain(_cli.Password).And.Not.Contain(_cli.HashKey).And.Not.Contain("\u001b"));
    }

    private static void AssertCuresCanBeTyped(IEnumerable<JsonElement> gates)
    {
        var root = StranglerCommandLine.Create();
        foreach (var cure in gates.Select(gate => gate.GetProperty("cure").GetString()!).Where(cure => cure.Contains("strangler ", StringComparison.Ordinal)))
        {
            foreach (var command in cure.Split("strangler ")[1..].Select(part => part.Split([";", " ("], StringSplitOptions.None)[0].Replace(", or: ", "", StringComparison.Ordinal)))
            {
                Assert.That(root.Parse(command.Trim()).Errors.Select(error => error.Message), Is.Empty, cure);
            }
        }
    }

    private async Task<long> AnyMappedIdAsync()
    {
        await using var @new = await _world.NewDatabase.OpenAsync();
        return await @new.ExecuteScalarAsync<long>(
            "SELECT m.public_id FROM strangler_id_map m JOIN donation_donor d ON d.donation_id = m.new_id WHERE d.email <> '' ORDER BY m.public_id LIMIT 1");
    }
}
