using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Stands between client and server. Armed, it lets the next COMMIT of a write that stores a request key pass, waits for the server's answer, and cuts the
/// connection instead of handing the answer on: the write has happened, and nobody is told.
/// </summary>
internal sealed class LostReplyProxy : IAsyncDisposable
{
    private static readonly byte[] Commit = Encoding.ASCII.GetBytes("COMMIT");
    private static readonly byte[] Request = Encoding.ASCII.GetBytes("INSERT INTO strangler_request");

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private readonly (string Host, int Port) _server;
    private int _armed;
    private int _cut;

    public LostReplyProxy(string host, int port)
    {
        _server = (host, port);
        _listener.Start();
        _running = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Answers swallowed so far.</summary>
    public int Cut => Volatile.Read(ref _cut);

    public void Arm() => Volatile.Write(ref _armed, 1);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> lines = [];
        try
        {
            while (true)
            {
                lines.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        finally
        {
            await Task.WhenAll(lines);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(_server.Host, _server.Port, _stop.Token);
                client.NoDelay = server.NoDelay = true;
                var line = new Line();
                await Task.WhenAny(
                    PumpAsync(client.GetStream(), server.GetStream(), line, fromClient: true),
                    PumpAsync(server.GetStream(), client.GetStream(), line, fromClient: false));
            }
            catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
            {
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, Line line, bool fromClient)
    {
        var buffer = new byte[256 * 1024];
        while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var count)
        {
            var bytes = buffer.AsMemory(0, count);
            if (fromClient && bytes.Span.IndexOf(Request) >= 0 && bytes.Span.IndexOf(Commit) >= 0
                && Interlocked.Exchange(ref _armed, 0) == 1)
            {
                line.Swallows = true;
            }
            else if (!fromClient && line.Swallows)
            {
                Interlocked.Increment(ref _cut);
                return;
            }

            await to.WriteAsync(bytes, _stop.Token);
        }
    }

    private sealed class Line
    {
        public volatile bool Swallows;
    }
}
