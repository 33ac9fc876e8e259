using Strangler.IntegrationTests.EachContext;
using Strangler.IntegrationTests.Subscriptions;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>The life cycle of subscriptions from PostgreSQL to MySQL or MariaDB: the engines the other way round.</summary>
public sealed class SubscriptionsFromPostgresLifeCycleTests : SubscriptionsLifeCycleTests
{
    private protected override bool CanBeOneTransaction => false;

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await SubscriptionsWorld.CreateAsync(options: options, legacy: await TestServers.CreatePostgresDatabaseAsync("subscriptions_legacy"));

    private protected override string ForeignInsert(long id, long number) => $"""
        INSERT INTO subscription (id, email, source, "createdAt") VALUES ({id}, 'unicorn@dancingonrainbows.example', '{number}', '2020-01-01 12:00:00')
        """;
}
