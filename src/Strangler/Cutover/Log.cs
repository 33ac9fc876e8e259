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
}
