using Microsoft.Extensions.Logging;

namespace Strangler.Service.Background;

/// <summary>Event ids 1900–1999.</summary>
internal static partial class Log
{
    [LoggerMessage(1900, LogLevel.Information, "{Context}: reconciliation '{Schedule}' is due next at {Next} UTC")]
    public static partial void DueNext(this ILogger logger, string context, string schedule, DateTime? next);

    [LoggerMessage(1901, LogLevel.Information, "{Context}: reconciliation '{Schedule}' of {Due} UTC is another service's")]
    public static partial void TakenByAnother(this ILogger logger, string context, string schedule, DateTime due);

    [LoggerMessage(1902, LogLevel.Information, "{Context}: reconciliation '{Schedule}': run {Run} ended {Outcome}")]
    public static partial void Ended(this ILogger logger, string context, string schedule, long run, string outcome);

    [LoggerMessage(1903, LogLevel.Error, "{Context}: reconciliation '{Schedule}': run {Run} found drift in {Entities} entities")]
    public static partial void FoundDrift(this ILogger logger, string context, string schedule, long run, long entities);

    [LoggerMessage(1904, LogLevel.Warning, "{Context}: reconciliation '{Schedule}' could not run: {Reason}")]
    public static partial void CouldNotRun(this ILogger logger, string context, string schedule, string reason);

    [LoggerMessage(1905, LogLevel.Warning, "{Context}: what is planned for '{Schedule}' could not be stored: {Reason}")]
    public static partial void NotStored(this ILogger logger, string context, string schedule, string reason);

    [LoggerMessage(1906, LogLevel.Warning, "{Context}: the relay ended: {Reason}; it begins anew")]
    public static partial void RelayEnded(this ILogger logger, string context, string reason, Exception exception);
}
