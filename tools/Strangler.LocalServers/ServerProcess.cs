using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Strangler.LocalServers;

/// <summary>A server's process under its supervisor: started, killed, frozen, waited for.</summary>
internal sealed class ServerProcess(string folder, Supervisor supervisor, TimeSpan deadline, TimeProvider time) : IAsyncDisposable
{
    /// <summary>What asks the server to end gracefully, without waiting for its clients.</summary>
    public int StopSignal { get; init; } = Posix.SigTerm;

    private bool _disposed;

    /// <summary>0 while it is stopped.</summary>
    public int Id { get; private set; }

    /// <summary>Starts it and waits until it answers as it should.</summary>
    /// <exception cref="LocalServerException">It did not come up.</exception>
    public async Task StartAsync(Func<CancellationToken, Task<bool>> greets, CancellationToken cancellationToken)
    {
        var pid = await supervisor.StartServerAsync(cancellationToken).ConfigureAwait(false);
        Id = pid;
        var started = time.GetTimestamp();
        while (!await GreetsAsync(greets, cancellationToken).ConfigureAwait(false))
        {
            if (Posix.StartTime(pid) is null)
            {
                await ReapAsync(cancellationToken).ConfigureAwait(false);
                throw new LocalServerException($"The server ended while it started.\n{LogTail()}");
            }
            if (time.GetElapsedTime(started) > deadline)
                throw new LocalServerException($"The server did not greet within {deadline.TotalSeconds:0} s.\n{LogTail()}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>kill -9, of the server and of the processes that it has started for its connections.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (Id == 0)
            return;
        // Stopped, it starts no process between our look and its end.
        Posix.Signal(Id, Posix.SigStop);
        foreach (var pid in Posix.Family(Id))
            Posix.Signal(pid, Posix.SigKill);
        await ReapAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A graceful shutdown; after the deadline it is killed.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (Id == 0)
            return;
        var pid = Id;
        Posix.Signal(pid, StopSignal);
        foreach (var member in Posix.Family(pid))
            Posix.Signal(member, Posix.SigCont);
        var ended = ReapAsync(cancellationToken);
        try
        {
            await ended.WaitAsync(deadline, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Posix.Signal(pid, Posix.SigKill);
            await ended.ConfigureAwait(false);
        }
    }

    /// <summary>SIGSTOP: connections stay open, are even accepted by the system, and nobody answers.</summary>
    public async Task FreezeAsync(CancellationToken cancellationToken)
    {
        // The server itself first: after that it starts no process any more.
        await SuspendAsync(Id, cancellationToken).ConfigureAwait(false);
        foreach (var pid in Posix.Family(Id).Skip(1))
            await SuspendAsync(pid, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends a <see cref="FreezeAsync"/>; harmless without one.</summary>
    public Task ThawAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Id != 0)
        {
            foreach (var pid in Posix.Family(Id))
                Posix.Signal(pid, Posix.SigCont);
        }
        return Task.CompletedTask;
    }

    /// <summary>Copies one of the server's folders over another, with cp: it keeps the owner, which is not us.</summary>
    /// <exception cref="LocalServerException">There is nothing to copy, or it failed.</exception>
    public async Task CopyAsync(string from, string to, CancellationToken cancellationToken)
    {
        var (source, target) = (Path.Combine(folder, from), Path.Combine(folder, to));
        if (!Directory.Exists(source))
            throw new LocalServerException($"There is no {source} to copy.");
        if (Directory.Exists(target))
            Directory.Delete(target, recursive: true);
        var run = await Command.RunAsync("cp", ["-a", source, target], deadline, time, cancellationToken).ConfigureAwait(false);
        if (run.ExitCode != 0)
            throw new LocalServerException($"cp -a {source} {target} ended with {run.ExitCode}:\n{run.Output}");
    }

    /// <summary>Ends the server without ceremony and removes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await supervisor.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Below the range from which the system takes ports for outgoing connections, so that nobody takes it during a
    /// restart.</summary>
    public static int FreePort()
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

    private async Task<bool> GreetsAsync(Func<CancellationToken, Task<bool>> greets, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await greets(both.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    // The signal is only pending when kill() returns; a caller may count on the silence.
    private async Task SuspendAsync(int pid, CancellationToken cancellationToken)
    {
        Posix.Signal(pid, Posix.SigStop);
        while (Posix.StateOf(pid) is not (null or 'T' or 'Z' or 'X'))
            await Task.Delay(TimeSpan.FromMilliseconds(1), time, cancellationToken).ConfigureAwait(false);
    }

    private async Task ReapAsync(CancellationToken cancellationToken)
    {
        await supervisor.ReapAsync(cancellationToken).ConfigureAwait(false);
        Id = 0;
    }

    private string LogTail()
    {
        var log = Path.Combine(folder, "error.log");
        return File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(25)) : "There is no error log.";
    }
}
