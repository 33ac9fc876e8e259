using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>Clear values: the present ones, counted and audited before they are shown; what was erased since stays erased.</summary>
[TestFixture]
[Category("Case64")]
public sealed class RevealTests
{
    [Test]
    public void The_present_values_of_the_samples_are_shown_and_audited()
    {
        var world = World.Filled();
        world.TamperNew(100, 0, "Erika Mustermann");
        world.New.Rows.Remove(world.NewKey(50));
        var report = world.Reconcile();
        world.TamperNew(100, 0, "(erased)");

        var revealed = Reveal(world, report);

        Assert.Multiple(() =>
        {
            Assert.That(revealed.Entities.Single(entity => entity.Id == 100).Fields.Single(),
                Is.EqualTo(new FieldDifference("name", "'Note 100'", "'(erased)'")));
            Assert.That(
                revealed.Entities.Single(entity => entity.Id == 50).Fields.Select(field => (field.Field, field.New)),
                Is.EqualTo(new[] { ("name", "(not there)"), ("amount", "(not there)") }));
            Assert.That(revealed.Values, Is.EqualTo(4));
            Assert.That(
                world.Legacy.Audit.Select(entry => (entry.Actor, entry.Action, entry.Reason, entry.Detail)),
                Is.EquivalentTo(new[]
                {
                    ("anna", "reveal", "ticket 7", "note 50: 2 of 4 values of run 1"),
                        ("anna", "reveal", "ticket 7", "note 100: 2 of 4 values of run 1"),
                }));
            Assert.That(world.Legacy.Audit.Select(entry => entry.Detail), Has.None.Contains("erased"));
        });
    }

    [Test]
    public void What_cannot_be_audited_is_not_shown()
    {
        var world = World.Filled();
        world.TamperNew(100, 0, "Erika Mustermann");
        var report = world.Reconcile();
        world.Sides.Fault = step => step.Contains("audit") ? throw new IOException("full") : Task.CompletedTask;

        Assert.Throws<IOException>(() => Reveal(world, report));
        Assert.Throws<ArgumentException>(() => world.Run(() => new Revealer(world.Runtime).RevealAsync(report, "anna", " ", default)));
    }

    private static Revelation Reveal(World world, ReconciliationReport report) =>
        world.Run(() => new Revealer(world.Runtime).RevealAsync(report, "anna", "ticket 7", CancellationToken.None));
}
