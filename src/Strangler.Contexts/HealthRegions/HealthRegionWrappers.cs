using Strangler.DualWrite;

namespace Strangler.Contexts.HealthRegions;

/// <summary>Provinces as frontends use them: every read comes from the side that leads, every write goes to both sides while the stage is dual.</summary>
public sealed class ProvinceRepositoryWrapper(DualWriter writer, LegacyProvinceRepository legacy, ProvinceRepository @new, ProvinceRecords records)
    : RepositoryWrapper<Province>(writer, legacy, @new, records, HealthRegionsContext.ProvinceKind), IProvinceRepository
{
    Task IProvinceRepository.StoreAsync(Province province, CancellationToken cancellationToken) => StoreAsync(province, cancellationToken);

    Task IProvinceRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}

/// <summary>Health regions as frontends use them: every read comes from the side that leads, every write goes to both sides while the stage is dual.</summary>
public sealed class HealthRegionRepositoryWrapper(DualWriter writer, LegacyHealthRegionRepository legacy, HealthRegionRepository @new, HealthRegionRecords records)
    : RepositoryWrapper<HealthRegion>(writer, legacy, @new, records, HealthRegionsContext.HealthRegionKind), IHealthRegionRepository
{
    Task IHealthRegionRepository.StoreAsync(HealthRegion healthRegion, CancellationToken cancellationToken) => StoreAsync(healthRegion, cancellationToken);

    Task IHealthRegionRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}

/// <summary>Postcodes as frontends use them: every read comes from the side that leads, every write goes to both sides while the stage is dual.</summary>
public sealed class PostcodeRepositoryWrapper(DualWriter writer, LegacyPostcodeRepository legacy, PostcodeRepository @new, PostcodeRecords records)
    : RepositoryWrapper<Postcode>(writer, legacy, @new, records, HealthRegionsContext.PostcodeKind), IPostcodeRepository
{
    Task IPostcodeRepository.StoreAsync(Postcode postcode, CancellationToken cancellationToken) => StoreAsync(postcode, cancellationToken);

    /// <summary>Null when there is none that is written just so.</summary>
    public Task<Postcode?> FindAsync(string code, CancellationToken cancellationToken) => PostcodeKeys.FindAsync(code, FindAsync, cancellationToken);

    /// <summary>Removes it for good. One that is not there is no error.</summary>
    public Task DeleteAsync(string code, CancellationToken cancellationToken) =>
        PostcodeKeys.DeleteAsync(code, (id, token) => DeleteAsync(id, token), cancellationToken);
}

/// <summary>Mobility weeks as frontends use them: every read comes from the side that leads, every write goes to both sides while the stage is dual.</summary>
public sealed class MobilityWeekRepositoryWrapper(DualWriter writer, LegacyMobilityWeekRepository legacy, MobilityWeekRepository @new, MobilityWeekRecords records)
    : RepositoryWrapper<MobilityWeek>(writer, legacy, @new, records, HealthRegionsContext.MobilityWeekKind), IMobilityWeekRepository
{
    Task IMobilityWeekRepository.StoreAsync(MobilityWeek mobilityWeek, CancellationToken cancellationToken) => StoreAsync(mobilityWeek, cancellationToken);

    Task IMobilityWeekRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}

/// <summary>Case reports as frontends use them: every read comes from the side that leads, every write goes to both sides while the stage is dual.</summary>
public sealed class CaseReportRepositoryWrapper(DualWriter writer, LegacyCaseReportRepository legacy, CaseReportRepository @new, CaseReportRecords records)
    : RepositoryWrapper<CaseReport>(writer, legacy, @new, records, HealthRegionsContext.CaseReportKind), ICaseReportRepository
{
    Task ICaseReportRepository.StoreAsync(CaseReport caseReport, CancellationToken cancellationToken) => StoreAsync(caseReport, cancellationToken);

    Task ICaseReportRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
