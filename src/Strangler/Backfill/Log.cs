using Microsoft.Extensions.Logging;

namespace Strangler.Backfill;

/// <summary>Event ids 1500–1599. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1500, LogLevel.Information,
        "{Context}: backfill of {Kind} begins in pass {Pass} ({Phase}) at {NextId}, dual epoch {DualEpoch}")]
    public static partial void BackfillBegan(
        this ILogger logger, string context, string kind, int pass, BackfillPhase phase, long nextId, long dualEpoch);

    [LoggerMessage(1501, LogLevel.Warning, "{Context}: {Count} of {Kind} {From} to {To} cannot be brought over and are in quarantine")]
    public static partial void SetAside(this ILogger logger, string context, int count, string kind, long from, long to);

    [LoggerMessage(1502, LogLevel.Information,
        "{Context}: backfill of {Kind} is complete: {Written} written, {Removed} removed, {Quarantined} in quarantine")]
    public static partial void BackfillComplete(
        this ILogger logger, string context, string kind, long written, long removed, long quarantined);
}
