using Strangler.DualWrite;

namespace Strangler.Contexts.Memberships;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class MembershipRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyMembershipRepository legacy, MembershipRepository @new, MembershipRecords records)
    : RepositoryWrapper<MembershipApplication>(writer, legacy, @new, records, MembershipsContext.MembershipKind), IMembershipRepository
{
    public async Task<MembershipApplication?> FindOpenAsync(long id, CancellationToken cancellationToken) =>
        MembershipRules.Open(await FindAsync(id, cancellationToken).ConfigureAwait(false));

    public async Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(email);
        return email.Length == 0 ? 0 : await queries.AskAsync(
            (connection, transaction, token) => MembershipQueries.Legacy.CountSimilarAsync(connection, transaction, email, after, token),
            (connection, transaction, token) => MembershipQueries.New.CountSimilarAsync(connection, transaction, email, after, token),
            cancellationToken).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<ListedApplication>> ListAsync(MembershipList list, long after, int limit, CancellationToken cancellationToken)
    {
        MembershipRules.CheckList(list, after, limit);
        return queries.AskAsync(
            (connection, transaction, token) => MembershipQueries.Legacy.ListAsync(connection, transaction, list, after, limit, token),
            (connection, transaction, token) => MembershipQueries.New.ListAsync(connection, transaction, list, after, limit, token),
            cancellationToken);
    }

    Task IMembershipRepository.StoreAsync(MembershipApplication application, CancellationToken cancellationToken) =>
        StoreAsync(application, cancellationToken);

    Task IMembershipRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
