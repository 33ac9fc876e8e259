using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Strangler.LocalServers;

/// <summary>How a private MongoDB is to be started. Every default suits tests and the demo.</summary>
public sealed class LocalMongoOptions
{
    /// <inheritdoc cref="LocalServerOptions.RootFolder"/>
    public string? RootFolder { get; init; }

    /// <summary>No member of a set, to see it refused; default false.</summary>
    public bool IsStandalone { get; init; }

    /// <summary>After how long the server ends a transaction by itself; default 60 s, at least 1 s.</summary>
    public TimeSpan TransactionLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <inheritdoc cref="LocalServerOptions.Deadline"/>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <inheritdoc cref="LocalServerOptions.InstallPackages"/>
    public bool InstallPackages { get; init; } = true;

    /// <summary>The clock; default the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(TransactionLifetime, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Deadline, TimeSpan.Zero);
    }
}

/// <summary>
/// A private MongoDB, the one member of a replica set on a free port of 127.0.0.1: a <c>mongod</c> where the PATH has one, else the test
/// server beside this assembly.
/// It and its folder are gone after <see cref="DisposeAsync"/>, and also after Ctrl-C, a crash or kill -9 of this process. Methods are
/// not to be called
/// concurrently.
/// </summary>
public sealed class LocalMongo : IAsyncDisposable
{
    private const string SetName = "rs0";

    private readonly LocalMongoOptions _options;
    private readonly ServerProcess _process;

    private LocalMongo(LocalMongoOptions options, string folder, int port, bool isReal, Supervisor supervisor)
    {
        (_options, Folder, Port, IsReal) = (options, folder, port, isReal);
        _process = new(folder, supervisor, options.Deadline, options.Time);
    }

    /// <summary>The TCP port on 127.0.0.1; it stays the same over restarts.</summary>
    public int Port { get; }

    /// <summary>The server's own folder: data and error log. Removed at the end.</summary>
    public string Folder { get; }

    /// <summary>A mongod, not the test server.</summary>
    public bool IsReal { get; }

    /// <summary>The running server's process id, 0 while it is stopped.</summary>
    public int ProcessId => _process.Id;

    /// <exception cref="LocalServerException">Packages are missing and can't be installed, or the server did not answer within the
    /// deadline; the message ends with the
    /// last lines of its error log.</exception>
    public static async Task<LocalMongo> StartAsync(LocalMongoOptions options, CancellationToken cancellationToken)
    {
        options.Validate();
        if (!OperatingSystem.IsLinux())
            throw new LocalServerException($"Private servers run on Linux. Set {MongoServer.Variable} to a server's connection string.");
        var mongod = ServerPackages.Find("mongod");
        if (mongod is null)
            await ServerPackages.EnsureAsync(ServerPrograms.MongoTestServer, options.InstallPackages,
                cancellationToken).ConfigureAwait(false);
        var folder = ServerFolder.Create("mongo", options.RootFolder ?? ServerFolder.DefaultRoot, user: null);
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        var port = ServerProcess.FreePort();
        var command = mongod is null ? TestServerCommand(options, folder, port) : MongodCommand(mongod, options, folder, port);
        var server = new LocalMongo(options, folder, port, mongod is not null, Supervisor.Start(folder, command));
        try
        {
            await server.RunAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Leads to the server as a member of its set, also where it is in none.</summary>
    public string ConnectionString(string database) => ConnectionString(database, Port);

    /// <summary>Leads to whatever stands before the server at another port, and stays there: no look at the set's members.</summary>
    public string ConnectionString(string database, int proxyPort) => string.Create(CultureInfo.InvariantCulture,
        $"mongodb://127.0.0.1:{proxyPort}/{database}?{(proxyPort == Port ? "replicaSet=" + SetName : "directConnection=true")}");

    /// <summary>kill -9.</summary>
    public Task KillAsync(CancellationToken cancellationToken) => _process.KillAsync(cancellationToken);

    /// <summary>A graceful shutdown; after the deadline it is killed.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _process.StopAsync(cancellationToken);

    /// <summary>Starts the server again on the same data and port; stops it gracefully before if it runs.</summary>
    /// <exception cref="LocalServerException">It did not come up.</exception>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Keeps a copy of all data as it is now, to come back to with <see cref="RestoreAsync"/>. The server is stopped gracefully
    /// meanwhile and runs again
    /// afterwards.</summary>
    /// <exception cref="LocalServerException">The data could not be copied, or the server did not come up.</exception>
    public async Task SaveAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken).ConfigureAwait(false);
        await _process.CopyAsync("data", "saved", cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>kill -9, and up again with the data of the last <see cref="SaveAsync"/>: what was written since is gone.</summary>
    /// <exception cref="LocalServerException">Nothing was saved, or the server did not come up.</exception>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        await KillAsync(cancellationToken).ConfigureAwait(false);
        await _process.CopyAsync("saved", "data", cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>SIGSTOP: connections stay open, are even accepted by the system, and nobody answers.</summary>
    public Task FreezeAsync(CancellationToken cancellationToken) => _process.FreezeAsync(cancellationToken);

    /// <summary>Ends a <see cref="FreezeAsync"/>; harmless without one.</summary>
    public Task ThawAsync(CancellationToken cancellationToken) => _process.ThawAsync(cancellationToken);

    /// <summary>Ends the server without ceremony and removes its folder.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static List<string> TestServerCommand(LocalMongoOptions options, string folder, int port)
    {
        List<string> command =
        [
            ServerPackages.Python, "-B", Path.Combine(AppContext.BaseDirectory, "mongo-server", "server.py"),
            "--port", port.ToString(CultureInfo.InvariantCulture), "--dbpath", $"{folder}/data",
            "--transaction-lifetime", options.TransactionLifetime.TotalSeconds.ToString(CultureInfo.InvariantCulture),
        ];
        if (!options.IsStandalone)
            command.AddRange(["--replset", SetName]);
        return command;
    }

    private static List<string> MongodCommand(string mongod, LocalMongoOptions options, string folder, int port)
    {
        List<string> command =
        [
            mongod, "--dbpath", $"{folder}/data", "--port", port.ToString(CultureInfo.InvariantCulture), "--bind_ip", "127.0.0.1",
            "--wiredTigerCacheSizeGB", "0.25", "--setParameter", "enableTestCommands=1", "--setParameter",
            string.Create(CultureInfo.InvariantCulture, $"transactionLifetimeLimitSeconds={(int)options.TransactionLifetime.TotalSeconds}"),
        ];
        if (!options.IsStandalone)
            command.AddRange(["--replSet", SetName]);
        return command;
    }

    private Task RunAsync(CancellationToken cancellationToken) => _process.StartAsync(GreetsAsync, cancellationToken);

    /// <summary>Up means that it says of itself that it takes writes; a new mongod has to be made a set first.</summary>
    private async Task<bool> GreetsAsync(CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, cancellationToken).ConfigureAwait(false);
        var stream = client.GetStream();
        var hello = await AskAsync(stream, HelloCommand(), cancellationToken).ConfigureAwait(false);
        if (hello.AsSpan().IndexOf("\bisWritablePrimary\0\u0001"u8) >= 0)
            return true;
        if (IsReal && !_options.IsStandalone)
            await AskAsync(stream, InitiateCommand(), cancellationToken).ConfigureAwait(false);
        return false;
    }

    /// <summary>One message of the wire protocol there and one back.</summary>
    private static async Task<byte[]> AskAsync(NetworkStream stream, byte[] command, CancellationToken cancellationToken)
    {
        const int Header = 16, OpMsg = 2013;
        var message = new byte[Header + 5 + command.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(12), OpMsg);
        command.CopyTo(message.AsSpan(Header + 5));
        await stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
        var header = new byte[Header];
        await stream.ReadExactlyAsync(header, cancellationToken).ConfigureAwait(false);
        var answer = new byte[BinaryPrimitives.ReadInt32LittleEndian(header) - Header];
        await stream.ReadExactlyAsync(answer, cancellationToken).ConfigureAwait(false);
        return answer;
    }

    private static byte[] HelloCommand() => Document([.. "\u0010hello\0"u8, 1, 0, 0, 0, .. "\u0002$db\0"u8, 6, 0, 0, 0, .. "admin\0"u8]);

    /// <summary><c>{replSetInitiate: {_id: "rs0", members: [{_id: 0, host: "127.0.0.1:…"}]}, $db: "admin"}</c></summary>
    private byte[] InitiateCommand()
    {
        var host = System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}\0"));
        var member = Document([.. "\u0010_id\0"u8, 0, 0, 0, 0, .. "\u0002host\0"u8, (byte)host.Length, 0, 0, 0, .. host]);
        var members = Document([.. "\u00030\0"u8, .. member]);
        var set = Document([.. "\u0002_id\0"u8, 4, 0, 0, 0, .. "rs0\0"u8, .. "\u0004members\0"u8, .. members]);
        return Document([.. "\u0003replSetInitiate\0"u8, .. set, .. "\u0002$db\0"u8, 6, 0, 0, 0, .. "admin\0"u8]);
    }

    private static byte[] Document(byte[] fields)
    {
        var document = new byte[fields.Length + 5];
        BinaryPrimitives.WriteInt32LittleEndian(document, document.Length);
        fields.CopyTo(document.AsSpan(4));
        return document;
    }
}
