namespace Strangler.Contexts.Impressions;

/// <summary>Access to banners by their public id or name, the same in every stage of the migration.</summary>
public interface IBannerRepository
{
    /// <summary>Null when there is none.</summary>
    Task<Banner?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>By its name, to the letter; of several the first. Null for "".</summary>
    Task<Banner?> FindByNameAsync(string name, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(Banner banner, CancellationToken cancellationToken);

    /// <summary>Removes it for good; its impressions stay. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}

/// <summary>Access to impressions by their public id, the same in every stage of the migration.</summary>
public interface IImpressionRepository
{
    /// <summary>Null when there is none.</summary>
    Task<Impression?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>How often a banner was seen in all.</summary>
    /// <param name="bannerId">The banner's public id, whether it is still there or not; 0: what belongs to none.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    Task<long> CountAsync(long bannerId, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(Impression impression, CancellationToken cancellationToken);

    /// <summary>Removes it for good. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}
