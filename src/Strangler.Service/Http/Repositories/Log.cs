using Microsoft.Extensions.Logging;

namespace Strangler.Service.Http.Repositories;

/// <summary>
/// Events 2060 to 2069. Who and which entity, never what it holds; of failures their kinds, since what they say may quote values.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(2060, LogLevel.Information, "{Caller}: {Act} {Key} of {Context}: {Members}")]
    public static partial void Changed(this ILogger logger, string caller, string act, string key, string context, string members);

    [LoggerMessage(2061, LogLevel.Warning, "A frontend's request cannot be answered at the moment: {Kinds}")]
    public static partial void CannotServe(this ILogger logger, string kinds);

    [LoggerMessage(2062, LogLevel.Error, "A frontend's request could not be answered: {Kinds}\n{Stack}")]
    public static partial void RequestFailed(this ILogger logger, string kinds, string stack);
}
