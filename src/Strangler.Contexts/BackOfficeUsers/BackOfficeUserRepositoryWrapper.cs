using Strangler.DualWrite;

namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
/// <remarks>
/// Legacy's unique keys refuse a name or an address that somebody has, and <see cref="IBackOfficeUserRepository.StoreAsync"/> asks before. While
/// the new side leads there is no such key: of two creates of one name at the same moment, the second is stored there, and its apply to legacy is
/// parked, which is listed and closes the gates.
/// </remarks>
public sealed class BackOfficeUserRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyBackOfficeUserRepository legacy, BackOfficeUserRepository @new, BackOfficeUserRecords records)
    : RepositoryWrapper<BackOfficeUser>(writer, legacy, @new, records, BackOfficeUsersContext.UserKind), IBackOfficeUserRepository
{
    public Task<BackOfficeUser?> FindByNameAsync(string name, CancellationToken cancellationToken) => FindByAsync(UserKey.Name, name, cancellationToken);

    public Task<BackOfficeUser?> FindByEmailAsync(string email, CancellationToken cancellationToken) => FindByAsync(UserKey.Email, email, cancellationToken);

    async Task IBackOfficeUserRepository.StoreAsync(BackOfficeUser user, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        await RefuseTakenAsync(UserKey.Name, user.Name, "name", user.Id, cancellationToken).ConfigureAwait(false);
        await RefuseTakenAsync(UserKey.Email, user.Email, "address", user.Id, cancellationToken).ConfigureAwait(false);
        try
        {
            await StoreAsync(user, cancellationToken).ConfigureAwait(false);
        }
        catch (DuplicateKeyException exception)
        {
            throw new NameTakenException("name or address", exception);
        }
    }

    Task IBackOfficeUserRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);

    private async Task<BackOfficeUser?> FindByAsync(UserKey by, string text, CancellationToken cancellationToken) =>
        await IdOfAsync(by, text, cancellationToken).ConfigureAwait(false) is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;

    private async Task<long?> IdOfAsync(UserKey by, string text, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length == 0 ? null : await queries.AskAsync(
            BackOfficeUserQueries.Find(SideName.Legacy, by, text), BackOfficeUserQueries.Find(SideName.New, by, text), cancellationToken).ConfigureAwait(false);
    }

    private async Task RefuseTakenAsync(UserKey by, string text, string what, long own, CancellationToken cancellationToken)
    {
        if (await IdOfAsync(by, text, cancellationToken).ConfigureAwait(false) is { } other && other != own)
        {
            throw new NameTakenException(what);
        }
    }
}
