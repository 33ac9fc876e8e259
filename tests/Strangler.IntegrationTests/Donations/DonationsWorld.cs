using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;

namespace Strangler.IntegrationTests.Donations;

/// <summary>The donations context on two fresh databases.</summary>
internal sealed class DonationsWorld : ContextWorld
{
    private DonationsWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(DonationsContext.Name, DonationsContext.DonationKind, legacy, @new, options)
    {
    }

    public DonationsContext Donations => Host.Part<DonationsContext>();

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows =>
    [
        ("SELECT * FROM spenden WHERE id = @id", "spenden"),
        ("SELECT p.* FROM donation_payment p JOIN spenden s ON s.payment_id = p.id WHERE s.id = @id", "donation_payment"),
        ("SELECT p.* FROM donation_payment_sofort p JOIN spenden s ON s.payment_id = p.id WHERE s.id = @id", "donation_payment_sofort"),
        ("SELECT * FROM donation_notification_log WHERE donation_id = @id", "donation_notification_log"),
    ];

    /// <param name="migrate">Whether both sides are migrated.</param>
    /// <param name="options">The context's options, as JSON.</param>
    /// <param name="legacy">Legacy's database, on a server of its own; null: on the shared one.</param>
    /// <param name="capture">Whether capture is installed, once migrated.</param>
    /// <param name="new">Likewise the new side's, of whichever kind of server.</param>
    public static async Task<DonationsWorld> CreateAsync(
        bool migrate = true, string? options = null, TestDatabase? legacy = null, bool capture = true, TestDatabase? @new = null)
    {
        var world = new DonationsWorld(
            legacy ?? await TestServers.CreateDatabaseAsync("donations_legacy"),
            @new ?? await TestServers.CreateDatabaseAsync("donations_new"),
            options);
        return await PrepareAsync(world, connection => LegacySchema.CreateAsync(connection), migrate, capture);
    }

    /// <summary>A replica whose writes happen on the lead, and never reach the follower by themselves.</summary>
    public DonationRepositoryWrapper OpenLeavingBehind() => Open((point, side) => point == HookPoint.ApplyBeforeBegin
        ? throw new SideUnavailableException(side, "left behind on purpose", isTransient: true, new IOException("hook"))
        : default).Part<DonationsContext>().Donations;

    /// <summary>Fills legacy as the generator does.</summary>
    public async Task<IReadOnlyList<LegacyDonation>> FillAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = new LegacyDonationGenerator(new LegacyDonationOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        await generator.WriteAsync(LegacyDatabase.Source.OpenAsync);
        return [.. generator.Generate()];
    }

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false) =>
        [.. (await FillAsync(rows, seed, includeUnreadable)).Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
}
