using Strangler.DualWrite;

namespace Strangler.Contexts.AddressChanges;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class AddressChangeRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyAddressChangeRepository legacy, AddressChangeRepository @new, AddressChangeRecords records)
    : RepositoryWrapper<AddressChange>(writer, legacy, @new, records, AddressChangesContext.AddressChangeKind), IAddressChangeRepository
{
    public Task<AddressChange?> FindByIdentifierAsync(string current, CancellationToken cancellationToken) =>
        FindByIdentifiersAsync(current, "", cancellationToken);

    public async Task<AddressChange?> FindByIdentifiersAsync(string current, string previous, CancellationToken cancellationToken)
    {
        if (Identifiers.Of(current, previous) is not { } wanted)
        {
            return null;
        }

        var id = await queries.AskAsync(
            (connection, transaction, token) => LegacyAddressChangeQueries.FindIdAsync(connection, transaction, wanted, token),
            (connection, transaction, token) => NewAddressChangeQueries.FindIdAsync(connection, transaction, wanted, token),
            cancellationToken).ConfigureAwait(false);

        // It may have been answered between the two reads, and then has other identifiers.
        return id is { } found && await FindAsync(found, cancellationToken).ConfigureAwait(false) is { } one && wanted.AreOf(one) ? one : null;
    }

    public async Task<AddressChange?> FindByOwnerAsync(Owner owner, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (owner.Type == OwnerType.Unknown)
        {
            return null;
        }

        var id = await queries.AskAsync(
            (connection, transaction, token) => LegacyAddressChangeQueries.FindIdAsync(connection, transaction, owner, token),
            (connection, transaction, token) => NewAddressChangeQueries.FindIdAsync(connection, transaction, owner, token),
            cancellationToken).ConfigureAwait(false);
        return id is { } found && await FindAsync(found, cancellationToken).ConfigureAwait(false) is { } one && one.Owner == owner ? one : null;
    }

    Task IAddressChangeRepository.StoreAsync(AddressChange addressChange, CancellationToken cancellationToken) =>
        StoreAsync(addressChange, cancellationToken);

    Task IAddressChangeRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
