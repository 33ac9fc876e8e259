using Microsoft.Extensions.Logging;
using Strangler.DualWrite;

namespace Strangler.Service;

/// <summary>Events 2070 to 2079.</summary>
internal static partial class Log
{
    [LoggerMessage(2070, LogLevel.Error, "{Context}: {Actor}: {Action} {Key} is in the audit trail as asked for; what came of it could not be added ({Reason}): {Outcome}")]
    public static partial void OutcomeUntold(this ILogger logger, string context, string actor, string action, EntityKey key, string outcome, string reason);
}
