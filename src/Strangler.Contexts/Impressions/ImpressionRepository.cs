using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Impressions;

/// <summary>Impressions in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class ImpressionRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, ImpressionRecords records)
    : SideRepository<Impression>(store, lens, records, ImpressionsContext.ImpressionKind), IImpressionRepository
{
    public async Task<long> CountAsync(long bannerId, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bannerId);
        var (_, count) = await queries.QueryAsync(
            (connection, transaction, token) => NewImpressionQueries.CountAsync(connection, transaction, bannerId, token),
            cancellationToken).ConfigureAwait(false);
        return count;
    }
}
