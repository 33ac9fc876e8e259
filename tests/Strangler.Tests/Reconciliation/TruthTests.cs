using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>Under load the report is that of a quiet system: no drift where there is none, and all of it where there is some.</summary>
[TestFixture]
public sealed class TruthTests
{
    [Test]
    [Category("Case59")]
    [Category("Case18")]
    public void Writers_a_relay_and_flips_make_no_drift([Range(1, 40)] int seed)
    {
        var world = World.Filled();
        List<ReconciliationReport> reports = [];
        var busy = true;

        world.Run(async () =>
        {
            var writers = Enumerable.Range(0, 3).Select(writer => WriteAsync(world, new Random((seed * 10) + writer), () => busy)).ToList();
            var relay = RelayAsync(world, () => busy);
            var flips = FlipAsync(world, () => busy);
            for (var i = 0; i < 3; i++)
            {
                reports.Add(await world.ReconcileAsync());
            }

            busy = false;
            await Task.WhenAll([.. writers, relay, flips]);
            await world.DrainAsync();
            reports.Add(await world.ReconcileAsync());
        }, seed);

        foreach (var report in reports)
        {
            Assert.That(report.Outcome, Is.Not.EqualTo(ReconciliationOutcome.Drift), string.Join('\n', ReportText.Render(report)));
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities));
        }

        Assert.That(reports[^1].Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        var (legacy, @new) = world.Contents();
        Assert.That(@new, Is.EqualTo(legacy));
    }

    [Test]
    [Category("Case59")]
    public void Planted_drift_is_found_under_the_same_load([Range(1, 10)] int seed)
    {
        var world = World.Filled();
        long[] planted = [10, 105, 150, 200];
        world.TamperNew(10, 0, "planted");
        world.PlantNew(105, TestLens.NewRow("planted", 1, false, false));
        world.New.Rows.Remove(world.NewKey(150));
        world.TamperNew(200, 1, 1L);
        ReconciliationReport? report = null;
        var busy = true;

        world.Run(async () =>
        {
            var writer = WriteAsync(world, new Random(seed), () => busy, planted);
            var relay = RelayAsync(world, () => busy);
            report = await world.ReconcileAsync();
            busy = false;
            await Task.WhenAll(writer, relay);
        }, seed);

        Assert.That(report!.DifferingIds, Is.EqualTo(planted), string.Join('\n', ReportText.Render(report)));
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
    }

    [Test]
    [Category("Case18")]
    public void A_key_that_moves_in_every_observation_is_hot_and_inconclusive_never_drift()
    {
        var world = World.Filled();
        var writes = 0;
        world.Sides.Fault = step =>
        {
            if (step == "legacy.range.before")
            {
                world.Sides.PlantLegacy(100, "hot", ++writes);
                world.Raise(SideName.Legacy, 100, writes);
            }

            return Task.CompletedTask;
        };

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Counts[Verdict.InFlight], Is.EqualTo(1));
            Assert.That(report.HotKeys, Is.EqualTo(1));
            Assert.That(report.Rechecks, Is.EqualTo(5));
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Inconclusive));
        });
    }

    [Test]
    [Category("Case18")]
    public void A_follower_always_one_write_behind_matches_the_leads_earlier_state()
    {
        var world = World.Filled();
        var counter = 1;
        Step();
        world.Sides.Fault = step =>
        {
            if (step == "legacy.range.before")
            {
                Step();
            }

            return Task.CompletedTask;
        };

        var report = world.Reconcile();

        Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(20), string.Join('\n', ReportText.Render(report)));

        void Step()
        {
            world.TamperNew(100, 1, (long)counter);
            world.Raise(SideName.New, 100, counter);
            counter++;
            world.Sides.PlantLegacy(100, "Note 100", counter, "P");
            world.Raise(SideName.Legacy, 100, counter);
        }
    }

    [Test]
    public void A_journal_row_settled_between_the_two_reads_is_no_lost_obligation()
    {
        var world = World.Filled();
        world.Run(() => world.WriteAsync(100, TestLens.Of("moved", 1)));
        var reads = 0;
        world.Sides.Fault = async step =>
        {
            // Each time: the new side has been read, legacy not yet; now the relay applies and settles, and another write follows.
            if (step == "new.range.after" && ++reads > 3)
            {
                world.Sides.Fault = null;
                await world.ApplyAsync(100);
            }
        };
        world.Options.Parallelism = 1;

        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public void What_is_brought_along_during_the_rechecks_is_matched()
    {
        var world = World.Filled();
        world.Run(() => world.WriteAsync(100, TestLens.Of("moved", 1)));
        ReconciliationReport? report = null;

        world.Run(async () =>
        {
            var running = world.ReconcileAsync();
            await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
            await world.ApplyAsync(100);
            report = await running;
        });

        Assert.That(report!.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        Assert.That(report.Rechecks, Is.GreaterThan(1));
    }

    [Test]
    public void More_suspects_than_fit_are_put_off_and_read_anew_never_guessed([Values(1, 3, 7)] int capacity)
    {
        var world = World.Filled();
        world.Options.MaxSuspects = capacity;
        for (var id = 20; id <= 200; id += 20)
        {
            world.TamperNew(id, 1, -1L);
        }

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Counts[Verdict.Drift], Is.EqualTo(10));
            Assert.That(report.Entities, Is.EqualTo(20), "a chunk that is put off counts once");
            Assert.That(report.FieldCounts["amount"], Is.EqualTo(10));
            Assert.That(report.DeferredChunks, capacity < 3 ? Is.Positive : Is.Not.Negative);
        });
    }

    [Test]
    public void A_run_pauses_for_lag_says_why_and_goes_on_when_its_patience_ends()
    {
        var world = World.Filled();
        world.Raise(SideName.Legacy, 100, 1);
        world.Journal(SideName.Legacy, 100, 1, TimeSpan.FromMinutes(5));
        var progress = new Collected<ReconciliationProgress>();
        var before = world.Time.GetUtcNow();

        var report = world.Run(() => world.ReconcileAsync(null, progress));

        Assert.That(progress.All.Select(each => each.Waiting), Has.Some.Contains("the limit is 30 s"));
        Assert.That(world.Time.GetUtcNow() - before, Is.AtLeast(world.Options.PauseForLag));
        Assert.That(report.Counts[Verdict.Lagging], Is.EqualTo(1));
    }

    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.NewOnly)]
    public void Where_there_are_no_two_sides_it_refuses(Stage stage)
    {
        var world = World.Filled();
        world.Sides.SetStage(stage, 8, World.DualEpoch);
        var steps = world.Sides.Steps.Count;

        var error = Assert.Throws<WrongStageException>(() => world.Reconcile());

        Assert.That(error!.Message, Does.Contain(stage.ToString()));
        Assert.That(world.New.Runs, Is.Empty);
        if (stage == Stage.LegacyOnly)
        {
            Assert.That(world.Sides.Steps.Skip(steps), Has.None.StartsWith("new."), "the new database is never contacted");
        }
    }

    [Test]
    public void A_run_that_dies_stays_visible_as_not_ended_and_a_finished_one_is_stored()
    {
        var world = World.Filled();
        world.Sides.Fault = step => step == "new.unmapped.before" ? throw new CrashException() : Task.CompletedTask;

        Assert.Throws<CrashException>(() => world.Reconcile());
        world.Sides.Fault = null;
        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(world.New.Runs[0].Run.EndedUtc, Is.Null);
            Assert.That(world.New.Runs[1].Run, Is.EqualTo(new ReconciliationRun(
                2, report.BeganUtc, report.EndedUtc, true, "clean", report.ToJson())));
        });
    }

    [Test]
    public void A_failure_in_one_range_ends_the_run_with_that_failure()
    {
        var world = World.Filled();
        world.Sides.Fault = step => step == "new.range.before"
            ? throw new SideUnavailableException(SideName.New, "gone", false, new InvalidOperationException())
            : Task.CompletedTask;

        Assert.Throws<SideUnavailableException>(() => world.Reconcile());
    }

    [Test]
    public void Transient_failures_are_repeated()
    {
        var world = World.Filled();
        var failures = 0;
        world.Sides.Fault = step => step == "new.range.before" && failures++ < 3
            ? throw new SideUnavailableException(SideName.New, "busy", true, new InvalidOperationException())
            : Task.CompletedTask;

        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public void A_range_and_explicit_keys_see_only_what_they_name()
    {
        var world = World.Filled();
        world.TamperNew(10, 1, 1L);
        world.TamperNew(100, 1, 1L);
        world.TamperNew(110, 1, 1L);
        world.TamperNew(200, 1, 1L);

        var range = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, From = 100, To = 110 });
        var open = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, From = 105 });
        var keys = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, Keys = [200, 10, 20, 7, 10] });

        Assert.Multiple(() =>
        {
            Assert.That((range.Full, range.Entities), Is.EqualTo((false, 2L)));
            Assert.That(range.DifferingIds, Is.EqualTo(new long[] { 100, 110 }));
            Assert.That(open.DifferingIds, Is.EqualTo(new long[] { 110, 200 }));
            Assert.That(open.Entities, Is.EqualTo(10));
            Assert.That((keys.Full, keys.Entities), Is.EqualTo((false, 3L)));
            Assert.That(keys.DifferingIds, Is.EqualTo(new long[] { 10, 200 }));
        });
    }

    internal static async Task WriteAsync(World world, Random random, Func<bool> busy, long[]? notThese = null)
    {
        for (var i = 0; i < 400 && busy(); i++)
        {
            var id = random.Next(3) > 0 ? 100 : random.Next(1, 230);
            if (notThese?.Contains(id) == true)
            {
                continue;
            }

            var cancelled = random.Next(4) == 0;
            var record = random.Next(6) == 0 ? null : TestLens.Of($"live {i}", i, cancelled, random.Next(2) == 0);
            await world.WriteAsync(id, record);
            if (random.Next(2) == 0)
            {
                await world.ApplyAsync(id);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 40)), world.Time);
        }
    }

    internal static async Task RelayAsync(World world, Func<bool> busy)
    {
        while (busy())
        {
            var side = world.New.FenceRow.AnswersReads ? SideName.New : SideName.Legacy;
            foreach (var id in world.Sides.Of(side).Journal.Select(row => row.Key.Id).Distinct().Take(5).ToList())
            {
                await world.ApplyAsync(id);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), world.Time);
        }
    }

    internal static async Task FlipAsync(World world, Func<bool> busy)
    {
        while (busy())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(700), world.Time);
            await world.FlipAsync();
        }
    }
}
