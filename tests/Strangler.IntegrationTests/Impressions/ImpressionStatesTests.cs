using Strangler.Contexts.Impressions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.LegacyData;
using Strangler.LegacyData.Impressions;

namespace Strangler.IntegrationTests.Impressions;

/// <summary>The states of impressions.</summary>
public sealed class ImpressionStatesTests : ContextStatesContract<Impression>
{
    private static readonly LegacyTableGenerator _all = LegacyImpressions.Impressions(new LegacyRowOptions(), [1]);

    private protected override int Rows => 450;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds.Except(_all.UnreadableKinds);

    private protected override IReadOnlyList<(string Name, Func<Impression, bool> May, Action<Impression> Act, string[] Fields)> AllChanges =>
    [
        ("correct", _ => true, one => one.Correct(one.Number == 7 ? 8 : 7), ["number"]),
        ("of another banner", _ => true, one => one.BelongTo(3), ["banner_id"]),
        ("of a banner that is not there", _ => true, one => one.BelongTo(77_000_000), ["banner_id"]),
        ("of no banner", _ => true, one => one.BelongTo(0), ["banner_id"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await ImpressionsWorld.CreateAsync(ImpressionsContext.ImpressionKind);

    private protected override RepositoryWrapper<Impression> WrapperOf(ContextWorld world) => world.Host.Part<ImpressionsContext>().Impressions;
}

/// <summary>The states of banners.</summary>
public sealed class BannerStatesTests : ContextStatesContract<Banner>
{
    private static readonly LegacyTableGenerator _all = LegacyImpressions.Banners(new LegacyRowOptions());

    private protected override int Rows => 300;

    private protected override IEnumerable<string> ReadableKinds => _all.Kinds;

    private protected override IReadOnlyList<(string Name, Func<Banner, bool> May, Action<Banner> Act, string[] Fields)> AllChanges =>
    [
        ("name", _ => true, one => one.Rename("Баннер Straße"), ["name"]),
        ("description", _ => true, one => one.Describe("layout", "C17", "kéyword "), ["layout", "campaign", "keyword"]),
        ("no description", _ => true, one => one.Describe("", "", ""), ["layout", "campaign", "keyword"]),
    ];

    private protected override IReadOnlyDictionary<string, string[]> LostWhileLegacyLeads { get; } = new Dictionary<string, string[]>();

    private protected override async Task<ContextWorld> CreateWorldAsync() => await ImpressionsWorld.CreateAsync(ImpressionsContext.BannerKind);

    private protected override RepositoryWrapper<Banner> WrapperOf(ContextWorld world) => world.Host.Part<ImpressionsContext>().Banners;
}
