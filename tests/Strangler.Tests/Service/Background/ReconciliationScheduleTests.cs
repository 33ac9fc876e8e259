using NUnit.Framework;
using Strangler.Service.Background;

namespace Strangler.Tests.Service.Background;

[TestFixture]
public sealed class ReconciliationScheduleTests
{
    [TestCase("2026-07-01T12:00:00", "2026-07-02T00:30:00", Description = "summer time")]
    [TestCase("2026-12-01T12:00:00", "2026-12-02T01:30:00", Description = "winter time")]
    [TestCase("2026-12-02T01:30:00", "2026-12-03T01:30:00", Description = "an occurrence itself is over")]
    [TestCase("2026-03-28T12:00:00", "2026-03-29T01:00:00", Description = "the hour that is left out: at its end")]
    public void It_is_due_by_its_own_time_zone(string after, string expected)
    {
        var schedule = ReconciliationSchedule.Create("0 30 2 * * ?", "Europe/Berlin", incremental: false);

        Assert.That(schedule.Next(DateTime.Parse(after, System.Globalization.CultureInfo.InvariantCulture)),
            Is.EqualTo(DateTime.Parse(expected, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Test]
    public void One_that_is_over_is_never_due_again() =>
        Assert.That(ReconciliationSchedule.Create("0 0 0 1 1 ? 2020", null, incremental: false).Next(new DateTime(2026, 1, 1)), Is.Null);

    [TestCase("30 2 * * *", null, "30 2 * * *")]
    [TestCase("", null, "cron is \"\"")]
    [TestCase("0 0 0 * * ?", "Berlin", "timeZone is \"Berlin\"")]
    public void What_is_none_is_refused_with_its_value(string cron, string? zone, string named)
    {
        var error = Assert.Throws<ArgumentException>(() => ReconciliationSchedule.Create(cron, zone, incremental: false));

        Assert.That(error!.Message, Does.Contain(named));
    }

    [Test]
    public void Its_name_tells_it_from_others()
    {
        var names = new[]
        {
            ReconciliationSchedule.Create("0 0 0 * * ?", null, false), ReconciliationSchedule.Create("0 0 0 * * ?", "Europe/Berlin", false),
            ReconciliationSchedule.Create("0 0 0 * * ?", null, true), ReconciliationSchedule.Create("0 0 1 * * ?", null, false),
        }.Select(schedule => schedule.Name);

        Assert.That(names, Is.Unique);
    }
}
