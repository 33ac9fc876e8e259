using Strangler.DualWrite;

namespace Strangler.Contexts.Subscriptions;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class SubscriptionRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacySubscriptionRepository legacy, SubscriptionRepository @new, SubscriptionRecords records)
    : RepositoryWrapper<Subscription>(writer, legacy, @new, records, SubscriptionsContext.SubscriptionKind), ISubscriptionRepository
{
    public async Task<Subscription?> FindByConfirmationCodeAsync(string code, CancellationToken cancellationToken)
    {
        if (ConfirmationCode.Of(code) is not { } wanted)
        {
            return null;
        }

        var id = await queries.AskAsync(
            (connection, transaction, token) => legacy.Asked.FindIdAsync(connection, transaction, wanted, token),
            (connection, transaction, token) => NewSubscriptionQueries.FindIdAsync(connection, transaction, wanted, token),
            cancellationToken).ConfigureAwait(false);

        // It may have got another code between the two reads.
        return id is { } found && await FindAsync(found, cancellationToken).ConfigureAwait(false) is { } subscription
            && subscription.ConfirmationCode == code
                ? subscription
                : null;
    }

    public async Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(email);
        return email.Length == 0 ? 0 : await queries.AskAsync(
            (connection, transaction, token) => legacy.Asked.CountSimilarAsync(connection, transaction, email, after, token),
            (connection, transaction, token) => NewSubscriptionQueries.CountSimilarAsync(connection, transaction, email, after, token),
            cancellationToken).ConfigureAwait(false);
    }

    Task ISubscriptionRepository.StoreAsync(Subscription subscription, CancellationToken cancellationToken) =>
        StoreAsync(subscription, cancellationToken);

    Task ISubscriptionRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
