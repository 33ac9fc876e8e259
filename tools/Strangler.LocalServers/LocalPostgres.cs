using System.Buffers.Binary;
using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Strangler.LocalServers;

/// <summary>
/// A private PostgreSQL: a child process on a free port of 127.0.0.1 with a data folder of its own. It never reads the system's
/// configuration and never touches the system's clusters. It and its folder are gone after <see cref="DisposeAsync"/>, and also after
/// Ctrl-C, a crash or kill -9 of this process. Methods are not to be called concurrently.
/// </summary>
public sealed class LocalPostgres : IAsyncDisposable
{
    private const string User = "strangler";
    private const string Root = "/usr/lib/postgresql";

    private readonly ServerProcess _process;
    private readonly string _password;

    private LocalPostgres(LocalServerOptions options, string folder, int port, string password, Supervisor supervisor)
    {
        (Folder, Port, _password) = (folder, port, password);

        // SIGTERM waits for clients; SIGINT does not.
        _process = new(folder, supervisor, options.Deadline, options.Time) { StopSignal = Posix.SigInt };
    }

    /// <summary>The TCP port on 127.0.0.1; it stays the same over restarts.</summary>
    public int Port { get; }

    /// <summary>The server's own folder: data, error log. Removed at the end.</summary>
    public string Folder { get; }

    /// <summary>The running server's process id, 0 while it is stopped.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Installs an empty database system and starts it; takes about a second.</summary>
    /// <param name="options">Of them, what is MariaDB's alone is passed over.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="LocalServerException">Packages are missing and can't be installed, or the server did not answer within the
    /// deadline; the message ends with the last lines of its error log.</exception>
    public static async Task<LocalPostgres> StartAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        options.Validate();
        if (!OperatingSystem.IsLinux())
            throw new LocalServerException($"Private servers run on Linux. Set {PostgresServer.Variable} to a server's connection string.");
        await ServerPackages.EnsureAsync(ServerPrograms.Postgres, options.InstallPackages, cancellationToken).ConfigureAwait(false);
        const int Attempts = 3;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await StartOnceAsync(options, cancellationToken).ConfigureAwait(false);
            }
            catch (LocalServerException e) when (attempt < Attempts && e.Message.Contains("could not bind", StringComparison.Ordinal))
            {
                // Between our look and the server's bind somebody took the port.
            }
        }
    }

    /// <summary>A connection string for the server's superuser.</summary>
    /// <param name="database">The database; <c>postgres</c> when null.</param>
    public string ConnectionString(string? database = null) => new DbConnectionStringBuilder
    {
        ["Host"] = "127.0.0.1",
        ["Port"] = Port,
        ["Username"] = User,
        ["Password"] = _password,
        ["Database"] = database ?? "postgres",
    }.ConnectionString;

    /// <summary>kill -9 of all its processes: what was not handed to the operating system is lost.</summary>
    public Task KillAsync(CancellationToken cancellationToken) => _process.KillAsync(cancellationToken);

    /// <summary>A shutdown that does not wait for clients; after the deadline it is killed.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _process.StopAsync(cancellationToken);

    /// <summary>Starts the server again on the same data and port; stops it gracefully before if it runs.</summary>
    /// <exception cref="LocalServerException">It did not come up.</exception>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>SIGSTOP of all its processes: connections stay open, are even accepted by the system, and nobody answers.</summary>
    public Task FreezeAsync(CancellationToken cancellationToken) => _process.FreezeAsync(cancellationToken);

    /// <summary>Ends a <see cref="FreezeAsync"/>; harmless without one.</summary>
    public Task ThawAsync(CancellationToken cancellationToken) => _process.ThawAsync(cancellationToken);

    /// <summary>Ends the server without ceremony and removes its folder.</summary>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static async Task<LocalPostgres> StartOnceAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        var user = ServerUser.Find("postgres", "nobody");
        var folder = ServerFolder.Create("postgres", options.RootFolder ?? ServerFolder.DefaultRoot, user);
        var port = ServerProcess.FreePort();
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var supervisor = Supervisor.Start(folder, [.. As(user), .. ServerCommand(options, folder, port)]);
        var server = new LocalPostgres(options, folder, port, password, supervisor);
        try
        {
            await InstallAsync(folder, user, password, options, cancellationToken).ConfigureAwait(false);
            await server.RunAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // A group of its own, so that a terminal's Ctrl-C, which is its signal to end, does not reach it.
    private static List<string> As(ServerUser? user) => user is null
        ? ["setsid"]
        :
        [
            "setsid", "setpriv", string.Create(CultureInfo.InvariantCulture, $"--reuid={user.UserId}"),
            string.Create(CultureInfo.InvariantCulture, $"--regid={user.GroupId}"), "--clear-groups",
        ];

    private static List<string> ServerCommand(LocalServerOptions options, string folder, int port)
    {
        List<string> settings =
        [
            string.Create(CultureInfo.InvariantCulture, $"port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            $"external_pid_file={folder}/{ServerFolder.PidFile}",
            string.Create(CultureInfo.InvariantCulture, $"shared_buffers={options.BufferPoolMegabytes}MB"),
            string.Create(CultureInfo.InvariantCulture, $"max_connections={options.MaxConnections}"),
            // 1 is for what must survive a crash of the machine; a crash of the server's processes it survives either way.
            $"fsync={(options.FlushLogAtCommit == 1 ? "on" : "off")}",
            "timezone=UTC",
            "log_timezone=UTC",
            .. options.ServerArguments,
        ];
        return [Program("postgres"), "-D", $"{folder}/data", .. settings.SelectMany(setting => new[] { "-c", setting })];
    }

    private static async Task InstallAsync(
        string folder, ServerUser? user, string password, LocalServerOptions options, CancellationToken cancellationToken)
    {
        var secret = Path.Combine(folder, "password");
        await File.WriteAllTextAsync(secret, password, cancellationToken).ConfigureAwait(false);
        if (user is not null)
            Posix.Own(secret, user);
        List<string> command =
        [
            .. As(user), Program("initdb"), "-D", $"{folder}/data", "--auth=scram-sha-256", $"--username={User}", $"--pwfile={secret}",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        ];
        var run = await Command.RunAsync(command[0], command.Skip(1), options.Deadline, options.Time, cancellationToken).ConfigureAwait(false);
        File.Delete(secret);
        if (run.ExitCode != 0)
            throw new LocalServerException($"initdb ended with {run.ExitCode}:\n{run.Output}");
    }

    // The newest that is installed.
    private static string Program(string name) => Directory.EnumerateDirectories(Root)
        .Where(version => File.Exists(Path.Combine(version, "bin", name)))
        .OrderByDescending(version => int.TryParse(Path.GetFileName(version), CultureInfo.InvariantCulture, out var number) ? number : 0)
        .Select(version => Path.Combine(version, "bin", name)).First();

    private Task RunAsync(CancellationToken cancellationToken) => _process.StartAsync(AnswersAsync, cancellationToken);

    /// <summary>Up means that it asks for authentication: while it starts or recovers, it refuses already here.</summary>
    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        var parameters = $"user\0{User}\0database\0postgres\0\0";
        var packet = new byte[8 + parameters.Length];
        BinaryPrimitives.WriteInt32BigEndian(packet, packet.Length);
        BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(4), 3 << 16);
        System.Text.Encoding.ASCII.GetBytes(parameters, packet.AsSpan(8));
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, cancellationToken).ConfigureAwait(false);
        await client.GetStream().WriteAsync(packet, cancellationToken).ConfigureAwait(false);
        var answer = new byte[1];
        await client.GetStream().ReadExactlyAsync(answer, cancellationToken).ConfigureAwait(false);
        return answer[0] == (byte)'R';
    }
}
