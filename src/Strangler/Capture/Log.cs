using Microsoft.Extensions.Logging;

namespace Strangler.Capture;

/// <summary>Event ids 1750–1799. Names of users and tables, never values.</summary>
internal static partial class Log
{
    [LoggerMessage(1750, LogLevel.Warning, "{Context}: the census of other writers could not be added up and is tried again ({Reason})")]
    public static partial void CensusFailed(this ILogger logger, string context, string reason, Exception exception);
}
