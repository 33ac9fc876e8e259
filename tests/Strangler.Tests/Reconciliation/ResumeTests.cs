using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>A run whose process dies is taken up by another: nothing is left out, nothing is counted twice. And one run at a
/// time.</summary>
[TestFixture]
public sealed class ResumeTests
{
    private static readonly TimeSpan BeyondLease = TimeSpan.FromMinutes(1);

    [Test]
    [Category("Case8")]
    public void Killed_at_any_step_and_resumed_the_totals_are_those_of_an_undisturbed_run()
    {
        var whole = Damaged();
        var expected = Total(whole.Reconcile());
        var steps = whole.Sides.Steps.Count(step => step.EndsWith(".before", StringComparison.Ordinal));
        Assert.That(steps, Is.GreaterThan(60));
        var resumed = 0;

        for (var at = 1; at <= steps; at++)
        {
            var world = Damaged();
            if (KillAt(world, at) is { } report)
            {
                Assert.That(Total(report), Is.EqualTo(expected), $"killed at step {at}");
                resumed++;
            }
        }

        Assert.That(resumed, Is.GreaterThan(steps / 2));
    }

    [Test]
    [Category("Case8")]
    public void Killed_again_and_again_it_comes_to_the_same_end()
    {
        var expected = Total(Damaged().Reconcile());
        var world = Damaged();
        ReconciliationReport? report = null;
        Die(world, 30, () => world.ReconcileAsync());
        for (var deaths = 0; report is null && deaths < 50; deaths++)
        {
            world.Time.Advance(BeyondLease);
            world = Configured(world.Restarted());
            report = Die(world, 70, () => ResumeAsync(world));
        }

        Assert.That(report, Is.Not.Null, "a life is longer than the time that a key in flight is looked at");
        Assert.That(Total(report!), Is.EqualTo(expected));
        Assert.That(report!.Notes, Has.Count.GreaterThan(1), string.Join('\n', report.Notes));
        Assert.That(report.Notes, Has.Some.StartWith("Interrupted after "));
    }

    [Test]
    [Category("Case8")]
    public void A_resumed_run_began_when_the_first_did_so_that_a_repair_in_between_keeps_the_gate_closed()
    {
        var world = Configured(World.Filled());
        Die(world, 30, () => world.ReconcileAsync());
        var began = world.New.Runs[^1].Run.BeganUtc;
        world.Time.Advance(BeyondLease);
        world = Configured(world.Restarted());
        world.Run(() => world.Sides.Sides.Reconciliations.DisturbAsync("repair", default));

        var report = world.Run(() => ResumeAsync(world));

        Assert.Multiple(() =>
        {
            Assert.That((report.Full, report.BeganUtc), Is.EqualTo((true, began)));
            Assert.That(report.BeganUtc, Is.LessThan(world.New.LastDisturbance!.Value));
            Assert.That(report.Notes, Has.Some.Contains("opens no gate"));
            Assert.That(world.New.RunCheckpoints, Is.Empty);
        });
    }

    [Test]
    public void Under_another_lead_another_dual_epoch_or_another_mapping_it_is_refused([Values("lead", "epoch", "mapping")] string what)
    {
        var world = Configured(World.Filled());
        Die(world, 30, () => world.ReconcileAsync());
        world.Time.Advance(BeyondLease);
        world = Configured(world.Restarted());
        switch (what)
        {
            case "lead":
                world.LetNewLead();
                break;
            case "epoch":
                world.Sides.SetStage(Stage.DualWrite, World.DualEpoch + 2, World.DualEpoch + 2);
                break;
            default:
                world.Options.Declared = [new("name", "finance", "because", new DateOnly(2999, 1, 1))];
                break;
        }

        Assert.That(() => world.Run(() => ResumeAsync(world)),
            Throws.TypeOf<CannotResumeException>().With.Message.Contains("cannot be resumed"));
        Assert.That(world.New.Reconciler, Is.Null, "the claim is given back");
    }

    [Test]
    public void Where_nothing_was_interrupted_there_is_nothing_to_resume()
    {
        var world = World.Filled();
        world.Reconcile();

        Assert.That(() => world.Run(() => ResumeAsync(world)), Throws.TypeOf<CannotResumeException>());
    }

    [Test]
    public void A_run_that_is_cancelled_keeps_what_it_has_and_frees_the_context_at_once()
    {
        var world = Configured(Damaged());
        var expected = Total(Damaged().Reconcile());
        using var cancel = new CancellationTokenSource();
        var chunks = 0;
        world.Sides.Fault = step =>
        {
            if (step == "legacy.range.after" && ++chunks == 2)
            {
                Simulation.Cancel(cancel);
            }

            return Task.CompletedTask;
        };
        Assert.That(
            () => world.Run(() => new Reconciler(world.Runtime, world.Options).RunAsync(new ReconciliationScope { Kind = TestLens.Kind }, null, cancel.Token)),
            Throws.InstanceOf<OperationCanceledException>());
        world.Sides.Fault = null;

        Assert.That(Total(world.Run(() => ResumeAsync(world))), Is.EqualTo(expected));
    }

    [Test]
    [Category("Case66")]
    public void A_second_run_is_refused_and_told_since_when_and_by_whom()
    {
        var world = Configured(World.Filled());
        AlreadyRunningException? refused = null;
        var asked = false;
        world.Sides.Fault = async step =>
        {
            if (step == "legacy.range.before" && !asked)
            {
                asked = true;
                var other = Configured(world.Restarted());
                refused = await CaughtAsync<AlreadyRunningException>(() => other.ReconcileAsync());
            }
        };
        world.Options.Actor = "jane@host";

        var report = world.Reconcile();

        Assert.Multiple(() =>
        {
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            Assert.That(refused?.Message,
                Does.Contain("already running").And.Contain("jane@host").And.Contain($"process {Environment.ProcessId} on"));
            Assert.That(world.New.Runs, Has.Count.EqualTo(1), "the second began nothing");
        });
    }

    [Test]
    [Category("Case66")]
    public void A_dead_runs_claim_ends_by_itself_or_at_once_where_its_process_is_known_to_be_gone([Values] bool known)
    {
        var world = Configured(World.Filled());
        world.Options.Process = known ? ProcessIdentity.Current with { Pid = int.MaxValue }
            : new ProcessIdentity("elsewhere", "another machine", 1, "1");
        Die(world, 30, () => world.ReconcileAsync());
        var next = Configured(world.Restarted());

        if (known && ProcessIdentity.Current.HostId.Length > 0)
        {
            Assert.That(next.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            return;
        }

        Assert.That(() => next.Reconcile(), Throws.TypeOf<AlreadyRunningException>());
        next.Time.Advance(BeyondLease);
        Assert.That(next.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    /// <summary>
    /// The new side does not answer just when the claim is given back, or when it was taken: nobody holds it, and nobody waits.
    /// </summary>
    [Test]
    [Category("Case66")]
    public void A_claim_that_this_process_could_not_give_back_is_not_in_its_own_way(
        [Values("new.release.before", "new.lease.after")] string lost)
    {
        var world = Configured(World.Filled());
        var times = 0;
        world.Sides.Fault = step => step == lost && ++times == 1
            ? throw new SideUnavailableException(SideName.New, "down", isTransient: true, new IOException("hook"))
            : Task.CompletedTask;
        Assert.That(() => world.Reconcile(), lost == "new.lease.after" ? Throws.TypeOf<SideUnavailableException>() : Throws.Nothing);
        Assert.That(times, Is.EqualTo(1));
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    [Category("Case66")]
    public void A_run_that_was_taken_for_dead_stores_nothing_more_and_says_so()
    {
        var world = Configured(World.Filled());
        Task<ReconciliationReport>? taker = null;
        world.Sides.Fault = step =>
        {
            if (step == "legacy.range.after" && taker is null)
            {
                // As a process that was frozen: the lease runs out, another takes it.
                world.New.Reconciler = world.New.Reconciler! with { UntilUtc = DateTime.MinValue };
                taker = Configured(world.Restarted()).ReconcileAsync();
            }

            return Task.CompletedTask;
        };

        world.Run(async () =>
        {
            Assert.That(await CaughtAsync<LeaseLostException>(() => world.ReconcileAsync()), Is.Not.Null);
            Assert.That((await taker!).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        });
        Assert.That(world.New.Runs.Count(run => run.Run.EndedUtc is not null), Is.EqualTo(1));
    }

    [Test]
    [Category("Case8")]
    public void A_resumed_run_tells_every_difference_once([Range(20, 120, 20)] int at)
    {
        var world = Damaged();
        List<EntityFinding> told = [];
        if (Die(world, at, () => world.ReconcileAsync()) is not null || world.New.RunCheckpoints.Count == 0)
        {
            Assert.Pass("it came to its end, or to no checkpoint");
        }

        world.Time.Advance(BeyondLease);
        var next = Configured(world.Restarted());
        next.Options.Found = (_, found, _) =>
        {
            told.AddRange(found);
            return Task.CompletedTask;
        };
        var report = next.Run(() => ResumeAsync(next));

        Assert.That(told.Select(finding => (finding.Id, finding.NewId)), Is.Unique);
        Assert.That(told, Has.Count.EqualTo(report.Counts.Where(count => count.Key != Verdict.Matched).Sum(count => count.Value)));
    }

    [Test]
    [Category("Case66")]
    public void Of_many_that_start_at_once_one_runs([Range(1, 20)] int seed)
    {
        var world = Configured(World.Filled());
        var (ran, refused) = (0, 0);

        world.Run(() => Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
        {
            var other = Configured(world.Restarted());
            if (await CaughtAsync<AlreadyRunningException>(() => other.ReconcileAsync()) is null)
            {
                ran++;
            }
            else
            {
                refused++;
            }
        })), seed);

        Assert.That(world.New.MostReconcilers, Is.EqualTo(1));
        Assert.That((ran >= 1, ran + refused), Is.EqualTo((true, 5)));
    }

    private static World Damaged()
    {
        var world = Configured(World.Filled());
        world.TamperNew(10, 0, "planted");
        world.TamperNew(110, 1, 5L);
        world.New.Rows.Remove(world.NewKey(150));
        world.PlantNew(205, TestLens.NewRow("only here", 1, false, false));
        world.New.Rows[World.Key(42)] = TestLens.NewRow("stray", 1, false, false);
        world.Raise(SideName.Legacy, 180, 3);

        // In flight however much time goes by.
        world.Journal(SideName.Legacy, 180, 3, TimeSpan.FromHours(-10));
        return world;
    }

    private static World Configured(World world)
    {
        (world.Options.FirstChunk, world.Options.MaxChunk, world.Options.CheckpointEvery) = (3, 3, TimeSpan.Zero);
        world.Options.MaxSuspects = 3;
        return world;
    }

    private static Task<ReconciliationReport> ResumeAsync(World world) =>
        new Reconciler(world.Runtime, world.Options).ResumeAsync(TestLens.Kind, null, default);

    /// <summary>Kills a run at its n-th step and goes on with it in another process; null where it ended, or had stored no
    /// checkpoint.</summary>
    private static ReconciliationReport? KillAt(World world, int at)
    {
        if (Die(world, at, () => world.ReconcileAsync()) is not null || world.New.Runs.Any(run => run.Run.EndedUtc is not null)
            || world.New.RunCheckpoints.Count == 0)
        {
            return null;
        }

        world.Time.Advance(BeyondLease);
        var next = Configured(world.Restarted());
        return next.Run(() => ResumeAsync(next));
    }

    private static ReconciliationReport? Die(World world, int at, Func<Task<ReconciliationReport>> run)
    {
        var steps = 0;
        world.Sides.Fault = step =>
        {
            if (step.EndsWith(".before", StringComparison.Ordinal) && ++steps == at)
            {
                world.Sides.Kill();
            }

            return Task.CompletedTask;
        };
        try
        {
            return world.Run(run);
        }
        catch (CrashException)
        {
            return null;
        }
        catch (LeaseLostException) when (world.Sides.Dead)
        {
            return null;
        }
    }

    private static async Task<T?> CaughtAsync<T>(Func<Task> act)
        where T : Exception
    {
        try
        {
            await act();
            return null;
        }
        catch (T exception)
        {
            return exception;
        }
    }

    private static string Total(ReconciliationReport report) => string.Join('\n',
    [
        .. report.Counts.Select(count => $"{count.Key} {count.Value} {report.LegacyCounts[count.Key]} {report.NewCounts[count.Key]}"),
        .. report.FieldCounts.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => $"{field.Key} {field.Value}"),
        .. report.Samples.Select(sample => $"{sample.Id} {sample.NewId} {sample.Verdict} {string.Join(',', sample.Fields)}"),
        .. report.Differing.Select(entity => $"{entity.Id} {entity.Verdict} {string.Join(',', entity.Fields)}"),
        $"{report.Entities} {report.Deleted} {report.RicherInNew} {report.SignedOff} {report.Outcome}",
    ]);
}
