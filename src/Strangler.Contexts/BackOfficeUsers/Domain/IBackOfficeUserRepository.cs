namespace Strangler.Contexts.BackOfficeUsers;

/// <summary>Access to the back office's users by their public id, name or address, the same in every stage of the migration.</summary>
public interface IBackOfficeUserRepository
{
    /// <summary>Null when there is none. Those that may not enter are returned.</summary>
    Task<BackOfficeUser?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Who enters by that name; without regard to case, accents and blanks at the end, as it always was. Null for "".</summary>
    Task<BackOfficeUser?> FindByNameAsync(string name, CancellationToken cancellationToken);

    /// <summary>Who has that address, likewise.</summary>
    Task<BackOfficeUser?> FindByEmailAsync(string email, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    /// <exception cref="NameTakenException">Somebody else has the name or the address; nothing was stored.</exception>
    Task StoreAsync(BackOfficeUser user, CancellationToken cancellationToken);

    /// <summary>Removes it for good. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}
