using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Strangler.Service.Http;

/// <summary>Events 2001 to 2099. Paths are logged, queries and bodies never.</summary>
internal static partial class Log
{
    [LoggerMessage(2001, LogLevel.Warning, "{Path} cannot be answered at the moment: {Reason}")]
    public static partial void CannotAnswer(this ILogger logger, PathString path, string reason, Exception exception);

    [LoggerMessage(2002, LogLevel.Error, "{Path} could not be answered: {Reason}")]
    public static partial void AnswerFailed(this ILogger logger, PathString path, string reason, Exception exception);

    [LoggerMessage(2003, LogLevel.Error, "{Context}: the answer to a request with a key could not be kept: {Reason}; sent again, it is carried out again")]
    public static partial void AnswerNotKept(this ILogger logger, string context, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "{Context}: the claim of a request with a key could not be renewed: {Reason}; tried again until it ends")]
    public static partial void ClaimNotRenewed(this ILogger logger, string context, string reason);

    [LoggerMessage(2005, LogLevel.Error, "{Context}: the claim of a request with a key has ended before its answer was stored, and another has it: the request is carried out twice")]
    public static partial void ClaimLost(this ILogger logger, string context);

    [LoggerMessage(2006, LogLevel.Information, "{Context}: the claim of a request with a key that failed could not be given back: {Reason}; it ends by itself within seconds")]
    public static partial void ClaimNotReleased(this ILogger logger, string context, string reason);
}
