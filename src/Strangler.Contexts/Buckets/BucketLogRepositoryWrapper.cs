using Strangler.DualWrite;

namespace Strangler.Contexts.Buckets;

/// <summary>
/// What frontends use: every read comes from the side that leads, every addition goes to both sides while the stage is dual. See
/// <see cref="AppendOnlyWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class BucketLogRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyBucketLogRepository legacy, BucketLogRepository @new, BucketLogRecords records)
    : AppendOnlyWrapper<BucketLog>(writer, legacy, @new, records, BucketsContext.BucketLogKind), IBucketLogRepository
{
    public async Task<IReadOnlyList<BucketCount>> CountAsync(string campaign, LoggedEvent @event, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(campaign);
        return await queries.AskAsync(
            (connection, transaction, token) => LegacyBucketLogQueries.CountAsync(connection, transaction, campaign, @event, token),
            (connection, transaction, token) => NewBucketLogQueries.CountAsync(connection, transaction, campaign, @event, token),
            cancellationToken).ConfigureAwait(false);
    }

    Task IBucketLogRepository.AppendAsync(BucketLog log, CancellationToken cancellationToken) => AppendAsync(log, cancellationToken);
}
