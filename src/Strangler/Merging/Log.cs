using Microsoft.Extensions.Logging;

namespace Strangler.Merging;

/// <summary>Event ids 1700–1719. Keys and fields may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1700, LogLevel.Warning, "{Context}: {Kind} {Id} was changed by another program and on the new side; as declared: {Decided}")]
    public static partial void Decided(this ILogger logger, string context, string kind, long id, string decided);

    [LoggerMessage(1701, LogLevel.Error, "{Context}: {Kind} {Id} is in conflict in {Fields} ({Reason}); it closes the gates; decide: strangler conflicts show {Context} {Id}")]
    public static partial void InConflict(this ILogger logger, string context, string kind, long id, string fields, string reason);
}
