using System.Collections.Concurrent;
using Dapper;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>Another program empties a table and loads it anew, past all triggers that see no TRUNCATE.</summary>
public sealed class DataSetTests
{
    private const string Options =
        """{ "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "100ms", "dataSetQuiet": "700ms", "captureCheckInterval": "300ms", "schemaCheckInterval": "100ms", "foreignWriterQuiet": "0s" }""";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly string[] _first = [.. Codes('Z').Take(90)];
    private static readonly string[] _second = [.. Codes('Z').Skip(20).Take(60), .. Codes('W').Take(20)];

    /// <summary>Readers of the new side, which leads, see the one data set or the other; and a relay that dies in between is replaced by another.</summary>
    [Test]
    public async Task While_a_data_set_is_loaded_anew_readers_see_the_one_before_whole_and_then_the_new_one_whole()
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(Stage.NewLeads);
        var seen = new ConcurrentBag<string>();
        using var limit = new CancellationTokenSource(Patience);
        using var firstRelay = new CancellationTokenSource();
        var relay = world.Host.Relay.RunAsync(firstRelay.Token);
        await using (Load.Start([], [.. Enumerable.Range(0, 2).Select<int, Func<CancellationToken, Task>>(_ => stop => ReadAsync(world, seen, stop))]))
        {
            await ReloadAsync(world, _second, 9003);
            await UntilAsync(() => IsKeptAsync(world), limit.Token);
            await firstRelay.CancelAsync();
            await relay;
            await using var other = Load.Start([], [world.Open().Relay.RunAsync]);
            await UntilAsync(() => Task.FromResult(seen.Contains(Edition(_second, 9003))), limit.Token);
        }

        Assert.That(seen.Distinct(), Is.EquivalentTo(new[] { Edition(_first, 9001), Edition(_second, 9003) }));
        Assert.That(await IsKeptAsync(world), Is.False);
        await using var connection = await world.NewDatabase.OpenAsync();
        Assert.That(await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM kept_postcode"), Is.Zero);
        Assert.That((await connection.QueryAsync<string>("SELECT code FROM postcode")), Is.EquivalentTo(_second));
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync(world);
    }

    /// <summary>What no trigger sees is found by the relays alone, while legacy leads as well.</summary>
    [Test]
    public async Task What_a_truncated_table_has_lost_is_found_without_a_reconciliation([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(stage == Stage.DualWrite ? Stage.ShadowRead : stage);
        using var limit = new CancellationTokenSource(Patience);
        await using (Load.Start([], [world.Host.Relay.RunAsync]))
        {
            await ReloadAsync(world, _first[..30], 9001);
            await UntilAsync(async () => (await NewCodesAsync(world)).SetEquals(_first[..30]), limit.Token);
        }

        await world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync(world);
    }

    /// <summary>A table that was emptied and never loaded is no data set: nothing is taken away for it.</summary>
    [Test]
    public async Task An_emptied_table_takes_nothing_away()
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(Stage.NewLeads);
        using var limit = new CancellationTokenSource(Patience);
        await using (Load.Start([], [world.Host.Relay.RunAsync]))
        {
            await world.RunForeignAsync("TRUNCATE locations");
            await UntilAsync(() => Task.FromResult(world.Logs.Lines.Any(line => line.Contains("no postcode rows any more", StringComparison.Ordinal))), limit.Token);
        }

        Assert.That(await NewCodesAsync(world), Is.EquivalentTo(_first));
        Assert.That(await world.Context.Directory.LocationsAsync(CancellationToken.None), Has.Count.EqualTo(_first.Length));
    }

    [Test]
    public async Task One_changed_row_is_seen_at_once()
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(Stage.NewLeads);
        await world.RunForeignAsync($"UPDATE locations SET hr_uid = 9003 WHERE forward_sortation_area = '{_first[0]}'");
        await world.Host.Relay.CatchUpAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
        Assert.That((await world.Context.Directory.LocationsAsync(_first[0], CancellationToken.None)).Single().HrUid, Is.EqualTo(9003));
        Assert.That(await IsKeptAsync(world), Is.False);
    }

    private static async Task<HealthRegionsWorld> CreateAsync()
    {
        var world = await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind, options: Options);
        await world.RunForeignAsync(
            "INSERT INTO provinces VALUES (90, 'Tests', 'ZZ', 'National'); INSERT INTO health_regions VALUES (9001, 90, 'a', 'a', NULL, NULL), (9003, 90, 'b', 'b', NULL, NULL)");
        await world.RunForeignAsync(string.Join(';', _first.Select(code => Insert(code, 9001))));
        return world;
    }

    // Row by row, each in a transaction of its own, as the loader of a CSV file does.
    private static async Task ReloadAsync(HealthRegionsWorld world, IReadOnlyList<string> codes, long region)
    {
        await world.RunForeignAsync("TRUNCATE locations");
        foreach (var code in codes)
        {
            await world.RunForeignAsync(Insert(code, region));
        }
    }

    private static string Insert(string code, long region) => $"INSERT INTO locations VALUES ('{code}', {region}, 90)";

    private static async Task ReadAsync(HealthRegionsWorld world, ConcurrentBag<string> seen, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var locations = await world.Context.Directory.LocationsAsync(CancellationToken.None);
            seen.Add(string.Join(' ', locations.Select(one => $"{one.Code}={one.HrUid}")));
        }
    }

    private static string Edition(IEnumerable<string> codes, long region) => string.Join(' ', codes.Order(StringComparer.Ordinal).Select(code => $"{code}={region}"));

    private static Task<bool> IsKeptAsync(HealthRegionsWorld world) => world.Host.Sides.Shelf!.IsKeptAsync(CancellationToken.None);

    private static async Task<HashSet<string>> NewCodesAsync(HealthRegionsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return [.. await connection.QueryAsync<string>("SELECT code FROM postcode")];
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, CancellationToken limit)
    {
        while (!await condition())
        {
            await Task.Delay(50, limit);
        }
    }

    private static async Task AssertCleanAsync(HealthRegionsWorld world)
    {
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    private static IEnumerable<string> Codes(char first) =>
        from digit in "0123456789" from last in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" select $"{first}{digit}{last}";
}
