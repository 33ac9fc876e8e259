using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Capture;

/// <summary>
/// A frontend, while the new side leads, whose writes reach legacy not at once but by the world's relay: so that another program can come
/// in between.
/// </summary>
internal sealed class AheadFrontend(DonationsWorld world)
{
    private readonly DonationsContext _context = world.Open(Hold).Part<DonationsContext>();

    /// <summary>As callers do: refused by a write that came in between, it loads again.</summary>
    public async Task ChangeAsync(long id, Action<Donation> change)
    {
        while (true)
        {
            try
            {
                var donation = (await _context.Donations.FindAsync(id, CancellationToken.None))!;
                change(donation);
                await _context.Donations.StoreAsync(donation, CancellationToken.None);
                return;
            }
            catch (ConflictException)
            {
            }
        }
    }

    public async Task<long> CreateAsync(Donation donation)
    {
        await _context.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    private static ValueTask Hold(HookPoint point, SideName side) =>
        point == HookPoint.ApplyBeforeBegin && side == SideName.Legacy
            ? throw new SideUnavailableException(side, "held back", isTransient: true, new TimeoutException())
            : default;
}
