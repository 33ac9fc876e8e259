using Strangler.Contexts.HealthRegions;
using Strangler.IntegrationTests.EachContext;

namespace Strangler.IntegrationTests.HealthRegions;

/// <summary>The command line on a context of five kinds, three of which have natural keys, to PostgreSQL.</summary>
public sealed class HealthRegionsJourneyTests : ContextJourneyContract
{
    // 'Z7A'
    private const long Postcode = 0x5a3741;

    private protected override int Rows => 300;

    private protected override int LeastPersonalValues => 1;

    private protected override IReadOnlyList<string> Explained =>
    [
        "locations.forward_sortation_area", "region: region leads to health-regions/health-region", "province_differs", "mobility.date written yyyy-MM-dd is measured_on",
    ];

    private protected override IReadOnlyList<string> Quarantined => ["locations.hr_uid", "is below 0, and ids begin at 1", "postcode: ", "health_regions.province_code"];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples =>
        [("province", 35), ("health-region", 3554), ("postcode", Postcode), ("mobility-week", 30), ("case-report", 30)];

    private protected override string PlantedDrift => $"UPDATE health_region SET name_fr = 'Région planted' WHERE id = {NewIdOf("health-region", 3551)}";

    private protected override (string Kind, long Id) PlantedIn => ("health-region", 3551);

    private protected override string PlantedField => "name_fr";

    private protected override string ForeignUpdate =>
        "UPDATE locations SET hr_uid = 3554 WHERE forward_sortation_area = 'Z7A'; UPDATE health_regions SET website_en = 'https://arrived.example/' WHERE hr_uid = 99";

    private protected override string ForeignArrived =>
        """
        SELECT (SELECT COUNT(*) FROM health_region WHERE website_en = 'https://arrived.example/') * (SELECT COUNT(*) FROM postcode p
            JOIN health_region h ON h.id = p.health_region_id WHERE p.code = 'Z7A' AND h.hr_uid = 3554)
        """;

    // Nothing is personal here.
    private protected override string PersonalValues => "SELECT '(nothing)' FROM DUAL WHERE 1 = 0";

    private protected override async Task<ContextWorld> CreateWorldAsync() =>
        await HealthRegionsWorld.CreateAsync(HealthRegionsContext.PostcodeKind, migrate: false);
}
