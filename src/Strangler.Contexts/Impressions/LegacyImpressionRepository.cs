using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Impressions;

/// <summary>Impressions in the legacy tables, read and written through the mapping.</summary>
public sealed class LegacyImpressionRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, ImpressionRecords records)
    : SideRepository<Impression>(store, lens, records, ImpressionsContext.ImpressionKind), IImpressionRepository
{
    public async Task<long> CountAsync(long bannerId, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bannerId);
        var (_, count) = await queries.QueryAsync(
            (connection, transaction, token) => LegacyImpressionQueries.CountAsync(connection, transaction, bannerId, token),
            cancellationToken).ConfigureAwait(false);
        return count;
    }
}
