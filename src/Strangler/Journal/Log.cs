using Microsoft.Extensions.Logging;
using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>Event ids 1100–1199. Keys may be named, values of entities never.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "{Context}: a pass over the journal failed ({Reason})")]
    public static partial void PassFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(1101, LogLevel.Warning, "{Context}: {Kind} {Id} could not be brought over, attempt {Attempts} ({Reason})")]
    public static partial void ApplyFailed(
        this ILogger logger, string context, string kind, long id, int attempts, string reason, Exception exception);

    [LoggerMessage(1102, LogLevel.Error, "{Context}: {Kind} {Id} is parked after {Attempts} attempts ({Reason}); it closes the gates")]
    public static partial void Parked(
        this ILogger logger, string context, string kind, long id, int attempts, string reason, Exception exception);

    [LoggerMessage(1103, LogLevel.Warning, "{Context}: the heartbeat could not be written ({Reason})")]
    public static partial void BeatFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(
        1104, LogLevel.Error,
        "{Context}: {Kind} {Id}: a lost obligation: the follower is behind and no journal row says so; "
        + "look: strangler reconcile {Context}, mend: strangler repair {Context} --keys {Id}")]
    public static partial void ObligationLost(this ILogger logger, string context, string kind, long id);

    [LoggerMessage(1105, LogLevel.Warning, "{Context}: the search for lost obligations failed and goes on later ({Reason})")]
    public static partial void ObligationCheckFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(1106, LogLevel.Warning, "{Context}: {Actor} dropped {Rows} parked journal rows of {Kind} {Id}; its follower stays behind")]
    public static partial void Dropped(this ILogger logger, string context, string actor, int rows, string kind, long id);

    [LoggerMessage(1109, LogLevel.Warning, "{Context}: other programs' writes could not be looked for in legacy's journal ({Reason}); said once, tried again")]
    public static partial void ForeignPassFailed(this ILogger logger, string context, string reason, Exception exception);

    [LoggerMessage(1107, LogLevel.Warning, "{Context}: old request keys could not be removed on the {Side} side ({Reason})")]
    public static partial void PruningFailed(this ILogger logger, string context, SideName side, string reason, Exception exception);

    [LoggerMessage(
        1108, LogLevel.Warning,
        "{Context}: {Kind} {Id} cannot be read in legacy and is in quarantine ({Reason}); the next write of it that can be read "
        + "goes through")]
    public static partial void SetAside(
        this ILogger logger, string context, string kind, long id, string reason, Exception exception);

    [LoggerMessage(
        1110, LogLevel.Warning,
        "{Context}: the journal of the {Side} side is deep: {Removed} rows that owed nothing of their own were removed, none of the last of any entity")]
    public static partial void Thinned(this ILogger logger, string context, SideName side, long removed);

    [LoggerMessage(1111, LogLevel.Warning, "{Context}: the deep journal of the {Side} side could not be thinned out ({Reason}); tried again later")]
    public static partial void ThinningFailed(this ILogger logger, string context, SideName side, string reason, Exception exception);
}
