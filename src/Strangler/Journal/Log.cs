using Microsoft.Extensions.Logging;

namespace Strangler.Journal;

/// <summary>Event ids 1100–1199. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "{Context}: a pass over the journal failed ({Reason})")]
    public static partial void PassFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(1101, LogLevel.Warning, "{Context}: {Kind} {Id} could not be brought over, attempt {Attempts} ({Reason})")]
    public static partial void ApplyFailed(
        this ILogger logger, string context, string kind, long id, int attempts, string reason, Exception exception);

    [LoggerMessage(1102, LogLevel.Error, "{Context}: {Kind} {Id} is parked after {Attempts} attempts ({Reason}); it closes the gates")]
    public static partial void Parked(
        this ILogger logger, string context, string kind, long id, int attempts, string reason, Exception exception);

    [LoggerMessage(1103, LogLevel.Warning, "{Context}: the heartbeat could not be written ({Reason})")]
    public static partial void BeatFailed(this ILogger logger, string context, string reason, Exception exception);
}
