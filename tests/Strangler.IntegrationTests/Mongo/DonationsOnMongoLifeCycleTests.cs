using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>The life cycle of donations whose legacy side is MySQL and whose new side is MongoDB, configured as an installation configures it.</summary>
public sealed class DonationsOnMongoLifeCycleTests : DonationsLifeCycleTests
{
    private protected override int Rows => 150;

    private protected override bool CanBeOneTransaction => false;

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await DonationsWorld.CreateAsync(options: options, @new: await MongoNewDatabase.MakeAsync());
}
