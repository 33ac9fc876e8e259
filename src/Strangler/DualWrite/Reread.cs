using Microsoft.Extensions.Logging;

namespace Strangler.DualWrite;

/// <summary>
/// A read whose connection turned out to be cut (its server was restarted, somebody ended it, a firewall forgot it) is asked once more, at
/// once; the store gives it another connection. Only for what writes nothing. A second loss, a time-out and a refusal are the caller's to
/// hear of: there the server itself is in question.
/// </summary>
internal static class Reread
{
    public static async Task<T> OnceAsync<T>(ILogger log, string context, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (SideUnavailableException exception) when (exception.IsConnectionLost)
        {
            log.ReadRepeated(context, exception.Side, exception);
            return await read();
        }
    }
}
