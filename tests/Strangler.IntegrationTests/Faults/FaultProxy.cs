using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Strangler.IntegrationTests.Faults;

/// <summary>Where a connection is cut around a COMMIT.</summary>
public enum CommitCut
{
    /// <summary>The server never sees the COMMIT: rolled back.</summary>
    Before,

    /// <summary>The server gets half of the request: rolled back.</summary>
    Within,

    /// <summary>As soon as the server has been sent it: either may come of it.</summary>
    AtOnce,

    /// <summary>Once the server has answered, and before the client sees any of it: committed.</summary>
    After,
}

/// <summary>A TCP proxy on 127.0.0.1 before a server, which does to connections what networks do. Passes everything on until told
/// otherwise.</summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Link, byte> _links = new();
    private readonly int _target;
    private readonly bool _isMongo;
    private readonly Task _accepting;
    private volatile Plan _plan = new();
    private volatile TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _cuts;

    private FaultProxy(int target, bool isMongo)
    {
        (_target, _isMongo) = (target, isMongo);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections that were cut off on purpose.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    public static FaultProxy Before(int port) => new(port, isMongo: false);

    /// <summary>Before a MongoDB: whatever it sends is an answer to all that was asked.</summary>
    public static FaultProxy BeforeMongo(int port) => new(port, isMongo: true);

    public void Pass() => Set(new Plan());

    /// <summary>Connections are accepted and nobody answers; nothing gets through either way. What waits then arrives late.</summary>
    public void FallSilent() => Set(new Plan { Silent = true });

    /// <summary>All connections end, and each new one at once.</summary>
    public void Refuse()
    {
        Set(new Plan { Refuses = true });
        foreach (var link in _links.Keys)
        {
            link.Dispose();
        }
    }

    /// <summary>Each piece takes so much longer, either way.</summary>
    public void SlowDown(TimeSpan by) => Set(new Plan { Delay = by });

    /// <summary>Cuts connections around their COMMITs; a share of them, and no more than so many.</summary>
    public void CutCommits(CommitCut cut, Random random, double share = 1, int most = int.MaxValue) =>
        Set(new Plan { Cut = cut, Random = random, Share = share, Most = Cuts + (long)most });

    /// <summary>Cuts connections around a statement that begins with this text; no more than so many.</summary>
    public void CutStatements(string text, CommitCut cut, int most) =>
        Set(new Plan { Cut = cut, Text = text, Share = 1, Most = Cuts + (long)most });

    /// <summary>Cuts each connection after a random number of bytes.</summary>
    public void CutAnywhere(Random random, int mostBytes) => Set(new Plan { Random = random, MostBytes = mostBytes });

    /// <summary>
    /// Each connection that is there now ends when its client sends the next byte, as at a firewall that has forgotten it: until then
    /// nothing
    /// is to be seen of it. Later ones pass.
    /// </summary>
    public void CutWhenUsed()
    {
        foreach (var link in _links.Keys)
        {
            link.EndsWhenUsed = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Refuse();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Set(Plan plan)
    {
        _plan = plan;
        Interlocked.Exchange(ref _change, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptSocketAsync();
            if (_plan.Refuses)
            {
                Close(client);
                continue;
            }

            var link = new Link(this, client);
            _links[link] = 0;
            _ = link.RunAsync(_target);
        }
    }

    private async Task WhileSilentAsync()
    {
        while (_change.Task is var change && _plan.Silent)
        {
            await change;
        }
    }

    private static void Close(Socket socket)
    {
        try
        {
            // A reset, not a farewell.
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (ObjectDisposedException)
        {
            // Both ends of a link can find its end at the same time.
        }

        socket.Dispose();
    }

    private sealed record Plan
    {
        public bool Silent { get; init; }

        public bool Refuses { get; init; }

        public TimeSpan Delay { get; init; }

        public CommitCut? Cut { get; init; }

        /// <summary>Null: a COMMIT.</summary>
        public string? Text { get; init; }

        public double Share { get; init; }

        public long Most { get; init; }

        public int MostBytes { get; init; }

        public Random Random { get; init; } = Random.Shared;
    }

    private sealed class Link(FaultProxy proxy, Socket client) : IDisposable
    {
        private readonly Socket _server = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private Plan? _counted;
        private int _budget;
        private volatile bool _swallows;
        private volatile bool _endsWhenUsed;

        public bool EndsWhenUsed
        {
            set => _endsWhenUsed = value;
        }

        public async Task RunAsync(int port)
        {
            client.NoDelay = true;
            try
            {
                await proxy.WhileSilentAsync();
                await _server.ConnectAsync(IPAddress.Loopback, port);
                await Task.WhenAny(PumpAsync(client, _server, fromClient: true), PumpAsync(_server, client, fromClient: false));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Either end is gone; then so is the other.
            }

            Dispose();
        }

        public void Dispose()
        {
            proxy._links.TryRemove(this, out _);
            Close(client);
            Close(_server);
        }

        private async Task PumpAsync(Socket from, Socket to, bool fromClient)
        {
            var buffer = new byte[256 * 1024];
            try
            {
                while (await from.ReceiveAsync(buffer) is var read and > 0)
                {
                    await proxy.WhileSilentAsync();
                    if (proxy._plan.Delay is var delay && delay > TimeSpan.Zero)
                    {
                        await Task.Delay(delay);
                    }

                    if (!await PassOnAsync(to, buffer.AsMemory(0, read), fromClient))
                    {
                        return;
                    }
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // As above.
            }
        }

        private async Task<bool> PassOnAsync(Socket to, ReadOnlyMemory<byte> bytes, bool fromClient)
        {
            if (_swallows)
            {
                // All that was asked for has happened once the last reply is there; a statement of the batch may still be running.
                return fromClient || !(proxy._isMongo || IsLastReply(bytes.Span)) || Counted();
            }

            if (_endsWhenUsed && fromClient)
            {
                return Counted();
            }

            var plan = proxy._plan;
            if (plan.MostBytes > 0 && IsSpent(plan, bytes.Length))
            {
                await SendAsync(to, bytes[..plan.Random.Next(bytes.Length)]);
                return Counted();
            }

            if (fromClient && plan.Cut is { } cut && Meets(plan, bytes.Span) && proxy.Cuts < plan.Most
                && plan.Random.NextDouble() < plan.Share)
            {
                _swallows = cut == CommitCut.After;
                await SendAsync(to, cut switch { CommitCut.Before => default, CommitCut.Within => bytes[..(bytes.Length / 2)], _ => bytes });
                return _swallows || Counted();
            }

            await SendAsync(to, bytes);
            return true;
        }

        private static bool Meets(Plan plan, ReadOnlySpan<byte> bytes) =>
            plan.Text is { } text ? bytes.IndexOf(Encoding.ASCII.GetBytes(text)) >= 0 : Commits(bytes);

        private static bool Commits(ReadOnlySpan<byte> bytes)
        {
            var commit = "COMMIT"u8;
            while (bytes.IndexOf(commit) is var at and >= 0)
            {
                bytes = bytes[(at + commit.Length)..];
                if (!bytes.StartsWith("TED"u8))
                {
                    return true;
                }
            }

            return false;
        }

        private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await to.SendAsync(bytes)..];
            }
        }

        private bool Counted()
        {
            Interlocked.Increment(ref proxy._cuts);
            return false;
        }

        private bool IsSpent(Plan plan, int bytes)
        {
            if (_counted != plan)
            {
                (_counted, _budget) = (plan, plan.Random.Next(plan.MostBytes));
            }

            return (_budget -= bytes) < 0;
        }

        // Packets: three bytes of length, one of number, the body. An OK packet without the flag "more results", or an error, ends a batch.
        // A batch that ends with COMMIT answers with nothing else; one that ends with a SELECT shows the flag with the end of its columns.
        private static bool IsLastReply(ReadOnlySpan<byte> bytes)
        {
            const int MoreResults = 8;
            while (bytes.Length >= 5)
            {
                var length = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
                var body = bytes[4..Math.Min(bytes.Length, 4 + length)];
                if (body[0] == 0xff)
                {
                    return true;
                }

                if (body[0] == 0)
                {
                    var at = 1;
                    Skip(body, ref at);
                    Skip(body, ref at);
                    if (at < body.Length && (body[at] & MoreResults) == 0)
                    {
                        return true;
                    }
                }

                if (body[0] == 0xfe && length == 5 && body.Length == 5 && (body[3] & MoreResults) == 0)
                {
                    return true;
                }

                bytes = bytes[Math.Min(bytes.Length, 4 + length)..];
            }

            return false;
        }

        private static void Skip(ReadOnlySpan<byte> body, ref int at)
        {
            if (at < body.Length)
            {
                at += body[at] switch { 0xfc => 3, 0xfd => 4, 0xfe => 9, _ => 1 };
            }
        }
    }
}
