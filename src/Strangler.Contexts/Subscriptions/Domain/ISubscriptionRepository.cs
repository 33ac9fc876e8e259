namespace Strangler.Contexts.Subscriptions;

/// <summary>Access to subscriptions by their public id, the same in every stage of the migration.</summary>
public interface ISubscriptionRepository
{
    /// <summary>Null when there is none. Exported, held back and anonymized ones are returned.</summary>
    Task<Subscription?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>The one that has this code, whichever way it was once stored; null for "" and for a code that nobody has. Of several the first.</summary>
    Task<Subscription?> FindByConfirmationCodeAsync(string code, CancellationToken cancellationToken);

    /// <summary>
    /// How many have the same e-mail address and were made after a moment: what a frontend asks, with the last 30 minutes, before it takes
    /// another one. Same is what the old programs have always called so: without regard to case, to accents and to blanks at the end.
    /// </summary>
    /// <param name="email">"" has no like.</param>
    /// <param name="after">Civil time; exclusive.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(Subscription subscription, CancellationToken cancellationToken);

    /// <summary>Removes it for good. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}
