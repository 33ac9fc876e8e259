using System.Data.Common;
using Strangler.Contexts.Subscriptions;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.Subscriptions;

namespace Strangler.IntegrationTests.Subscriptions;

/// <summary>The subscriptions context on two fresh databases.</summary>
internal sealed class SubscriptionsWorld : ContextWorld
{
    private SubscriptionsWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(SubscriptionsContext.Name, SubscriptionsContext.SubscriptionKind, legacy, @new, options)
    {
    }

    public SubscriptionRepositoryWrapper Subscriptions => Host.Part<SubscriptionsContext>().Subscriptions;

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows => [("SELECT * FROM subscription WHERE id = @id", "subscription")];

    /// <param name="migrate">Whether both sides are migrated, and capture installed.</param>
    /// <param name="options">The context's options, as JSON.</param>
    /// <param name="alter">What is done to the legacy table once it is there.</param>
    public static async Task<SubscriptionsWorld> CreateAsync(bool migrate = true, string? options = null, Func<DbConnection, Task>? alter = null)
    {
        var world = new SubscriptionsWorld(
            await TestServers.CreateDatabaseAsync("subscriptions_legacy"), await TestServers.CreateDatabaseAsync("subscriptions_new"), options);
        return await PrepareAsync(
            world,
            async connection =>
            {
                await LegacySubscriptionSchema.CreateAsync(connection);
                await (alter?.Invoke(connection) ?? Task.CompletedTask);
            },
            migrate);
    }

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = new LegacySubscriptionGenerator(
            new LegacySubscriptionOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        await generator.WriteAsync(LegacyDatabase.Source.OpenAsync);
        return [.. generator.Generate().Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }
}
