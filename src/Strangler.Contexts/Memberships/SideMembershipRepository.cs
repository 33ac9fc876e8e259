using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Memberships;

/// <summary>Applications in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyMembershipRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, MembershipRecords records)
    : SideMembershipRepository(store, queries, lens, records)
{
    private protected override MembershipQueries Sql => MembershipQueries.Legacy;
}

/// <summary>Applications in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class MembershipRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, MembershipRecords records)
    : SideMembershipRepository(store, queries, lens, records)
{
    private protected override MembershipQueries Sql => MembershipQueries.New;
}

/// <summary>What the two have in common: all but the text of their queries.</summary>
public abstract class SideMembershipRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, MembershipRecords records)
    : SideRepository<MembershipApplication>(store, lens, records, MembershipsContext.MembershipKind), IMembershipRepository
{
    private protected abstract MembershipQueries Sql { get; }

    public async Task<MembershipApplication?> FindOpenAsync(long id, CancellationToken cancellationToken) =>
        MembershipRules.Open(await FindAsync(id, cancellationToken).ConfigureAwait(false));

    public async Task<long> CountSimilarAsync(string email, DateTime after, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(email);
        return email.Length == 0 ? 0 : (await queries.QueryAsync(
            (connection, transaction, token) => Sql.CountSimilarAsync(connection, transaction, email, after, token), cancellationToken)
            .ConfigureAwait(false)).Result;
    }

    public async Task<IReadOnlyList<ListedApplication>> ListAsync(
        MembershipList list, long after, int limit, CancellationToken cancellationToken)
    {
        MembershipRules.CheckList(list, after, limit);
        return (await queries.QueryAsync(
            (connection, transaction, token) => Sql.ListAsync(connection, transaction, list, after, limit, token), cancellationToken)
            .ConfigureAwait(false)).Result;
    }
}
