using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Mapping;

namespace Strangler.Tests.Reconciliation;

/// <summary>A hand in a derived column is drift as any other, and has its cure, whoever leads.</summary>
public sealed class DerivedDriftTests
{
    private static readonly EntityKey Key = new("donation", 20);

    [Test]
    public void It_is_found_and_the_leads_state_puts_it_right()
    {
        var world = Tampered();
        Assert.That(Differing(world), Is.EqualTo(new[] { "20 Drift log_entries" }));
        Assert.That(Repair(world, RepairDirection.LeadToFollower).Outcome, Is.EqualTo(RepairOutcome.Written));
        Assert.That(Differing(world), Is.Empty);
    }

    [Test]
    public void While_new_leads_legacy_has_no_place_for_it_and_the_refusal_names_the_way_that_mends_it()
    {
        var world = Tampered();
        world.LetNewLead();
        Assert.That(Differing(world), Is.EqualTo(new[] { "20 Drift log_entries" }));
        var bytes = world.Legacy.Rows[Key];
        Assert.That(
            Repair(world, RepairDirection.LeadToFollower),
            Has.Property("Outcome").EqualTo(RepairOutcome.Refused).And.Property("Note").Contains("--direction follower-to-lead"));
        Assert.That(Repair(world, RepairDirection.FollowerToLead).Outcome, Is.EqualTo(RepairOutcome.Written));
        Assert.That(Differing(world), Is.Empty);
        Assert.That(world.Legacy.Rows[Key].SameAs(bytes));
    }

    private static MappedWorld Tampered()
    {
        var world = new MappedWorld(
            DonationRows.Mapping,
            [DonationRows.Row().WithBlob(("adresstyp", "person"), ("log", DonationRows.Php(("2016-05-16 19:23:16", "cancelled by user: erika"))))]);
        Assert.That(Differing(world), Is.Empty);
        var layout = DonationRows.Mapping.New.Layout;
        var table = layout.IndexOf("donation_log_entry");
        var (key, row) = world.New.Rows.Single();
        var changed = row.Clone();
        changed.Tables[table][0][layout.Tables[table].IndexOf("actor")] = "anna";
        world.New.Rows[key] = changed;
        return world;
    }

    private static List<string> Differing(MappedWorld world) =>
        [.. world.Reconcile().Samples.Select(found => $"{found.Id} {found.Verdict} {string.Join(",", found.Fields.Select(field => field.Field))}")];

    private static RepairStep Repair(MappedWorld world, RepairDirection direction)
    {
        List<RepairStep> steps = [];
        world.Run(() => new RepairJob(world.Runtime) { Direction = direction }.RunAsync(
            Key.Kind, [Key.Id], dryRun: false, "anna", "test", new Collected(steps), CancellationToken.None));
        return steps.Single();
    }

    private sealed class Collected(List<RepairStep> steps) : IProgress<RepairStep>
    {
        public void Report(RepairStep value) => steps.Add(value);
    }
}
