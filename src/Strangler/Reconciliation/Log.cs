using Microsoft.Extensions.Logging;

namespace Strangler.Reconciliation;

/// <summary>Event ids 1400–1499. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1400, LogLevel.Information, "{Context}: reconciliation {Run} of {Scope} begins")]
    public static partial void RunBegan(this ILogger logger, string context, long run, string scope);

    [LoggerMessage(1401, LogLevel.Information, "{Context}: reconciliation {Run} ended {Outcome}: {Entities} entities, {Matched} matched")]
    public static partial void RunEnded(this ILogger logger, string context, long run, string outcome, long entities, long matched);

    [LoggerMessage(1402, LogLevel.Error,
        "{Context}: {Count} writes were never journalled or their journal rows were lost (reconciliation {Run}); repair them")]
    public static partial void ObligationsLost(this ILogger logger, string context, long count, long run);

    [LoggerMessage(1403, LogLevel.Error,
        "{Context}: {Count} entities were changed in legacy past capture (reconciliation {Run}); check the capture")]
    public static partial void Uncaptured(this ILogger logger, string context, long count, long run);

    [LoggerMessage(1405, LogLevel.Warning, "{Context}: the claim or a checkpoint of reconciliation {Run} could not be stored")]
    public static partial void KeepingFailed(this ILogger logger, string context, long run, Exception exception);

    [LoggerMessage(1406, LogLevel.Information, "{Context}: reconciliation {Run} goes on after {Entities} entities")]
    public static partial void RunResumed(this ILogger logger, string context, long run, long entities);

    [LoggerMessage(1404, LogLevel.Information, "{Context}: repair of {Kind} {Id} by {Actor}: {Outcome}")]
    public static partial void Repaired(this ILogger logger, string context, string kind, long id, string actor, RepairOutcome outcome);
}
