using Microsoft.Extensions.Logging;

namespace Strangler.Capture;

/// <summary>Event ids 1750–1799. Names of users and tables, never values.</summary>
internal static partial class Log
{
    [LoggerMessage(1750, LogLevel.Warning, "{Context}: the census of other writers could not be added up and is tried again ({Reason})")]
    public static partial void CensusFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(
        1751, LogLevel.Error,
        "{Context}: other programs wrote to {Tables} while the triggers could not tell which entities that concerns (the key column has another name?); "
        + "it was not brought over, and a new reconciliation has to find it: strangler reconcile {Context}")]
    public static partial void WritesUnnoted(this ILogger logger, string context, string tables);

    [LoggerMessage(
        1752, LogLevel.Error,
        "{Context}: capture of other programs' writes is not as it was installed: {Fault}; what they write may go unnoted. "
        + "Run: strangler capture install {Context}, then: strangler reconcile {Context}")]
    public static partial void CaptureBroken(this ILogger logger, string context, string fault);

    [LoggerMessage(1753, LogLevel.Warning, "{Context}: whether capture is as it was installed could not be seen ({Reason})")]
    public static partial void CaptureNotSeen(this ILogger logger, string context, string reason, Exception exception);
}
