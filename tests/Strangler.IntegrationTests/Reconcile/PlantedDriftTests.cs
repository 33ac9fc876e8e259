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
    public async Task Every_class_in_every_field_at_every_place_is_found()
    {
        const int seed = 1;
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(Rows, seed);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var kind = DonationsContext.DonationKind;
        var before = await world.ReconcileAsync();
        var keys = await world.Host.Sides.Legacy.Store.KeysAsync(kind, long.MinValue, 100_000, CancellationToken.None);
        Assert.That(before.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), string.Join('\n', ReportText.Render(before)));
        Assert.That(keys, Has.Count.EqualTo(Rows).And.Ordered.And.Unique);
        var planter = new DriftPlanter(world.Host.Runtime, kind, seed, async _ => await world.NewDatabase.OpenAsync());
        var planted = await planter.PlantAsync(keys, CancellationToken.None);

        var options = world.Host.ReconciliationOptions;
        (options.SamplesPerVerdict, options.FirstChunk, options.MaxChunk, options.PauseForLag) = (1000, 50, 50, TimeSpan.Zero);
        var report = await world.Host.Reconciler(options).RunAsync(new ReconciliationScope { Kind = kind }, null, CancellationToken.None);

        var expected = planted.Select(drift => drift.ToString()).Order(StringComparer.Ordinal).ToList();
        var found = report.Samples.Where(sample => sample.Verdict is not (Verdict.NotComparable or Verdict.Explained))
            .Select(sample => new PlantedDrift(sample.Id, sample.Verdict,
                string.Join(',', sample.Fields.Select(field => field.Field))).ToString())
            .Order(StringComparer.Ordinal).ToList();
        await TestContext.Out.WriteLineAsync($"{planted.Count} planted, {planter.NotPlanted.Count} cannot be: {string.Join(", ", planter.NotPlanted)}");
        Assert.Multiple(() =>
        {
            Assert.That(found, Is.EqualTo(expected), string.Join('\n', found.Except(expected).Select(line => $"+ {line}").Concat(expected.Except(found).Select(line => $"- {line}"))));
            Assert.That(report.Counts.Values.Sum(), Is.EqualTo(report.Entities), "each entity in one class");
            Assert.That(Accounting.Of(report, SideName.Legacy).AddsUp, Is.True);
            Assert.That(Accounting.Of(report, SideName.New).AddsUp, Is.True);
            Assert.That(planted.Select(drift => drift.Verdict).Distinct().Order(), Is.EqualTo(new[]
            {
                Verdict.InFlight, Verdict.Lagging, Verdict.LostObligation, Verdict.Regression, Verdict.Drift, Verdict.MissingInNew,
                    Verdict.MissingInLegacy,
                Verdict.Unmapped, Verdict.Uncaptured,
            }.Order()));
            Assert.That(planter.NotPlanted.Count, Is.LessThan(world.Host.Runtime.Kind(kind).Legacy.Lens.Schema.Fields.Count / 2));
        });
    }
}
