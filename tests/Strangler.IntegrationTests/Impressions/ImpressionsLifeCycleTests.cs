using System.Globalization;
using Strangler.Contexts.Impressions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.Service;

namespace Strangler.IntegrationTests.Impressions;

/// <summary>The life cycle of impressions, each of another banner that may be there or not.</summary>
public sealed class ImpressionsLifeCycleTests : ContextLifeCycleContract<Impression>
{
    private static readonly DateTime Noon = new(2016, 11, 1, 12, 0, 0);

    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await ImpressionsWorld.CreateAsync(ImpressionsContext.ImpressionKind, options: options);

    private protected override RepositoryWrapper<Impression> WrapperOf(ContextHost host) => host.Part<ImpressionsContext>().Impressions;

    private protected override Impression New(long number) => new(0, number % 300, Noon, number);

    private protected override void Change(Impression entity, long number)
    {
        entity.Correct(number);
        entity.BelongTo(number % 300);
    }

    private protected override long NumberOf(Impression entity) => entity.Number;

    private protected override long IdOf(Impression entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("number", number);

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO backend_impressions (imp_id, banner_id, datetime, imp_count) VALUES ({id}, {number + 1}, '2016-01-01 12:00:00', {number})";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE backend_impressions SET imp_count = {number} WHERE imp_id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM backend_impressions WHERE imp_id = {id}";
}

/// <summary>The life cycle of banners.</summary>
public sealed class BannersLifeCycleTests : ContextLifeCycleContract<Banner>
{
    private protected override async Task<ContextWorld> CreateWorldAsync(string? options = null) =>
        await ImpressionsWorld.CreateAsync(ImpressionsContext.BannerKind, options: options);

    private protected override RepositoryWrapper<Banner> WrapperOf(ContextHost host) => host.Part<ImpressionsContext>().Banners;

    private protected override Banner New(long number)
    {
        var banner = new Banner(0, "B17WMDE_13_171108_ctrl");
        Change(banner, number);
        return banner;
    }

    private protected override void Change(Banner entity, long number) => entity.Describe("", number.ToString(CultureInfo.InvariantCulture), "");

    private protected override long NumberOf(Banner entity) => long.Parse(entity.Campaign, CultureInfo.InvariantCulture);

    private protected override long IdOf(Banner entity) => entity.Id;

    private protected override (string Field, object? Value) FieldOf(long number) => ("campaign", number.ToString(CultureInfo.InvariantCulture));

    private protected override string ForeignInsert(long id, long number) =>
        $"INSERT INTO backend_banner (banner_id, cn_name, campaign) VALUES ({id}, 'foreign', '{number}')";

    private protected override string ForeignUpdate(long id, long number) => $"UPDATE backend_banner SET campaign = '{number}' WHERE banner_id = {id}";

    private protected override string ForeignDelete(long id) => $"DELETE FROM backend_banner WHERE banner_id = {id}";
}
