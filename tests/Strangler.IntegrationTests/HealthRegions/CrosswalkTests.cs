using Strangler.Cli;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>The further regions of postcodes, from a file.</summary>
public sealed class CrosswalkTests
{
    private const string List =
        "\uFEFFhr_uid,FSA,name,estimated_pop\n3551,K1A,\"Ottawa, Ont.\",1200\n9004, k1a ,Old,\n3551,K1A,again,1200\n9101,Z9Z,North,17.0\n4711,K1A,nobody knows,1\n3551,K1,none,1\n";

    [Test]
    public async Task Further_regions_come_from_a_list_once_the_new_side_leads()
    {
        await using var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);
        await world.RunForeignAsync(
            """
            INSERT INTO provinces VALUES (35, 'Ontario', 'ON', 'Ontario');
            INSERT INTO health_regions VALUES (3551, 35, 'City of Ottawa', 'Ottawa', NULL, NULL), (9004, 35, 'Old', 'Vieux', NULL, NULL), (9101, 35, 'North', 'Nord', NULL, NULL);
            INSERT INTO locations VALUES ('K1A', 3551, 35);
            """);
        var cli = new CommandLine(world);
        var folder = Path.GetDirectoryName(cli.ConfigFile)!;
        var file = Path.Combine(folder, "crosswalk.csv");
        await File.WriteAllTextAsync(file, List);
        await world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await cli.RunAsync($"crosswalk {file}", ExitCodes.CouldNotRun)).Error, Does.Contain("ShadowRead").And.Contain("NewLeads"));
        await world.MoveToAsync(Stage.NewLeads);

        Assert.That((await cli.RunAsync($"crosswalk {file} --dry-run", ExitCodes.Found)).Output, Does.Contain("2 postcodes would be stored").And.Contain("nothing was written"));
        Assert.That(await RegionsOfAsync(world, "K1A"), Is.EqualTo(new[] { 3551L }));

        var told = await cli.RunAsync($"crosswalk {file}", ExitCodes.Found);
        Assert.That(told.Output, Does.Contain("2 postcodes stored").And.Contain("row 5: no such region").And.Contain("row 6: the postcode"));
        Assert.That(await RegionsOfAsync(world, "K1A"), Is.EqualTo(new[] { 3551L, 9004L }));
        Assert.That(await RegionsOfAsync(world, "Z9Z"), Is.EqualTo(new[] { 9101L }));
        var postcode = (await world.Context.Postcodes.FindAsync("K1A", CancellationToken.None))!;
        Assert.That((postcode.Population, postcode.FurtherParts.Single()), Is.EqualTo(((long?)1200, new PostcodePart(9004, null))));

        var again = (await cli.RunAsync($"crosswalk {file} --json", ExitCodes.Found)).Json;
        Assert.That((again.GetProperty("stored").GetInt32(), again.GetProperty("unchanged").GetInt32(), again.GetProperty("lines").GetInt32()), Is.EqualTo((0, 2, 6)));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(Reconciliation.ReconciliationOutcome.Clean));

        await File.WriteAllTextAsync(file, "fsa;hr_uid;estimated_pop\nK1A;3551;1\n");
        Assert.That((await cli.RunAsync($"crosswalk {file}", ExitCodes.CouldNotRun)).Error, Does.Contain("fsa;hr_uid").And.Contain("expected the columns"));
        Assert.That((await cli.RunAsync($"crosswalk {folder}/none.csv", ExitCodes.CouldNotRun)).Error, Does.Contain("none.csv"));
    }

    private static async Task<IEnumerable<long>> RegionsOfAsync(HealthRegionsWorld world, string code) =>
        (await world.Context.Directory.RegionsOfAsync(code, CancellationToken.None)).Select(region => region.HrUid);
}
