using Microsoft.Extensions.Logging;
using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>Event ids 1300–1399.</summary>
internal static partial class Log
{
    [LoggerMessage(1300, LogLevel.Warning, "{Context}: a flip ended without a decision; {Side} goes on leading in {Stage}, epoch {Epoch}")]
    public static partial void FlipAborted(this ILogger logger, string context, SideName side, Stage stage, long epoch);

    [LoggerMessage(1301, LogLevel.Information, "{Context}: {Side} leads now, {Stage}, epoch {Epoch}")]
    public static partial void Promoted(this ILogger logger, string context, SideName side, Stage stage, long epoch);

    [LoggerMessage(
        1302, LogLevel.Warning,
        "{Context}: {Side} could not be promoted now; the flip is decided, and the next reader or writer will do it")]
    public static partial void PromotionLeft(this ILogger logger, string context, SideName side, Exception exception);

    [LoggerMessage(1303, LogLevel.Error, "{Context}: a flip failed ({Cause}) and could not be aborted; it ends at its deadline")]
    public static partial void AbortFailed(this ILogger logger, string context, string cause, Exception exception);

    [LoggerMessage(1304, LogLevel.Information, "{Context}: the fence of the following {Side} side will be brought up by the next apply")]
    public static partial void FollowerNotRaised(this ILogger logger, string context, SideName side, Exception exception);

    [LoggerMessage(1305, LogLevel.Error, "{Context}: not in the audit trail of {Side}: {Action} by {Actor} to {To}, epoch {Epoch}")]
    public static partial void AuditFailed(
        this ILogger logger, string context, SideName side, string action, string actor, string to, long epoch, Exception exception);

    [LoggerMessage(1306, LogLevel.Warning, "{Context}: a flip met a failure, but {Side}'s fence says that it is decided; it goes on")]
    public static partial void DecidedAfterAll(this ILogger logger, string context, SideName side, Exception exception);
}
