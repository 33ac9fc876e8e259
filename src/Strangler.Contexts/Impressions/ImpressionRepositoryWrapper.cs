using Strangler.DualWrite;

namespace Strangler.Contexts.Impressions;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class ImpressionRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyImpressionRepository legacy, ImpressionRepository @new, ImpressionRecords records)
    : RepositoryWrapper<Impression>(writer, legacy, @new, records, ImpressionsContext.ImpressionKind), IImpressionRepository
{
    public async Task<long> CountAsync(long bannerId, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bannerId);
        return await queries.AskAsync(
            (connection, transaction, token) => LegacyImpressionQueries.CountAsync(connection, transaction, bannerId, token),
            (connection, transaction, token) => NewImpressionQueries.CountAsync(connection, transaction, bannerId, token),
            cancellationToken).ConfigureAwait(false);
    }

    Task IImpressionRepository.StoreAsync(Impression impression, CancellationToken cancellationToken) => StoreAsync(impression, cancellationToken);

    Task IImpressionRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
