using Microsoft.Extensions.Logging;

namespace Strangler.Service.Reconciling;

/// <summary>Events 2040 to 2049.</summary>
internal static partial class Log
{
    [LoggerMessage(2040, LogLevel.Warning, "{Context}: whether its reconciliation is to be cancelled cannot be told: {Reason}")]
    public static partial void CannotHear(this ILogger logger, string context, string reason);

    [LoggerMessage(2041, LogLevel.Error, "{Context}: the end of reconciliation job {Job} is not in the audit trail: {Reason}")]
    public static partial void NotTold(this ILogger logger, string context, string job, string reason);
}
