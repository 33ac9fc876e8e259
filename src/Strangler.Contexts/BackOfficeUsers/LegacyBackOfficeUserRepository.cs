using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>The back office's users in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyBackOfficeUserRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, BackOfficeUserRecords records)
    : SideRepository<BackOfficeUser>(store, lens, records, BackOfficeUsersContext.UserKind), IBackOfficeUserRepository
{
    public Task<BackOfficeUser?> FindByNameAsync(string name, CancellationToken cancellationToken) => FindByAsync(UserKey.Name, name, cancellationToken);

    public Task<BackOfficeUser?> FindByEmailAsync(string email, CancellationToken cancellationToken) => FindByAsync(UserKey.Email, email, cancellationToken);

    private async Task<BackOfficeUser?> FindByAsync(UserKey by, string text, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0)
        {
            return null;
        }

        var (_, id) = await queries.QueryAsync(BackOfficeUserQueries.Find(SideName.Legacy, by, text), cancellationToken).ConfigureAwait(false);
        return id is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }
}
