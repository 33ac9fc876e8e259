using Microsoft.Extensions.Logging;

namespace Strangler.DataSets;

/// <summary>Event ids 2101–2199.</summary>
internal static partial class Log
{
    [LoggerMessage(2101, LogLevel.Information, "{Context}: another program loads the data set anew; readers are shown the one before until all of it has come over")]
    public static partial void Kept(this ILogger logger, string context);

    [LoggerMessage(2102, LogLevel.Information, "{Context}: the new data set is published")]
    public static partial void Published(this ILogger logger, string context);

    [LoggerMessage(2103, LogLevel.Warning, "{Context}: {Count} {Kind} keys are gone from legacy, and no trigger has seen it (was the table truncated?); noted")]
    public static partial void Vanished(this ILogger logger, string context, int count, string kind);

    [LoggerMessage(
        2104, LogLevel.Warning,
        "{Context}: legacy has no {Kind} rows any more, and no trigger has seen them go. It is taken for a data set that is being loaded: nothing is removed from the "
        + "new side. If it is to be empty, delete on the new side, or run a reconciliation and repair")]
    public static partial void Empty(this ILogger logger, string context, string kind);

    [LoggerMessage(2105, LogLevel.Warning, "{Context}: the data set could not be looked at ({Reason})")]
    public static partial void NotSeen(this ILogger logger, string context, string reason, Exception exception);
}
