using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DriftPlanting;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.LegacyData.Drift;
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
        await world.RunForeignAsync("DELETE FROM spenden WHERE id <= 8");
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

    [Test]
    public async Task The_tool_plants_by_configuration_refuses_without_the_typed_name_and_checks_a_report()
    {
        await using var world = await SubscriptionsWorld.CreateAsync();
        await world.FillExamplesAsync(300);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var folder = Path.GetDirectoryName(world.ConfigFile)!;
        var (planted, report, before) = (Path.Combine(folder, "planted.json"), Path.Combine(folder, "report.json"), Path.Combine(folder, "before.json"));
        var line = new CommandLine(world);
        await File.WriteAllTextAsync(before, (await line.RunAsync("reconcile subscriptions --json --samples 10000", 0)).Output);

        Assert.That((await PlanterAsync("plant", "subscriptions", "--config", line.ConfigFile)).Code, Is.EqualTo(2));
        var plant = await PlanterAsync(
            "plant", "subscriptions", "--config", line.ConfigFile, "--seed", "5", "--each", "2", "--i-know-that-this-damages", "subscriptions");
        Assert.That(plant.Code, Is.Zero, plant.Error);
        await File.WriteAllTextAsync(planted, plant.Output);
        var reconciled = await line.RunAsync("reconcile subscriptions --json --samples 10000 --full-speed", 1);
        await File.WriteAllTextAsync(report, reconciled.Output);

        var check = await PlanterAsync("check", planted, report, "--before", before);
        Assert.That(check.Code, Is.Zero, check.Output);
        Assert.That(check.Output, Does.Match("[0-9]+ planted, 0 missed, 0 extra"));
        var unfound = await PlanterAsync("check", planted, before);
        Assert.That(unfound.Code, Is.EqualTo(1));
        Assert.That(unfound.Output, Does.Contain("missed: 0/"));
    }

    private static async Task<(int Code, string Output, string Error)> PlanterAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (await PlanterCommandLine.RunAsync(args, output, error), output.ToString(), error.ToString());
    }

    private static Task<ReconciliationReport> ReconcileAsync(DonationsWorld world)
    {
        var options = ContextWorld.Hasty(world.Host);
        (options.SamplesPerVerdict, options.FirstChunk, options.MaxChunk, options.PauseForLag) = (10_000, 50, 50, TimeSpan.Zero);
        return world.Host.Reconciler(options).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None);
    }

    internal static async Task UnmapAsync(DonationsWorld world, EntityKey key)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync(
            "DELETE FROM strangler_id_map WHERE context = @Name AND kind = @Kind AND public_id = @Id", new { world.Name, key.Kind, key.Id });
    }
}
