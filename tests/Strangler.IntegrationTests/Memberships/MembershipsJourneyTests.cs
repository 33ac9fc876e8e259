using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;

namespace Strangler.IntegrationTests.Memberships;

/// <summary>Every verb of the command line on this context, as an operator goes through them.</summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class MembershipsJourneyTests
{
    private MembershipsWorld _world = null!;
    private CommandLine _cli = null!;
    private long _id;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await MembershipsWorld.CreateAsync(migrate: false);
        var rows = await _world.FillExamplesAsync(700, includeUnreadable: true);
        _id = rows.First(row => row.Kinds.Contains("late-1")).Id;
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
            (await _cli.RunAsync("mapping explain memberships", ExitCodes.Ok)).Output,
            Does.Contain("request.tracking").And.Contain("nothing is told").And.Contain("shared rows of incentive").And.Contain("request.donation_id"));
        var verified = (await _cli.RunAsync("mapping verify memberships --json", ExitCodes.Ok)).Json;
        Assert.That((verified.GetProperty("rows").GetInt64(), verified.GetProperty("violations").GetInt64()), Is.EqualTo((700L, 0L)));
        var findings = (await _cli.RunAsync("mapping findings memberships --limit 1000", ExitCodes.Found)).Output;
        Assert.That(
            findings, Does.Contain("status_evidence is undecided; undecided_status is -2").And.Contain("status_evidence is flags; is_moderated is not told")
                .And.Contain("status_evidence is flags; is_moderated is True").And.Contain("status_evidence is missing")
                .And.Contain("payment_type is direct_debit, and paypal.payer_id is not empty"));
        await _cli.RunAsync("capture install memberships", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("capture status memberships", ExitCodes.Ok)).Output, Does.Contain("installed"));
        await _cli.RunAsync("cutover advance memberships", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("cutover advance memberships", ExitCodes.Refused)).Error, Does.Contain("strangler backfill memberships"));
    }

    [Test, Order(1)]
    public async Task Backfill_and_quarantine()
    {
        var done = (await _cli.RunAsync("backfill memberships --json", ExitCodes.Ok)).Json;
        Assert.That(done.GetProperty("quarantined").GetInt64(), Is.GreaterThanOrEqualTo(11));
        Assert.That((await _cli.RunAsync("quarantine list memberships", ExitCodes.Ok)).Output, Does.Contain("request.status").And.Contain("request.membership_fee").And.Contain("is not base64"));
        await _cli.RunAsync("quarantine sign-off memberships --all --reason reviewed", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"idmap lookup memberships {_id} --json", ExitCodes.Ok)).Json.GetProperty("new_id").GetInt64(), Is.GreaterThan(1_000_000_000));
    }

    [Test, Order(2)]
    public async Task Reconcile_report_repair()
    {
        await _cli.RunAsync("reconcile memberships", ExitCodes.Ok);
        await using (var connection = await _world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync(
                """
                UPDATE membership m JOIN membership_applicant a ON a.membership_id = m.id SET a.email = 'planted.person@example.org', m.is_confirmed = 0
                WHERE m.id = (SELECT new_id FROM strangler_id_map WHERE kind = 'membership' AND public_id = @id)
                """,
                new { id = _id });
        }

        var drift = (await _cli.RunAsync("reconcile memberships --json", ExitCodes.Found)).Json;
        Assert.That(drift.GetProperty("counts").GetProperty("drift").GetInt64(), Is.EqualTo(1));
        var run = drift.GetProperty("run_id").GetInt64();
        Assert.That((await _cli.RunAsync($"report show memberships {run}", ExitCodes.Ok)).Output, Does.Contain("is_confirmed").And.Contain("applicant.email"));
        Assert.That((await _cli.RunAsync("report list memberships", ExitCodes.Ok)).Output, Does.Contain($"{run}"));
        var html = Path.Combine(Path.GetDirectoryName(_cli.ConfigFile)!, "report.html");
        await _cli.RunAsync($"report export memberships {run} --report html={html}", ExitCodes.Ok);
        Assert.That(await File.ReadAllTextAsync(html), Does.Contain("memberships").And.Not.Contain("planted.person"));
        await _cli.RunAsync($"repair memberships --from-report {run}", ExitCodes.Ok);
        await _cli.RunAsync($"repair memberships --from-report {run} --apply --reason planted", ExitCodes.Ok);
        await _cli.RunAsync("reconcile memberships", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"timeline memberships {_id}", ExitCodes.Ok)).Output, Does.Contain("repair").IgnoreCase);
    }

    [Test, Order(3)]
    public async Task What_another_program_writes_is_relayed()
    {
        await _world.RunForeignAsync($"UPDATE request SET status = -2 WHERE id = {_id}; INSERT INTO membership_incentive VALUES ({_id}, 2)");
        Assert.That((await _cli.RunAsync("relay status memberships --json", ExitCodes.Ok)).Json.GetProperty("open").GetInt64(), Is.EqualTo(2));
        await _cli.RunAsync("relay drain memberships --json", ExitCodes.Ok);
        Assert.That(
            (await _cli.RunAsync("census memberships", ExitCodes.Found)).Output, Does.Contain("request").And.Contain("membership_incentive").And.Contain("status"));
        await _cli.RunAsync("conflicts list memberships", ExitCodes.Ok);
        var record = (await _world.RecordAsync(SideName.New, _id))!;
        Assert.That((record["is_moderated"], record["is_confirmed"]), Is.EqualTo(((object)true, (object)true)), "what -2 hides stays");
        Assert.That(record.List("incentives").Rows.Select(row => row[0]), Has.Some.EqualTo("eternal_thankfulness"));
    }

    [Test, Order(4)]
    public async Task All_stages_and_back()
    {
        foreach (var stage in new[] { "ShadowRead", "NewLeads" })
        {
            await _cli.RunAsync("reconcile memberships", ExitCodes.Ok);
            if (stage == "NewLeads")
            {
                await _cli.RunAsync("cutover reserve-ids memberships --count 100", ExitCodes.Ok);
                await _world.MoveToAsync(Stage.NewLeads);
            }
            else
            {
                await _cli.RunAsync("cutover advance memberships", ExitCodes.Ok);
            }

            Assert.That((await _cli.RunAsync("cutover status memberships", ExitCodes.Ok)).Output, Does.StartWith($"memberships: {stage}"));
        }

        await _cli.RunAsync("cutover back memberships", ExitCodes.Ok);
        await _cli.RunAsync("reconcile memberships", ExitCodes.Ok);
        await _world.MoveToAsync(Stage.NewLeads);
        await _cli.RunAsync("reconcile memberships", ExitCodes.Ok);
        await _cli.RunAsync("cutover advance memberships --confirm memberships --reason done", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync("status", ExitCodes.Ok)).Output, Does.Contain("NewOnly").And.Not.Contain("donations"));
        Assert.That((await _cli.RunAsync("cutover history memberships --json", ExitCodes.Ok)).Json.GetArrayLength(), Is.GreaterThan(4));
    }

    [Test, Order(5)]
    public async Task Nothing_ever_said_holds_personal_data_or_a_secret()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var personal = (await connection.QueryAsync<string>(
            """
            SELECT email FROM request WHERE LENGTH(email) > 5 UNION SELECT name FROM request WHERE LENGTH(name) > 8
            UNION SELECT iban FROM request WHERE LENGTH(iban) > 5 UNION SELECT access_token FROM legacy_auth_tokens WHERE LENGTH(access_token) > 5
            """)).Append(_cli.Password).Append(_cli.HashKey).ToList();
        Assert.That(personal, Has.Count.GreaterThan(100));
        Assert.That(personal.Where(value => _cli.EverythingSaid.Contains(value, StringComparison.Ordinal)), Is.Empty);
    }
}
