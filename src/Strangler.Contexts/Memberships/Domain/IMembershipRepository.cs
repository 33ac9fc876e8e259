namespace Strangler.Contexts.Memberships;

/// <summary>Access to applications for membership by their public id, the same in every stage of the migration.</summary>
public interface IMembershipRepository
{
    /// <summary>Null when there is none. Exported, cancelled and anonymized ones are returned.</summary>
    Task<MembershipApplication?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>The same for whoever wants to change it as its applicant may.</summary>
    /// <exception cref="ApplicationClosedException">It was exported or anonymized.</exception>
    Task<MembershipApplication?> FindOpenAsync(long id, CancellationToken cancellationToken);

    /// <summary>Stores a new application (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(MembershipApplication application, CancellationToken cancellationToken);

    /// <summary>Removes an application for good. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);

    /// <summary>
    /// How many applications with the same e-mail address were made after that moment. The address is compared as a person would.
    /// </summary>
    /// <param name="email">"" has no duplicates.</param>
    /// <param name="after">Civil time.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken);

    /// <summary>The applications that someone has something to do with, by their ids.</summary>
    /// <param name="list">Which.</param>
    /// <param name="after">The last id of the page before; 0 for the first page.</param>
    /// <param name="limit">1 to 1,000.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    Task<IReadOnlyList<ListedApplication>> ListAsync(MembershipList list, long after, int limit, CancellationToken cancellationToken);
}

/// <summary>Lists of applications.</summary>
public enum MembershipList
{
    /// <summary>Confirmed, neither cancelled nor held back, and not exported yet.</summary>
    ToBeExported,

    /// <summary>Held back and neither cancelled nor exported; or an old record of which nobody can tell whether it is.</summary>
    HeldBack,
}

/// <summary>An application as a list shows it. A value, not an entity.</summary>
/// <param name="Id">The public id.</param>
/// <param name="CreatedAt">Civil time; null where the record does not tell.</param>
/// <param name="Company">"" for a person.</param>
/// <param name="FirstName">"" for a company.</param>
/// <param name="LastName">"" for a company.</param>
/// <param name="FeeInCents">Each time.</param>
/// <param name="IntervalInMonths">0 where an old record does not tell.</param>
public sealed record ListedApplication(
    long Id, DateTime? CreatedAt, string Company, string FirstName, string LastName, long FeeInCents, int IntervalInMonths);

/// <summary>The application was handed on, or erased: its applicant can no longer change it.</summary>
public sealed class ApplicationClosedException(long id, bool isAnonymized)
    : Exception($"Application {id} was {(isAnonymized ? "anonymized" : "exported")}; it can no longer be changed by its applicant.")
{
    public long Id { get; } = id;

    public bool IsAnonymized { get; } = isAnonymized;
}
