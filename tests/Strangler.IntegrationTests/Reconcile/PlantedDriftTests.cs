using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.LegacyData;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>On a real server: whatever is planted is found, with its class and field, and nothing else is.</summary>
[TestFixture]
[Category("Case57")]
public sealed class PlantedDriftTests
{
    private const int Rows = 500;

    [Test]
    public async Task Every_class_in_every_field_at_every_place_is_found(
        [Values(1, 2)] int seed, [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(Rows, seed);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        await world.MoveToAsync(stage);
        var before = await ReconcileAsync(world);
        Assert.That(before.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), string.Join('\n', ReportText.Render(before)));
        var planter = new DriftPlanter(
            world.Host.Runtime, DonationsContext.DonationKind, new PlantOptions { Seed = seed }, (key, _) => UnmapAsync(world, key));
        var plantation = await planter.PlantAsync(CancellationToken.None);

        var report = await ReconcileAsync(world);

        await TestContext.Out.WriteLineAsync(
            $"{plantation.Planted.Count} planted, {plantation.NotPlanted.Count} not:\n{string.Join('\n', plantation.NotPlanted)}");
        var check = PlantCheck.Of(plantation.Planted, report, before);
        Assert.Multiple(() =>
        {
            Assert.That(check.Missed, Is.Empty, "missed");
            Assert.That(check.Extra, Is.Empty, "not planted");
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities), "each entity in one class");
            Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
            Assert.That(Accounting.Of(report, SideName.New).AddsUp, Is.True);
            Assert.That(plantation.Planted.Select(drift => drift.Verdict).Distinct().Order(), Is.EqualTo(
                Enum.GetValues<Verdict>().Except([Verdict.Matched, Verdict.Explained]).Order()));
            Assert.That(plantation.NotPlanted.Where(each => !each.Contains("cannot express it", StringComparison.Ordinal)), Is.Empty);
        });
    }

    private static Task<ReconciliationReport> ReconcileAsync(DonationsWorld world)
    {
        var options = ContextWorld.Hasty(world.Host);
        (options.SamplesPerVerdict, options.FirstChunk, options.MaxChunk, options.PauseForLag) = (10_000, 50, 50, TimeSpan.Zero);
        return world.Host.Reconciler(options).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None);
    }

    private static async Task UnmapAsync(DonationsWorld world, EntityKey key)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(
            "DELETE FROM strangler_id_map WHERE context = @Name AND kind = @Kind AND public_id = @Id", new { world.Name, key.Kind, key.Id });
    }
}
