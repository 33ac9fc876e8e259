using Microsoft.Extensions.Logging;

namespace Strangler.Service.Http.Access;

/// <summary>Events 2010 to 2029. Routes are logged as they are mapped, never as they were asked for; of credentials nothing.</summary>
internal static partial class Log
{
    [LoggerMessage(2010, LogLevel.Information, "{Path} was read again: {Keys} keys are good")]
    public static partial void KeysRead(this ILogger logger, string path, int keys);

    [LoggerMessage(2011, LogLevel.Error, "The keys stay as they were: {Reason}")]
    public static partial void KeysNotRead(this ILogger logger, string reason);

    [LoggerMessage(2012, LogLevel.Information, "A token was refused: {Reason}")]
    public static partial void TokenRefused(this ILogger logger, string reason);

    [LoggerMessage(2013, LogLevel.Error, "{Method} {Route} is mapped and not in the table of routes: it is refused to everybody")]
    public static partial void NotInTable(this ILogger logger, string method, string route);

    [LoggerMessage(2014, LogLevel.Warning, "{Caller} ({Role}) may not {Method} {Route}, which needs {Needed}")]
    public static partial void RoleTooSmall(this ILogger logger, string caller, Role role, string method, string route, Role needed);
}
