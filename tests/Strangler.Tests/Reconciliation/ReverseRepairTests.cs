using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>Repairs from follower to lead: a new write on the lead, above both versions, or nothing.</summary>
[TestFixture]
[Category("Case60")]
public sealed class ReverseRepairTests
{
    private static readonly (string Name, Action<World> Break, bool NewLeads)[] Repairable =
    [
        ("the lead was edited by hand", world => world.Sides.PlantLegacy(100, "by hand", 1), false),
        ("the follower was corrected by hand", world => world.TamperNew(100, 1, 5L), false),
        ("the lead has lost the row", world => world.Sides.WriteForeign(World.Key(100), null, captured: false), false),
        ("the lead was set back", world =>
        {
            world.Run(async () =>
            {
                var (row, entity) = (world.Legacy.Rows[World.Key(100)], world.Legacy.Entities.GetValueOrDefault(World.Key(100)));
                await world.WriteAsync(100, TestLens.Of("newer", 7));
                await world.WriteAsync(100, TestLens.Of("newest", 8));
                await world.DrainAsync();
                world.Legacy.Rows[World.Key(100)] = row;
                world.Legacy.Entities.Remove(World.Key(100));
                if (entity is not null)
                {
                    world.Legacy.Entities[World.Key(100)] = entity;
                }
            });
        }, false),
        ("new leads and was tampered with", world => world.TamperNew(100, 1, 5L), true),
        ("new leads and has lost the row", world => world.New.Rows.Remove(world.NewKey(100)), true),
    ];

    [Test]
    public void The_followers_state_becomes_a_write_on_the_lead([Range(0, 5)] int index)
    {
        var (name, harm, newLeads) = Repairable[index];
        var world = World.Filled();
        if (newLeads)
        {
            world.LetNewLead();
        }

        harm(world);
        var (lead, follower) = newLeads ? (world.New, world.Legacy) : (world.Legacy, world.New);
        var (legacyBefore, newBefore) = world.Contents();
        var expected = (newLeads ? legacyBefore : newBefore)[100];
        var above = follower.Entities.GetValueOrDefault(World.Key(100))?.Version ?? default;
        Assert.That(world.Reconcile().DifferingIds, Is.EqualTo(new long[] { 100 }), name);

        var result = Repair(world, [100]);
        world.Run(() => world.DrainAsync());

        var (legacy, @new) = world.Contents();
        Assert.Multiple(() =>
        {
            Assert.That(result.Counts[RepairOutcome.Written], Is.EqualTo(1), name);
            Assert.That((legacy[100], @new[100]), Is.EqualTo((expected, expected)), name);
            Assert.That(lead.Entities[World.Key(100)].Version, Is.GreaterThan(above), name);
            Assert.That(lead.Entities[World.Key(100)].Writer, Is.EqualTo("anna"));
            Assert.That(lead.Audit.Single().Detail, Does.StartWith("note 100: follower to lead, "));
            Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean), name);
        });
    }

    private static readonly (string Name, Action<World> Break)[] Refused =
    [
        ("the follower has no rows", world => world.New.Rows.Remove(world.NewKey(100))),
        ("a write of the lead that the follower lacks", world =>
        {
            world.Run(() => world.WriteAsync(100, TestLens.Of("live", 5)));
            world.Legacy.Journal.Clear();
        }),
        ("deleted on the lead", world =>
        {
            world.Legacy.Rows.Remove(World.Key(100));
            world.Raise(SideName.Legacy, 100, 4, tombstone: true);
            world.Raise(SideName.New, 100, 4, tombstone: true);
        }),
        ("erased on the lead", world =>
        {
            // 'cancelled' stands for the flag of an erasure here.
            world.Sides.PlantLegacy(100, "", 10_000, "C");
        }),
        ("cannot be read", world => world.Sides.PlantLegacy(100, "x", 1, "?")),
    ];

    [Test]
    public void What_would_delete_undo_or_bring_back_is_refused_with_a_reason([Range(0, 4)] int index)
    {
        var (name, harm) = Refused[index];
        var world = World.Filled();
        harm(world);
        var contents = world.Contents();
        var steps = new Collected<RepairStep>();

        var result = Repair(world, [100], steps: steps);

        Assert.That(result.Counts[RepairOutcome.Refused], Is.EqualTo(1), name);
        Assert.That(steps.All.Single().Note, Is.Not.Empty, name);
        Assert.That(world.Contents(), Is.EqualTo(contents), name);
    }

    [Test]
    public void A_dry_run_writes_nothing()
    {
        var world = World.Filled();
        world.TamperNew(100, 1, 5L);
        var contents = world.Contents();

        Assert.That(Repair(world, [100], dryRun: true).Counts[RepairOutcome.WouldWrite], Is.EqualTo(1));
        Assert.That(world.Contents(), Is.EqualTo(contents));
        Assert.That(world.Legacy.Journal, Is.Empty);
    }

    [Test]
    public void A_write_that_comes_in_between_stands()
    {
        var world = World.Filled();
        world.TamperNew(100, 1, 5L);
        var done = false;
        world.Sides.Fault = async step =>
        {
            if (step == "legacy.audit.after" && !done)
            {
                done = true;
                await world.WriteAsync(100, TestLens.Of("live", 9));
            }
        };

        var result = Repair(world, [100]);

        Assert.That(result.Counts[RepairOutcome.ChangedMeanwhile], Is.EqualTo(1));
        Assert.That(world.Legacy.Rows[World.Key(100)].Root[0], Is.EqualTo("live"));
        world.Run(() => world.DrainAsync());
        Assert.That(world.Reconcile().Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    private static RepairResult Repair(World world, IReadOnlyList<long> ids, bool dryRun = false, IProgress<RepairStep>? steps = null) =>
        world.Run(() => new RepairJob(world.Runtime, world.Options) { Direction = RepairDirection.FollowerToLead,
            ErasedBy = "cancelled" }.RunAsync(
            TestLens.Kind, ids, dryRun, "anna", "ticket 7", steps, CancellationToken.None));
}
