using Strangler.DualWrite;

namespace Strangler.Contexts.Donations;

/// <summary>
/// What frontends use: every read comes from the side that leads, every write goes to both sides while the stage is dual. See
/// <see cref="RepositoryWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class DonationRepositoryWrapper(
    DualWriter writer, LegacyDonationRepository legacy, DonationRepository @new, DonationRecords records)
    : RepositoryWrapper<Donation>(writer, legacy, @new, records, DonationsContext.DonationKind), IDonationRepository
{
    Task IDonationRepository.StoreAsync(Donation donation, CancellationToken cancellationToken) => StoreAsync(donation, cancellationToken);

    Task IDonationRepository.DeleteAsync(long id, CancellationToken cancellationToken) => DeleteAsync(id, cancellationToken);
}
