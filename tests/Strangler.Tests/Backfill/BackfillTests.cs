using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;
using Strangler.Tests.Reconciliation;

namespace Strangler.Tests.Backfill;

[TestFixture]
public sealed class BackfillTests
{
    private const int Notes = 20;

    [Test]
    public void Everything_is_copied_once_and_a_second_pass_finds_nothing_to_do()
    {
        var world = Planted();
        var progress = new Collected<BackfillProgress>();

        var result = world.Run(() => world.RunBackfillAsync(progress));

        Assert.Multiple(() =>
        {
            Assert.That(result, Is.EqualTo(new BackfillResult(2, Notes, 0, 0)));
            AssertSame(world);
            Assert.That(world.New.Checkpoints[TestLens.Kind].Phase, Is.EqualTo(BackfillPhase.Done));
            Assert.That(world.New.LastDisturbance, Is.Not.Null);
            Assert.That(progress.All[^1],
                Is.EqualTo(progress.All[^1] with { Phase = BackfillPhase.Done, Done = Notes, Total = Notes, Written = Notes }));
        });
    }

    [Test]
    [Category("Case8")]
    public void The_checkpoint_names_the_first_id_that_is_not_done()
    {
        var world = new World();
        for (var id = 1; id <= 20; id++)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id);
        }

        OnceAt(world, "new.chunk-commit.after", world.Sides.Kill);

        Assert.That(Finishes(world), Is.False);
        Assert.That(
            world.New.Checkpoints[TestLens.Kind],
            Is.EqualTo(new BackfillCheckpoint(World.DualEpoch, 1, 8, 7, BackfillPhase.Copying, null)));
        Assert.That(world.New.Entities.Keys.Max(key => key.Id), Is.EqualTo(7));
    }

    [Test]
    public void Once_complete_it_does_nothing_until_asked_again()
    {
        var world = World.Filled();

        Assert.That(world.Run(() => world.RunBackfillAsync()).AlreadyComplete, Is.True);

        world.New.Rows.Remove(world.NewKey(100));
        world.New.Entities.Remove(World.Key(100));
        world.Backfill.Again = true;
        Assert.That(world.Run(() => world.RunBackfillAsync()).Written, Is.EqualTo(1));
        AssertSame(world);
    }

    [Test]
    public void An_empty_legacy_side_is_complete_at_once()
    {
        var world = new World();

        var result = world.Run(() => world.RunBackfillAsync());

        Assert.That(result, Is.EqualTo(new BackfillResult(1, 0, 0, 0)));
        Assert.That(world.New.Checkpoints[TestLens.Kind].Phase, Is.EqualTo(BackfillPhase.Done));
    }

    [Test]
    public void A_new_side_that_has_not_heard_of_DualWrite_yet_is_told()
    {
        var world = Planted();
        world.New.Fence = new FenceRow(FenceRole.Follower, Stage.LegacyOnly, 1, 0);

        world.Run(() => world.RunBackfillAsync());

        Assert.That(world.New.FenceRow, Is.EqualTo(new FenceRow(FenceRole.Follower, Stage.DualWrite, World.DualEpoch, World.DualEpoch)));
        AssertSame(world);
    }

    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.NewLeads)]
    [TestCase(Stage.NewOnly)]
    [Category("Case20")]
    public void It_refuses_a_stage_in_which_legacy_does_not_lead_two_sides(Stage stage)
    {
        var world = Planted();
        world.Sides.SetStage(stage, 5, World.DualEpoch);

        var error = Assert.Throws<WrongStageException>(() => world.Run(() => world.RunBackfillAsync()));

        Assert.That(error!.Message, Does.Contain(stage.ToString()));
        Assert.That(world.New.Rows, Is.Empty);
    }

    [Test]
    public void A_flip_in_the_middle_stops_it_and_it_goes_on_after_the_flip_back()
    {
        var world = Planted();
        OnceAt(world, "new.chunk-commit.after", () => world.Sides.SetStage(Stage.NewLeads, 9, World.DualEpoch));

        Assert.Throws<WrongStageException>(() => world.Run(() => world.RunBackfillAsync()));
        Assert.That(world.New.Rows, Has.Count.EqualTo(7));

        world.Sides.SetStage(Stage.ShadowRead, 11, World.DualEpoch);
        Assert.That(world.Run(() => world.RunBackfillAsync()).Written, Is.EqualTo(Notes - 7));
        AssertSame(world);
    }

    /// <summary>The process dies at its n-th step, for every n; another goes on. Nothing is skipped, nothing is doubled, and what was
    /// committed is not done again.</summary>
    [Test]
    [Category("Case8")]
    public void Killed_at_any_step_it_goes_on_from_the_last_committed_chunk()
    {
        var finished = false;
        for (var n = 1; !finished; n++)
        {
            var world = Planted();
            world.Sides.PlantLegacy(105, "unreadable", 1, "?");
            var steps = 0;
            world.Sides.Fault = _ =>
            {
                if (++steps == n)
                {
                    world.Sides.Kill();
                }

                return Task.CompletedTask;
            };
            finished = Finishes(world);
            var committed = world.New.Entities.Count;
            var phase = world.New.Checkpoints.GetValueOrDefault(TestLens.Kind)?.Phase;
            var resumed = world.Restarted();
            resumed.Backfill.FirstChunk = 3;
            var result = resumed.Run(() => resumed.RunBackfillAsync());

            Assert.Multiple(() =>
            {
                AssertSame(resumed, $"killed at step {n}", ignore: 105);
                Assert.That(result.Written, Is.EqualTo(Notes - committed), $"killed at step {n}");
                Assert.That(world.New.Quarantine.Keys.Select(key => key.Id), Is.EqualTo(new[] { 105L }), $"killed at step {n}");
                Assert.That(world.New.Checkpoints[TestLens.Kind].Phase, Is.EqualTo(BackfillPhase.Done));
                Assert.That(world.New.LastDisturbance, Is.Not.Null);
                Assert.That(result.AlreadyComplete, Is.EqualTo(phase == BackfillPhase.Done));
            });
        }
    }

    [Test]
    [Category("Case19")]
    public void A_live_write_that_was_applied_between_read_and_write_stays()
    {
        var world = Planted();
        OnceAt(world, "legacy.range.after", async () =>
        {
            await world.WriteAsync(30, TestLens.LegacyRow("live", 1, "O"));
            await world.ApplyAsync(30);
        });

        world.Run(() => world.RunBackfillAsync());

        Assert.That(world.NewRoot(30)[0], Is.EqualTo("live"));
        AssertSame(world);
    }

    [Test]
    [Category("Case19")]
    public void A_live_write_that_is_applied_after_the_chunk_wins_too()
    {
        var world = Planted();
        OnceAt(world, "legacy.range.after", () => world.WriteAsync(30, TestLens.LegacyRow("live", 1, "O")));

        world.Run(async () =>
        {
            await world.RunBackfillAsync();
            await world.ApplyAsync(30);
        });

        Assert.That(world.NewRoot(30)[0], Is.EqualTo("live"));
        AssertSame(world);
    }

    [Test]
    [Category("Case18")]
    public void What_is_written_without_end_while_no_relay_runs_does_not_keep_it_from_ending()
    {
        var world = Planted();
        var writes = 0;
        world.Sides.Fault = async step =>
        {
            if (step == "legacy.range.before")
            {
                await world.WriteAsync(10, TestLens.LegacyRow($"live {++writes}", writes, "O"));
            }
        };

        Assert.That(world.Run(() => world.RunBackfillAsync()).Passes, Is.EqualTo(2));
    }

    [Test]
    [Category("Case18")]
    public void Under_a_hot_key_creates_and_deletes_both_sides_converge([Range(1, 25)] int seed)
    {
        var world = Planted();
        var (random, over) = (new Random(seed), false);

        world.Run(async () =>
        {
            var writing = WriteAsync();
            await world.RunBackfillAsync();
            over = true;
            await writing;
            for (var id = 1; id <= 210; id++)
            {
                await world.ApplyAsync(id);
            }
        }, seed);

        AssertSame(world);
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));

        async Task WriteAsync()
        {
            for (var i = 0; i < 200 && !over; i++)
            {
                var id = random.Next(3) == 0 ? random.Next(1, 210) : 100;
                var delete = random.Next(4) == 0;
                await world.WriteAsync(id, delete ? null : TestLens.LegacyRow($"live {i}", i, "O"));
                if (random.Next(2) == 0)
                {
                    await world.ApplyAsync(random.Next(2) == 0 ? id : 100);
                }
            }
        }
    }

    [Test]
    public void What_legacy_no_longer_has_is_removed_as_a_tombstone()
    {
        var world = World.Filled();
        world.Sides.WriteForeign(World.Key(100), null, captured: false);
        world.PlantNew(205, TestLens.NewRow("beyond", 1, false, false));
        world.PlantNew(5, TestLens.NewRow("before", 1, false, false));
        world.Backfill.Again = true;

        var result = world.Run(() => world.RunBackfillAsync());

        Assert.That(result.Removed, Is.EqualTo(3));
        AssertSame(world);
        Assert.That(new long[] { 5, 100, 205 }.Select(id => world.New.Entities[World.Key(id)].Tombstone), Is.All.True);
    }

    /// <summary>A legacy table that is empty or half restored by mistake must not empty the new side.</summary>
    [TestCase(0, null, null)]
    [TestCase(0, 299L, null)]
    [TestCase(0, 300L, 300L)]
    [TestCase(200, null, 100L)]
    [TestCase(199, null, null)]
    [TestCase(299, 0L, null)]
    public void An_implausible_number_of_removals_is_refused_before_the_first_one(int left, long? allowed, long? removed)
    {
        const int Many = 300;
        var world = new World();
        for (var id = 1; id <= Many; id++)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id);
        }

        world.Run(() => world.RunBackfillAsync());
        for (var id = left + 1; id <= Many; id++)
        {
            world.Sides.WriteForeign(World.Key(id), null, captured: false);
        }

        world.Backfill.Again = true;
        world.Backfill.AllowedRemovals = allowed;
        if (removed is null)
        {
            var refused = Assert.Throws<RemovalsRefusedException>(() => world.Run(() => world.RunBackfillAsync()))!;
            Assert.That((refused.Removals, refused.Rows), Is.EqualTo(((long)Many - left, (long)Many)));
            Assert.That(refused.Message, Does.Contain($"--allow-removals {Many - left}").And.Contain("Nothing was removed"));
            Assert.That(world.New.Rows, Has.Count.EqualTo(Many));
            Assert.That(world.New.Checkpoints[TestLens.Kind].Phase, Is.Not.EqualTo(BackfillPhase.Done), "the gate stays closed");
            world.Backfill.AllowedRemovals = Many;
            world.Backfill.Again = false;
        }

        Assert.That(world.Run(() => world.RunBackfillAsync()).Removed, Is.EqualTo(removed ?? Many - left));
        Assert.That(world.New.Rows, Has.Count.EqualTo(left));
        AssertSame(world);
    }

    /// <summary>Case 8: the removals have their chunks, too.</summary>
    [Test]
    [Category("Case8")]
    public void Killed_between_removals_it_removes_the_rest()
    {
        var world = Planted();
        world.Run(() => world.RunBackfillAsync());
        foreach (var id in new long[] { 10, 50, 120, 190 })
        {
            world.Sides.WriteForeign(World.Key(id), null, captured: false);
        }

        world.Backfill.Again = true;
        OnceAt(world, "new.write.after", world.Sides.Kill);
        Assert.That(Finishes(world), Is.False);
        var resumed = world.Restarted();
        resumed.Run(() => resumed.RunBackfillAsync());
        Assert.That(world.New.Rows, Has.Count.EqualTo(Notes - 4));
        AssertSame(resumed);
    }

    [Test]
    public void What_is_created_again_before_the_removal_holds_its_lock_stays()
    {
        var world = World.Filled();
        world.Sides.WriteForeign(World.Key(100), null, captured: false);
        world.Backfill.Again = true;
        OnceAt(world, "new.rows.after", () => world.WriteAsync(100, TestLens.LegacyRow("again", 1, "O")),
            when: () => !world.Legacy.Rows.ContainsKey(World.Key(100)));

        world.Run(async () =>
        {
            await world.RunBackfillAsync();
            await world.ApplyAsync(100);
        });

        Assert.That(world.NewRoot(100)[0], Is.EqualTo("again"));
        AssertSame(world);
    }

    [Test]
    public void What_the_new_side_has_accepted_beyond_legacy_is_left_to_reconciliation()
    {
        var world = World.Filled();
        world.Sides.WriteForeign(World.Key(100), null, captured: false);
        world.Raise(SideName.New, 100, 7);
        world.Backfill.Again = true;

        Assert.That(world.Run(() => world.RunBackfillAsync()).Removed, Is.Zero);
        Assert.That(world.Reconcile().Counts[Verdict.Regression], Is.EqualTo(1));
    }

    [Test]
    public void After_DualWrite_is_entered_anew_everything_outranks_what_was_accepted_before()
    {
        var world = World.Filled();
        world.Run(async () =>
        {
            await world.WriteAsync(50, TestLens.LegacyRow("in the first epoch", 1, "O"));
            await world.ApplyAsync(50);
        });
        world.Sides.PlantLegacy(50, "written in LegacyOnly", 2);
        world.Sides.PlantLegacy(60, "this, too", 2);
        world.Sides.WriteForeign(World.Key(70), null, captured: false);
        world.Sides.SetStage(Stage.DualWrite, 6, 6);

        var result = world.Run(() => world.RunBackfillAsync());

        Assert.That((result.Written, result.Removed), Is.EqualTo((19L, 1L)));
        AssertSame(world);
        Assert.That(world.New.Entities.Values.Select(entity => entity.Version.Epoch), Is.All.EqualTo(6));
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    [Category("Case53")]
    public void What_legacy_cannot_express_survives_a_later_backfill_while_its_evidence_stands()
    {
        var world = World.Filled();
        world.TamperNew(30, 3, 1L);
        world.TamperNew(60, 3, 1L);
        world.Sides.PlantLegacy(60, "Note 60", 6000, "O");
        world.Sides.SetStage(Stage.DualWrite, 6, 6);

        world.Run(() => world.RunBackfillAsync());

        Assert.That(world.NewRoot(30), Is.EqualTo(new object[] { "Note 30", 3000L, 1L, 1L }));
        Assert.That(world.NewRoot(60), Is.EqualTo(new object[] { "Note 60", 6000L, 0L, 0L }));
    }

    [Test]
    [Category("Case54")]
    public void A_row_that_cannot_be_read_is_set_aside_and_the_run_goes_on()
    {
        var world = Planted();
        world.Sides.PlantLegacy(100, "Müller", 1, "?");

        var result = world.Run(() => world.RunBackfillAsync());

        Assert.That((result.Written, result.Quarantined), Is.EqualTo((19L, 1L)));
        var entry = world.New.Quarantine[World.Key(100)];
        Assert.That((entry.Place, entry.Reason), Is.EqualTo(("notizen.status", "unknown letter")));

        world.Sides.PlantLegacy(100, "Müller", 1, "O");
        world.Backfill.Again = true;
        Assert.That(world.Run(() => world.RunBackfillAsync()), Is.EqualTo(new BackfillResult(2, 1, 0, 0)));
        AssertSame(world);
    }

    [Test]
    public void A_row_that_stands_on_the_new_side_without_an_accepted_state_is_taken_over()
    {
        var world = Planted();
        world.PlantNew(100, TestLens.NewRow("stray", 1, false, false));

        world.Run(() => world.RunBackfillAsync());

        AssertSame(world);
    }

    [Test]
    [Category("Case41")]
    public void Transient_failures_are_repeated_and_lasting_ones_are_not_for_ever([Values] bool lasting)
    {
        var world = Planted();
        var failures = 0;
        world.Sides.Fault = step => step == "new.write.before" && (lasting || failures < 3)
            ? throw new SideUnavailableException(SideName.New, $"deadlock {++failures}", true, new InvalidOperationException())
            : Task.CompletedTask;
        var progress = new Collected<BackfillProgress>();

        if (lasting)
        {
            Assert.Throws<SideUnavailableException>(() => world.Run(() => world.RunBackfillAsync(progress)));
            Assert.That(failures, Is.EqualTo(world.Backfill.Attempts));
            return;
        }

        world.Run(() => world.RunBackfillAsync(progress));
        AssertSame(world);
        Assert.That(progress.All.Select(each => each.Waiting), Has.Some.Contains("deadlock 3"));
    }

    [Test]
    [Category("Case5")]
    public void A_lost_commit_reply_is_looked_up_and_counted_once([Values] bool happened)
    {
        var world = Planted();
        OnceAt(world, happened ? "new.chunk-commit.after" : "new.chunk-commit.before", () =>
            throw new CommitOutcomeUnknownException(SideName.New, new InvalidOperationException()));

        var result = world.Run(() => world.RunBackfillAsync());

        Assert.That(result, Is.EqualTo(new BackfillResult(2, Notes, 0, 0)));
        AssertSame(world);
    }

    [Test]
    public void It_waits_while_the_journal_lags_and_says_so()
    {
        var world = Planted();
        world.Raise(SideName.Legacy, 10, 1);
        world.Journal(SideName.Legacy, 10, 1, TimeSpan.FromMinutes(5));
        var progress = new Collected<BackfillProgress>();

        world.Run(async () =>
        {
            var running = world.RunBackfillAsync(progress);
            await Task.Delay(TimeSpan.FromSeconds(30), world.Time);
            Assert.That(world.New.Rows, Is.Empty);
            await world.ApplyAsync(10);
            await running;
        });

        Assert.That(progress.All.Select(each => each.Waiting), Has.Some.Contains("the limit is 30 s"));
        AssertSame(world);
    }

    [Test]
    public void It_keeps_to_the_rate_given()
    {
        var world = Planted();
        world.Backfill.MaxRowsPerSecond = 2;
        var before = world.Time.GetUtcNow();

        world.Run(() => world.RunBackfillAsync());

        Assert.That(world.Time.GetUtcNow() - before, Is.GreaterThan(TimeSpan.FromSeconds(25)));
        AssertSame(world);
    }

    private static World Planted()
    {
        var world = new World();
        for (var id = 10; id <= 200; id += 10)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id * 100, id % 30 == 0 ? "C" : id % 20 == 0 ? "P" : "O");
        }

        return world;
    }

    private static bool Finishes(World world)
    {
        try
        {
            world.Run(() => world.RunBackfillAsync());
            return true;
        }
        catch (CrashException)
        {
            return false;
        }
    }

    private static void OnceAt(World world, string step, Func<Task> act, Func<bool>? when = null)
    {
        var done = false;
        world.Sides.Fault = async name =>
        {
            if (name == step && !done && (when is null || when()))
            {
                done = true;
                await act();
            }
        };
    }

    private static void OnceAt(World world, string step, Action act) => OnceAt(world, step, () =>
    {
        act();
        return Task.CompletedTask;
    });

    private static void AssertSame(World world, string because = "", long ignore = 0)
    {
        var (legacy, @new) = world.Contents();
        legacy.Remove(ignore);
        Assert.That(@new, Is.EqualTo(legacy), because);
    }
}
