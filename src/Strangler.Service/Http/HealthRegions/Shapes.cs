using System.Globalization;
using Strangler.Contexts.HealthRegions;

namespace Strangler.Service.Http.HealthRegions;

/// <summary>What clients see of an entry: names and order of the keys are theirs.</summary>
internal static class Shapes
{
    // Where sum_num_devices stands among what is measured.
    private const int DevicesAfter = 21;

    private static readonly (string Name, int At)[] InShort =
    [
        .. new[] { "percent_change_prev_week_percent_stay", "pct_change_mobility" }.Select(name => (name, MobilityWeek.MetricNames.ToList().IndexOf(name))),
    ];

    public static JsonText Of<T>(T one, Action<JsonText, T> shape)
    {
        var json = new JsonText();
        shape(json, one);
        return json;
    }

    public static void Region(JsonText json, RegionEntry region) => json.Object(one => RegionMembers(one, region));

    public static void Province(JsonText json, ProvinceEntry province) => json.Object(one => one
        .Number("province_code", province.ProvinceCode).Text("full_name", province.FullName).Text("alpha_code", province.AlphaCode).Text("region", province.Region));

    public static void Location(JsonText json, LocationEntry location, Action<JsonText, MobilityEntry> mobility) => json.Object(one => one
        .Number("id", location.Id).Text("forward_sortation_area", location.Code).Number("hr_uid", location.HrUid).Number("province_code", location.ProvinceCode)
        .Member("HealthRegion", location.HealthRegion is not { } region ? null : inner => inner.Object(members =>
        {
            RegionMembers(members, region);
            members.Member("Mobility", location.Mobility is not { } week ? null : of => mobility(of, week));
        }))
        .Member("Province", location.Province is not { } province ? null : inner => Province(inner, province)));

    public static void WholeMobility(JsonText json, MobilityEntry week) => json.Object(one =>
    {
        one.Number("hr_uid", week.HrUid).Text("date", week.Date).Number("w_o_y", week.WeekOfYear).Number("year", week.Year);
        for (var at = 0; at < MobilityWeek.MetricNames.Count; at++)
        {
            if (at == DevicesAfter)
            {
                one.Number("sum_num_devices", week.SumNumDevices);
            }

            one.Real(MobilityWeek.MetricNames[at], Shown(week.Metrics[at]));
        }
    });

    public static void ShortMobility(JsonText json, MobilityEntry week) => json.Object(one =>
    {
        foreach (var (name, at) in InShort)
        {
            one.Real(name, Shown(week.Metrics[at]));
        }
    });

    private static void RegionMembers(JsonText json, RegionEntry region) => json
        .Number("hr_uid", region.HrUid).Number("province_code", region.ProvinceCode).Text("name_en", region.NameEn).Text("name_fr", region.NameFr)
        .Text("website_en", region.WebsiteEn).Text("website_fr", region.WebsiteFr);

    // As the old server was sent a FLOAT: in six digits, whatever more it holds.
    private static double? Shown(double? value) =>
        value is { } number ? double.Parse(((float)number).ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;
}
