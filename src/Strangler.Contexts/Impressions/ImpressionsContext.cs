using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.Impressions;

/// <summary>The context <c>impressions</c>, put together for one process: its repositories on both sides and the wrappers over them.</summary>
public sealed class ImpressionsContext
{
    public const string Name = "impressions";

    public const string BannerKind = "banner";

    public const string ImpressionKind = "impression";

    private readonly BannerRecords _bannerRecords;
    private readonly ImpressionRecords _impressionRecords;

    private ImpressionsContext(ContextSides sides, CompiledMapping banners, CompiledMapping impressions)
    {
        (_bannerRecords, _impressionRecords) = (new BannerRecords(banners), new ImpressionRecords(impressions));
        LegacyBanners = new LegacyBannerRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), banners.Legacy, _bannerRecords);
        NewBanners = new BannerRepository(sides.New.Store, QueriesOf(sides.New), banners.New, _bannerRecords);
        LegacyImpressions = new LegacyImpressionRepository(sides.Legacy.Store, QueriesOf(sides.Legacy), impressions.Legacy, _impressionRecords);
        NewImpressions = new ImpressionRepository(sides.New.Store, QueriesOf(sides.New), impressions.New, _impressionRecords);
    }

    /// <summary>Its line in the list of contexts.</summary>
    public static ContextDefinition Definition { get; } = new(Name, Compose);

    /// <summary>The bare repositories.</summary>
    public LegacyBannerRepository LegacyBanners { get; }

    public BannerRepository NewBanners { get; }

    public LegacyImpressionRepository LegacyImpressions { get; }

    public ImpressionRepository NewImpressions { get; }

    /// <summary>What frontends use.</summary>
    public BannerRepositoryWrapper Banners { get; private set; } = null!;

    public ImpressionRepositoryWrapper Impressions { get; private set; } = null!;

    private static ContextParts Compose(ContextSides sides, IReadOnlyDictionary<string, CompiledMapping> mappings)
    {
        var context = new ImpressionsContext(sides, mappings[BannerKind], mappings[ImpressionKind]);
        EntityKind[] kinds =
        [
            new EntityKind(BannerKind, context.LegacyBanners, context.NewBanners) { Merging = mappings[BannerKind].Merging },
            new EntityKind(ImpressionKind, context.LegacyImpressions, context.NewImpressions) { Merging = mappings[ImpressionKind].Merging },
        ];
        return new ContextParts(kinds, context, context.Attach);
    }

    private static ISqlQueries QueriesOf(SideSeams side) =>
        side.Queries ?? throw new NotSupportedException($"{Name} adds up in SQL: both sides must be SQL stores.");

    private void Attach(ContextRuntime runtime, DualWriter writer)
    {
        var queries = new LeadQueries(runtime);
        Banners = new BannerRepositoryWrapper(writer, queries, LegacyBanners, NewBanners, _bannerRecords);
        Impressions = new ImpressionRepositoryWrapper(writer, queries, LegacyImpressions, NewImpressions, _impressionRecords);
    }
}
