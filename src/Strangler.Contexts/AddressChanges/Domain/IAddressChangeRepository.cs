namespace Strangler.Contexts.AddressChanges;

/// <summary>Access to address changes by their public id and by their identifiers, the same in every stage of the migration.</summary>
public interface IAddressChangeRepository
{
    /// <summary>Null when there is none.</summary>
    Task<AddressChange?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>The one whose present identifier this is, to the letter; null for "" and for one that nobody has.</summary>
    Task<AddressChange?> FindByIdentifierAsync(string current, CancellationToken cancellationToken);

    /// <summary>The one that has either: after an answer, a page that still knows the identifier before it finds its address change all the same.</summary>
    Task<AddressChange?> FindByIdentifiersAsync(string current, string previous, CancellationToken cancellationToken);

    /// <summary>The one that was made for an owner; of several the first; null for an owner of no kind.</summary>
    Task<AddressChange?> FindByOwnerAsync(Owner owner, CancellationToken cancellationToken);

    /// <summary>Stores a new one (one with id 0 gets its id) or the changes of a loaded one.</summary>
    Task StoreAsync(AddressChange addressChange, CancellationToken cancellationToken);

    /// <summary>Removes it for good, with its address. One that is not there is no error.</summary>
    Task DeleteAsync(long id, CancellationToken cancellationToken);
}
