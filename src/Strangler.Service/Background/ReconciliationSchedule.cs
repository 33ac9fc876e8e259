using Quartz;

namespace Strangler.Service.Background;

/// <summary>When a context is reconciled by itself, and what of it.</summary>
public sealed class ReconciliationSchedule
{
    private readonly CronExpression _cron;

    private ReconciliationSchedule(CronExpression cron, string text, TimeZoneInfo zone, bool incremental) =>
        (_cron, Cron, TimeZone, Incremental) = (cron, text, zone, incremental);

    /// <summary>As Quartz has it, seconds first: <c>0 30 2 * * ?</c> is half past two every night.</summary>
    public string Cron { get; }

    /// <summary>In which the expression is meant.</summary>
    public TimeZoneInfo TimeZone { get; }

    /// <summary>Only what stored versions and hashes do not vouch for; opens no gate. Else in full.</summary>
    public bool Incremental { get; }

    /// <summary>What identifies it among the services.</summary>
    public string Name => $"{Cron} {TimeZone.Id}{(Incremental ? ", incremental" : "")}";

    /// <exception cref="ArgumentException">The expression or the zone is none; the message says which, and why.</exception>
    public static ReconciliationSchedule Create(string cron, string? timeZone, bool incremental)
    {
        TimeZoneInfo? zone = TimeZoneInfo.Utc;
        if (timeZone is not null && !TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out zone))
        {
            throw new ArgumentException($"timeZone is \"{timeZone}\"; expected the name of a time zone such as Europe/Berlin.");
        }

        try
        {
            return new ReconciliationSchedule(new CronExpression(cron, zone), cron, zone, incremental);
        }
        catch (FormatException exception)
        {
            throw new ArgumentException(
                $"cron is \"{cron}\"; expected seconds, minutes, hours, day of month, month, day of week, one of the days a question mark, "
                + $"such as \"0 30 2 * * ?\": {exception.Message}");
        }
    }

    /// <summary>The first occurrence after a moment; null: there is none any more.</summary>
    public DateTime? Next(DateTime afterUtc) =>
        _cron.GetNextValidTimeAfter(new DateTimeOffset(DateTime.SpecifyKind(afterUtc, DateTimeKind.Utc)))?.UtcDateTime;
}
