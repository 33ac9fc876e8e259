using Strangler.Contexts.Donations;
using Strangler.Purging;

namespace Strangler.IntegrationTests.Purging;

/// <summary>Purges of donations that were deleted before 2020.</summary>
internal static class PurgeRequests
{
    public static PurgeRequest Of(bool dryRun) => new()
    {
        Kind = DonationsContext.DonationKind,
        DeletedAt = "deleted_at",
        Before = new DateTime(2020, 1, 1),
        DryRun = dryRun,
        Actor = "anna",
        Reason = "retention",
    };
}
