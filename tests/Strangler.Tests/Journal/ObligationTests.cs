using System.Diagnostics.Metrics;
using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Journal;

/// <summary>A version that the follower lacks and no journal row owes is found without a reconciliation (PROTOCOL §8, LostObligation); what is in flight never is.</summary>
public sealed class ObligationTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_lost_obligation_is_found_in_the_background_and_leaves_the_list_once_it_is_mended(
        [Values(Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads)] Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        var (good, lost) = (await process.AddAsync("good"), await LoseAsync(process, "lost"));
        using var stop = new CancellationTokenSource();
        var run = process.Relay.RunAsync(stop.Token);
        await Task.Delay(TimeSpan.FromMinutes(1), _time);
        Assert.That(Listed(process), Is.EqualTo(new[] { lost }));
        Assert.That(await process.Memory.Sides.Obligations.LastWalkAsync(TestLens.Kind, default), Has.Property("Checked").EqualTo(2));

        await Hammer.IncrementAsync(process, lost);
        await Task.Delay(process.Runtime.Options.ObligationInterval + TimeSpan.FromMinutes(1), _time);
        Assert.That(Listed(process), Is.Empty);
        Simulation.Cancel(stop);
        await run;
        process.AssertBothSidesAgree();
        Assert.That((await process.FindAsync(good.Id)).Name, Is.EqualTo("good"));
    });

    [Test]
    public void Its_metric_is_apart_from_the_lag_and_it_closes_every_gate() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        await process.BackfillOnPaperAsync();
        await process.Runtime.Stage.RefreshAsync(default);
        var lost = new List<long>();
        using var listener = Listen("strangler.obligations.lost", lost);
        var check = new ObligationCheck(process.Runtime);
        await check.StepAsync(default);
        Assert.That((await process.Cutover.GatesAsync(Stage.ShadowRead, default)).Single(IsOurs).Passed, Is.True);

        var id = await LoseAsync(process, "lost");
        Assert.That((await check.CheckAllAsync(default)).Lost, Is.EqualTo(new[] { TestProcess.Key(id) }));
        Assert.That((await process.Memory.Sides.Legacy.Journal.DepthAsync(default)).Lag, Is.EqualTo(TimeSpan.Zero), "the lag cannot tell");
        await Task.Delay(process.Runtime.Options.ObligationInterval, _time);
        await check.StepAsync(default);
        Assert.That(lost, Is.EqualTo(new[] { 0L, 1L }));
        var gate = (await process.Cutover.GatesAsync(Stage.ShadowRead, default)).Single(IsOurs);
        Assert.That((gate.Passed, gate.Value), Is.EqualTo((false, "1")));
    });

    /// <summary>Writers, relays, failures of the follower and flips both ways: nothing in flight is taken for lost.</summary>
    [Test]
    [Category("Case59")]
    public void Under_load_with_failures_and_flips_none_is_found([Range(1, 15)] int seed) => Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, Quick);
        var ids = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add((await process.AddAsync($"n{i}")).Id);
        }

        using var stop = new CancellationTokenSource();
        var relays = new[] { process, process.Another(2, Quick) }.Select(each => each.Relay.RunAsync(stop.Token)).ToList();
        var hammer = new Hammer();
        var writers = Enumerable.Range(3, 3).Select(i => hammer.RunAsync(Flaky(process.Another(i), i), i, ids, stop.Token)).ToList();
        var check = new ObligationCheck(process.Another(9).Runtime);
        foreach (var stage in new[] { Stage.ShadowRead, Stage.NewLeads, Stage.ShadowRead, Stage.NewLeads })
        {
            for (var i = 0; i < 20; i++)
            {
                Assert.That((await TryCheckAsync(check)).Lost, Is.Empty);
                await Task.Delay(TimeSpan.FromMilliseconds(50), _time);
            }

            await MoveAsync(process, stage);
        }

        Simulation.Cancel(stop);
        await Task.WhenAll([.. writers, .. relays]);
        Assert.That(Listed(process), Is.Empty);
        Assert.That(hammer.Writes, Is.GreaterThan(50));
    }, TimeSpan.FromHours(20));

    [Test]
    public void A_parked_key_is_not_lost_and_a_dropped_one_is() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var poison = await process.AddTooRichForLegacyAsync();
        await process.Relay.DrainAsync(default);
        var check = new ObligationCheck(process.Runtime);
        var parked = new ParkedKeys(process.Runtime);
        var key = TestProcess.Key(poison.Id);
        Assert.That((await check.CheckAllAsync(default)).Lost, Is.Empty);

        Assert.That((await parked.DropAsync(key, "op", "", dryRun: true, default)).Key, Is.EqualTo(key));
        await Assert.ThatAsync(() => parked.DropAsync(key, "op", " ", dryRun: false, default), Throws.InstanceOf<ArgumentException>());
        Assert.That((await process.Memory.Sides.New.Journal.DepthAsync(default)).Parked, Is.Not.Zero);

        var before = process.Memory.NewDatabase.UtcNow;
        await parked.DropAsync(key, "op", "hopeless", dryRun: false, default);
        Assert.That((await check.CheckAllAsync(default)).Lost, Is.EqualTo(new[] { key }));
        Assert.That(process.Memory.NewDatabase.LastDisturbance, Is.GreaterThanOrEqualTo(before), "no earlier clean run opens a gate");
        var audit = process.Memory.NewDatabase.Audit.Single();
        Assert.That((audit.Actor, audit.Action, audit.Reason), Is.EqualTo(("op", "drop", "hopeless")));
        Assert.That(audit.Detail, Does.StartWith(key.ToString()).And.Not.Contain("xxx"));
        await Assert.ThatAsync(() => parked.DropAsync(key, "op", "again", dryRun: false, default), Throws.InstanceOf<NotParkedException>());
        Assert.That(process.Memory.NewDatabase.Audit, Has.Count.EqualTo(1));
    });

    [Test]
    public void A_key_that_waits_in_the_journal_cannot_be_dropped() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        process.Memory.Fault = Strangler.Tests.DualWrite.WriteTests.Down("new.");
        var note = await process.AddAsync("a");
        process.Memory.Fault = null;
        await Assert.ThatAsync(
            () => new ParkedKeys(process.Runtime).DropAsync(TestProcess.Key(note.Id), "op", "why", dryRun: false, default),
            Throws.InstanceOf<NotParkedException>().With.Message.Contains("strangler relay status notes"));
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
    });

    /// <summary>Case 8: replicas share one walk; one that dies in its turn is followed by another, where the walk was.</summary>
    [Test]
    [Category("Case8")]
    public void A_walk_goes_on_where_the_replica_died_that_was_at_it() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        for (long id = 1; id <= 2_500; id++)
        {
            // As many applies as keys would take long: accepted states as the applies leave them.
            var state = new EntityState(new EntityVersion(2, 1), 0, true, []);
            process.Memory.LegacyDatabase.Entities[TestProcess.Key(id)] = state;
            process.Memory.NewDatabase.Entities[TestProcess.Key(id)] = state with { Version = new EntityVersion(2, id == 2_400 ? 0 : 1) };
        }

        await process.Runtime.Stage.RefreshAsync(default);
        await new ObligationCheck(process.Runtime).StepAsync(default);
        await Task.Delay(process.Runtime.Options.ObligationPause, _time);
        process.Memory.Fault = step =>
        {
            if (step == "new.turn-end.before")
            {
                process.Memory.Kill();
            }

            return Task.CompletedTask;
        };
        await Assert.ThatAsync(() => new ObligationCheck(process.Runtime).StepAsync(default), Throws.InstanceOf<Exception>());

        var other = process.Another(2);
        await other.Runtime.Stage.RefreshAsync(default);
        var check = new ObligationCheck(other.Runtime);
        Assert.That(await check.StepAsync(default), Is.GreaterThan(other.Runtime.Options.ObligationPause), "the dead one's turn is not over");
        Assert.That(Listed(other), Is.Empty);
        await Task.Delay(TimeSpan.FromMinutes(2), _time);
        for (var i = 0; i < 2; i++)
        {
            await check.StepAsync(default);
            await Task.Delay(other.Runtime.Options.ObligationPause, _time);
        }

        Assert.That(Listed(other), Is.EqualTo(new[] { 2_400L }));
        Assert.That((await other.Memory.Sides.Obligations.LastWalkAsync(TestLens.Kind, default))!.Checked, Is.EqualTo(2_500));
        Assert.That(other.Memory.Steps.Count(step => step == "legacy.versions.before"), Is.EqualTo(2 + 2), "two chunks, and two looks at one suspect");
    });

    [Test]
    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.NewOnly)]
    public void Where_there_is_no_follower_it_asks_nobody(Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        await process.Runtime.Stage.RefreshAsync(default);
        var before = process.Memory.Steps.Count;
        await new ObligationCheck(process.Runtime).StepAsync(default);
        Assert.That(process.Memory.Steps, Has.Count.EqualTo(before));
        await Assert.ThatAsync(
            () => new ObligationCheck(process.Runtime).CheckAllAsync(default), Throws.InstanceOf<WrongStageException>());
    });

    private static bool IsOurs(Gate gate) => gate.Name == "lost obligations";

    private static void Quick(ContextOptions options)
    {
        options.ObligationPause = TimeSpan.FromMilliseconds(10);
        options.ObligationInterval = TimeSpan.FromSeconds(1);
    }

    private static List<long> Listed(TestProcess process) => [.. process.Memory.NewDatabase.Obligations.Lost.Select(lost => lost.Id)];

    // The follower was not reached, and the journal row disappears behind the engine's back.
    private static async Task<long> LoseAsync(TestProcess process, string name)
    {
        var lead = process.Memory.LegacyDatabase.FenceRow.AnswersReads ? SideName.Legacy : SideName.New;
        process.Memory.Fault = Strangler.Tests.DualWrite.WriteTests.Down(lead == SideName.Legacy ? "new." : "legacy.");
        var note = await process.AddAsync(name);
        process.Memory.Fault = null;
        Assert.That(process.Memory.Of(lead).Journal.RemoveAll(row => row.Key == TestProcess.Key(note.Id)), Is.EqualTo(1));
        return note.Id;
    }

    private async Task<ObligationReport> TryCheckAsync(ObligationCheck check)
    {
        while (true)
        {
            try
            {
                return await check.CheckAllAsync(default);
            }
            catch (WrongStageException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), _time);
            }
        }
    }

    // Forward and back as an operator under load: a flip that the writers did not let through is tried again.
    private async Task MoveAsync(TestProcess process, Stage stage)
    {
        while ((await process.Cutover.StatusAsync(default)).Stage is var present && present != stage)
        {
            try
            {
                if (present < stage)
                {
                    await process.BackfillAsync();
                    await process.AdvanceAsync();
                }
                else
                {
                    await process.BackAsync();
                }
            }
            catch (Exception exception) when (exception is CutoverException or GateException or FenceBusyException or WrongStageException)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), _time);
            }
        }
    }

    private static TestProcess Flaky(TestProcess process, int seed)
    {
        var random = new Random(seed);
        process.Memory.Fault = step =>
        {
            var side = step.StartsWith("new.", StringComparison.Ordinal) ? SideName.New : SideName.Legacy;
            return process.Memory.Of(side).FenceRow.Role == FenceRole.Follower && random.Next(12) == 0
                ? throw new SideUnavailableException(side, "flaky", true, new InvalidOperationException())
                : Task.CompletedTask;
        };
        return process;
    }

    private static MeterListener Listen(string instrument, List<long> values)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (published, self) =>
            {
                if (published.Name == instrument)
                {
                    self.EnableMeasurementEvents(published);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => values.Add(value));
        listener.Start();
        return listener;
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
