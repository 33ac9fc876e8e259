using Strangler.Contexts.Impressions;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Impressions;

namespace Strangler.IntegrationTests.Impressions;

/// <summary>The command line on a context of two kinds.</summary>
public sealed class ImpressionsJourneyTests : ContextJourneyContract
{
    private static readonly long _banner = LegacyImpressions.Banners(new LegacyRowOptions { Rows = 150 }).Generate().First().Id;

    private static readonly long _impression = LegacyImpressions.Impressions(new LegacyRowOptions { Rows = 600 }, [_banner])
        .Generate().First(row => row.Kinds.Contains("counted")).Id;

    private protected override int LeastPersonalValues => 1;

    private protected override IReadOnlyList<string> Explained =>
        ["backend_banner.cn_name", "backend_impressions.imp_count", "banner: banner_id leads to impressions/banner", "banner_not_there", "impressions: number by counted_at per month"];

    private protected override IReadOnlyList<string> Quarantined => ["backend_impressions.banner_id", "is below 0, and ids begin at 1", "impression: "];

    private protected override IReadOnlyList<(string Kind, long Id)> Examples => [("banner", _banner), ("impression", _impression)];

    private protected override string PlantedDrift => $"UPDATE banner SET layout = 'planted' WHERE id = {NewIdOf("banner", _banner)}";

    private protected override (string Kind, long Id) PlantedIn => ("banner", _banner);

    private protected override string PlantedField => "layout";

    private protected override string ForeignUpdate =>
        $"UPDATE backend_impressions SET banner_id = 4711 WHERE imp_id = {_impression}; UPDATE backend_banner SET keyword = 'arrived' WHERE banner_id = {_banner}";

    private protected override string ForeignArrived =>
        $"""
        SELECT (SELECT COUNT(*) FROM banner WHERE keyword = 'arrived') * (SELECT COUNT(*) FROM impression i
            JOIN strangler_id_map m ON m.kind = 'banner' AND m.new_id = i.banner_id WHERE m.public_id = 4711)
        """;

    // Nothing is personal here.
    private protected override string PersonalValues => "SELECT '(nothing)' FROM DUAL WHERE 1 = 0";

    private protected override async Task<ContextWorld> CreateWorldAsync() => await ImpressionsWorld.CreateAsync(ImpressionsContext.ImpressionKind, migrate: false);
}
