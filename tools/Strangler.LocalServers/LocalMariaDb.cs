using System.Data.Common;
using System.Diagnostics;
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
    private readonly Supervisor _supervisor;
    private readonly string _password;
    private bool _disposed;

    private LocalMariaDb(LocalServerOptions options, string folder, int port, string password, Supervisor supervisor) =>
        (_options, Folder, Port, _password, _supervisor) = (options, folder, port, password, supervisor);

    /// <summary>The TCP port on 127.0.0.1; it stays the same over restarts.</summary>
    public int Port { get; }

    /// <summary>The server's own folder: data, temporary files, error log. Removed at the end.</summary>
    public string Folder { get; }

    /// <summary>The running server's process id, 0 while it is stopped.</summary>
    public int ProcessId { get; private set; }

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
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (ProcessId == 0)
            return;
        Posix.Signal(ProcessId, Posix.SigKill);
        await ReapAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A graceful shutdown; after the deadline it is killed.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (ProcessId == 0)
            return;
        var pid = ProcessId;
        Posix.Signal(pid, Posix.SigTerm);
        Posix.Signal(pid, Posix.SigCont);
        var ended = ReapAsync(cancellationToken);
        try
        {
            await ended.WaitAsync(_options.Deadline, _options.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Posix.Signal(pid, Posix.SigKill);
            await ended.ConfigureAwait(false);
        }
    }

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
        await CopyAsync("data", "saved", cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>kill -9, and up again with the data of the last <see cref="SaveAsync"/>: what was written since is gone.</summary>
    /// <exception cref="LocalServerException">Nothing was saved, or the server did not come up.</exception>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        await KillAsync(cancellationToken).ConfigureAwait(false);
        await CopyAsync("saved", "data", cancellationToken).ConfigureAwait(false);
        await RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>SIGSTOP: connections stay open, are even accepted by the system, and nobody answers.</summary>
    public async Task FreezeAsync(CancellationToken cancellationToken)
    {
        Posix.Signal(ProcessId, Posix.SigStop);
        // The signal is only pending when kill() returns; a caller may count on the silence.
        var status = string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/stat");
        while (!(await File.ReadAllTextAsync(status, cancellationToken).ConfigureAwait(false)).Contains(") T ", StringComparison.Ordinal))
            await Task.Delay(TimeSpan.FromMilliseconds(1), _options.Time, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends a <see cref="FreezeAsync"/>; harmless without one.</summary>
    public Task ThawAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (ProcessId != 0)
            Posix.Signal(ProcessId, Posix.SigCont);
        return Task.CompletedTask;
    }

    /// <summary>Ends the server without ceremony and removes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await _supervisor.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<LocalMariaDb> StartOnceAsync(LocalServerOptions options, CancellationToken cancellationToken)
    {
        // Debian makes the user mysql only with the full server package.
        var user = ServerUser.Find("mysql", "nobody");
        var folder = ServerFolder.Create("mariadb", options.RootFolder ?? ServerFolder.DefaultRoot, user);
        var port = FreePort();
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

    /// <summary>Below the range from which the system takes ports for outgoing connections, so that nobody takes it during a
    /// restart.</summary>
    private static int FreePort()
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(20000, 32000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
            }
        }
        throw new LocalServerException("No free port was found between 20000 and 32000 on 127.0.0.1.");
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var pid = await _supervisor.StartServerAsync(cancellationToken).ConfigureAwait(false);
        ProcessId = pid;
        var started = _options.Time.GetTimestamp();
        while (!await GreetsAsync(cancellationToken).ConfigureAwait(false))
        {
            if (Posix.StartTime(pid) is null)
            {
                await ReapAsync(cancellationToken).ConfigureAwait(false);
                throw new LocalServerException($"The server ended while it started.\n{LogTail()}");
            }
            if (_options.Time.GetElapsedTime(started) > _options.Deadline)
                throw new LocalServerException($"The server did not greet within {_options.Deadline.TotalSeconds:0} s.\n{LogTail()}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), _options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Up means that the first packet is a greeting of protocol 10: the port alone opens earlier.</summary>
    private async Task<bool> GreetsAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), _options.Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port, both.Token).ConfigureAwait(false);
            var packet = new byte[5];
            await client.GetStream().ReadExactlyAsync(packet, both.Token).ConfigureAwait(false);
            return packet[4] == 10;
        }
        catch (Exception e) when (e is SocketException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    // With cp: it keeps the owner, which is not us.
    private async Task CopyAsync(string from, string to, CancellationToken cancellationToken)
    {
        var (source, target) = (Path.Combine(Folder, from), Path.Combine(Folder, to));
        if (!Directory.Exists(source))
            throw new LocalServerException($"There is no {source} to copy.");
        if (Directory.Exists(target))
            Directory.Delete(target, recursive: true);
        var run = await Command.RunAsync("cp", ["-a", source, target], _options.Deadline, _options.Time, cancellationToken).ConfigureAwait(false);
        if (run.ExitCode != 0)
            throw new LocalServerException($"cp -a {source} {target} ended with {run.ExitCode}:\n{run.Output}");
    }

    private async Task ReapAsync(CancellationToken cancellationToken)
    {
        await _supervisor.ReapAsync(cancellationToken).ConfigureAwait(false);
        ProcessId = 0;
    }

    private string LogTail()
    {
        var log = Path.Combine(Folder, "error.log");
        return File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(25)) : "There is no error log.";
    }
}
