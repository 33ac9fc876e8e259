using System.Data.Common;
using System.Globalization;

namespace Strangler.LegacyData.HealthRegions;

/// <summary>Made-up and real rows of one of the legacy tables of health regions.</summary>
/// <param name="table">Its name.</param>
/// <param name="kinds">What must occur.</param>
/// <param name="unreadable">What of that nobody can read.</param>
/// <param name="rows">The rows. The first column is the public id; it is stored only where the table has a column <c>id</c>.</param>
public sealed class LegacyHealthTable(string table, IReadOnlyList<string> kinds, IReadOnlyList<string> unreadable, IReadOnlyList<LegacyRow> rows)
{
    public string Table => table;

    public IReadOnlyList<string> Kinds => kinds;

    public IReadOnlyList<string> UnreadableKinds => unreadable;

    public IReadOnlyList<LegacyRow> Rows => rows;

    /// <summary>The rows as they are stored, also those that refer to what is not there.</summary>
    public async Task WriteAsync(Func<CancellationToken, Task<DbConnection>> connectionFactory, CancellationToken cancellationToken = default)
    {
        using var connection = await connectionFactory(cancellationToken).ConfigureAwait(false);
        await RowInserter.PrepareAsync(connection, cancellationToken).ConfigureAwait(false);
        await TableScript.ExecuteAsync(connection, "SET SESSION foreign_key_checks = 0", cancellationToken).ConfigureAwait(false);
        foreach (var batch in rows.Chunk(250))
        {
            var skip = batch[0].Columns[0] == "id" ? 0 : 1;
            using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await RowInserter.InsertAsync(
                transaction, table, [.. batch[0].Columns.Skip(skip)], batch, row => [.. row.Values.Skip(skip)], cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        await TableScript.ExecuteAsync(connection, "SET SESSION foreign_key_checks = 1", cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>Rows of the legacy tables of health regions, with every oddity that the real ones are known to have.</summary>
public static class LegacyHealthRegions
{
    /// <summary>A region that is in no table.</summary>
    public const long MissingRegion = 9554;

    private const int Round = 60;

    private static readonly string[] _provinceColumns = ["public_id", "province_code", "full_name", "alpha_code", "region"];
    private static readonly string[] _regionColumns = ["public_id", "hr_uid", "province_code", "name_en", "name_fr", "website_en", "website_fr"];
    private static readonly string[] _locationColumns = ["public_id", "forward_sortation_area", "hr_uid", "province_code"];

    private static readonly string[] _mobilityColumns =
    [
        "id", "hr_uid", "date", "w_o_y", "year", "max_dist_25", "max_dist_50", "max_dist_75", "sum_dist_25", "sum_dist_50",
        "sum_dist_75", "prop_at_home", "percent_stay", "base_max", "base_percent_change_max", "base_sum", "base_percent_change_sum",
        "base_prop_at_home", "base_percent_change_prop_at_home", "base_percent_stay", "base_percent_change_percent_stay",
        "percent_change_prev_week_max_dist_50", "percent_change_prev_week_sum_dist_50", "percent_change_prev_week_prop_at_home",
        "percent_change_prev_week_percent_stay", "avg_num_devices", "sum_num_devices", "mobility", "pct_change_mobility",
        "prev_mobility",
    ];

    private static readonly string[] _caseColumns =
    [
        "id", "hr_uid", "province", "health_region", "date_report", "cases", "cumulative_cases", "deaths", "cumulative_deaths", "numtotal_last14",
        "numdeaths_last14", "numtotal_last7", "numdeaths_last7", "avgtotal_last7", "avgdeaths_last7",
    ];

    /// <summary>The old client's provinces and two of ours.</summary>
    public static LegacyHealthTable Provinces() => new(
        "provinces", ["real", "of-an-unknown-part", "without-anything"], [],
        [
            .. LegacyHealthRegionSchema.RowsOf("provinces").Select(row => Row(_provinceColumns, row["province_code"], row, "real")),
            Row(_provinceColumns, [90L, 90L, "Province of Tests", "ZZ", "Nowhere "], "of-an-unknown-part"),
            Row(_provinceColumns, [91L, 91L, "", "", ""], "without-anything"),
        ]);

    /// <summary>The old client's regions and some of ours.</summary>
    /// <param name="includeUnreadable">Whether one is damaged on purpose.</param>
    public static LegacyHealthTable Regions(bool includeUnreadable = false) => new(
        "health_regions",
        ["real", "same-name", "same-name-elsewhere", "of-no-province", "of-a-province-that-is-gone", "without-websites", "empty-websites", "full", "other-scripts",
            .. includeUnreadable ? (string[])["province-below-zero"] : []],
        ["province-below-zero"],
        [
            .. LegacyHealthRegionSchema.RowsOf("health_regions").Select(row => Row(_regionColumns, row["hr_uid"], row, "real")),
            Region(9001, 90, "Central", "Région du Centre", "https://a.example/en", "", "same-name"),
            Region(9003, 91, "Central", "Centre", null, null, "same-name-elsewhere"),
            Region(9004, null, "Old merged unit", "Ancienne unité", "ttps://broken.example/", null, "of-no-province"),
            Region(9005, 77, "Nowhere", "Nulle part", null, "x", "of-a-province-that-is-gone"),
            Region(9006, 90, "Without", "Sans", null, null, "without-websites"),
            Region(9007, 90, "Empty", "Vide", "", "", "empty-websites"),
            Region(9008, 90, new string('\u00df', 150), new string('\u00e9', 150), new string('w', 300), new string('\u4e00', 300), "full"),
            Region(9101, 91, "e\u0301 \U0001F600 <&>\"'\\ \t ", "\u0645\u0631\u062d\u0628\u0627\u2028 ", " ", "\u007f", "other-scripts"),
            .. includeUnreadable ? (LegacyRow[])[Region(9102, -1, "Below", "Sous", null, null, "province-below-zero")] : [],
        ]);

    /// <summary>Made-up postcodes, which begin with letters that are never issued.</summary>
    public static LegacyHealthTable Locations(LegacyRowOptions options)
    {
        (string Kind, Func<string, Dice, object?[]> Make)[] rare =
        [
            ("of-no-region", (code, _) => [code, null, 90L]), ("of-nothing", (code, _) => [code, null, null]),
            ("of-no-province", (code, _) => [code, 9001L, null]), ("of-a-region-that-is-gone", (code, _) => [code, MissingRegion, 90L]),
            ("of-another-province-than-its-region", (code, _) => [code, 9001L, 48L]), ("lower-case", (code, _) => [code.ToLowerInvariant(), 9101L, 91L]),
            ("one-letter", (code, dice) => [code[..2], 9001L, 90L]), ("with-an-accent", (code, _) => [$"\u00e9{code[1..]}", 9001L, 90L]),
            .. options.IncludeUnreadable
                ? ((string, Func<string, Dice, object?[]>)[])[("region-below-zero", (code, _) => [code, -5L, 90L])] : [],
        ];
        var dice = new Dice((ulong)(uint)options.Seed);
        var regions = Regions().Rows.Where(row => row["province_code"] is not null).ToList();
        List<LegacyRow> rows = [];
        foreach (var (code, number) in Codes().Take(options.Rows).Select((code, number) => (code, number)))
        {
            var at = number % Round;
            var region = dice.Pick(regions);
            var (kind, values) = at < rare.Length ? (rare[at].Kind, rare[at].Make(code, dice)) : ("usual", [code, region["hr_uid"], region["province_code"]]);
            if (!rows.Exists(row => string.Equals((string)row["forward_sortation_area"]!, (string)values[0]!, StringComparison.OrdinalIgnoreCase)))
            {
                rows.Add(new LegacyRow(_locationColumns, [IdOf((string)values[0]!), .. values], [kind], kind == "region-below-zero"));
            }
        }

        return new LegacyHealthTable("locations", [.. rare.Select(scene => scene.Kind), "usual"], ["region-below-zero"], rows);
    }

    public static LegacyHealthTable Mobility(LegacyRowOptions options) => Generated(
        "mobility", _mobilityColumns, options,
        dice =>
        [
            (long)dice.Pick((int[])[1011, 3551, 9001, 9003]), "2021-11-" + dice.Between(10, 28).ToString(CultureInfo.InvariantCulture), 47L, 2021L,
            .. Enumerable.Range(0, 21).Select(_ => (object?)Single(dice)), (long)dice.Between(0, 100_000), .. Enumerable.Range(0, 3).Select(_ => (object?)Single(dice)),
        ],
        [
            ("nothing-measured", row => Each(row, 2, null)), ("zeros", row => Each(row, 5, 0d)), ("no-region", row => row.Set("hr_uid", null)),
            ("region-that-is-gone", row => row.Set("hr_uid", MissingRegion)), ("date-of-another-form", row => row.Set("date", "11/27/2021")),
            ("impossible-date", row => row.Set("date", "2021-02-30")), ("empty-date", row => row.Set("date", "")),
            ("largest-numbers", row => Each(row, 5, (double)float.MaxValue)), ("smallest-numbers", row => Each(row, 5, (double)1.17549435E-38f)),
            ("six-digits", row => Each(row, 5, (double)1234567.9f)), ("below-zero", row => Each(row, 5, (double)-0.1f)),
        ],
        [("region-below-zero", row => row.Set("hr_uid", -7L))]);

    public static LegacyHealthTable Cases(LegacyRowOptions options) => Generated(
        "cases", _caseColumns, options,
        dice =>
        [
            (long)dice.Pick((int[])[1011, 3551, 9001, 9003]), dice.Pick((string[])["NL", "Ontario", "PEI", "NWT"]), dice.Pick((string[])["Central", "Eastern", "Ottawa"]),
            $"{dice.Between(10, 28)}-01-2022", .. Enumerable.Range(0, 8).Select(_ => (object?)(long)dice.Between(0, 9000)), Single(dice), Single(dice),
        ],
        [
            ("not-reported", row => Set(row, ("hr_uid", null), ("health_region", "Not Reported"))),
            ("ambiguous-name", row => Set(row, ("hr_uid", null), ("health_region", "Northern"))), ("without-names", row => Set(row, ("province", null), ("health_region", null))),
            ("empty-names", row => Set(row, ("province", ""), ("health_region", ""))), ("nothing-counted", row => Each(row, 5, null)),
            ("corrected-below-zero", row => Set(row, ("cases", -17L))), ("year-first", row => row.Set("date_report", "2022-01-05")),
            ("thirteenth-month", row => row.Set("date_report", "05-13-2022")), ("suppressed", row => row.Set("date_report", "data_suppressed")),
            ("no-date", row => row.Set("date_report", null)), ("region-that-is-gone", row => row.Set("hr_uid", MissingRegion)),
        ],
        [("region-below-zero", row => row.Set("hr_uid", -7L))]);

    /// <summary>All five tables.</summary>
    public static IReadOnlyList<LegacyHealthTable> All(LegacyRowOptions options) =>
        [Provinces(), Regions(options.IncludeUnreadable), Locations(options), Mobility(options), Cases(options)];

    private static LegacyHealthTable Generated(
        string table, string[] columns, LegacyRowOptions options, Func<Dice, object?[]> plain, (string Kind, Action<LegacyRow> Make)[] rare,
        (string Kind, Action<LegacyRow> Make)[] unreadable)
    {
        var dice = new Dice((ulong)(uint)options.Seed);
        (string Kind, Action<LegacyRow> Make)[] scenes = [.. rare, .. options.IncludeUnreadable ? unreadable : []];
        List<LegacyRow> rows = [];
        for (var number = 0; number < options.Rows; number++)
        {
            var at = number % Round;
            var kind = at < scenes.Length ? scenes[at].Kind : "usual";
            var row = new LegacyRow(columns, [number + 1L, .. plain(dice)], [kind], at >= rare.Length && at < scenes.Length);
            if (at < scenes.Length)
            {
                scenes[at].Make(row);
            }

            rows.Add(row);
        }

        return new LegacyHealthTable(table, [.. scenes.Select(scene => scene.Kind), "usual"], [.. unreadable.Select(scene => scene.Kind)], rows);
    }

    private static object? Single(Dice dice) => dice.Chance(10) ? null : (double)(float)((dice.Next(2_000_000) - 500_000) / 7_919.0);

    private static LegacyRow Region(long id, long? province, string en, string fr, string? websiteEn, string? websiteFr, string kind) =>
        Row(_regionColumns, [id, id, province, en, fr, websiteEn, websiteFr], kind);

    private static LegacyRow Row(string[] columns, object? id, IReadOnlyDictionary<string, object?> row, string kind) =>
        Row(columns, [id, .. columns.Skip(1).Select(column => row.GetValueOrDefault(column))], kind);

    private static LegacyRow Row(string[] columns, object?[] values, string kind) => new(columns, values, [kind], kind == "province-below-zero");

    private static void Each(LegacyRow row, int from, object? value)
    {
        foreach (var column in row.Columns.Skip(from).Where(column => column is not ("w_o_y" or "year" or "sum_num_devices") || value is null))
        {
            row.Set(column, value);
        }
    }

    private static void Set(LegacyRow row, params (string Column, object? Value)[] values)
    {
        foreach (var (column, value) in values)
        {
            row.Set(column, value);
        }
    }

    // The bytes as one number, as the engine makes a public id of a short text.
    private static long IdOf(string code) => System.Text.Encoding.UTF8.GetBytes(code).Aggregate(0L, (id, value) => (id << 8) | value);

    private static IEnumerable<string> Codes()
    {
        const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        return from first in "ZWDFIOQU" from digit in "0123456789" from last in Letters select $"{first}{digit}{last}";
    }
}
