using System.Text;

namespace Strangler.MySql.Blocking;

/// <summary>
/// Makes a used session as new: rolls back, releases locks, temporary tables, variables and prepared statements, takes back a USE, and
/// sets the
/// character set. Three commands in one round trip, written below the driver while it is idle.
/// </summary>
/// <remarks>https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_reset_connection.html; MariaDB has it since 10.2.
/// The driver itself would change the user, which logs in anew.</remarks>
internal sealed class SessionReset
{
    private const byte Ok = 0x00, InitDatabase = 0x02, Query = 0x03, ResetConnection = 0x1f;
    private const int TimeoutMilliseconds = 5000;

    private readonly byte[] _request;
    private readonly int _replies;

    public SessionReset(string? database)
    {
        List<byte> request = [];
        Add(request, ResetConnection, "");
        Add(request, Query, "SET NAMES utf8mb4");
        _replies = 2;
        if (database is not null)
        {
            Add(request, InitDatabase, database);
            _replies++;
        }
        _request = [.. request];
    }

    /// <exception cref="IOException">The connection is lost, or the server refused.</exception>
    public void Run(Stream wire)
    {
        // The driver remembers what timeout it set, so it gets it back.
        var timeout = wire.CanTimeout ? wire.ReadTimeout : 0;
        if (wire.CanTimeout)
            wire.ReadTimeout = TimeoutMilliseconds;
        wire.Write(_request);
        Span<byte> header = stackalloc byte[4];
        Span<byte> body = stackalloc byte[1024];
        for (var reply = 0; reply < _replies; reply++)
        {
            wire.ReadExactly(header);
            var length = header[0] | (header[1] << 8) | (header[2] << 16);
            if (length == 0 || length > body.Length)
                throw new IOException("The server's answer to a reset is of an unexpected length.");
            wire.ReadExactly(body[..length]);
            if (body[0] != Ok)
                throw new IOException($"The server refused a reset: {Encoding.UTF8.GetString(body[..length])}");
        }
        if (wire.CanTimeout)
            wire.ReadTimeout = timeout;
    }

    /// <summary>Says that the client leaves, so that the server does not log an aborted connection.</summary>
    public static void Quit(Stream wire)
    {
        try
        {
            wire.Write([1, 0, 0, 0, 1]);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Then it knows.
        }
    }

    private static void Add(List<byte> request, byte command, string text)
    {
        var body = Encoding.UTF8.GetBytes(text);
        var length = body.Length + 1;
        request.AddRange([(byte)length, (byte)(length >> 8), (byte)(length >> 16), 0, command, .. body]);
    }
}
