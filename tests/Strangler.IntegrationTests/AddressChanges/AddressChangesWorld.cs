using System.Data.Common;
using Strangler.Contexts.AddressChanges;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData.AddressChanges;

namespace Strangler.IntegrationTests.AddressChanges;

/// <summary>The address changes on two fresh databases.</summary>
internal sealed class AddressChangesWorld : ContextWorld
{
    private AddressChangesWorld(TestDatabase legacy, TestDatabase @new, string? options)
        : base(AddressChangesContext.Name, AddressChangesContext.AddressChangeKind, legacy, @new, options)
    {
    }

    public AddressChangeRepositoryWrapper AddressChanges => Host.Part<AddressChangesContext>().AddressChanges;

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows =>
    [
        ("SELECT * FROM address_change WHERE id = @id", "address_change"),
        ("SELECT a.* FROM address a JOIN address_change c ON c.address_id = a.id WHERE c.id = @id", "address"),
    ];

    /// <param name="migrate">Whether both sides are migrated, and capture installed.</param>
    /// <param name="options">The context's options, as JSON.</param>
    /// <param name="alter">What is done to the legacy tables once they are there.</param>
    public static async Task<AddressChangesWorld> CreateAsync(bool migrate = true, string? options = null, Func<DbConnection, Task>? alter = null)
    {
        var world = new AddressChangesWorld(
            await TestServers.CreateDatabaseAsync("address_legacy"), await TestServers.CreateDatabaseAsync("address_new"), options);
        return await PrepareAsync(
            world,
            async connection =>
            {
                await LegacyAddressChangeSchema.CreateAsync(connection);
                await (alter?.Invoke(connection) ?? Task.CompletedTask);
            },
            migrate);
    }

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = new LegacyAddressChangeGenerator(
            new LegacyAddressChangeOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        await generator.WriteAsync(LegacyDatabase.Source.OpenAsync);
        return [.. generator.Generate().Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }
}
