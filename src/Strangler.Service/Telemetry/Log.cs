using Microsoft.Extensions.Logging;

namespace Strangler.Service.Telemetry;

/// <summary>Events 2030 to 2039.</summary>
internal static partial class Log
{
    [LoggerMessage(2030, LogLevel.Warning, "{Context} cannot be looked at for the metrics: {Reason}")]
    public static partial void CannotLook(this ILogger logger, string context, string reason);

    [LoggerMessage(2031, LogLevel.Warning, "{Context} is not ready: {Check}: {Detail}")]
    public static partial void NotReady(this ILogger logger, string context, string check, string detail);
}
