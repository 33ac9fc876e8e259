using Dapper;
using Strangler.Cli;
using Strangler.Contexts.Common.Payments;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Cli;

/// <summary>The relay's verbs as an operator types them: a poison row is parked and shown, retried, given up; what is lost is found (Case40).</summary>
[Category("Case40")]
public sealed class RelayCommandTests
{
    private const string Secret = "Qxzsecret";

    [Test]
    public async Task A_poison_row_is_shown_without_its_values_retried_and_parked_again_while_others_go_on()
    {
        await using var world = await WorldAsync(Stage.DualWrite);
        var cli = new CommandLine(world, maxAttempts: 1);
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Ok)).Output, Does.StartWith("donations: 0 open").And.Contain("lost obligations of donation: 0"));
        var poison = await ParkAsync(world);
        var good = await StoreAsync(world, "good@example.org");
        Assert.That(await world.RecordAsync(SideName.New, good), Is.Not.Null, "another key does not wait");

        var shown = await cli.RunAsync("relay status donations", ExitCodes.Found);
        Assert.That(shown.Output, Does.Contain($"donation {poison} ").And.Contain("1 parked (legacy leads)").And.Contain("strangler relay retry donations --all"));
        var json = (await cli.RunAsync("relay status donations --json", ExitCodes.Found)).Json;
        Assert.That(json.GetProperty("parked").GetInt64(), Is.EqualTo(1));
        Assert.That(json.GetProperty("kinds")[0].GetProperty("parked").GetInt64(), Is.EqualTo(1));
        Assert.That(json.GetProperty("lost").GetInt64(), Is.Zero, "what is parked is owed, not lost");

        Assert.That((await cli.RunAsync($"relay retry donations donation/{poison}", ExitCodes.Ok)).Output, Does.Contain("1 put back"));
        await cli.RunAsync("relay drain donations", ExitCodes.Found);
        await cli.RunAsync("relay status donations", ExitCodes.Found);

        await using (var @new = await world.NewDatabase.OpenAsync())
        {
            await @new.ExecuteAsync("DROP TRIGGER poison");
        }

        Assert.That((await cli.RunAsync("relay retry donations --all --reason cured", ExitCodes.Ok)).Output, Does.Contain("1 put back"));
        var acts = (await world.Host.Cutover.HistoryAsync(100, CancellationToken.None)).Where(entry => entry.Action == "retry").Select(entry => (entry.Reason, entry.Detail));
        Assert.That(acts, Is.EqualTo(new[] { ("cured", "all parked keys"), ("", $"donation {poison}") }), "in the audit trail, as over HTTP");
        await cli.RunAsync("relay drain donations", ExitCodes.Ok);
        await cli.RunAsync("relay status donations --check", ExitCodes.Ok);
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        Assert.That(cli.EverythingSaid, Does.Not.Contain(Secret));
        Assert.That(world.Logs.Lines.Where(line => line.Contains(Secret, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public async Task A_dropped_key_is_a_lost_obligation_everywhere_until_it_is_repaired()
    {
        await using var world = await WorldAsync(Stage.DualWrite);
        var cli = new CommandLine(world);
        var good = await StoreAsync(world, "good@example.org");
        var key = await ParkAsync(world);

        Assert.That((await cli.RunAsync($"relay drop donations {key} --apply", ExitCodes.CouldNotRun)).Error, Does.Contain("--apply needs --reason"));
        Assert.That((await cli.RunAsync($"relay drop donations {good} --reason hopeless --apply", ExitCodes.CouldNotRun)).Error,
            Does.Contain($"donation {good} is not parked; nothing was dropped. What is: strangler relay status donations"));
        Assert.That((await cli.RunAsync($"relay drop donations nope/{key}", ExitCodes.CouldNotRun)).Error, Does.Contain("no kind 'nope'; donations has: donation."));
        Assert.That((await cli.RunAsync($"relay drop donations {key} --reason hopeless", ExitCodes.Ok)).Output, Does.Contain("would be dropped").And.Contain("add --apply"));
        Assert.That((await cli.RunAsync("relay status donations --json", ExitCodes.Found)).Json.GetProperty("parked").GetInt64(), Is.EqualTo(1));

        var dropped = await cli.RunAsync($"relay drop donations donation/{key} --reason hopeless --apply", ExitCodes.Ok);
        Assert.That(dropped.Output, Does.Contain("dropped. The follower stays behind").And.Contain($"strangler repair donations --keys {key}"));
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Ok)).Output, Does.Contain("the search has not seen all keys yet"));
        var found = await cli.RunAsync("relay status donations --check", ExitCodes.Found);
        Assert.That(found.Output, Does.Contain($"LOST donation {key}"));
        Assert.That((await cli.RunAsync("relay status donations --json", ExitCodes.Found)).Json.GetProperty("lost_keys")[0].GetProperty("id").GetInt64(), Is.EqualTo(key));
        Assert.That((await cli.RunAsync("reconcile donations --json", ExitCodes.Found)).Json.GetProperty("counts").GetProperty("lost_obligation").GetInt64(), Is.EqualTo(1));
        Assert.That((await cli.RunAsync("cutover status donations", ExitCodes.Ok)).Output, Does.Contain("CLOSED  lost obligations: 1"));
        Assert.That((await cli.RunAsync("cutover history donations", ExitCodes.Ok)).Output, Does.Contain("drop").And.Contain("hopeless"));

        await using (var @new = await world.NewDatabase.OpenAsync())
        {
            await @new.ExecuteAsync("DROP TRIGGER poison");
        }

        await cli.RunAsync($"repair donations --keys {key} --apply --reason cured", ExitCodes.Ok);
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Ok)).Output, Does.Not.Contain("LOST"));
        await cli.RunAsync("reconcile donations", ExitCodes.Ok);
        Assert.That(cli.EverythingSaid, Does.Not.Contain(Secret));
    }

    [Test]
    public async Task In_legacy_only_status_shows_the_journal_and_a_search_says_what_comes_first()
    {
        await using var world = await DonationsWorld.CreateAsync();
        var cli = new CommandLine(world);
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Ok)).Output.Trim(), Is.EqualTo("donations: 0 open, oldest 0.0 s old, 0 parked (legacy leads)"));
        Assert.That((await cli.RunAsync("relay status donations --check", ExitCodes.CouldNotRun)).Error, Does.Contain("strangler cutover advance donations"));
        Assert.That((await cli.RunAsync("relay retry donations --all", ExitCodes.Ok)).Output, Does.Contain("Nothing was parked"));
    }

    [Test]
    public async Task Who_holds_claims_until_when_is_shown()
    {
        await using var world = await WorldAsync(Stage.DualWrite);
        var cli = new CommandLine(world);
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        await legacy.ExecuteAsync(
            """
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at)
            SELECT 'donations', 'donation', n, 3, 1, UTC_TIMESTAMP(6) - INTERVAL n MINUTE, UTC_TIMESTAMP(6) + INTERVAL (n - 2) HOUR
            FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 3) AS numbers
            """);
        await world.Host.Sides.Legacy.Journal.ClaimAsync("relay-7", 1, TimeSpan.FromMinutes(5), CancellationToken.None);
        var status = (await cli.RunAsync("relay status donations --json", ExitCodes.Ok)).Json;
        var kind = status.GetProperty("kinds")[0];
        Assert.That(
            new[] { "open", "due", "claimed", "waiting" }.Select(name => kind.GetProperty(name).GetInt64()), Is.EqualTo(new long[] { 3, 1, 1, 1 }));
        Assert.That(status.GetProperty("claims")[0].GetProperty("owner").GetString(), Is.EqualTo("relay-7"));
        Assert.That((await cli.RunAsync("relay status donations", ExitCodes.Ok)).Output, Does.Contain("claimed by relay-7: 1 rows until "));
    }

    private static async Task<DonationsWorld> WorldAsync(Stage stage)
    {
        var world = await DonationsWorld.CreateAsync(options: """{ "maxAttempts": 1, "relayPoll": "100ms", "fenceLockTimeout": "5s", "shadowReadMinimum": 0 }""");
        await world.MoveToAsync(stage);
        return world;
    }

    // The follower refuses one value for good, and its message quotes it.
    private static async Task<long> ParkAsync(DonationsWorld world)
    {
        await using (var @new = await world.NewDatabase.OpenAsync())
        {
            await @new.ExecuteAsync(
                $"""
                CREATE TRIGGER poison BEFORE INSERT ON donation_donor FOR EACH ROW
                BEGIN
                    IF NEW.email LIKE '{Secret}%' THEN
                        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Value: \'{Secret}@example.org\' is refused';
                    END IF;
                END
                """);
        }

        var id = await StoreAsync(world, $"{Secret}@example.org");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Parked, Is.EqualTo(1));
        return id;
    }

    private static async Task<long> StoreAsync(DonationsWorld world, string email)
    {
        var donation = new Donation(
            0, new DateTime(2022, 6, 1, 10, 0, 0), 500, 0,
            new PersonDonor(new PersonName("Herr", "", "Max", "Muster"), new Address("Straße 1", "12345", "Köln", "DE"), email),
            new BankTransferPayment("XW-DAR-E99-X"));
        await world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }
}
