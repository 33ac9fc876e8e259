using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.HealthRegions;

/// <summary>Between weeks of mobility and their records.</summary>
public sealed class MobilityWeekRecords(CompiledMapping mapping) : IEntityConverter<MobilityWeek>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(MobilityWeek entity) => entity.Id;

    public void AssignId(MobilityWeek entity, long id) => entity.AssignId(id);

    public MobilityWeek ToEntity(long id, Record record)
    {
        var week = new MobilityWeek(id, record.Integer("region"), GivenDays.Of(record, "measured_on"));
        week.Count((long?)record["week_of_year"], (long?)record["year"], (long?)record["sum_num_devices"]);
        foreach (var metric in MobilityWeek.MetricNames)
        {
            week.Measure(metric, (double?)record[metric]);
        }

        return week;
    }

    public Record Apply(MobilityWeek entity, Record present) => present.With(
    [
        ("region", entity.RegionId), .. GivenDays.Fields(entity.Date, "measured_on"), ("week_of_year", entity.WeekOfYear), ("year", entity.Year),
        ("sum_num_devices", entity.SumNumDevices), .. MobilityWeek.MetricNames.Select(metric => (metric, (object?)entity.Metrics.GetValueOrDefault(metric))),
    ]);
}

/// <summary>Between reports of cases and their records.</summary>
public sealed class CaseReportRecords(CompiledMapping mapping) : IEntityConverter<CaseReport>
{
    public RecordSchema Schema => mapping.Schema;

    public long IdOf(CaseReport entity) => entity.Id;

    public void AssignId(CaseReport entity, long id) => entity.AssignId(id);

    public CaseReport ToEntity(long id, Record record)
    {
        var report = new CaseReport(id, record.Integer("region"), GivenDays.Of(record, "reported_on"));
        report.Name(
            GivenTexts.Of(record, "province_name.text", "province_name.is_given"), GivenTexts.Of(record, "region_name.text", "region_name.is_given"));
        report.Report(new CaseCounts
        {
            Cases = (long?)record["cases"],
            CumulativeCases = (long?)record["cumulative_cases"],
            Deaths = (long?)record["deaths"],
            CumulativeDeaths = (long?)record["cumulative_deaths"],
            CasesLast14Days = (long?)record["cases_last_14_days"],
            DeathsLast14Days = (long?)record["deaths_last_14_days"],
            CasesLast7Days = (long?)record["cases_last_7_days"],
            DeathsLast7Days = (long?)record["deaths_last_7_days"],
            AverageCasesLast7Days = (double?)record["average_cases_last_7_days"],
            AverageDeathsLast7Days = (double?)record["average_deaths_last_7_days"],
        });
        return report;
    }

    public Record Apply(CaseReport entity, Record present) => present.With(
    [
        ("region", entity.RegionId), .. GivenDays.Fields(entity.Date, "reported_on"),
        ("province_name.text", entity.ProvinceName ?? ""), ("province_name.is_given", entity.ProvinceName is not null),
        ("region_name.text", entity.RegionName ?? ""), ("region_name.is_given", entity.RegionName is not null),
        ("cases", entity.Counts.Cases),
        ("cumulative_cases", entity.Counts.CumulativeCases),
        ("deaths", entity.Counts.Deaths),
        ("cumulative_deaths", entity.Counts.CumulativeDeaths),
        ("cases_last_14_days", entity.Counts.CasesLast14Days),
        ("deaths_last_14_days", entity.Counts.DeathsLast14Days),
        ("cases_last_7_days", entity.Counts.CasesLast7Days),
        ("deaths_last_7_days", entity.Counts.DeathsLast7Days),
        ("average_cases_last_7_days", entity.Counts.AverageCasesLast7Days), ("average_deaths_last_7_days", entity.Counts.AverageDeathsLast7Days),
    ]);
}

/// <summary>Days that legacy keeps as text.</summary>
internal static class GivenDays
{
    public static GivenDay Of(Record record, string field) => record.Boolean("date.is_given")
        ? record[field] is DateOnly day ? new GivenDay(day, null) : new GivenDay(null, record.Text("date.text"))
        : GivenDay.None;

    public static IEnumerable<(string Field, object? Value)> Fields(GivenDay date, string field) =>
        [(field, date.Day), ("date.text", date.Text ?? ""), ("date.is_given", date.Day is not null || date.Text is not null)];
}
