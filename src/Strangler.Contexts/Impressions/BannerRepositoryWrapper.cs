using Strangler.DualWrite;

namespace Strangler.Contexts.Impressions;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class BannerRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyBannerRepository legacy, BannerRepository @new, BannerRecords records)
    : RepositoryWrapper<Banner>(writer, legacy, @new, records, ImpressionsContext.BannerKind), IBannerRepository
{
    public async Task<Banner?> FindByNameAsync(string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(name);
        var id = name.Length == 0 ? null : await queries.AskAsync(
            (connection, transaction, token) => LegacyImpressionQueries.FindBannerAsync(connection, transaction, name, token),
            (connection, transaction, token) => NewImpressionQueries.FindBannerAsync(connection, transaction, name, token),
            cancellationToken).ConfigureAwait(false);

        // It may have got another name between the two reads.
        return id is { } found && await FindAsync(found, cancellationToken).ConfigureAwait(false) is { } banner && banner.Name == name ? banner : null;
    }

    Task IBannerRepository.StoreAsync(Banner banner, CancellationToken cancellationToken) => StoreAsync(banner, cancellationToken);

    Task IBannerRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
