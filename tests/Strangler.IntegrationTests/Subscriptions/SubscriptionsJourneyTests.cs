using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;

namespace Strangler.IntegrationTests.Subscriptions;

/// <summary>Every verb of the command line on this context, as an operator goes through them.</summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
[TestFixture(false)]
[TestFixture(true)]
public sealed class SubscriptionsJourneyTests(bool legacyInPostgres)
{
    private SubscriptionsWorld _world = null!;
    private CommandLine _cli = null!;
    private long _id;
    private long _rows;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await SubscriptionsWorld.CreateAsync(
            migrate: false, legacy: legacyInPostgres ? await TestServers.CreatePostgresDatabaseAsync("subscriptions_legacy") : null);
        var rows = await _world.FillExamplesAsync(600, includeUnreadable: true);
        _rows = rows.Count;
        _id = rows.First(row => row.Kinds.Contains("confirmed")).Id;
        _cli = new CommandLine(_world);
    }

    [OneTimeTearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    [Test, Order(0)]
    public async Task From_the_mapping_to_dual_write()
    {
        await _cli.RunAsync("migrate", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("mapping lint --against-database", ExitCodes.Ok)).Output, Is.Not.Empty);
        Assert.That(
            (await _cli.RunAsync("mapping explain subscriptions", ExitCodes.Ok)).Output,
            Does.Contain("subscription.tracking").And.Contain("hides whether it was confirmed").And.Contain("subscription.address_id"));
        var verified = (await _cli.RunAsync("mapping verify subscriptions --json", ExitCodes.Ok)).Json;
        Assert.That((verified.GetProperty("rows").GetInt64(), verified.GetProperty("violations").GetInt64()), Is.EqualTo((_rows, 0L)));
        await _cli.RunAsync("capture install subscriptions", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("capture status subscriptions", ExitCodes.Ok)).Output, Does.Contain("installed"));
        await _cli.RunAsync("cutover advance subscriptions", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("cutover advance subscriptions", ExitCodes.Refused)).Error, Does.Contain("strangler backfill subscriptions"));
    }

    [Test, Order(1)]
    public async Task Backfill_and_quarantine()
    {
        var done = (await _cli.RunAsync("backfill subscriptions --json", ExitCodes.Ok)).Json;
        Assert.That(done.GetProperty("quarantined").GetInt64(), Is.GreaterThanOrEqualTo(legacyInPostgres ? 2 : 6));
        Assert.That((await _cli.RunAsync("quarantine list subscriptions", ExitCodes.Ok)).Output, Does.Contain("subscription.status").And.Contain("neither 16 bytes nor UTF-8"));
        await _cli.RunAsync("quarantine sign-off subscriptions --all --reason reviewed", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"idmap lookup subscriptions {_id} --json", ExitCodes.Ok)).Json.GetProperty("new_id").GetInt64(), Is.GreaterThan(1_000_000_000));
    }

    [Test, Order(2)]
    public async Task Reconcile_report_repair()
    {
        await _cli.RunAsync("reconcile subscriptions", ExitCodes.Ok);
        await using (var connection = await _world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync(
                """
                UPDATE subscription SET email = 'planted.person@example.org', confirmation = 'unconfirmed'
                WHERE id = (SELECT new_id FROM strangler_id_map WHERE kind = 'subscription' AND public_id = @id)
                """,
                new { id = _id });
        }

        var drift = (await _cli.RunAsync("reconcile subscriptions --json", ExitCodes.Found)).Json;
        Assert.That(drift.GetProperty("counts").GetProperty("drift").GetInt64(), Is.EqualTo(1));
        var run = drift.GetProperty("run_id").GetInt64();
        Assert.That((await _cli.RunAsync($"report show subscriptions {run}", ExitCodes.Ok)).Output, Does.Contain("confirmation").And.Contain("email"));
        Assert.That((await _cli.RunAsync("report list subscriptions", ExitCodes.Ok)).Output, Does.Contain($"{run}"));
        var html = Path.Combine(Path.GetDirectoryName(_cli.ConfigFile)!, "report.html");
        await _cli.RunAsync($"report export subscriptions {run} --report html={html}", ExitCodes.Ok);
        Assert.That(await File.ReadAllTextAsync(html), Does.Contain("subscriptions").And.Not.Contain("planted.person"));
        await _cli.RunAsync($"repair subscriptions --from-report {run}", ExitCodes.Ok);
        await _cli.RunAsync($"repair subscriptions --from-report {run} --apply --reason planted", ExitCodes.Ok);
        await _cli.RunAsync("reconcile subscriptions", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"timeline subscriptions {_id}", ExitCodes.Ok)).Output, Does.Contain("repair").IgnoreCase);
    }

    [Test, Order(3)]
    public async Task What_another_program_writes_is_relayed()
    {
        await _world.RunForeignAsync($"UPDATE subscription SET status = 2 WHERE id = {_id}");
        Assert.That((await _cli.RunAsync("relay status subscriptions --json", ExitCodes.Ok)).Json.GetProperty("open").GetInt64(), Is.EqualTo(1));
        Assert.That((await _cli.RunAsync("relay drain subscriptions --json", ExitCodes.Ok)).Json.GetProperty("applied").GetInt64(), Is.EqualTo(1));
        var record = (await _world.RecordAsync(SideName.New, _id))!;
        Assert.That((record["is_moderated"], record["confirmation"]), Is.EqualTo(((object)true, (object)"confirmed")), "what 2 hides stays");
    }

    [Test, Order(4)]
    public async Task All_stages_and_back()
    {
        foreach (var stage in new[] { "ShadowRead", "NewLeads" })
        {
            await _cli.RunAsync("reconcile subscriptions", ExitCodes.Ok);
            if (stage == "NewLeads")
            {
                await _cli.RunAsync("cutover reserve-ids subscriptions --count 100", ExitCodes.Ok);
                await _world.MoveToAsync(Stage.NewLeads);
            }
            else
            {
                await _cli.RunAsync("cutover advance subscriptions", ExitCodes.Ok);
            }

            Assert.That((await _cli.RunAsync("cutover status subscriptions", ExitCodes.Ok)).Output, Does.StartWith($"subscriptions: {stage}"));
        }

        await _cli.RunAsync("cutover back subscriptions", ExitCodes.Ok);
        await _cli.RunAsync("reconcile subscriptions", ExitCodes.Ok);
        await _world.MoveToAsync(Stage.NewLeads);
        await _cli.RunAsync("reconcile subscriptions", ExitCodes.Ok);
        await _cli.RunAsync("cutover advance subscriptions --confirm subscriptions --reason done", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("status", ExitCodes.Ok)).Output, Does.Contain("NewOnly").And.Not.Contain("donations"));
        Assert.That((await _cli.RunAsync("cutover history subscriptions --json", ExitCodes.Ok)).Json.GetArrayLength(), Is.GreaterThan(4));
    }

    [Test, Order(5)]
    public async Task Nothing_ever_said_holds_personal_data_or_a_secret()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var personal = (await connection.QueryAsync<string>(
            legacyInPostgres ? "SELECT email FROM subscription WHERE LENGTH(email) > 5 UNION SELECT full_name FROM subscription WHERE LENGTH(full_name) > 5" : """
            SELECT email FROM subscription WHERE LENGTH(email) > 5 UNION SELECT full_name FROM subscription WHERE LENGTH(full_name) > 5
            UNION SELECT LOWER(HEX(confirmationCode)) FROM subscription WHERE LENGTH(confirmationCode) = 16
            UNION SELECT CAST(confirmationCode AS CHAR) FROM subscription WHERE LENGTH(confirmationCode) = 32
            """)).Append(_cli.Password).Append(_cli.HashKey).ToList();
        Assert.That(personal, Has.Count.GreaterThan(100));
        Assert.That(personal.Where(value => _cli.EverythingSaid.Contains(value, StringComparison.Ordinal)), Is.Empty);
    }
}
