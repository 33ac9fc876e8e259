using Microsoft.Extensions.Logging;

namespace Strangler.DualWrite;

/// <summary>Event ids 1000–1099. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "{Context}: a write of a {Kind} is repeated as a whole (failure {Failures})")]
    public static partial void WriteRetried(this ILogger logger, string context, string kind, int failures, Exception exception);

    [LoggerMessage(
        1001, LogLevel.Warning, "{Context}: the connection was lost while a {Kind} was being committed; looking up whether it happened")]
    public static partial void CommitUnknown(this ILogger logger, string context, string kind, Exception exception);

    [LoggerMessage(1002, LogLevel.Information, "{Context}: a request for a {Kind} had been carried out before ({Side} answered)")]
    public static partial void RequestReplayed(this ILogger logger, string context, string kind, SideName side);

    [LoggerMessage(
        1003, LogLevel.Warning,
        "{Context}: {Kind} {Id} was written, but the other side was not brought along ({Reason}); the relay will do it")]
    public static partial void InlineApplyFailed(
        this ILogger logger, string context, string kind, long id, string reason, Exception exception);

    [LoggerMessage(1004, LogLevel.Warning, "{Context}: the follower's circuit breaker is {State}")]
    public static partial void BreakerChanged(this ILogger logger, string context, string state);

    [LoggerMessage(1005, LogLevel.Information, "{Context}: the fence of the following {Side} side was brought from epoch {From} to {To}")]
    public static partial void FollowerRaised(this ILogger logger, string context, SideName side, long from, long to);

    [LoggerMessage(1006, LogLevel.Warning, "{Context}: a shadow read of a {Kind} could not be compared ({Reason})")]
    public static partial void ShadowReadFailed(this ILogger logger, string context, string kind, string reason, Exception exception);

    [LoggerMessage(1007, LogLevel.Warning, "{Context}: {Reads} shadow reads could not be counted")]
    public static partial void ShadowCountsLost(this ILogger logger, string context, long reads, Exception exception);

    [LoggerMessage(
        1008, LogLevel.Warning,
        "{Context}: the follower's part of a write of {Kind} {Id} was rolled back ({Reason}); the journal has it, and it goes the ordinary way")]
    public static partial void JointPartFailed(
        this ILogger logger, string context, string kind, long id, string reason, Exception exception);

    [LoggerMessage(1009, LogLevel.Error, "{Context}: oneTransaction is set, but not possible, and not done: {Problem}")]
    public static partial void JointForbidden(this ILogger logger, string context, string problem);

    [LoggerMessage(1010, LogLevel.Warning, "{Context}: whether one transaction over both sides is possible could not be found out; asked again later")]
    public static partial void JointUnknown(this ILogger logger, string context, Exception exception);

    [LoggerMessage(1011, LogLevel.Information, "{Context}: a read is repeated: its connection to the {Side} side had been cut")]
    public static partial void ReadRepeated(this ILogger logger, string context, SideName side, Exception exception);

    [LoggerMessage(
        1012, LogLevel.Warning,
        "{Context}: another program has inserted a {Kind} with the id {Id}, which was reserved for the new side; a create takes the next one")]
    public static partial void IdTaken(this ILogger logger, string context, string kind, long id);

    [LoggerMessage(
        1013, LogLevel.Error,
        "{Context}: {Kind} {Id} was changed in legacy, in {Fields}, and no trigger saw it; it is merged. Are the triggers there? strangler capture check {Context}")]
    public static partial void UncapturedFound(this ILogger logger, string context, string kind, long id, string fields);
}
