using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Buckets;

/// <summary>Logs of buckets in the legacy tables, read and written through the mapping.</summary>
public sealed class LegacyBucketLogRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, BucketLogRecords records)
    : SideRepository<BucketLog>(store, lens, records, BucketsContext.BucketLogKind), IBucketLogRepository
{
    public Task AppendAsync(BucketLog log, CancellationToken cancellationToken) => StoreAsync(log, cancellationToken);

    public async Task<IReadOnlyList<BucketCount>> CountAsync(string campaign, LoggedEvent @event, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(campaign);
        var (_, counts) = await queries.QueryAsync(
            (connection, transaction, token) => LegacyBucketLogQueries.CountAsync(connection, transaction, campaign, @event, token),
            cancellationToken).ConfigureAwait(false);
        return counts;
    }
}
