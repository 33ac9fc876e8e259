using Strangler.Contexts.HealthRegions;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.HealthRegions;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>Health regions from MySQL or MariaDB to PostgreSQL, looked at as one of the kinds.</summary>
internal sealed class HealthRegionsWorld : ContextWorld
{
    private static readonly Dictionary<string, (string Table, string Key)> _tables = new()
    {
        [HealthRegionsContext.ProvinceKind] = ("provinces", "province_code"),
        [HealthRegionsContext.HealthRegionKind] = ("health_regions", "hr_uid"),
        [HealthRegionsContext.PostcodeKind] = ("locations", "CAST(CONV(HEX(forward_sortation_area), 16, 10) AS SIGNED)"),
        [HealthRegionsContext.MobilityWeekKind] = ("mobility", "id"),
        [HealthRegionsContext.CaseReportKind] = ("cases", "id"),
    };

    private HealthRegionsWorld(string kind, TestDatabase legacy, TestDatabase @new, string? options)
        : base(HealthRegionsContext.Name, kind, legacy, @new, options)
    {
    }

    public HealthRegionsContext Context => Host.Part<HealthRegionsContext>();

    protected override IReadOnlyList<(string Sql, string Table)> LegacyRows =>
        [($"SELECT * FROM {_tables[Kind].Table} WHERE {_tables[Kind].Key} = @id", _tables[Kind].Table)];

    public static async Task<HealthRegionsWorld> CreateAsync(string kind, bool migrate = true, string? options = null) => await PrepareAsync(
        new HealthRegionsWorld(
            kind, await TestServers.CreateDatabaseAsync("health_legacy"), await TestServers.CreatePostgresDatabaseAsync("health_new"), options),
        connection => LegacyHealthRegionSchema.CreateAsync(connection), migrate);

    /// <summary>All five tables.</summary>
    public override async Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var tables = LegacyHealthRegions.All(new LegacyRowOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        foreach (var table in tables)
        {
            await table.WriteAsync(LegacyDatabase.Source.OpenAsync);
        }

        return [.. tables.Single(table => table.Table == _tables[Kind].Table).Rows.Select(row => new LegacyExample(row.Id, row.Kinds, row.IsUnreadable))];
    }
}
