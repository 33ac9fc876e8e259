using System.Globalization;

namespace Strangler.LegacyData.Impressions;

/// <summary>Rows of the legacy tables <c>backend_banner</c> and <c>backend_impressions</c>.</summary>
public static class LegacyImpressions
{
    private const string ZeroDate = "0000-00-00 00:00:00";

    /// <summary>A banner that is not among the generated ones.</summary>
    public const long MissingBanner = 99_000_001;

    private static readonly string[] _layouts = ["", "Default", "5h16_layout", "B15WMDE"];
    private static readonly string[] _keywords = ["org-de-01", "B17WMDE_13_171108_ctrl", "", "wpde_dt_3"];

    private static readonly TableScenes _banners = new(
        "backend_banner",
        ["banner_id", "cn_name", "layout", "campaign", "keyword"],
        (dice, number, _) =>
        [
            $"B{dice.Between(13, 18)}WMDE_{number:00}_{dice.Digits(6)}_{dice.Pick((string[])["ctrl", "var"])}", dice.Pick(_layouts),
            $"C{dice.Between(13, 18)}_WMDE_{dice.Between(1, 20)}", dice.Pick(_keywords),
        ],
        [(new RowScene("banner", (_, _) => { }), 10), (new RowScene("banner-without-campaign", (row, _) => row.Set("campaign", "")), 2)],
        [
            new("banner-without-anything", (row, _) => Each(row, _ => "")),
            new("banner-that-is-full", (row, _) => Each(row, column => new string(column[0], 50) + new string('ß', 50))),
            new("banner-of-another-script", (row, _) => row.Set("cn_name", "Баннер_Ελένη Straße ")),
            new("banner-of-the-same-name", (row, _) => row.Set("cn_name", "twice")),
            new("banner-of-the-same-name-by-collation", (row, _) => row.Set("cn_name", "TWICE ")),
        ],
        [],
        (_ => [], []));

    public static LegacyTableGenerator Banners(LegacyRowOptions options) => new(_banners, options);

    /// <param name="options">How many, and so on.</param>
    /// <param name="banners">Banners that are there.</param>
    public static LegacyTableGenerator Impressions(LegacyRowOptions options, IReadOnlyList<long> banners) => new(
        new TableScenes(
            "backend_impressions",
            ["imp_id", "banner_id", "datetime", "imp_count"],
            (dice, number, of) =>
            [
                dice.Pick(banners),
                new DateTime(2013, 11, 6).AddMinutes(number * 1_500_000.0 / of).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
                dice.Between(0, 250_000),
            ],
            [(new RowScene("counted", (_, _) => { }), 40), (new RowScene("seen-by-nobody", (row, _) => row.Set("imp_count", 0)), 3)],
            [
                new("of-no-banner", (row, _) => row.Set("banner_id", 0)),
                new("of-a-banner-that-is-gone", (row, _) => row.Set("banner_id", MissingBanner)),
                new("of-the-last-banner-there-can-be", (row, _) => row.Set("banner_id", (long)int.MaxValue)),
                new("uncounted", (row, _) => row.Set("datetime", "1970-01-01 00:00:00")),
                new("uncounted-in-berlin", (row, _) => row.Set("datetime", "1970-01-01 01:00:00")),
                new("zero-date", (row, _) => row.Set("datetime", ZeroDate)),
                new("repeated-hour", (row, _) => row.Set("datetime", "2016-10-30 02:30:00")),
                new("number-below-zero", (row, _) => row.Set("imp_count", -17)),
                new("largest-number", (row, _) => row.Set("imp_count", (long)int.MaxValue)),
            ],
            [
                new("banner-below-zero", (row, _) => row.Set("banner_id", -1)),
                new("impossible-date", (row, _) => row.Set("datetime", "2016-02-30 12:00:00")),
            ],
            (Describe, ["has-banner", "has-no-banner"])),
        options);

    private static IEnumerable<string> Describe(LegacyRow row) => [row["banner_id"] is 0L ? "has-no-banner" : "has-banner"];

    private static void Each(LegacyRow row, Func<string, string> value)
    {
        foreach (var column in row.Columns.Skip(1))
        {
            row.Set(column, value(column));
        }
    }
}
