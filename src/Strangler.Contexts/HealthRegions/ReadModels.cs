namespace Strangler.Contexts.HealthRegions;

/// <summary>A province as clients are shown it.</summary>
public sealed record ProvinceEntry(long ProvinceCode, string FullName, string AlphaCode, string Region);

/// <summary>A health region as clients are shown it.</summary>
public sealed record RegionEntry(long HrUid, long? ProvinceCode, string NameEn, string NameFr, string? WebsiteEn, string? WebsiteFr);

/// <summary>A postcode with the one region that the older routes name.</summary>
/// <param name="Id">The public id: the same in every stage, though no table of legacy holds it.</param>
/// <param name="Code">As it is stored.</param>
/// <param name="HrUid">Of its first region; null where it names none.</param>
/// <param name="ProvinceCode">Null where it names none.</param>
/// <param name="HealthRegion">Null where the region is not there.</param>
/// <param name="Mobility">Of the region's latest week; null where there is none.</param>
/// <param name="Province">Null where the province is not there.</param>
public sealed record LocationEntry(
    long Id, string Code, long? HrUid, long? ProvinceCode, RegionEntry? HealthRegion, MobilityEntry? Mobility, ProvinceEntry? Province);

/// <summary>What was measured in a region in its latest week.</summary>
/// <param name="HrUid">The region.</param>
/// <param name="Date">As it was written.</param>
/// <param name="WeekOfYear">Null where it is not given.</param>
/// <param name="Year">Null where it is not given.</param>
/// <param name="SumNumDevices">Null where it is not given.</param>
/// <param name="Metrics">In the order of <see cref="MobilityWeek.MetricNames"/>.</param>
public sealed record MobilityEntry(long HrUid, string? Date, long? WeekOfYear, long? Year, long? SumNumDevices, IReadOnlyList<double?> Metrics);
