using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

[TestFixture]
public sealed class RepairTests
{
    [Test]
    public void A_dry_run_shows_the_fields_and_writes_nothing()
    {
        var world = World.Filled();
        world.TamperNew(100, 1, 1L);
        var disturbed = world.New.LastDisturbance;
        var steps = new Collected<RepairStep>();

        var result = Repair(world, [100, 110], dryRun: true, steps);

        Assert.Multiple(() =>
        {
            Assert.That(steps.All.Select(step => (step.Id, step.Outcome)), Is.EqualTo(new[]
            {
                (100L, RepairOutcome.WouldWrite), (110L, RepairOutcome.Nothing),
            }));
            Assert.That(steps.All[0].Fields.Single(), Is.EqualTo(new FieldDifference("amount", "100.00", "0.01")));
            Assert.That(result.Recheck, Is.Null);
            Assert.That(world.NewRoot(100)[1], Is.EqualTo(1L));
            Assert.That(world.Legacy.Audit.Concat(world.New.Audit), Is.Empty);
            Assert.That(world.New.LastDisturbance, Is.EqualTo(disturbed));
        });
    }

    /// <summary>What is broken, and whether the follower is written or loses its rows; with legacy leading.</summary>
    private static readonly (string Name, Action<World> Break, RepairOutcome Outcome)[] Repairable =
    [
        ("drift", world => world.TamperNew(100, 1, 1L), RepairOutcome.Written),
        ("missing in new", world => world.New.Rows.Remove(world.NewKey(100)), RepairOutcome.Written),
        ("missing in new, with its entity row", world =>
        {
            world.New.Rows.Remove(world.NewKey(100));
            world.New.Entities.Remove(World.Key(100));
        }, RepairOutcome.Written),
        ("missing in legacy", world => world.PlantNew(105, TestLens.NewRow("stray", 1, false, false)), RepairOutcome.Removed),
        ("removed from legacy past capture",
            world => world.Sides.WriteForeign(World.Key(100), null, captured: false), RepairOutcome.Removed),
        ("changed in legacy past capture", world => world.Sides.PlantLegacy(100, "changed", 1), RepairOutcome.Written),
        ("put into legacy past capture", world => world.Sides.PlantLegacy(105, "bulk", 1), RepairOutcome.Written),
        ("lost obligation", world =>
        {
            world.Run(() => world.WriteAsync(100, TestLens.Of("lost", 1)));
            world.Legacy.Journal.Clear();
        }, RepairOutcome.Written),
        ("lost delete", world =>
        {
            world.Run(() => world.WriteAsync(100, (Record?)null));
            world.Legacy.Journal.Clear();
        }, RepairOutcome.Removed),
        ("row beneath a tombstone", world =>
        {
            world.Legacy.Rows.Remove(World.Key(100));
            world.Raise(SideName.Legacy, 100, 4, tombstone: true);
            world.Raise(SideName.New, 100, 4, tombstone: true);
        }, RepairOutcome.Removed),
        ("rows on both sides and a tombstone", world =>
        {
            world.Raise(SideName.Legacy, 100, 4);
            world.Raise(SideName.New, 100, 4, tombstone: true);
        }, RepairOutcome.Written),
        ("what legacy cannot tell", world => world.TamperNew(30, 3, 1L), RepairOutcome.Written),
    ];

    [Test]
    public void Of_what_only_the_lead_knows_a_repair_is_refused_and_the_other_direction_takes_it_for_right()
    {
        var world = World.Filled();
        world.LetNewLead();
        world.TamperNew(30, 3, 1L);
        Assert.That(world.Reconcile().DifferingIds, Is.EqualTo(new[] { 30L }));
        var steps = new Collected<RepairStep>();

        Assert.That(Repair(world, [30], progress: steps).Counts[RepairOutcome.Refused], Is.EqualTo(1));
        Assert.That(steps.All.Single().Note, Does.Contain("--direction follower-to-lead"));

        var reverse = world.Run(() => new RepairJob(world.Runtime, world.Options) { Direction = RepairDirection.FollowerToLead }
            .RunAsync(TestLens.Kind, [30], false, "ops", "right as it is", null, CancellationToken.None));
        Assert.That(reverse.Counts[RepairOutcome.Written], Is.EqualTo(1));
        Assert.That(world.NewRoot(30)[3], Is.EqualTo(1L), "its value stays");
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public void What_is_broken_is_mended_audited_and_checked_again([Range(0, 11)] int index)
    {
        var (name, harm, outcome) = Repairable[index];
        var world = World.Filled();
        var disturbed = world.New.LastDisturbance;
        world.Time.Advance(TimeSpan.FromMinutes(1));
        harm(world);
        var before = world.Reconcile();
        Assert.That(before.DifferingIds, Has.Count.EqualTo(1), name);

        var result = Repair(world, before.DifferingIds);

        Assert.Multiple(() =>
        {
            Assert.That(result.Counts[outcome], Is.EqualTo(1), name);
            Assert.That(result.Recheck!.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), name);
            Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean), name);
            Assert.That(world.New.LastDisturbance, Is.GreaterThan(disturbed!));
            var audit = world.Legacy.Audit.Single();
            Assert.That((audit.Action, audit.Actor, audit.Reason), Is.EqualTo(("repair", "anna", "ticket 7")));
            Assert.That(audit.Detail, Does.StartWith($"note {before.DifferingIds[0]}: "));
        });
        var (legacy, @new) = world.Contents();
        Assert.That(@new, Is.EqualTo(legacy), name);
    }

    [Test]
    public void While_new_leads_legacy_is_brought_along()
    {
        var world = World.Filled();
        world.LetNewLead();
        world.TamperNew(100, 1, 1L);
        world.Sides.WriteForeign(World.Key(110), null, captured: false);

        Repair(world, [100, 110]);

        Assert.That(world.Legacy.Rows[World.Key(100)].Root[1], Is.EqualTo(1L));
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        Assert.That(world.New.Audit, Has.Count.EqualTo(2));
    }

    /// <summary>Of other programs, in legacy while that follows; nobody knows of it.</summary>
    private static readonly (string Name, Action<World> Harm)[] Theirs =
    [
        ("changed past capture", world => world.Sides.PlantLegacy(100, "theirs", 1)),
        ("put there past capture", world => world.Sides.PlantLegacy(105, "theirs", 1)),
        ("its journal row is lost", world =>
        {
            world.Sides.WriteForeign(World.Key(100), TestLens.LegacyRow("theirs", 1, "O"));
            world.Legacy.Journal.Clear();
        }),
    ];

    [Test]
    [Category("Case45")]
    public void What_another_program_wrote_while_new_leads_and_nobody_noted_is_merged([Range(0, 2)] int index)
    {
        var (name, harm) = Theirs[index];
        var world = World.Filled();
        world.LetNewLead();
        harm(world);
        var found = world.Reconcile().DifferingIds;
        Assert.That(found, Has.Count.EqualTo(1), name);
        var theirs = world.Legacy.Rows[World.Key(found[0])].Root.ToArray();

        Assert.That(Repair(world, found, dryRun: true).Counts[RepairOutcome.WouldMerge], Is.EqualTo(1), name);
        Assert.That(world.Reconcile().DifferingIds, Is.EqualTo(found), "a dry run changes nothing");
        var result = Repair(world, found);

        Assert.That(result.Counts[RepairOutcome.Merged], Is.EqualTo(1), name);
        Assert.That(result.Recheck!.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), name);
        Assert.That(world.Legacy.Rows[World.Key(found[0])].Root, Is.EqualTo(theirs), "what they wrote stands");
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean), name);
        var (legacy, @new) = world.Contents();
        Assert.That(@new, Is.EqualTo(legacy), name);
    }

    /// <summary>What a repair must leave alone.</summary>
    private static readonly (string Name, Action<World> Break, bool NewLeads)[] Refused =
    [
        ("regression", world => world.Raise(SideName.New, 100, 9), false),
        ("unreadable", world => world.Sides.PlantLegacy(100, "x", 1, "?"), false),
        ("map row to nowhere", world => world.PlantNew(100_000, null), false),
        ("parked", world =>
        {
            world.Raise(SideName.Legacy, 100, 3);
            world.Journal(SideName.Legacy, 100, 3, parked: true);
        }, false),
        ("the lead has lost its row", world => world.New.Rows.Remove(world.NewKey(100)), true),
    ];

    [Test]
    public void What_could_destroy_the_last_copy_is_refused_with_a_reason([Range(0, 4)] int index)
    {
        var (name, harm, newLeads) = Refused[index];
        var world = World.Filled();
        world.Options.PauseForLag = TimeSpan.Zero;
        harm(world);
        if (newLeads)
        {
            world.LetNewLead();
        }

        var contents = world.Contents();
        var steps = new Collected<RepairStep>();

        var result = Repair(world, [100, 105, 100_000], dryRun: false, steps);

        Assert.That(result.Counts[RepairOutcome.Refused], Is.EqualTo(1), name);
        Assert.That(steps.All.Single(step => step.Outcome == RepairOutcome.Refused).Note, Is.Not.Empty, name);
        Assert.That(world.Contents(), Is.EqualTo(contents), name);
    }

    [Test]
    [Category("Case60")]
    public void A_write_that_comes_in_between_stands([Values] bool applied)
    {
        var world = World.Filled();
        world.TamperNew(100, 1, 1L);
        var done = false;
        world.Sides.Fault = async step =>
        {
            if (step == "legacy.audit.after" && !done)
            {
                done = true;
                await world.WriteAsync(100, TestLens.Of("live", 5));
                if (applied)
                {
                    await world.ApplyAsync(100);
                }
            }
        };

        var result = Repair(world, [100]);

        Assert.That(done, Is.True, string.Join(' ', world.Sides.Steps.Where(step => step.Contains("audit"))));
        Assert.That(result.Counts[RepairOutcome.ChangedMeanwhile], Is.EqualTo(1));
        Assert.That(world.NewRoot(100)[0], Is.EqualTo(applied ? "live" : "Note 100"));
        Assert.That(world.Legacy.Journal, Has.Count.EqualTo(applied ? 0 : 1));
        world.Run(() => world.DrainAsync());
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    [Category("Case60")]
    public void Repairs_racing_with_writers_and_a_relay_never_bring_an_older_state_back([Range(1, 20)] int seed)
    {
        var world = World.Filled();
        var busy = true;
        world.Run(async () =>
        {
            var random = new Random(seed);
            var writing = WriteAsync();
            for (var i = 0; i < 10; i++)
            {
                if (world.New.Rows.ContainsKey(world.NewKey(20)))
                {
                    world.TamperNew(20, 1, -1L);
                }

                await RepairAsync(world, [10, 20, 30], dryRun: false, null);
            }

            busy = false;
            await writing;
            await world.DrainAsync();
            await RepairAsync(world, [10, 20, 30], dryRun: false, null);

            async Task WriteAsync()
            {
                for (var i = 0; busy && i < 300; i++)
                {
                    var id = random.Next(1, 4) * 10;
                    await world.WriteAsync(id, random.Next(5) == 0 ? null : TestLens.Of($"live {i}", i));
                    await (random.Next(2) == 0 ? world.ApplyAsync(id) : Task.CompletedTask);
                }
            }
        }, seed);

        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public void What_legacy_cannot_express_survives_a_repair()
    {
        var world = World.Filled();
        world.TamperNew(30, 3, 1L);
        world.TamperNew(30, 1, 1L);

        Repair(world, [30]);

        Assert.That(world.NewRoot(30), Is.EqualTo(new object[] { "Note 30", 3000L, 1L, 1L }));
    }

    [Test]
    public void Declared_differences_are_not_repaired()
    {
        var world = World.Filled();
        world.Options.Declared = [new DeclaredDifference("amount", "finance", "rounded", DateOnly.MaxValue)];
        world.TamperNew(100, 1, 1L);

        Assert.That(Repair(world, [100]).Counts[RepairOutcome.Nothing], Is.EqualTo(1));
        Assert.That(world.NewRoot(100)[1], Is.EqualTo(1L));
    }

    [TestCase(Stage.LegacyOnly)]
    [TestCase(Stage.NewOnly)]
    public void Where_there_are_no_two_sides_it_refuses(Stage stage)
    {
        var world = World.Filled();
        world.Sides.SetStage(stage, 8, World.DualEpoch);

        Assert.Throws<WrongStageException>(() => Repair(world, [100]));
    }

    [Test]
    public void Without_actor_or_reason_it_refuses()
    {
        var world = World.Filled();

        Assert.Throws<ArgumentException>(() => world.Run(
            () => new RepairJob(world.Runtime).RunAsync(TestLens.Kind, [1], false, " ", "r", null, default)));
        Assert.Throws<ArgumentException>(() => world.Run(
            () => new RepairJob(world.Runtime).RunAsync(TestLens.Kind, [1], false, "a", "", null, default)));
    }

    private static RepairResult Repair(World world, IReadOnlyList<long> ids, bool dryRun = false, IProgress<RepairStep>? progress = null) =>
        world.Run(() => RepairAsync(world, ids, dryRun, progress));

    private static Task<RepairResult> RepairAsync(World world, IReadOnlyList<long> ids, bool dryRun, IProgress<RepairStep>? progress) =>
        new RepairJob(world.Runtime, world.Options).RunAsync(
            TestLens.Kind, ids, dryRun, "anna", "ticket 7", progress, CancellationToken.None);
}
