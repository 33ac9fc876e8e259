using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Donations;

/// <summary>Donations in the new, normalized tables, addressed by the public id through the id map.</summary>
public sealed class DonationRepository(ISideStore store, IRecordLens lens, DonationRecords records)
    : SideRepository<Donation>(store, lens, records, DonationsContext.DonationKind), IDonationRepository;
