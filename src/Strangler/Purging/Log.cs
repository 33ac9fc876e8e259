using Microsoft.Extensions.Logging;

namespace Strangler.Purging;

/// <summary>Event ids 1820–1829. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1820, LogLevel.Information, "{Context}: {Kind} {Id} purged by {Actor}")]
    public static partial void Purged(this ILogger logger, string context, string kind, long id, string actor);
}
