using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>The life cycle of donations from MySQL or MariaDB to PostgreSQL.</summary>
public sealed class DonationsOnPostgresLifeCycleTests : DonationsLifeCycleTests
{
    private protected override bool CanBeOneTransaction => false;

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await DonationsWorld.CreateAsync(options: options, @new: await TestServers.CreatePostgresDatabaseAsync("donations_new"));
}
