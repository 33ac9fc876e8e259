using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>The life cycle of donations whose legacy side is MySQL and whose new side is MongoDB, configured as an installation configures it.</summary>
public sealed class DonationsOnMongoLifeCycleTests : DonationsLifeCycleTests
{
    // The test server interprets; a real one is let go the whole way.
    private protected override int Rows => MongoServers.IsReal ? base.Rows : 60;

    private protected override IReadOnlyList<Stage> UnderLoad => MongoServers.IsReal ? base.UnderLoad : [Stage.NewLeads, Stage.DualWrite, Stage.NewLeads];

    private protected override bool CanBeOneTransaction => false;

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await DonationsWorld.CreateAsync(options: options, @new: await MongoNewDatabase.MakeAsync());
}
