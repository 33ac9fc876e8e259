using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Tests.Reconciliation.Reports;

namespace Strangler.IntegrationTests.Cli;

/// <summary>
/// Reports, sums, timeline and repairs on real servers, as an operator meets them: two donations are tampered with on the new side,
/// everything else follows from
/// there. At the end all that was said and written is searched for personal data.
/// </summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class ReportTests
{
    private const string Person = "planted.person@example.org";

    private DonationsWorld _world = null!;
    private CommandLine _cli = null!;
    private string _folder = null!;
    private long _drifted;
    private long _mailed;
    private long _run;

    [OneTimeSetUp]
    public async Task CreateWorld()
    {
        _world = await DonationsWorld.CreateAsync();
        await _world.FillAsync(400, includeUnreadable: true);
        _cli = new CommandLine(_world);
        _folder = Directory.CreateTempSubdirectory("strangler-reports-").FullName;
    }

    [OneTimeTearDown]
    public async Task DropWorld()
    {
        await _world.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test, Order(0)]
    public async Task Before_there_are_two_sides_the_timeline_asks_legacy_alone_and_no_report_is_there()
    {
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        var id = await legacy.ExecuteScalarAsync<long>("SELECT MIN(id) FROM spenden");
        Assert.That((await _cli.RunAsync($"timeline donations {id}", ExitCodes.Ok)).Output,
            Does.Contain("legacy: there").And.Contain("not asked: the context is in LegacyOnly"));
        Assert.That((await _cli.RunAsync("report list donations --json", ExitCodes.Ok)).Json.GetProperty("runs").GetArrayLength(), Is.Zero);
        Assert.That((await _cli.RunAsync("report show donations 1", ExitCodes.CouldNotRun)).Error,
            Does.Contain("no finished reconciliation 1; strangler report list donations"));
        var schema = (await _cli.RunAsync("report schema", ExitCodes.Ok)).Json;
        Assert.That(schema.GetProperty("$schema").GetString(), Does.Contain("json-schema.org"));
    }

    [Test, Order(1)]
    public async Task Clean_sides_have_equal_sums_that_are_what_finance_adds_up_by_hand()
    {
        await _world.MoveToAsync(Stage.DualWrite);
        await _world.BackfillAsync();
        await _cli.RunAsync("quarantine sign-off donations --all --reason reviewed", ExitCodes.Ok);

        var report = ReconciliationReport.Parse((await _cli.RunAsync("reconcile donations --json", ExitCodes.Ok)).Output);

        var sum = report.Sums.Single();
        await using var @new = await _world.NewDatabase.OpenAsync();
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        var (count, amount) = await @new.QuerySingleAsync<(long, decimal)>("SELECT COUNT(*), SUM(amount) FROM donation");
        var months = (await @new.QueryAsync<(string, long, decimal)>(
            "SELECT COALESCE(DATE_FORMAT(created_at, '%Y-%m'), 'none'), COUNT(*), SUM(amount) FROM donation GROUP BY 1 ORDER BY 1")).ToList();
        var types = (await @new.QueryAsync<(string, long, decimal)>(
            "SELECT payment_type, COUNT(*), SUM(amount) FROM donation GROUP BY 1 ORDER BY 1")).ToList();
        Assert.Multiple(() =>
        {
            Assert.That((sum.Total.NewCount, sum.Total.NewAmount, sum.Total.LegacyCount, sum.Total.LegacyAmount),
                Is.EqualTo((count, amount, count, amount)));
            Assert.That(sum.Differing, Is.Empty);
            Assert.That(sum.Splits[0].Groups.Select(group => (group.Values[0], group.LegacyCount, group.LegacyAmount)),
                Is.EquivalentTo(months));
            Assert.That(sum.Splits[1].Groups.Select(group => (group.Values[0], group.LegacyCount, group.LegacyAmount)),
                Is.EquivalentTo(types));
            Assert.That(sum.Splits.Select(split => split.Dimension),
                Is.EqualTo(new[] { "created_at per month", "payment_type", "interval_months", "is_exported", "is_cancelled" }));
            Assert.That(sum.Unreadable, Is.EqualTo(report.Counts[Verdict.Unreadable]).And.Positive);
        });
        Assert.That(report.LegacyRows, Is.EqualTo(await legacy.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden")));
        Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
        Assert.That((await _cli.RunAsync($"report show donations {report.RunId}", ExitCodes.Ok)).Output,
            Does.Match(@"[\d,]+ legacy rows = [\d,]+ Matched").And.Contain("equal in all"));
    }

    [Test, Order(2)]
    public async Task What_is_planted_is_in_every_form_of_the_report()
    {
        await using var @new = await _world.NewDatabase.OpenAsync();
        var ids = (await @new.QueryAsync<long>(
            "SELECT m.public_id FROM strangler_id_map m JOIN donation_donor d ON d.donation_id = m.new_id WHERE d.email <> '' ORDER BY m.public_id LIMIT 2")).ToList();
        (_drifted, _mailed) = (ids[0], ids[1]);
        await @new.ExecuteAsync("UPDATE donation SET amount = amount + 1 WHERE id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id = _drifted });
        await @new.ExecuteAsync(
            "UPDATE donation_donor SET email = @mail WHERE donation_id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)",
                new { id = _mailed, mail = Person });

        await _cli.RunAsync($"reconcile donations --report html={File("r.html")} --report csv={File("r.csv")} --report json={File("r.json")} --samples 100", ExitCodes.Found);

        var json = await System.IO.File.ReadAllTextAsync(File("r.json"));
        Assert.That(new JsonSchema(ReconciliationReport.JsonSchema()).Check(json), Is.Empty);
        var report = ReconciliationReport.Parse(json);
        _run = report.RunId;
        var csv = await System.IO.File.ReadAllTextAsync(File("r.csv"));
        var page = XElement.Parse((await System.IO.File.ReadAllTextAsync(File("r.html"))).Replace("<!DOCTYPE html>", "",
            StringComparison.Ordinal));
        Assert.Multiple(() =>
        {
            Assert.That(report.Differing.Select(entity => (entity.Id, entity.Fields.Single())),
                Is.EqualTo(new[] { (_drifted, "amount"), (_mailed, "donor.email") }));
            Assert.That(report.Sums.Single().Total.DriftAmount, Is.EqualTo(1m));
            Assert.That(report.Sums.Single().Differing.Single().DriftCount, Is.Zero);
            Assert.That(csv.Split("\r\n"), Has.Some.StartsWith(
                Invariant($"{_run},donations,donation,drift,{_drifted},")).And.Some.Contains(",donor.email,\"#"));
            Assert.That(page.Value, Does.Contain(Invariant($"{_drifted}")).And.Contain("donor.email").And.Contain(" legacy rows = "));
            Assert.That(page.Descendants("svg").Count(), Is.EqualTo(3));
        });
        Assert.That(
            (await _cli.RunAsync($"report show donations {_run}", ExitCodes.Ok)).Output,
            Does.Contain("groups differ, difference 0 and +0.01").And.Contain(Invariant($"Drift {_drifted}")));
        Assert.That(JsonNode.DeepEquals(
            JsonNode.Parse((await _cli.RunAsync($"report show donations {_run} --json", ExitCodes.Ok)).Output), JsonNode.Parse(json)),
            Is.True);
    }

    [Test, Order(3)]
    [Category("Case66")]
    public async Task A_file_that_is_there_a_full_disk_and_a_closed_pipe_are_told_and_the_run_is_not_lost()
    {
        Assert.That((await _cli.RunAsync($"reconcile donations --report csv={File("r.csv")}", ExitCodes.CouldNotRun)).Error,
            Does.Contain("that file is there already"));
        await _cli.RunAsync($"report export donations {_run} --report csv={File("r.csv")} --overwrite", ExitCodes.Ok);
        await _cli.RunAsync($"reconcile donations --report csv={File("all.csv")} --samples 0", ExitCodes.Found);
        var all = await System.IO.File.ReadAllTextAsync(File("all.csv"));
        Assert.That(all, Does.Contain(Invariant($",drift,{_drifted},")).And.Contain(Invariant($",drift,{_mailed},")).And.Not.Contain("not kept"));
        Assert.That((await _cli.RunAsync("reconcile donations --report csv=/dev/full --overwrite", ExitCodes.CouldNotRun)).Error,
            Does.Contain("cannot be written to /dev/full").And.Contain("is stored; write it later with"));
        var full = await _cli.RunAsync("reconcile donations --report html=/dev/full --overwrite", ExitCodes.CouldNotRun);
        var stored = (await _cli.RunAsync("report list donations --json", ExitCodes.Ok)).Json.GetProperty("runs")[0].GetProperty(
            "id").GetInt64();
        Assert.That(full.Error, Does.Contain("cannot be written to /dev/full").And.Contain(
            Invariant($"Run {stored} is stored; write it later with: strangler report export donations {stored} --report html=FILE")));
        await _cli.RunAsync($"report export donations {stored} --report html={File("later.html")}", ExitCodes.Ok);
        Assert.That(System.IO.File.Exists(File("later.html")), Is.True);

        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"dotnet '{Path.Combine(AppContext.BaseDirectory, "strangler.dll")}' report schema | head -c 1; echo \" ${{PIPESTATUS[0]}}\"");
        using var process = Process.Start(start)!;
        Assert.That(await process.StandardOutput.ReadToEndAsync(), Is.EqualTo("{ 0\n"));
    }

    [Test, Order(4)]
    public async Task Stored_runs_are_listed_and_compared()
    {
        var listed = (await _cli.RunAsync("report list donations", ExitCodes.Ok)).Output;
        Assert.That(listed, Does.Contain("donation: all").And.Contain("drift").And.Contain("clean"));
        var runs = (await _cli.RunAsync("report list donations --json --limit 2", ExitCodes.Ok)).Json.GetProperty("runs");
        Assert.That(runs.GetArrayLength(), Is.EqualTo(2));
        Assert.That(runs[0].GetProperty("drift").GetInt64(), Is.GreaterThanOrEqualTo(2));
        var diff = await _cli.RunAsync($"report diff donations 1 {_run}", ExitCodes.Found);
        Assert.That(diff.Output, Does.Contain(Invariant($"2: {_drifted} {_mailed}")).And.Contain("amount"));
        var same = (await _cli.RunAsync($"report diff donations {_run} {runs[0].GetProperty("id").GetInt64()} --json", ExitCodes.Ok)).Json;
        Assert.That(same.GetProperty("verdicts").EnumerateArray().Single(line =>
            line.GetProperty("name").GetString() == "Drift").GetProperty("persisting").GetArrayLength(), Is.EqualTo(2));
    }

    [Test, Order(5)]
    [Category("Case65")]
    public async Task Clear_values_need_the_right_and_a_reason_and_are_audited()
    {
        var refused = await _cli.RunAsync($"report show donations {_run} --reveal --reason curious", ExitCodes.Refused);
        Assert.That(refused.Error, Does.Contain("may not see clear values").And.Contain("\"reveal\" does not name this user"));
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        Assert.That(await legacy.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_audit WHERE action = 'reveal'"), Is.Zero);

        // A command line of its own: what it says is meant to be personal.
        var allowed = new CommandLine(_world);
        var settings = JsonNode.Parse(await System.IO.File.ReadAllTextAsync(allowed.ConfigFile))!;
        settings["reveal"] = new JsonArray(System.Environment.UserName);
        await System.IO.File.WriteAllTextAsync(File("reveal.json"), settings.ToJsonString());
        var without = await allowed.RunAsync($"report show donations {_run} --reveal", File("reveal.json"), CancellationToken.None);
        Assert.That((without.Code, without.Error),
            Is.EqualTo((ExitCodes.CouldNotRun, "error: --reveal needs --reason: it goes into the audit trail.\n")));
        var shown = await allowed.RunAsync($"report show donations {_run} --reveal --reason ticket-7", File("reveal.json"),
            CancellationToken.None);

        Assert.That(shown.Code, Is.Zero, shown.ToString());
        Assert.That(shown.Output, Does.Contain(Person).And.Contain("This was audited."));
        var audited = (await legacy.QueryAsync<string>(
            "SELECT CONCAT(actor, ' ', reason, ' ', detail) FROM strangler_audit WHERE action = 'reveal'")).ToList();
        Assert.That(audited, Has.Some.Match(
            Invariant($"^{System.Environment.UserName}@.* ticket-7 donation {_mailed}: 2 of \\d+ values of run {_run}$")));
        Assert.That(string.Concat(audited), Does.Not.Contain(Person));
    }

    [Test, Order(6)]
    public async Task The_timeline_tells_writes_applies_checks_and_who()
    {
        var donation = (await _world.Donations.Donations.FindAsync(_drifted, CancellationToken.None))!;
        donation.ChangeAmount(donation.AmountInCents + 5);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None, requestKey: "timeline-test", actor: "frontend-7");

        var told = (await _cli.RunAsync($"timeline donations {_drifted} --json", ExitCodes.Ok)).Json;
        var traces = told.GetProperty("traces").EnumerateArray().ToList();
        Assert.Multiple(() =>
        {
            Assert.That(One("Write", "legacy", "the last write of this side").GetProperty("by").GetString(), Is.EqualTo("frontend-7"));
            Assert.That(One("Write", "legacy", "under a request key").GetProperty("version").GetString(),
                Is.EqualTo(One("Apply", "new", "accepted").GetProperty("version").GetString()));
            Assert.That(One("Check", null, Invariant($"reconciliation {_run} ")).GetProperty("what").GetString(),
                Does.Contain("Drift in amount"));
            Assert.That(One("Reveal", "legacy", Invariant($"run {_run}")).GetProperty("by").GetString(),
                Does.StartWith(System.Environment.UserName));
            Assert.That(told.GetProperty("new_id").GetInt64(), Is.Positive);
            Assert.That(
                traces.Select(trace => trace.GetProperty("at_utc")).Where(at => at.ValueKind != JsonValueKind.Null).Select(at =>
                    at.GetDateTime()),
                Is.Ordered.And.All.GreaterThan(TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-1)).And.All.LessThan(
                    TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1)));
        });
        Assert.That((await _cli.RunAsync($"timeline donations {_drifted}", ExitCodes.Ok)).Output,
            Does.Contain("frontend-7").And.Contain("legacy: there, version"));
        await _cli.RunAsync("timeline donations 99999999", ExitCodes.Found);

        JsonElement One(string kind, string? side, string part) => traces.First(trace =>
            trace.GetProperty("kind").GetString() == kind && trace.GetProperty("what").GetString()!.Contains(part, StringComparison.Ordinal)
            && trace.GetProperty("side").GetString() == side);
    }

    [Test, Order(7)]
    public async Task The_timeline_tells_what_waits_what_is_parked_quarantined_and_erased()
    {
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        await using var @new = await _world.NewDatabase.OpenAsync();
        await legacy.ExecuteAsync(
            """
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at, state, attempts, last_error, actor)
            VALUES ('donations', 'donation', @id, 1, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'parked', 3, 'of this test', 'frontend-8')
            """,
            new { id = _mailed });
        Assert.That((await _cli.RunAsync($"timeline donations {_mailed}", ExitCodes.Ok)).Output,
            Does.Match("Parked +1\\.1 +frontend-8 +.*3 attempts, last: of this test"));
        await legacy.ExecuteAsync("DELETE FROM strangler_journal WHERE `key` = @id", new { id = _mailed });

        var unreadable = await @new.ExecuteScalarAsync<long>("SELECT MIN(`key`) FROM strangler_quarantine");
        Assert.That(
            (await _cli.RunAsync($"timeline donations {unreadable}", ExitCodes.Ok)).Output,
            Does.Match("Quarantine .*cannot be read: .*; signed off by .*: reviewed").And.Contain("Unreadable"));
        var erased = await @new.ExecuteScalarAsync<long>(
            "SELECT MIN(m.public_id) FROM strangler_id_map m JOIN donation d ON d.id = m.new_id WHERE d.is_anonymized = 1");
        Assert.That((await _cli.RunAsync($"timeline donations {erased}", ExitCodes.Ok)).Output,
            Does.Contain("Erased").And.Contain("brought over by the backfill"));
    }

    [Test, Order(8)]
    public async Task A_repair_chooses_among_a_reports_findings_is_audited_and_reminds_of_the_full_pass()
    {
        var none = await _cli.RunAsync($"repair donations --from-report {_run} --class missing_in_new", ExitCodes.Ok);
        Assert.That(none.Output, Does.Contain("holds nothing to repair of what was chosen"));
        Assert.That((await _cli.RunAsync($"repair donations --from-report {_run} --field nope", ExitCodes.CouldNotRun)).Error,
            Does.Contain("donation has no such field"));
        var dry = await _cli.RunAsync($"repair donations --from-report {_run} --class drift --field donor.email", ExitCodes.Ok);
        Assert.That(dry.Output, Does.Contain(Invariant($"  {_mailed} Drift: WouldWrite")).And.Not.Contain(
            Invariant($"  {_drifted} ")).And.Contain("Nothing was changed"));
        Assert.That((await _cli.RunAsync($"repair donations --from-report {_run} --keys {_drifted}", ExitCodes.Ok)).Output,
            Does.Not.Contain(Invariant($"  {_mailed} ")));

        var done = await _cli.RunAsync($"repair donations --from-report {_run} --field donor.email --apply --reason ticket-8",
            ExitCodes.Ok);

        Assert.That(done.Output, Does.Contain("1 Written; looked at again: Clean").And.Contain(
            "gates ask for a full clean pass. Next: strangler reconcile donations"));
        Assert.That((await _cli.RunAsync($"timeline donations {_mailed}", ExitCodes.Ok)).Output,
            Does.Match(Invariant($"Repair .*repair: donation {_mailed}: Drift in donor.email; ticket-8")));
        Assert.That((await _cli.RunAsync("cutover status donations", ExitCodes.Ok)).Output, Does.Contain("CLOSED"));
    }

    [Test, Order(9)]
    public async Task The_other_direction_wants_the_contexts_name_typed_and_is_a_write_on_the_lead()
    {
        await using var @new = await _world.NewDatabase.OpenAsync();
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        await @new.ExecuteAsync("UPDATE donation SET amount = amount + 300 WHERE id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id = _drifted });
        var wanted = await @new.ExecuteScalarAsync<long>(
            "SELECT amount FROM donation WHERE id = (SELECT new_id FROM strangler_id_map WHERE public_id = @id)", new { id = _drifted });
        var line = $"repair donations --keys {_drifted} --direction follower-to-lead";

        Assert.That((await _cli.RunAsync(line, ExitCodes.Ok)).Output, Does.Contain("WouldWrite"));
        Assert.That((await _cli.RunAsync($"{line} --apply --reason restored", ExitCodes.Refused)).Error,
            Does.Contain("--confirm donations. Nothing was changed."));
        Assert.That((await _cli.RunAsync($"{line} --apply --reason restored --confirm donations", ExitCodes.Ok)).Output,
            Does.Contain("1 Written; looked at again: Clean"));

        Assert.That(
            await legacy.ExecuteScalarAsync<string>("SELECT betrag FROM spenden WHERE id = @id", new { id = _drifted }),
            Is.EqualTo((wanted / 100m).ToString("0.00", CultureInfo.InvariantCulture)));
        await _cli.RunAsync("reconcile donations", ExitCodes.Ok);
        Assert.That((await _cli.RunAsync($"timeline donations {_drifted}", ExitCodes.Ok)).Output,
            Does.Contain("follower to lead, Drift in amount; restored"));
    }

    [Test, Order(10)]
    [Category("Case64")]
    public async Task Nothing_said_stored_or_written_holds_a_personal_value()
    {
        await using var @new = await _world.NewDatabase.OpenAsync();
        await using var legacy = await _world.LegacyDatabase.OpenAsync();
        var personal = (await legacy.QueryAsync<string>(
            "SELECT DISTINCT value FROM (SELECT name AS value FROM spenden UNION SELECT email FROM spenden) AS v WHERE CHAR_LENGTH(value) >= 8")).Append(Person).ToList();
        var stored = string.Concat(await @new.QueryAsync<string>("SELECT report FROM strangler_reconciliation"));
        var written = string.Concat(Directory.GetFiles(_folder).Where(file =>
            !file.EndsWith("reveal.json", StringComparison.Ordinal)).Select(System.IO.File.ReadAllText));
        Assert.That(personal, Has.Count.GreaterThan(50));
        foreach (var (where, text) in new[] { ("said", _cli.EverythingSaid), ("stored", stored), ("written", written) })
        {
            Assert.That(text, Is.Not.Empty);
            Assert.That(personal.Where(value => text.Contains(value, StringComparison.OrdinalIgnoreCase)), Is.Empty, where);
        }
    }

    private string File(string name) => Path.Combine(_folder, name);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
