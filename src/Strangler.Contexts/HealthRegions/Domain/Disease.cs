namespace Strangler.Contexts.HealthRegions;

/// <summary>A day as the source gave it.</summary>
/// <param name="Day">The day; null where the text is none, or nothing was given.</param>
/// <param name="Text">What was given instead of a day, as it was; null where a day or nothing was.</param>
public sealed record GivenDay(DateOnly? Day, string? Text)
{
    public static GivenDay None { get; } = new(null, null);
}

/// <summary>How people of a region moved in one week.</summary>
public sealed class MobilityWeek
{
    private readonly Dictionary<string, double?> _metrics = new(StringComparer.Ordinal);
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="regionId">The region's hr_uid; 0 for none.</param>
    /// <param name="date">The week's day.</param>
    public MobilityWeek(long id, long regionId, GivenDay date)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        ArgumentNullException.ThrowIfNull(date);
        (_id, RegionId, Date) = (id, regionId, date);
    }

    /// <summary>What is measured, in the order in which clients are shown it; <see cref="SumNumDevices"/> comes behind the first 21.</summary>
    public static IReadOnlyList<string> MetricNames { get; } =
    [
        "max_dist_25", "max_dist_50", "max_dist_75", "sum_dist_25", "sum_dist_50", "sum_dist_75", "prop_at_home", "percent_stay",
        "base_max", "base_percent_change_max", "base_sum", "base_percent_change_sum", "base_prop_at_home",
        "base_percent_change_prop_at_home", "base_percent_stay", "base_percent_change_percent_stay",
        "percent_change_prev_week_max_dist_50", "percent_change_prev_week_sum_dist_50", "percent_change_prev_week_prop_at_home",
        "percent_change_prev_week_percent_stay", "avg_num_devices", "mobility", "pct_change_mobility", "prev_mobility",
    ];

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>0: of none. The region may be one that nobody knows.</summary>
    public long RegionId { get; private set; }

    public GivenDay Date { get; }

    public long? WeekOfYear { get; private set; }

    public long? Year { get; private set; }

    public long? SumNumDevices { get; private set; }

    /// <summary>By their names; what was not measured is null.</summary>
    public IReadOnlyDictionary<string, double?> Metrics => _metrics;

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The week has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>A measured value, or none.</summary>
    /// <exception cref="ArgumentException">There is no metric of that name, or the number is not finite.</exception>
    public void Measure(string metric, double? value)
    {
        if (!MetricNames.Contains(metric) || (value is { } number && !double.IsFinite(number)))
        {
            throw new ArgumentException($"'{metric}' is no metric, or its value is no finite number.", nameof(metric));
        }

        _metrics[metric] = value;
    }

    public void Count(long? weekOfYear, long? year, long? devices) => (WeekOfYear, Year, SumNumDevices) = (weekOfYear, year, devices);

    /// <summary>It is of another region, or with 0 of none.</summary>
    public void BelongTo(long regionId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        RegionId = regionId;
    }
}

/// <summary>Cases and deaths that were reported on a day, for a region or for none.</summary>
public sealed class CaseReport
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="regionId">The region's hr_uid; 0 where nobody can tell: "Not Reported", or a name that several provinces have.</param>
    /// <param name="date">The day of the report.</param>
    public CaseReport(long id, long regionId, GivenDay date)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        ArgumentNullException.ThrowIfNull(date);
        (_id, RegionId, Date) = (id, regionId, date);
    }

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    public long RegionId { get; private set; }

    public GivenDay Date { get; }

    /// <summary>As the source names it (NL, PEI, NWT): no key of a province. Null where it names none.</summary>
    public string? ProvinceName { get; private set; }

    /// <summary>As the source names it: no key of a region.</summary>
    public string? RegionName { get; private set; }

    public CaseCounts Counts { get; private set; } = new();

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The report has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    public void Name(string? province, string? region) => (ProvinceName, RegionName) = (province, region);

    public void Report(CaseCounts counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        Counts = counts;
    }

    /// <summary>Somebody has found out which region is meant; 0: nobody can tell.</summary>
    public void BelongTo(long regionId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(regionId);
        RegionId = regionId;
    }
}

/// <summary>What was counted; null where nobody has.</summary>
public sealed record CaseCounts
{
    public long? Cases { get; init; }

    public long? CumulativeCases { get; init; }

    public long? Deaths { get; init; }

    public long? CumulativeDeaths { get; init; }

    public long? CasesLast14Days { get; init; }

    public long? DeathsLast14Days { get; init; }

    public long? CasesLast7Days { get; init; }

    public long? DeathsLast7Days { get; init; }

    public double? AverageCasesLast7Days { get; init; }

    public double? AverageDeathsLast7Days { get; init; }
}
