namespace Strangler.Contexts.HealthRegions;

/// <summary>Access to provinces by their geo code, the same in every stage of the migration.</summary>
public interface IProvinceRepository
{
    /// <summary>Null when there is none.</summary>
    Task<Province?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new one or the changes of a loaded one.</summary>
    Task StoreAsync(Province province, CancellationToken cancellationToken);

    /// <summary>Removes it for good; what refers to it stays. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}

/// <summary>Access to health regions by their hr_uid, the same in every stage of the migration.</summary>
public interface IHealthRegionRepository
{
    /// <summary>Null when there is none.</summary>
    Task<HealthRegion?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new one or the changes of a loaded one.</summary>
    Task StoreAsync(HealthRegion healthRegion, CancellationToken cancellationToken);

    /// <summary>Removes it for good; what refers to it stays. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}

/// <summary>Access to postcodes by what is written, to the letter, the same in every stage of the migration.</summary>
public interface IPostcodeRepository
{
    /// <summary>Null when there is none that is written just so.</summary>
    Task<Postcode?> FindAsync(string code, CancellationToken cancellationToken);

    /// <summary>Stores a new one or the changes of a loaded one.</summary>
    Task StoreAsync(Postcode postcode, CancellationToken cancellationToken);

    /// <summary>Removes it for good. One that is not there is no error.</summary>
    Task DeleteAsync(string code, CancellationToken cancellationToken);
}

/// <summary>Access to mobility weeks by their public id, the same in every stage of the migration.</summary>
public interface IMobilityWeekRepository
{
    /// <summary>Null when there is none.</summary>
    Task<MobilityWeek?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(MobilityWeek mobilityWeek, CancellationToken cancellationToken);

    /// <summary>Removes it for good; what refers to it stays. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}

/// <summary>Access to case reports by their public id, the same in every stage of the migration.</summary>
public interface ICaseReportRepository
{
    /// <summary>Null when there is none.</summary>
    Task<CaseReport?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(CaseReport caseReport, CancellationToken cancellationToken);

    /// <summary>Removes it for good; what refers to it stays. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}
