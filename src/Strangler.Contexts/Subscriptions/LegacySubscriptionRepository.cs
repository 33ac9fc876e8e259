using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Subscriptions;

/// <summary>Subscriptions in the legacy table, read and written through the mapping.</summary>
public sealed class LegacySubscriptionRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, SubscriptionRecords records)
    : SideRepository<Subscription>(store, lens, records, SubscriptionsContext.SubscriptionKind), ISubscriptionRepository
{
    /// <summary>What is asked of the table beside single subscriptions.</summary>
    internal LegacySubscriptionQueries Asked { get; } = new(queries.Dialect);

    public async Task<Subscription?> FindByConfirmationCodeAsync(string code, CancellationToken cancellationToken)
    {
        if (ConfirmationCode.Of(code) is not { } wanted)
        {
            return null;
        }

        var (_, id) = await queries.QueryAsync(
            (connection, transaction, token) => Asked.FindIdAsync(connection, transaction, wanted, token),
            cancellationToken).ConfigureAwait(false);
        return id is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }

    public async Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(email);
        if (email.Length == 0)
        {
            return 0;
        }

        var (_, count) = await queries.QueryAsync(
            (connection, transaction, token) => Asked.CountSimilarAsync(connection, transaction, email, after, token),
            cancellationToken).ConfigureAwait(false);
        return count;
    }
}
