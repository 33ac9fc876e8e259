namespace Strangler.LocalServers;

/// <summary>A private server can't be had: packages are missing, or it did not start. The message says what to do, or ends with the
/// last lines of the server's error log.</summary>
public sealed class LocalServerException : Exception
{
    public LocalServerException(string message, Exception? cause = null) : base(message, cause) { }
}
