using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.AddressChanges;

/// <summary>Address changes in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class AddressChangeRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, AddressChangeRecords records)
    : SideRepository<AddressChange>(store, lens, records, AddressChangesContext.AddressChangeKind), IAddressChangeRepository
{
    public Task<AddressChange?> FindByIdentifierAsync(string current, CancellationToken cancellationToken) =>
        FindByIdentifiersAsync(current, "", cancellationToken);

    public async Task<AddressChange?> FindByIdentifiersAsync(string current, string previous, CancellationToken cancellationToken)
    {
        if (Identifiers.Of(current, previous) is not { } wanted)
        {
            return null;
        }

        var (_, id) = await queries.QueryAsync(
            (connection, transaction, token) => NewAddressChangeQueries.FindIdAsync(connection, transaction, wanted, token),
            cancellationToken).ConfigureAwait(false);
        return id is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }

    public async Task<AddressChange?> FindByOwnerAsync(Owner owner, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(owner);
        if (owner.Type == OwnerType.Unknown)
        {
            return null;
        }

        var (_, id) = await queries.QueryAsync(
            (connection, transaction, token) => NewAddressChangeQueries.FindIdAsync(connection, transaction, owner, token),
            cancellationToken).ConfigureAwait(false);
        return id is { } found ? await FindAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }
}
