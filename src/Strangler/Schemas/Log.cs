using Microsoft.Extensions.Logging;

namespace Strangler.Schemas;

/// <summary>Event ids 1720–1749. Names of tables and columns, never values.</summary>
internal static partial class Log
{
    [LoggerMessage(
        1720, LogLevel.Error,
        "{Context}: the legacy tables are not as the mapping says; nothing is brought over until they fit or the mapping is corrected: {Differences}")]
    public static partial void SchemaDiffers(this ILogger logger, string context, string differences);

    [LoggerMessage(1721, LogLevel.Warning, "{Context}: the legacy tables are as the mapping says again; the relay goes on")]
    public static partial void SchemaFitsAgain(this ILogger logger, string context);
}
