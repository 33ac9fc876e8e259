namespace Strangler.Contexts.Donations;

/// <summary>Access to donations by their public id, the same in every stage of the migration.</summary>
public interface IDonationRepository
{
    /// <summary>Null when there is none. Deleted, cancelled and anonymized donations are returned.</summary>
    Task<Donation?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new donation (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(Donation donation, CancellationToken cancellationToken);

    /// <summary>Removes a donation for good. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}

/// <summary>Public comments for display.</summary>
public interface ICommentFinder
{
    /// <param name="limit">1 to 1,000.</param>
    /// <param name="offset">0 or more.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    /// <returns>Newest first.</returns>
    Task<IReadOnlyList<PublicComment>> FindPublicAsync(int limit, int offset, CancellationToken cancellationToken);
}

/// <summary>A comment as it is shown. A value, not an entity.</summary>
/// <param name="DonationId">The donation's public id.</param>
/// <param name="AmountInCents">The amount given.</param>
/// <param name="Author">The name it is signed with.</param>
/// <param name="Text">What it says.</param>
/// <param name="DonatedAt">Civil time.</param>
public sealed record PublicComment(long DonationId, long AmountInCents, string Author, string Text, DateTime DonatedAt);
