using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.HealthRegions;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>The states of health regions, whose key is a number that nobody allots.</summary>
public sealed class HealthRegionStatesTests : ContextStatesContract<HealthRegion>
{
    private protected override int Rows => 60;

    private protected override IEnumerable<string> ReadableKinds => LegacyHealthRegions.Regions().Kinds;

    private protected override IReadOnlyList<(string Name, Func<HealthRegion, bool> May, Action<HealthRegion> Act, string[] Fields)> AllChanges =>
    [
        ("name", _ => true, one => one.Rename("Central", "Région du Centre "), ["name_"]),
        ("websites", _ => true, one => one.ReadAboutAt("https://b.example/", null), ["website_"]),
        ("empty websites", _ => true, one => one.ReadAboutAt("", ""), ["website_"]),
        ("of no province", _ => true, one => one.BelongTo(0), ["province"]),
        ("of another province", _ => true, one => one.BelongTo(48), ["province"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await HealthRegionsWorld.CreateAsync(HealthRegionsContext.HealthRegionKind);

    private protected override RepositoryWrapper<HealthRegion> WrapperOf(ContextWorld world) => world.Host.Part<HealthRegionsContext>().HealthRegions;
}

/// <summary>The states of postcodes, whose key is a text.</summary>
public sealed class PostcodeStatesTests : ContextStatesContract<Postcode>
{
    private static readonly LegacyHealthTable _all = LegacyHealthRegions.Locations(new LegacyRowOptions { IncludeUnreadable = false });

    private protected override int Rows => 240;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds;

    private protected override IReadOnlyList<(string Name, Func<Postcode, bool> May, Action<Postcode> Act, string[] Fields)> AllChanges =>
    [
        ("another region", _ => true, one => one.LieIn(9003, 91), ["region", "province"]),
        ("no region", _ => true, one => one.LieIn(0, 0), ["region", "province"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind);

    private protected override RepositoryWrapper<Postcode> WrapperOf(ContextWorld world) => world.Host.Part<HealthRegionsContext>().Postcodes;
}

/// <summary>The states of reports of cases.</summary>
public sealed class CaseReportStatesTests : ContextStatesContract<CaseReport>
{
    private protected override int Rows => 120;

    private protected override IEnumerable<string> ReadableKinds =>
        LegacyHealthRegions.Cases(new LegacyRowOptions { Rows = 60, IncludeUnreadable = false }).Kinds;

    private protected override IReadOnlyList<(string Name, Func<CaseReport, bool> May, Action<CaseReport> Act, string[] Fields)> AllChanges =>
    [
        ("counts", _ => true, one => one.Report(one.Counts with { Cases = 0, Deaths = null, AverageCasesLast7Days = 0.5 }), ["cases", "deaths", "average_cases_last_7_days"]),
        ("names", _ => true, one => one.Name(null, "Central"), ["province_name", "region_name"]),
        ("somebody found out", _ => true, one => one.BelongTo(9003), ["region"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await HealthRegionsWorld.CreateAsync(HealthRegionsContext.CaseReportKind);

    private protected override RepositoryWrapper<CaseReport> WrapperOf(ContextWorld world) => world.Host.Part<HealthRegionsContext>().CaseReports;
}
