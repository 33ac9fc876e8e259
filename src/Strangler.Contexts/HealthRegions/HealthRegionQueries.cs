using System.Data.Common;
using Dapper;

namespace Strangler.Contexts.HealthRegions;

/// <summary>What is asked of one side beside single entities. Both sides answer in the same columns, in any order.</summary>
/// <param name="Provinces">province_code, full_name, alpha_code, region; of all of them.</param>
/// <param name="Regions">hr_uid, province_code, name_en, name_fr, website_en, website_fr; of all of them.</param>
/// <param name="Region">The same of the region <c>@id</c>.</param>
/// <param name="RegionsOfPostcode">The same and a place, of the regions of the postcode that is <c>@code</c> but for its case and blanks around it.</param>
/// <param name="Locations">forward_sortation_area, hr_uid, province_code; of all of them.</param>
/// <param name="Location">The same of those that are <c>@code</c> but for their case and blanks behind.</param>
/// <param name="Mobility">hr_uid, public id, date, w_o_y, year, sum_num_devices and the metrics, of every week that is the latest of its region.</param>
/// <param name="MobilityOf">The same of the regions <c>@regions</c>.</param>
/// <param name="Named">hr_uid of the regions of the province <c>@province</c> whose English name is <c>@name</c> to the letter.</param>
internal sealed record SideQueries(
    string Provinces, string Regions, string Region, string RegionsOfPostcode, string Locations, string Location, string Mobility, string MobilityOf, string Named)
{
    private const string LegacyRegion = "SELECT r.hr_uid, r.province_code, r.name_en, r.name_fr, r.website_en, r.website_fr";

    // Not by the collation, which on some servers makes é an e: by case and blanks alone, as both sides can.
    private const string LegacyMobility =
        """
        SELECT m.hr_uid, m.id, m.date, m.w_o_y, m.year, m.sum_num_devices,
            m.max_dist_25 + 0e0, m.max_dist_50 + 0e0, m.max_dist_75 + 0e0, m.sum_dist_25 + 0e0, m.sum_dist_50 + 0e0, m.sum_dist_75
            + 0e0, m.prop_at_home + 0e0, m.percent_stay + 0e0, m.base_max + 0e0, m.base_percent_change_max + 0e0, m.base_sum +
            0e0, m.base_percent_change_sum + 0e0, m.base_prop_at_home + 0e0, m.base_percent_change_prop_at_home + 0e0,
            m.base_percent_stay + 0e0, m.base_percent_change_percent_stay + 0e0, m.percent_change_prev_week_max_dist_50 + 0e0,
            m.percent_change_prev_week_sum_dist_50 + 0e0, m.percent_change_prev_week_prop_at_home + 0e0,
            m.percent_change_prev_week_percent_stay + 0e0, m.avg_num_devices + 0e0, m.mobility + 0e0, m.pct_change_mobility + 0e0,
            m.prev_mobility + 0e0
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

    private const string NewLocation =
        """
        SELECT l.code, h.public_id, p.public_id FROM published_postcode l
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

    public static SideQueries Legacy { get; } = new(
        "SELECT province_code, full_name, alpha_code, region FROM provinces",
        $"{LegacyRegion} FROM health_regions r",
        $"{LegacyRegion} FROM health_regions r WHERE r.hr_uid = @id",
        $"""
        {LegacyRegion}, 0 FROM locations l JOIN health_regions r ON r.hr_uid = l.hr_uid
        WHERE CAST(UPPER(TRIM(l.forward_sortation_area)) AS BINARY) = CAST(@code AS BINARY)
        """,
        "SELECT forward_sortation_area, hr_uid, province_code FROM locations",
        """
        SELECT forward_sortation_area, hr_uid, province_code FROM locations
        WHERE CAST(UPPER(TRIM(TRAILING ' ' FROM forward_sortation_area)) AS BINARY) = CAST(@code AS BINARY)
        """,
        LegacyMobility,
        LegacyMobility + " WHERE m.hr_uid IN @regions",
        "SELECT hr_uid FROM health_regions WHERE province_code = @province AND CAST(name_en AS BINARY) = CAST(@name AS BINARY)");

    public static SideQueries New { get; } = new(
        "SELECT geo_code, name, alpha_code, region_name FROM published_province",
        $"{NewRegion} FROM published_health_region r {ProvinceOf}",
        $"{NewRegion} FROM published_health_region r {ProvinceOf} WHERE r.hr_uid = @id",
        $"""
        {NewRegion}, l.place FROM published_postcode_region l JOIN published_health_region r ON r.hr_uid = l.hr_uid {ProvinceOf}
        WHERE upper(btrim(l.code)) = @code
        """,
        NewLocation,
        NewLocation + " WHERE upper(rtrim(l.code)) = @code",
        NewMobility + Latest,
        NewMobility + " WHERE r.public_id = ANY (@regions)" + Latest,
        $"SELECT r.hr_uid FROM published_health_region r {ProvinceOf} WHERE m.public_id = @province AND r.name_en = @name");
}

/// <summary>Runs them. By ordinal: each side has column names of its own.</summary>
internal static class HealthRegionReader
{
    private const int BeforeMetrics = 6;

    public static Task<List<ProvinceEntry>> ProvincesAsync(DbConnection connection, CommandDefinition command) => ListAsync(
        connection, command, row => new ProvinceEntry(Number(row, 0)!.Value, row.GetString(1), row.GetString(2), row.GetString(3)));

    public static Task<List<RegionEntry>> RegionsAsync(DbConnection connection, CommandDefinition command) => ListAsync(connection, command, Region);

    public static Task<List<(long Place, RegionEntry Region)>> PlacedRegionsAsync(DbConnection connection, CommandDefinition command) =>
        ListAsync(connection, command, row => (Number(row, 6)!.Value, Region(row)));

    public static Task<List<(string Code, long? HrUid, long? ProvinceCode)>> LocationsAsync(DbConnection connection, CommandDefinition command) =>
        ListAsync(connection, command, row => (row.GetString(0), Number(row, 1), Number(row, 2)));

    public static Task<List<MobilityEntry>> MobilityAsync(DbConnection connection, CommandDefinition command) => ListAsync(
        connection, command, row => new MobilityEntry(
            Number(row, 0)!.Value, Text(row, 2), Number(row, 3), Number(row, 4), Number(row, 5),
            [.. MobilityWeek.MetricNames.Select((_, at) => row.IsDBNull(BeforeMetrics + at) ? (double?)null : row.GetDouble(BeforeMetrics + at))]));

    public static Task<List<long>> NumbersAsync(DbConnection connection, CommandDefinition command) => ListAsync(connection, command, row => Number(row, 0)!.Value);

    private static async Task<List<T>> ListAsync<T>(DbConnection connection, CommandDefinition command, Func<DbDataReader, T> read)
    {
        var reader = await connection.ExecuteReaderAsync(command).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            List<T> rows = [];
            while (await reader.ReadAsync(command.CancellationToken).ConfigureAwait(false))
            {
                rows.Add(read(reader));
            }

            return rows;
        }
    }

    private static RegionEntry Region(DbDataReader row) =>
        new(Number(row, 0)!.Value, Number(row, 1), row.GetString(2), row.GetString(3), Text(row, 4), Text(row, 5));

    private static string? Text(DbDataReader row, int at) => row.IsDBNull(at) ? null : row.GetString(at);

    private static long? Number(DbDataReader row, int at) =>
        row.IsDBNull(at) ? null : Convert.ToInt64(row.GetValue(at), System.Globalization.CultureInfo.InvariantCulture);
}
