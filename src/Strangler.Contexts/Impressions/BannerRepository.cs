using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Impressions;

/// <summary>Banners in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class BannerRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, BannerRecords records)
    : SideRepository<Banner>(store, lens, records, ImpressionsContext.BannerKind), IBannerRepository
{
    public async Task<Banner?> FindByNameAsync(string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0)
        {
            return null;
        }

        var (_, id) = await queries.QueryAsync(
            (connection, transaction, token) => NewImpressionQueries.FindBannerAsync(connection, transaction, name, token),
            cancellationToken).ConfigureAwait(false);
        return id is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }
}
