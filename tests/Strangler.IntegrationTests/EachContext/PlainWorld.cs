using System.Data.Common;
using Strangler.LegacyData;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>A context whose legacy tables have no companions.</summary>
/// <typeparam name="TSelf">The world itself.</typeparam>
internal abstract class PlainWorld<TSelf>(
    string name, string kind, TestDatabase legacy, TestDatabase @new, string? options, string table, string key)
    : ContextWorld(name, kind, legacy, @new, options)
    where TSelf : PlainWorld<TSelf>
{
    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows => [($"SELECT * FROM {table} WHERE {key} = @id", table)];

    /// <summary>Generators of the tables, that of the world's kind last.</summary>
    protected abstract IReadOnlyList<LegacyTableGenerator> Generators(LegacyRowOptions options);

    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generators = Generators(new LegacyRowOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        foreach (var generator in generators)
        {
            await generator.WriteAsync(LegacyDatabase.Source.OpenAsync);
        }

        return [.. generators[^1].Generate().Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }

    protected static async Task<TSelf> CreateAsync(
        string databases, Func<TestDatabase, TestDatabase, TSelf> make, Func<DbConnection, Task> createLegacy, bool migrate)
    {
        var short_ = databases[..Math.Min(12, databases.Length)];
        return await PrepareAsync(
            make(await TestServers.CreateDatabaseAsync($"{short_}_legacy"), await TestServers.CreateDatabaseAsync($"{short_}_new")), createLegacy, migrate);
    }
}
