using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>The context <c>health-regions</c>, put together for one process: its repositories on both sides and the wrappers over them.</summary>
public sealed class HealthRegionsContext
{
    public const string Name = "health-regions";
    public const string ProvinceKind = "province";
    public const string HealthRegionKind = "health-region";
    public const string PostcodeKind = "postcode";
    public const string MobilityWeekKind = "mobility-week";
    public const string CaseReportKind = "case-report";

    private readonly ProvinceRecords _provinceRecords;
    private readonly HealthRegionRecords _healthRegionRecords;
    private readonly PostcodeRecords _postcodeRecords;
    private readonly MobilityWeekRecords _mobilityWeekRecords;
    private readonly CaseReportRecords _caseReportRecords;

    private HealthRegionsContext(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        _provinceRecords = new ProvinceRecords(mappings[ProvinceKind]);
        LegacyProvinces = new LegacyProvinceRepository(sides.Legacy.Store, mappings[ProvinceKind].Legacy, _provinceRecords);
        NewProvinces = new ProvinceRepository(sides.New.Store, mappings[ProvinceKind].New, _provinceRecords);
        _healthRegionRecords = new HealthRegionRecords(mappings[HealthRegionKind]);
        LegacyHealthRegions = new LegacyHealthRegionRepository(sides.Legacy.Store, mappings[HealthRegionKind].Legacy, _healthRegionRecords);
        NewHealthRegions = new HealthRegionRepository(sides.New.Store, mappings[HealthRegionKind].New, _healthRegionRecords);
        _postcodeRecords = new PostcodeRecords(mappings[PostcodeKind]);
        LegacyPostcodes = new LegacyPostcodeRepository(sides.Legacy.Store, mappings[PostcodeKind].Legacy, _postcodeRecords);
        NewPostcodes = new PostcodeRepository(sides.New.Store, mappings[PostcodeKind].New, _postcodeRecords);
        _mobilityWeekRecords = new MobilityWeekRecords(mappings[MobilityWeekKind]);
        LegacyMobilityWeeks = new LegacyMobilityWeekRepository(sides.Legacy.Store, mappings[MobilityWeekKind].Legacy, _mobilityWeekRecords);
        NewMobilityWeeks = new MobilityWeekRepository(sides.New.Store, mappings[MobilityWeekKind].New, _mobilityWeekRecords);
        _caseReportRecords = new CaseReportRecords(mappings[CaseReportKind]);
        LegacyCaseReports = new LegacyCaseReportRepository(sides.Legacy.Store, mappings[CaseReportKind].Legacy, _caseReportRecords);
        NewCaseReports = new CaseReportRepository(sides.New.Store, mappings[CaseReportKind].New, _caseReportRecords);
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose);

    /// <summary>The bare repositories.</summary>
    public LegacyProvinceRepository LegacyProvinces { get; }

    public ProvinceRepository NewProvinces { get; }

    public LegacyHealthRegionRepository LegacyHealthRegions { get; }

    public HealthRegionRepository NewHealthRegions { get; }

    public LegacyPostcodeRepository LegacyPostcodes { get; }

    public PostcodeRepository NewPostcodes { get; }

    public LegacyMobilityWeekRepository LegacyMobilityWeeks { get; }

    public MobilityWeekRepository NewMobilityWeeks { get; }

    public LegacyCaseReportRepository LegacyCaseReports { get; }

    public CaseReportRepository NewCaseReports { get; }

    /// <summary>What frontends use.</summary>
    public ProvinceRepositoryWrapper Provinces { get; private set; } = null!;

    public HealthRegionRepositoryWrapper HealthRegions { get; private set; } = null!;

    public PostcodeRepositoryWrapper Postcodes { get; private set; } = null!;

    public MobilityWeekRepositoryWrapper MobilityWeeks { get; private set; } = null!;

    public CaseReportRepositoryWrapper CaseReports { get; private set; } = null!;

    /// <summary>What frontends are shown.</summary>
    public HealthRegionDirectory Directory { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        if (sides.Legacy.Queries is null || sides.New.Queries is null)
        {
            throw new NotSupportedException($"{Name} answers its clients in SQL: both sides must be SQL stores.");
        }

        var context = new HealthRegionsContext(sides, mappings);
        EntityKind[] kinds =
        [
            new EntityKind(ProvinceKind, context.LegacyProvinces, context.NewProvinces) { Merging = mappings[ProvinceKind].Merging },
            new EntityKind(HealthRegionKind, context.LegacyHealthRegions, context.NewHealthRegions) { Merging = mappings[HealthRegionKind].Merging },
            new EntityKind(PostcodeKind, context.LegacyPostcodes, context.NewPostcodes) { Merging = mappings[PostcodeKind].Merging },
            new EntityKind(MobilityWeekKind, context.LegacyMobilityWeeks, context.NewMobilityWeeks) { Merging = mappings[MobilityWeekKind].Merging },
            new EntityKind(CaseReportKind, context.LegacyCaseReports, context.NewCaseReports) { Merging = mappings[CaseReportKind].Merging },
        ];
        return new ContextParts(kinds, context, context.Attach);
    }

    private void Attach(ContextRuntime runtime, DualWriter writer)
    {
        Provinces = new ProvinceRepositoryWrapper(writer, LegacyProvinces, NewProvinces, _provinceRecords);
        HealthRegions = new HealthRegionRepositoryWrapper(writer, LegacyHealthRegions, NewHealthRegions, _healthRegionRecords);
        Postcodes = new PostcodeRepositoryWrapper(writer, LegacyPostcodes, NewPostcodes, _postcodeRecords);
        MobilityWeeks = new MobilityWeekRepositoryWrapper(writer, LegacyMobilityWeeks, NewMobilityWeeks, _mobilityWeekRecords);
        CaseReports = new CaseReportRepositoryWrapper(writer, LegacyCaseReports, NewCaseReports, _caseReportRecords);
        Directory = new HealthRegionDirectory(new LeadQueries(runtime));
    }
}
