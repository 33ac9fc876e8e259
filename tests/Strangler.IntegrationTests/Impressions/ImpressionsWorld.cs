using Strangler.Contexts.Impressions;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Impressions;

namespace Strangler.IntegrationTests.Impressions;

/// <summary>Banners and impressions on two fresh databases, looked at as one of the two kinds.</summary>
internal sealed class ImpressionsWorld : PlainWorld<ImpressionsWorld>
{
    private const int Banners = 150;

    private ImpressionsWorld(string kind, TestDatabase legacy, TestDatabase @new, string? options)
        : base(
            ImpressionsContext.Name, kind, legacy, @new, options, kind == ImpressionsContext.BannerKind ? "backend_banner" : "backend_impressions",
            kind == ImpressionsContext.BannerKind ? "banner_id" : "imp_id")
    {
    }

    public ImpressionsContext Context => Host.Part<ImpressionsContext>();

    public static Task<ImpressionsWorld> CreateAsync(string kind, bool migrate = true, string? options = null) => CreateAsync(
        "impressions", (legacy, @new) => new ImpressionsWorld(kind, legacy, @new, options), connection => LegacyImpressionSchema.CreateAsync(connection),
        migrate);

    protected override IReadOnlyList<LegacyTableGenerator> Generators(LegacyRowOptions options)
    {
        var isBanner = Kind == ImpressionsContext.BannerKind;
        var banners = LegacyImpressions.Banners(isBanner ? options : options with { Rows = Banners });
        return isBanner ? [banners] : [banners, LegacyImpressions.Impressions(options, [.. banners.Generate().Select(row => row.Id)])];
    }
}
