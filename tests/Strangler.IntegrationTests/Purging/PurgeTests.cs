using Dapper;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Crashes;
using Strangler.IntegrationTests.Donations;
using Strangler.Purging;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Purging;

/// <summary>What was deleted long enough ago goes for good, on both sides, and nothing else; whoever leads, writes meanwhile, or dies.</summary>
public sealed class PurgeTests
{
    // 1 to 6 are due; 7 was deleted lately, 8 never, 9 nobody knows when.
    private const string Donations =
        """
        SET sql_mode = 'ALLOW_INVALID_DATES';
        INSERT INTO spenden (id, status, betrag, zahlweise, kommentar, data, dt_new, dt_del) VALUES
            (1, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2012-01-01 12:00:00'), (2, 'D', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2019-12-31 23:59:59'),
            (3, 'Z', '5.00', 'UEB', 'Hallo', NULL, '2011-01-01 12:00:00', '2015-01-01 12:00:00'), (4, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2015-01-01 12:00:00'),
            (5, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2015-01-01 12:00:00'), (6, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2015-01-01 12:00:00'),
            (7, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '2020-01-01 00:00:00'), (8, 'D', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', NULL),
            (9, 'N', '5.00', 'BEZ', '', NULL, '2011-01-01 12:00:00', '0000-00-00 00:00:00');
        INSERT INTO donation_notification_log (donation_id) VALUES (1), (7);
        """;

    private static readonly long[] Due = [1, 2, 3, 4, 5, 6];
    private static readonly long[] Staying = [7, 8, 9];

    [Test]
    public async Task What_is_due_goes_on_both_sides_as_tombstones_and_nothing_else([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage, [Values] bool newInPostgres)
    {
        await using var world = await CreateAsync(stage, newInPostgres);
        var shown = await RunAsync(world, dryRun: true);
        Assert.That((shown.Counts[PurgeOutcome.WouldPurge], shown.LookedAt, shown.Closed.Count), Is.EqualTo((6L, 9L, 0)));
        Assert.That(await LegacyIdsAsync(world), Is.EqualTo(Due.Concat(Staying)), "a dry run changes nothing");

        var result = await RunAsync(world);
        Assert.That(result.Counts[PurgeOutcome.Purged], Is.EqualTo(6));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertPurgedAsync(world, Due);
        await using (var legacy = await world.LegacyDatabase.OpenAsync())
        {
            Assert.That(await legacy.QueryAsync<long>("SELECT donation_id FROM donation_notification_log"), Is.EqualTo(new[] { 7L }), "companions go along");
        }

        var trail = await world.Host.Sides.Of(stage == Stage.NewLeads ? SideName.New : SideName.Legacy).Audit.ListAsync(10, CancellationToken.None);
        Assert.That(
            trail.Where(entry => entry.Action == "purge").Select(entry => (entry.Actor, entry.Reason, entry.Detail)).Reverse(),
            Is.EqualTo(new[]
            {
                ("anna", "retention", "donation: 6 deleted before 2020-01-01 00:00: 1 2 3 4 5 6"),
                ("anna", "retention", "donation: ended; deleted before 2020-01-01 00:00: 6 Purged"),
            }));
        Assert.That((await RunAsync(world)).Counts.Values.Sum(), Is.Zero, "nothing is left to purge");
    }

    [Test]
    public async Task What_is_purged_stays_so_across_flips_and_in_new_only([Values] bool newInPostgres)
    {
        await using var world = await CreateAsync(Stage.NewLeads, newInPostgres);
        await RunAsync(world);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        await AssertPurgedAsync(world, Due);
        await world.MoveToAsync(Stage.NewOnly);
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("UPDATE donation SET deleted_at = '2018-01-01 12:00:00' WHERE deleted_at = '2020-01-01 00:00:00'");
        }

        Assert.That((await RunAsync(world)).Counts[PurgeOutcome.Purged], Is.EqualTo(1), "the new side goes on alone");
        Assert.That(await world.Donations.Donations.FindAsync(7, CancellationToken.None), Is.Null);
    }

    [Test]
    public async Task A_closed_gate_lets_nothing_go_and_one_that_closes_on_the_way_stops_it()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.RunForeignAsync(Donations);
        Assert.That(() => RunAsync(world), Throws.TypeOf<WrongStageException>(), "LegacyOnly");
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var refused = await RunAsync(world);
        Assert.That((refused.Counts[PurgeOutcome.Purged], refused.Closed.Select(gate => gate.Name).ToArray()), Is.EqualTo((0L, new[] { "full reconciliation of donation" })));
        Assert.That(await LegacyIdsAsync(world), Has.Count.EqualTo(9));

        await world.ReconcileAsync();
        await using var connection = await world.NewDatabase.OpenAsync();
        var stopped = await RunAsync(world, batch: 2, progress: step =>
        {
            if (step.Id == 3)
            {
                connection.Execute(
                    """
                    INSERT INTO strangler_quarantine (context, kind, `key`, place, reason, since)
                    VALUES ('donations', 'donation', 77, 'spenden.status', 'unknown code', UTC_TIMESTAMP(6))
                    """);
            }
        });
        Assert.That((stopped.Counts[PurgeOutcome.Purged], stopped.Closed.Single().Name), Is.EqualTo((4L, "quarantine of donation")), "the batch is finished, the next not begun");
        await connection.ExecuteAsync("DELETE FROM strangler_quarantine");
        Assert.That((await RunAsync(world)).Counts[PurgeOutcome.Purged], Is.EqualTo(2));
        await AssertPurgedAsync(world, Due);
    }

    [Test]
    public async Task What_a_journal_row_still_owes_is_left_for_later([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateAsync(stage);
        await world.RunForeignAsync("UPDATE spenden SET kommentar = 'spät' WHERE id = 3");
        var first = await RunAsync(world);
        Assert.That((first.Counts[PurgeOutcome.Purged], first.Counts[PurgeOutcome.Owed]), Is.EqualTo((5L, 1L)));
        Assert.That(await LegacyIdsAsync(world), Does.Contain(3L));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await RunAsync(world)).Counts[PurgeOutcome.Purged], Is.EqualTo(1));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertPurgedAsync(world, Due);
    }

    [Test]
    public async Task Who_restores_a_donation_before_its_turn_keeps_it()
    {
        await using var world = await CreateAsync(Stage.DualWrite);
        await using var connection = await world.LegacyDatabase.OpenAsync();
        var result = await RunAsync(world, progress: step =>
        {
            if (step.Id == 1)
            {
                connection.Execute("UPDATE spenden SET dt_del = NULL WHERE id = 5");
            }
        });
        Assert.That((result.Counts[PurgeOutcome.Purged], result.Counts[PurgeOutcome.ChangedMeanwhile]), Is.EqualTo((5L, 1L)));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertPurgedAsync(world, [1, 2, 3, 4, 6]);
        Assert.That((await world.Donations.Donations.FindAsync(5, CancellationToken.None))!.IsDeleted, Is.False);
    }

    /// <summary>SIGKILL before and behind the COMMIT of a delete, time after time; the next process goes on, and nothing is half gone.</summary>
    [TestCase(HookPoint.WriteBeforeCommit)]
    [TestCase(HookPoint.WriteCommitted)]
    [CancelAfter(120_000)]
    public async Task Killed_again_and_again_it_comes_to_its_end(HookPoint point, CancellationToken cancellationToken)
    {
        await using var world = await CreateAsync(Stage.DualWrite);
        await using var pool = new CrashPool(world);
        var deaths = 0;
        for (; ; deaths++)
        {
            var child = await pool.TakeAsync(cancellationToken);
            child.Arm(point, HookAction.Kill, skip: 1);
            child.Send("purge purge 2");
            if (await child.EndedAsync("purge", cancellationToken))
            {
                Assert.That(child.Answers["purge"], Does.StartWith("ack"), child.Answers["purge"]);
                break;
            }

            var gone = Due.Except(await LegacyIdsAsync(world)).Count();
            Assert.That(gone, Is.EqualTo((deaths + 1) * (point == HookPoint.WriteCommitted ? 2 : 1)), "what was committed is gone, and no more");
            Assert.That(await LegacyIdsAsync(world), Is.SupersetOf(Staying));
        }

        Assert.That(deaths, Is.GreaterThan(1));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertPurgedAsync(world, Due);
    }

    [Test]
    public async Task An_unfinished_run_is_taken_up_where_it_was_and_the_next_one_begins_anew()
    {
        await using var world = await CreateAsync(Stage.DualWrite);
        await world.Host.Sides.Purges.SaveAsync(world.Kind, new PurgeCheckpoint(4, 3), CancellationToken.None);
        var resumed = await RunAsync(world);
        Assert.That((resumed.ResumedAt, resumed.Counts[PurgeOutcome.Purged]), Is.EqualTo(((long?)4, 3L)));
        Assert.That((await RunAsync(world, dryRun: true)).Counts[PurgeOutcome.WouldPurge], Is.EqualTo(3), "a dry run sees all");
        var next = await RunAsync(world);
        Assert.That((next.ResumedAt, next.Counts[PurgeOutcome.Purged]), Is.EqualTo(((long?)null, 3L)));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertPurgedAsync(world, Due);
    }

    [Test]
    public async Task The_command_shows_first_and_purges_when_it_is_told_to()
    {
        await using var world = await CreateAsync(Stage.DualWrite);
        var cli = new CommandLine(world);
        Assert.That((await cli.RunAsync("purge donations", ExitCodes.CouldNotRun)).Error, Does.Contain("purgeAfter").And.Contain("--older-than"));
        Assert.That((await cli.RunAsync("purge donations --older-than 5h", ExitCodes.CouldNotRun)).Error, Does.Contain("1d to 3650d"));
        Assert.That((await cli.RunAsync("purge donations --older-than 1000d --apply", ExitCodes.CouldNotRun)).Error, Does.Contain("--reason"));
        var shown = await cli.RunAsync("purge donations --older-than 1000d", ExitCodes.Ok);
        Assert.That(shown.Output, Does.Contain("7 would be purged").And.Contain("Nothing was changed"));
        var done = (await cli.RunAsync("purge donations --older-than 1000d --apply --reason retention --json", ExitCodes.Ok)).Json;
        Assert.That(done.GetProperty("counts").GetProperty("purged").GetInt64(), Is.EqualTo(7));
        Assert.That(await LegacyIdsAsync(world), Is.EqualTo(new[] { 8L, 9L }));
        Assert.That((await cli.RunAsync("timeline donations 4", ExitCodes.Ok)).Output, Does.Contain("purge by"));
        await cli.RunAsync("reconcile donations", ExitCodes.Ok);
    }

    /// <summary>Where legacy does not say when something was deleted, nothing is guessed: the refusal says why, of every kind that there is.</summary>
    [TestCase("memberships", "membership", "nothing when its row was deleted")]
    [TestCase("subscriptions", "subscription", "deletes its row")]
    [TestCase("address-changes", "address-change", "no column says that, or when")]
    [TestCase("back-office-users", "user", "made inactive")]
    [TestCase("impressions", "banner", "only ever added to")]
    [TestCase("impressions", "impression", "only ever added to")]
    [TestCase("buckets", "bucket-log", "only ever added to")]
    [TestCase("change-log", "logged-action", "Only ever added to")]
    public async Task Where_nothing_tells_when_something_was_deleted_the_refusal_says_why(string context, string kind, string why)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file,
            $$"""
            { "hashKey": "{{new string('0', 64)}}",
              "contexts": { "{{context}}": { "legacy": "Server=127.0.0.1;Port=1;Database=none", "new": "Server=127.0.0.1;Port=2;Database=none" } } }
            """);
        using var error = new StringWriter();
        var code = await StranglerCommandLine.RunAsync(
            ["purge", context, "--older-than", "730d", "--kind", kind, "--config", file], TextWriter.Null, error, CancellationToken.None);
        File.Delete(file);
        Assert.That(code, Is.EqualTo(ExitCodes.CouldNotRun));
        Assert.That(error.ToString(), Does.Contain($"There is nothing to purge in {context}. {kind}: ").And.Contain(why).IgnoreCase);
    }

    [Test]
    public void Every_kind_says_when_its_entities_were_deleted_or_why_nobody_can_tell() => Assert.That(
        ContextCatalog.Names.SelectMany(name => ContextCatalog.LoadMapping(StranglerConfiguration.Load(null, ContextCatalog.Names, _ => null), name).Values)
            .Where(mapping => mapping is { DeletedAt: null, NoDeletion: null }).Select(mapping => mapping.Kind),
        Is.Empty);

    private static async Task<DonationsWorld> CreateAsync(Stage stage, bool newInPostgres = false)
    {
        var world = await DonationsWorld.CreateAsync(@new: newInPostgres ? await TestServers.CreatePostgresDatabaseAsync("donations_new") : null);
        await world.RunForeignAsync(Donations);
        await world.MoveToAsync(stage);
        if (stage == Stage.DualWrite)
        {
            await world.OpenGatesAsync(Stage.ShadowRead);
        }

        return world;
    }

    private static Task<PurgeResult> RunAsync(DonationsWorld world, bool dryRun = false, int batch = 100, Action<PurgeStep>? progress = null) =>
        new PurgeJob(world.Host.Runtime).RunAsync(
            PurgeRequests.Of(dryRun) with { Batch = batch }, progress is null ? null : new Told(progress), CancellationToken.None);

    private static async Task AssertPurgedAsync(DonationsWorld world, long[] purged)
    {
        foreach (var id in purged)
        {
            Assert.That(await world.Donations.Donations.FindAsync(id, CancellationToken.None), Is.Null, $"{id}");
            foreach (var side in Enum.GetValues<SideName>())
            {
                var state = await world.Host.Sides.Of(side).Store.ReadAsync(new EntityKey(world.Kind, id), CancellationToken.None);
                Assert.That((state.Row is null, state.Entity?.Tombstone), Is.EqualTo((true, true)), $"{id} in {side}");
            }
        }

        Assert.That((await LegacyIdsAsync(world)).Intersect(purged), Is.Empty);
        Assert.That(await LegacyIdsAsync(world), Is.SupersetOf(Staying));
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    private static async Task<List<long>> LegacyIdsAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        return [.. await connection.QueryAsync<long>("SELECT id FROM spenden ORDER BY id")];
    }

    private sealed class Told(Action<PurgeStep> act) : IProgress<PurgeStep>
    {
        public void Report(PurgeStep value) => act(value);
    }
}
