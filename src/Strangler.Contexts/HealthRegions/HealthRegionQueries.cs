using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>What is asked of one side beside single entities. Both sides answer in the same columns, in any order.</summary>
/// <param name="Provinces">province_code, full_name, alpha_code, region; of all of them.</param>
/// <param name="Regions">hr_uid, province_code, name_en, name_fr, website_en, website_fr; of all of them.</param>
/// <param name="Region">The same of the region <c>{0}</c>.</param>
/// <param name="RegionsOfPostcode">The same and a place, of the regions of the postcode that is <c>{0}</c> but for its case and blanks around it.</param>
/// <param name="Locations">forward_sortation_area, hr_uid, province_code; of all of them.</param>
/// <param name="Location">The same of those that are <c>{0}</c> but for their case and blanks behind, each with its region, its province and its region's
/// mobility in the columns of the others.</param>
/// <param name="Mobility">hr_uid, public id, date, w_o_y, year, sum_num_devices and the metrics, of every week that is the latest of its region.</param>
/// <param name="Named">hr_uid of the regions of the province <c>{0}</c> whose English name is <c>{1}</c> to the letter.</param>
internal sealed record SideQueries(
    string Provinces, string Regions, string Region, string RegionsOfPostcode, string Locations, string Location, string Mobility, string Named)
{
    private const string LegacyRegion = "SELECT r.hr_uid, r.province_code, r.name_en, r.name_fr, r.website_en, r.website_fr";

    private const string LegacyWeek =
        """
        m.hr_uid, m.id, m.date, m.w_o_y, m.year, m.sum_num_devices,
            m.max_dist_25 + 0e0, m.max_dist_50 + 0e0, m.max_dist_75 + 0e0, m.sum_dist_25 + 0e0, m.sum_dist_50 + 0e0, m.sum_dist_75
            + 0e0, m.prop_at_home + 0e0, m.percent_stay + 0e0, m.base_max + 0e0, m.base_percent_change_max + 0e0, m.base_sum +
            0e0, m.base_percent_change_sum + 0e0, m.base_prop_at_home + 0e0, m.base_percent_change_prop_at_home + 0e0,
            m.base_percent_stay + 0e0, m.base_percent_change_percent_stay + 0e0, m.percent_change_prev_week_max_dist_50 + 0e0,
            m.percent_change_prev_week_sum_dist_50 + 0e0, m.percent_change_prev_week_prop_at_home + 0e0,
            m.percent_change_prev_week_percent_stay + 0e0, m.avg_num_devices + 0e0, m.mobility + 0e0, m.pct_change_mobility + 0e0,
            m.prev_mobility + 0e0
        """;

    private const string LegacyMobility = $"SELECT {LegacyWeek} "
        + """
        FROM mobility m JOIN (SELECT hr_uid, MAX(id) AS id FROM mobility WHERE hr_uid IS NOT NULL GROUP BY hr_uid) l ON l.id = m.id
        """;

    // A reference holds the new id. The map tells the key that everybody knows, also of what is not there.
    private const string NewRegion =
        """
        SELECT r.hr_uid, m.public_id, r.name_en, r.name_fr,
            CASE WHEN r.has_website_en THEN r.website_en END, CASE WHEN r.has_website_fr THEN r.website_fr END
        """;

    private const string ProvinceOf =
        "LEFT JOIN strangler_id_map m ON m.context = 'health-regions' AND m.kind = 'province' AND m.new_id = r.province_id";

    private const string NewLocations =
        """
        FROM published_postcode l
        LEFT JOIN strangler_id_map h ON h.context = 'health-regions' AND h.kind = 'health-region' AND h.new_id = l.health_region_id
        LEFT JOIN strangler_id_map p ON p.context = 'health-regions' AND p.kind = 'province' AND p.new_id = l.province_id
        """;

    private const string NewMobility =
        """
        SELECT DISTINCT ON (r.public_id) r.public_id, w.public_id, CASE WHEN NOT m.has_date THEN NULL
                WHEN m.measured_on IS NULL THEN m.date_text ELSE to_char(m.measured_on, 'YYYY-MM-DD') END,
            m.week_of_year, m.year, m.sum_num_devices,
            m.max_dist_25, m.max_dist_50, m.max_dist_75, m.sum_dist_25, m.sum_dist_50, m.sum_dist_75, m.prop_at_home,
            m.percent_stay, m.base_max, m.base_percent_change_max, m.base_sum, m.base_percent_change_sum, m.base_prop_at_home,
            m.base_percent_change_prop_at_home, m.base_percent_stay, m.base_percent_change_percent_stay,
            m.percent_change_prev_week_max_dist_50, m.percent_change_prev_week_sum_dist_50,
            m.percent_change_prev_week_prop_at_home, m.percent_change_prev_week_percent_stay, m.avg_num_devices, m.mobility,
            m.pct_change_mobility, m.prev_mobility
        FROM published_mobility_week m
        JOIN strangler_id_map r ON r.context = 'health-regions' AND r.kind = 'health-region' AND r.new_id = m.health_region_id
        JOIN strangler_id_map w ON w.context = 'health-regions' AND w.kind = 'mobility-week' AND w.new_id = m.id
        """;

    private const string Latest = " ORDER BY r.public_id, w.public_id DESC";

    // Not by the collation, which on some servers makes é an e: by case and blanks alone, as both sides can.
    public static SideQueries Legacy { get; } = new(
        "SELECT province_code, full_name, alpha_code, region FROM provinces",
        $"{LegacyRegion} FROM health_regions r",
        $"{LegacyRegion} FROM health_regions r WHERE r.hr_uid = {{0}}",
        $$"""
        {{LegacyRegion}}, 0 FROM locations l JOIN health_regions r ON r.hr_uid = l.hr_uid
        WHERE CAST(UPPER(TRIM(l.forward_sortation_area)) AS BINARY) = CAST({0} AS BINARY)
        """,
        "SELECT forward_sortation_area, hr_uid, province_code FROM locations",
        $$"""
        SELECT l.forward_sortation_area, l.hr_uid AS names_region, l.province_code AS names_province,
            r.hr_uid AS region_uid, r.province_code AS region_province, r.name_en, r.name_fr, r.website_en, r.website_fr,
            p.province_code, p.full_name, p.alpha_code, p.region, {{LegacyWeek}}
        FROM locations l LEFT JOIN health_regions r ON r.hr_uid = l.hr_uid LEFT JOIN provinces p ON p.province_code = l.province_code
        LEFT JOIN mobility m ON m.id = (SELECT MAX(x.id) FROM mobility x WHERE x.hr_uid = r.hr_uid)
        WHERE CAST(UPPER(TRIM(TRAILING ' ' FROM l.forward_sortation_area)) AS BINARY) = CAST({0} AS BINARY)
        """,
        LegacyMobility,
        "SELECT hr_uid FROM health_regions WHERE province_code = {0} AND CAST(name_en AS BINARY) = CAST({1} AS BINARY)");

    public static SideQueries New { get; } = new(
        "SELECT geo_code, name, alpha_code, region_name FROM published_province",
        $"{NewRegion} FROM published_health_region r {ProvinceOf}",
        $"{NewRegion} FROM published_health_region r {ProvinceOf} WHERE r.hr_uid = {{0}}",
        $$"""
        {{NewRegion}}, l.place FROM published_postcode_region l JOIN published_health_region r ON r.hr_uid = l.hr_uid {{ProvinceOf}}
        WHERE upper(btrim(l.code)) = {0}
        """,
        $"SELECT l.code, h.public_id, p.public_id {NewLocations}",
        $$"""
        SELECT l.code, h.public_id, p.public_id, region.*, province.geo_code, province.name, province.alpha_code, province.region_name, week.*
        {{NewLocations}}
        LEFT JOIN LATERAL ({{NewRegion}} FROM published_health_region r {{ProvinceOf}} WHERE r.hr_uid = h.public_id) region ON true
        LEFT JOIN published_province province ON province.geo_code = p.public_id
        LEFT JOIN LATERAL ({{NewMobility}} WHERE r.public_id = region.hr_uid{{Latest}}) week ON true
        WHERE upper(rtrim(l.code)) = {0}
        """,
        NewMobility + Latest,
        $"SELECT r.hr_uid FROM published_health_region r {ProvinceOf} WHERE m.public_id = {{0}} AND r.name_en = {{1}}");

    /// <summary>What one of them is of a side.</summary>
    public static Func<SideName, FormattableString> Ask(Func<SideQueries, string> which, params object[] values) =>
        side => FormattableStringFactory.Create(which(Of(side)), values);

    public static SideQueries Of(SideName side) => side == SideName.Legacy ? Legacy : New;
}

/// <summary>Reads what they answer. By ordinal: each side has column names of its own.</summary>
internal static class HealthRegionReader
{
    private const int RegionWidth = 6;
    private const int ProvinceWidth = 4;
    private const int BeforeMetrics = 6;
    private const int LocationWidth = 3;

    public static async Task<List<T>> ListAsync<T>(DbDataReader rows, Func<DbDataReader, int, T> read, CancellationToken cancellationToken)
    {
        List<T> list = [];
        while (await rows.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            list.Add(read(rows, 0));
        }

        return list;
    }

    public static ProvinceEntry Province(DbDataReader row, int at) => new(Key(row, at), row.GetString(at + 1), row.GetString(at + 2), row.GetString(at + 3));

    public static RegionEntry Region(DbDataReader row, int at) =>
        new(Key(row, at), Number(row, at + 1), row.GetString(at + 2), row.GetString(at + 3), Text(row, at + 4), Text(row, at + 5));

    public static (long Place, RegionEntry Region) PlacedRegion(DbDataReader row, int at) => (Key(row, at + RegionWidth), Region(row, at));

    public static (string Code, long? HrUid, long? ProvinceCode) Location(DbDataReader row, int at) => (row.GetString(at), Number(row, at + 1), Number(row, at + 2));

    /// <summary>A postcode with all that is shown of it.</summary>
    public static LocationEntry WholeLocation(DbDataReader row, int at)
    {
        var (code, hrUid, provinceCode) = Location(row, at);
        var region = at + LocationWidth;
        var province = region + RegionWidth;
        var week = province + ProvinceWidth;
        return new LocationEntry(
            TextKey.IdOf(code), code, hrUid, provinceCode, row.IsDBNull(region) ? null : Region(row, region),
            row.IsDBNull(week) ? null : Mobility(row, week), row.IsDBNull(province) ? null : Province(row, province));
    }

    public static MobilityEntry Mobility(DbDataReader row, int at) => new(
        Key(row, at), Text(row, at + 2), Number(row, at + 3), Number(row, at + 4), Number(row, at + 5),
        [.. Enumerable.Range(at + BeforeMetrics, MobilityWeek.MetricNames.Count).Select(metric => row.IsDBNull(metric) ? (double?)null : row.GetDouble(metric))]);

    public static long Key(DbDataReader row, int at) => Convert.ToInt64(row.GetValue(at), CultureInfo.InvariantCulture);

    private static string? Text(DbDataReader row, int at) => row.IsDBNull(at) ? null : row.GetString(at);

    private static long? Number(DbDataReader row, int at) => row.IsDBNull(at) ? null : Key(row, at);
}
