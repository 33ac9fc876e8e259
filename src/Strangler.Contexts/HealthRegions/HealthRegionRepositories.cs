using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>Provinces in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyProvinceRepository(ISideStore store, IRecordLens lens, ProvinceRecords records)
    : SideRepository<Province>(store, lens, records, HealthRegionsContext.ProvinceKind), IProvinceRepository;

/// <summary>Provinces in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class ProvinceRepository(ISideStore store, IRecordLens lens, ProvinceRecords records)
    : SideRepository<Province>(store, lens, records, HealthRegionsContext.ProvinceKind), IProvinceRepository;

/// <summary>Health regions in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyHealthRegionRepository(ISideStore store, IRecordLens lens, HealthRegionRecords records)
    : SideRepository<HealthRegion>(store, lens, records, HealthRegionsContext.HealthRegionKind), IHealthRegionRepository;

/// <summary>Health regions in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class HealthRegionRepository(ISideStore store, IRecordLens lens, HealthRegionRecords records)
    : SideRepository<HealthRegion>(store, lens, records, HealthRegionsContext.HealthRegionKind), IHealthRegionRepository;

/// <summary>Postcodes in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyPostcodeRepository(ISideStore store, IRecordLens lens, PostcodeRecords records)
    : SideRepository<Postcode>(store, lens, records, HealthRegionsContext.PostcodeKind), IPostcodeRepository
{
    Task<Postcode?> IPostcodeRepository.FindAsync(string code, CancellationToken cancellationToken) => PostcodeKeys.FindAsync(code, FindAsync, cancellationToken);

    Task IPostcodeRepository.DeleteAsync(string code, CancellationToken cancellationToken) => PostcodeKeys.DeleteAsync(code, DeleteAsync, cancellationToken);
}

/// <summary>Postcodes in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class PostcodeRepository(ISideStore store, IRecordLens lens, PostcodeRecords records)
    : SideRepository<Postcode>(store, lens, records, HealthRegionsContext.PostcodeKind), IPostcodeRepository
{
    Task<Postcode?> IPostcodeRepository.FindAsync(string code, CancellationToken cancellationToken) => PostcodeKeys.FindAsync(code, FindAsync, cancellationToken);

    Task IPostcodeRepository.DeleteAsync(string code, CancellationToken cancellationToken) => PostcodeKeys.DeleteAsync(code, DeleteAsync, cancellationToken);
}

/// <summary>Mobility weeks in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyMobilityWeekRepository(ISideStore store, IRecordLens lens, MobilityWeekRecords records)
    : SideRepository<MobilityWeek>(store, lens, records, HealthRegionsContext.MobilityWeekKind), IMobilityWeekRepository;

/// <summary>Mobility weeks in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class MobilityWeekRepository(ISideStore store, IRecordLens lens, MobilityWeekRecords records)
    : SideRepository<MobilityWeek>(store, lens, records, HealthRegionsContext.MobilityWeekKind), IMobilityWeekRepository;

/// <summary>Case reports in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyCaseReportRepository(ISideStore store, IRecordLens lens, CaseReportRecords records)
    : SideRepository<CaseReport>(store, lens, records, HealthRegionsContext.CaseReportKind), ICaseReportRepository;

/// <summary>Case reports in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class CaseReportRepository(ISideStore store, IRecordLens lens, CaseReportRecords records)
    : SideRepository<CaseReport>(store, lens, records, HealthRegionsContext.CaseReportKind), ICaseReportRepository;

/// <summary>What is written, and the public id that it has.</summary>
internal static class PostcodeKeys
{
    /// <summary>What can be no postcode is none.</summary>
    public static Task<Postcode?> FindAsync(
        string code, Func<long, CancellationToken, Task<Postcode?>> find, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(code);
        return TextKey.IdOf(code) is var id and > 0 ? find(id, cancellationToken) : Task.FromResult<Postcode?>(null);
    }

    public static Task DeleteAsync(string code, Func<long, CancellationToken, Task> delete, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(code);
        return TextKey.IdOf(code) is var id and > 0 ? delete(id, cancellationToken) : Task.CompletedTask;
    }
}
