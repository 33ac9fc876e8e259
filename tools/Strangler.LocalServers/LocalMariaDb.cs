using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Strangler.LocalServers;

/// <summary>
/// A private MariaDB: a child process on a free port of 127.0.0.1 with a data folder of its own. It never reads the system's
/// configuration and never touches the system's instance. It and its folder are gone after <see cref="DisposeAsync"/>, and also after
/// Ctrl-C, a crash or kill -9 of this process. Methods are not to be called concurrently.
/// </summary>
public sealed class LocalMariaDb : IAsyncDisposable
{
    private const string User = "strangler";

    // The supervisor adds what stands there to the server's command.
    private const string OnceArguments = "once";

    private readonly LocalServerOptions _options;
    private readonly ServerProcess _process;
    private readonly string _password;

    private LocalMariaDb(LocalServerOptions options, string folder, int port, string password, Supervisor supervisor)
    {
        (_options, Folder, Port, _password) = (options, folder, port, password);
        _process = new(folder, supervisor, options.Deadline, options.Time);
    }

    /// <summary>The TCP port on 127.0.0.1; it stays the same over restarts.</summary>
    public int Port { get; }

    /// <summary>The server's own folder: data, temporary files, error log. Removed at the end.</summary>
    public string Folder { get; }

    /// <summary>The running server's process id, 0 while it is stopped.</summary>
    public int ProcessId => _process.Id;

    /// <summary>Installs an empty database system and starts it; takes about a second.</summary>
    /// <exception cref="LocalServerException">Packages are missing and can't be installed, or the server did not greet within the
    /// deadline; the message ends with the last lines of its error log.</exception>
    public static async Task<LocalMariaDb> StartAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        options.Validate();
        if (!OperatingSystem.IsLinux())
            throw new LocalServerException($"Private servers run on Linux. Set {MySqlServer.Variable} to a server's connection string.");
        await ServerPackages.EnsureAsync(ServerPrograms.MariaDb, options.InstallPackages, cancellationToken).ConfigureAwait(false);
        const int Attempts = 3;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await StartOnceAsync(options, cancellationToken).ConfigureAwait(false);
            }
            catch (LocalServerException e) when (attempt < Attempts && e.Message.Contains("Bind on TCP/IP port", StringComparison.Ordinal))
            {
                // Between our look and the server's bind somebody took the port.
            }
        }
    }

    /// <summary>A connection string for the server's user, who may do everything.</summary>
    /// <param name="database">The default database; none when null.</param>
    public string ConnectionString(string? database = null)
    {
        var builder = new DbConnectionStringBuilder
        {
            ["Server"] = "127.0.0.1",
            ["Port"] = Port,
            ["User ID"] = User,
            ["Password"] = _password,
        };
        if (database is not null)
            builder["Database"] = database;
        return builder.ConnectionString;
    }

    /// <summary>kill -9, as a crash of the machine's kind: what was not written is lost.</summary>
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

    /// <summary>Kills it and starts it again with more arguments, which win over those it had; for this one start.</summary>
    /// <param name="arguments">Without blanks in them.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="LocalServerException">It did not come up.</exception>
    public async Task RestartAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await KillAsync(cancellationToken).ConfigureAwait(false);
        var once = Path.Combine(Folder, OnceArguments);
        await File.WriteAllTextAsync(once, string.Join(' ', arguments), cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
        File.Delete(once);
    }

    /// <summary>Keeps a copy of all data as it is now, to come back to with <see cref="RestoreAsync"/>. The server is stopped gracefully
    /// meanwhile and runs again afterwards.</summary>
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

    private static async Task<LocalMariaDb> StartOnceAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        // Debian makes the user mysql only with the full server package.
        var user = ServerUser.Find("mysql", "nobody");
        var folder = ServerFolder.Create("mariadb", options.RootFolder ?? ServerFolder.DefaultRoot, user);
        var port = ServerProcess.FreePort();
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var supervisor = Supervisor.Start(folder, ServerCommand(options, folder, port, user));
        var server = new LocalMariaDb(options, folder, port, password, supervisor);
        try
        {
            await InstallAsync(folder, user, options, cancellationToken).ConfigureAwait(false);
            var accounts = WriteAccounts(folder, password, user);
            await server.RunAsync(cancellationToken).ConfigureAwait(false);
            File.Delete(accounts.Script);
            File.Delete(accounts.OnceArgument);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static List<string> ServerCommand(LocalServerOptions options, string folder, int port, ServerUser? user)
    {
        List<string> command =
        [
            ServerPackages.Find("mariadbd")!,
            "--no-defaults",
            $"--datadir={folder}/data",
            $"--tmpdir={folder}/tmp",
            $"--pid-file={folder}/{ServerFolder.PidFile}",
            // Relative to the data folder: a socket's path may not be longer than 107 characters.
            "--socket=server.sock",
            string.Create(CultureInfo.InvariantCulture, $"--port={port}"),
            "--bind-address=127.0.0.1",
            // Without it, interrupted handshakes count against the host until it is blocked.
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            string.Create(CultureInfo.InvariantCulture, $"--innodb-flush-log-at-trx-commit={options.FlushLogAtCommit}"),
            string.Create(CultureInfo.InvariantCulture, $"--innodb-buffer-pool-size={options.BufferPoolMegabytes}M"),
            string.Create(CultureInfo.InvariantCulture, $"--max-connections={options.MaxConnections}"),
        ];
        if (user is not null)
            command.Add($"--user={user.Name}");
        command.AddRange(options.ServerArguments);
        return command;
    }

    private static async Task InstallAsync(string folder, ServerUser? user, LocalServerOptions options, CancellationToken cancellationToken)
    {
        foreach (var name in (ReadOnlySpan<string>)["data", "tmp"])
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (user is not null)
                Posix.Own(path, user);
        }
        List<string> arguments =
        [
            "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
            $"--datadir={folder}/data", $"--tmpdir={folder}/tmp",
        ];
        if (user is not null)
            arguments.Add($"--user={user.Name}");
        var program = ServerPackages.Find("mariadb-install-db")!;
        var run = await Command.RunAsync(program, arguments, options.Deadline, options.Time, cancellationToken).ConfigureAwait(false);
        if (run.ExitCode != 0)
            throw new LocalServerException($"mariadb-install-db ended with {run.ExitCode}:\n{run.Output}");
    }

    /// <summary>The accounts are made before the server listens, so nobody ever meets a root without a password.</summary>
    private static (string Script, string OnceArgument) WriteAccounts(string folder, string password, ServerUser? user)
    {
        var script = Path.Combine(folder, "accounts.sql");
        // One statement a line: that is how an init file is read.
        File.WriteAllText(script, $"""
            ALTER USER root@localhost IDENTIFIED BY '{password}';
            DROP USER IF EXISTS ''@localhost;
            CREATE USER {User}@'%' IDENTIFIED BY '{password}';
            GRANT ALL PRIVILEGES ON *.* TO {User}@'%' WITH GRANT OPTION;

            """);
        if (user is not null)
            Posix.Own(script, user);
        var once = Path.Combine(folder, OnceArguments);
        File.WriteAllText(once, $"--init-file={script}");
        return (script, once);
    }

    private Task RunAsync(CancellationToken cancellationToken) => _process.StartAsync(GreetsAsync, cancellationToken);

    /// <summary>Up means that the first packet is a greeting of protocol 10: the port alone opens earlier.</summary>
    private async Task<bool> GreetsAsync(CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, cancellationToken).ConfigureAwait(false);
        var packet = new byte[5];
        await client.GetStream().ReadExactlyAsync(packet, cancellationToken).ConfigureAwait(false);
        return packet[4] == 10;
    }
}
