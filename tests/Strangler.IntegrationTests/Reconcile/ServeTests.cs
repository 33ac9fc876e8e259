using System.Text.Json;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;
using Strangler.Service.Background;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>Relays and scheduled reconciliations in the background, on a real server.</summary>
[TestFixture]
public sealed class ServeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Test]
    [Category("Case66")]
    public async Task Of_two_services_one_runs_each_occurrence_both_relay_and_SIGTERM_ends_them()
    {
        await using var world = await WorldAsync();
        var file = Configure(world, new { cron = "0/3 * * * * ?" });
        await using var first = ServeProcess.Start(file);
        await using var second = ServeProcess.Start(file);
        await first.SaysAsync("Serving as");
        await second.SaysAsync("Serving as");

        // A write that nobody but a service brings over: the row is journalled, and no apply was made.
        await world.RunForeignAsync("UPDATE spenden SET ort = 'Aachen' WHERE id = (SELECT MIN(id) FROM spenden)");
        await UntilAsync(async () => (await RunsAsync(world)).Count(run => run.EndedUtc is not null) >= 4);
        await UntilAsync(async () => (await world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Open == 0);
        var status = await new CommandLine(world).RunAsync("status", file, CancellationToken.None);
        Assert.That(status.Output, Does.Match("donations, scheduled reconciliation 0/3 \\* \\* \\* \\* \\? UTC: next .* UTC, by .*; last .* UTC, (clean|inconclusive|under way)"));

        Assert.That((await first.EndAsync(), await second.EndAsync()), Is.EqualTo((0, 0)), first.Said + second.Said);
        Assert.That(first.Said + second.Said, Does.Contain("Stopped."));
        var runs = (await RunsAsync(world)).OrderBy(run => run.BeganUtc).ToList();
        Assert.That(runs.Zip(runs.Skip(1), (left, right) => right.BeganUtc - left.BeganUtc), Is.All.GreaterThan(TimeSpan.FromSeconds(1)),
            "two services never run one occurrence");
        Assert.That((await world.Host.Cutover.StatusAsync(CancellationToken.None)).Stage, Is.EqualTo(Stage.DualWrite));
        var after = await new CommandLine(world).RunAsync("status", file, CancellationToken.None);
        Assert.That(after.Code, Is.Zero, after.All);
    }

    [Test]
    public async Task A_run_begun_by_hand_is_not_disturbed_and_the_next_occurrence_is_run()
    {
        await using var world = await WorldAsync();
        var lease = world.Host.Sides.ReconciliationLease;
        await lease.AcquireAsync(
            new LeaseHolder("theirs", "donation: all", "jane", new ProcessIdentity("otherhost", "another machine", 4711, "1")), null,
            TimeSpan.FromHours(1), CancellationToken.None);
        await using var loop = Loop.Start(world, "0/1 * * * * ?");

        await UntilAsync(async () => (await StateAsync(world)).Outcome.Length > 0);
        Assert.That((await StateAsync(world)).Outcome, Does.Match("could not run: .*already running: donation: all, since .* by jane \\(process 4711 on otherhost\\)"));
        await lease.ReleaseAsync("theirs", CancellationToken.None);

        await UntilAsync(async () => (await StateAsync(world)).Outcome == "clean");
        Assert.That((await StateAsync(world)).RunId, Is.Positive);
        Assert.That(world.Logs.Lines, Has.Some.Matches<string>(line => line.Contains("could not run", StringComparison.Ordinal)));
    }

    [Test]
    [Category("Case8")]
    public async Task A_scheduled_run_whose_service_was_killed_is_taken_up_by_another()
    {
        await using var world = await WorldAsync(300);
        using var limit = new CancellationTokenSource(Patience);
        const string Never = "0 0 3 1 1 ? 2098";
        var schedule = ReconciliationSchedule.Create(Never, null, incremental: false);
        var due = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await world.Host.Sides.Schedules!.SayAsync(schedule.Name, null, "killed", CancellationToken.None);
        Assert.That(await world.Host.Sides.Schedules.TakeAsync(schedule.Name, due, "killed", CancellationToken.None), Is.True);
        Assert.That(await world.Host.Sides.Schedules.TakeAsync(schedule.Name, due, "other", CancellationToken.None), Is.False);
        Assert.That(await ReconcileChild.KilledAfterAsync(world, "run", 6, limit.Token), Is.False);

        await using var loop = Loop.Start(world, Never);
        await UntilAsync(async () => (await StateAsync(world)).Outcome == "clean");

        var report = await world.Host.ReportAsync((await StateAsync(world)).RunId, CancellationToken.None);
        Assert.That(report.Notes, Has.Some.StartsWith("Interrupted after"));
        Assert.That(report.Entities, Is.EqualTo(report.LegacyRows));
        Assert.That((await RunsAsync(world)).Count, Is.EqualTo(1), "the same run went on");
    }

    [Test]
    public async Task Drift_is_an_error_in_the_log_and_an_outcome_in_the_status()
    {
        await using var world = await WorldAsync();
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("UPDATE donation SET amount = amount + 1 LIMIT 2");
        }

        await using var loop = Loop.Start(world, "0/1 * * * * ?");
        await UntilAsync(async () => (await StateAsync(world)).Outcome == "drift");

        Assert.That(world.Logs.Lines, Has.Some.Matches<string>(line =>
            line.StartsWith("Error 1903", StringComparison.Ordinal) && line.Contains("drift in 2 entities", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Before_the_backfill_is_complete_nothing_is_run_for_all_would_be_missing()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(20);
        await world.MoveToAsync(Stage.DualWrite);
        await using var loop = Loop.Start(world, "0/1 * * * * ?");

        await UntilAsync(async () => (await StateAsync(world)).Outcome == "not run: the backfill of donation is not complete");
        Assert.That(await RunsAsync(world), Is.Empty);
        await world.BackfillAsync();

        await UntilAsync(async () => (await StateAsync(world)).Outcome == "clean");
    }

    [Test]
    public async Task An_incremental_schedule_runs_incrementally_and_opens_no_gate()
    {
        await using var world = await WorldAsync();
        await using var loop = Loop.Start(world, "0/1 * * * * ?", incremental: true);

        await UntilAsync(async () => (await StateAsync(world, incremental: true)).Outcome == "clean");

        Assert.That((await RunsAsync(world)).Select(run => run.Full), Is.All.False);
    }

    [Test]
    public async Task In_LegacyOnly_nothing_is_due_and_the_new_database_is_not_asked()
    {
        await using var world = await DonationsWorld.CreateAsync(migrate: false);
        await using var loop = Loop.Start(world, "0/1 * * * * ?");

        await Task.Delay(2500, CancellationToken.None);

        Assert.That(world.Logs.Lines.Where(line => line.Contains("due next", StringComparison.Ordinal)), Is.Not.Empty);
        await using var connection = await world.NewDatabase.OpenAsync();
        Assert.That(await connection.QueryAsync<string>("SHOW TABLES"), Is.Empty);
    }

    private static async Task<DonationsWorld> WorldAsync(int rows = 80)
    {
        var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(rows);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        return world;
    }

    // Beside the one under test a context whose servers do not answer: nothing of it may keep the other from its work.
    private static string Configure(DonationsWorld world, params object[] schedules)
    {
        var line = new CommandLine(world);
        var file = Path.Combine(Path.GetDirectoryName(world.ConfigFile)!, "serve.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = line.HashKey,
            contexts = new Dictionary<string, object>
            {
                ["donations"] = new { legacy = line.Legacy, @new = line.New, schedules, options = new { relayPoll = "100ms" }, reconciliation = new { gentleAbove = 0 } },
            },
        }));
        return file;
    }

    private static async Task<ScheduleState> StateAsync(DonationsWorld world, bool incremental = false) =>
        (await world.Host.Sides.Schedules!.ListAsync(CancellationToken.None))
            .SingleOrDefault(state => state.Name.EndsWith("incremental", StringComparison.Ordinal) == incremental)
            ?? new ScheduleState("", null, default, "", null, "", 0, "");

    private static Task<IReadOnlyList<RunSummary>> RunsAsync(DonationsWorld world) =>
        world.Host.Sides.Reconciliations.SummariesAsync(100, CancellationToken.None);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>The loop within this process.</summary>
    private sealed class Loop(ScheduledReconciliation loop) : IAsyncDisposable
    {
        public static Loop Start(DonationsWorld world, string cron, bool incremental = false)
        {
            var host = world.Open();
            var loop = new ScheduledReconciliation(
                host.Runtime, () => host.ReconciliationOptions, () => ([ReconciliationSchedule.Create(cron, null, incremental)], Task.Delay(Timeout.Infinite)));
            loop.StartAsync(CancellationToken.None);
            return new Loop(loop);
        }

        public async ValueTask DisposeAsync()
        {
            await loop.StopAsync(CancellationToken.None);
            loop.Dispose();
        }
    }
}
