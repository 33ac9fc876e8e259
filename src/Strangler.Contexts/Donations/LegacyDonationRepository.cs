using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Donations;

/// <summary>Donations in the legacy tables: a donation is one row of <c>spenden</c> with its LOB and companions, read and written through the mapping.</summary>
public sealed class LegacyDonationRepository(ISideStore store, IRecordLens lens, DonationRecords records)
    : SideRepository<Donation>(store, lens, records, DonationsContext.DonationKind), IDonationRepository;
