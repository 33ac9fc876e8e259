using Microsoft.Extensions.Logging;

namespace Strangler.Service.Configuration;

/// <summary>Events 2080 to 2089. Of secrets nothing.</summary>
internal static partial class Log
{
    [LoggerMessage(2080, LogLevel.Information, "{File} has changed, and is in force: {Changes}")]
    public static partial void Adopted(this ILogger logger, string file, string changes);

    [LoggerMessage(2081, LogLevel.Error, "{File} has changed and is not taken, the settings stay as they were: {Error}")]
    public static partial void NotTaken(this ILogger logger, string file, string error);

    [LoggerMessage(2082, LogLevel.Warning, "{File}: {Setting} has changed, and this service runs by what it was until it is restarted")]
    public static partial void NeedsRestart(this ILogger logger, string file, string setting);

    [LoggerMessage(2083, LogLevel.Warning, "{Context}: {Changes} cannot be told in the audit trail ({Reason}), and is tried again")]
    public static partial void CannotTell(this ILogger logger, string context, string changes, string reason);
}
