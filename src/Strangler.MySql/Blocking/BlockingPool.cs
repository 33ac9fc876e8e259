using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Strangler.Blocking;

namespace Strangler.MySql.Blocking;

/// <summary>The physical connections of one data source, and the threads that they may block.</summary>
internal sealed class BlockingPool : IAsyncDisposable
{
    // KILL needs a connection and a moment; a dead server can hold up only these.
    private const int SideThreads = 4;

    private readonly Lock _gate = new();
    private readonly Stack<BlockingSession> _idle = new();
    private readonly SemaphoreSlim _places;
    private readonly BlockingThreads _sideThreads = new("mysql side", SideThreads);
    private readonly SessionReset _reset;
    private bool _disposed;

    public BlockingPool(BlockingDriver driver, string display, MySqlDataSourceOptions options)
    {
        (Driver, Display, Options) = (driver, display, options);
        _places = new(options.MaxPoolSize);
        _reset = new(driver.Database);
        Threads = new("mysql", options.MaxBlockingThreads == 0 ? options.MaxPoolSize : options.MaxBlockingThreads);
    }

    public BlockingDriver Driver { get; }

    public string Display { get; }

    public MySqlDataSourceOptions Options { get; }

    public BlockingThreads Threads { get; }

    /// <param name="asNew">False: the caller can do with the session variables that a kept session was left with.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<DbConnection> OpenAsync(bool asNew, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var time = Options.Time;
        var started = time.GetTimestamp();
        if (!await _places.WaitAsync(Options.ConnectTimeout, cancellationToken).ConfigureAwait(false))
        {
            throw new MySqlTimeoutException(string.Create(CultureInfo.InvariantCulture,
                $"All {Options.MaxPoolSize} connections to {Display} were in use for {Options.ConnectTimeout.TotalSeconds:0.#} s."));
        }
        try
        {
            var session = await TakeIdleAsync(asNew).ConfigureAwait(false)
                ?? await ConnectAsync(time.GetElapsedTime(started), cancellationToken).ConfigureAwait(false);
            return new BlockingConnection(session);
        }
        catch
        {
            _places.Release();
            throw;
        }
    }

    /// <summary>Takes a session back; never throws. When it returns, the session's transaction and locks are gone, or on their way out
    /// with its connection.</summary>
    public async ValueTask ReturnAsync(BlockingSession session)
    {
        try
        {
            if (session.OpenReader is { } reader)
                await reader.CloseAsync().ConfigureAwait(false);
            // A disposed pool has no threads; its connections are few by then.
            if (session.IsReusable && !session.IsKept && !_disposed)
                await ResetAsync(session).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or DbException or IOException or ObjectDisposedException)
        {
            session.Break();
        }
        KeepOrClose(session);
    }

    /// <inheritdoc cref="ReturnAsync"/>
    public void Return(BlockingSession session)
    {
        session.OpenReader?.Close();
        if (session.IsReusable && !session.IsKept)
            TryReset(session);
        KeepOrClose(session);
    }

    /// <summary>Closes what lies idle.</summary>
    public ValueTask ForgetIdleAsync()
    {
        foreach (var session in TakeAllIdle())
            Close(session);
        return ValueTask.CompletedTask;
    }

    /// <summary>Asks the server, over a connection of its own, to end what a session is executing.</summary>
    public async Task KillQueryAsync(BlockingSession session)
    {
        var call = new BlockingCall<bool>(() =>
        {
            using var side = Driver.CreateSide();
            side.Open();
            using var command = side.CreateCommand();
            command.CommandText = string.Create(CultureInfo.InvariantCulture, $"KILL QUERY {session.ThreadId}");
            command.ExecuteNonQuery();
            return true;
        });
        _sideThreads.Queue(call);
        await call.Result.ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        foreach (var session in TakeAllIdle())
            Close(session);
        Threads.Dispose();
        _sideThreads.Dispose();
        return ValueTask.CompletedTask;
    }

    private List<BlockingSession> TakeAllIdle()
    {
        lock (_gate)
        {
            List<BlockingSession> idle = [.. _idle];
            _idle.Clear();
            return idle;
        }
    }

    private async Task<BlockingSession?> TakeIdleAsync(bool asNew)
    {
        while (TakeIdle() is { } session)
        {
            if (!asNew || !session.IsKept)
            {
                session.IsKept = false;
                return session;
            }
            await ResetAsync(session).ConfigureAwait(false);
            session.IsKept = false;
            if (session.IsReusable)
                return session;
            Close(session);
        }
        return null;
    }

    private BlockingSession? TakeIdle()
    {
        while (true)
        {
            BlockingSession? session;
            lock (_gate)
            {
                if (!_idle.TryPop(out session))
                    return null;
            }
            if (IsAlive(session))
                return session;
            Close(session);
        }
    }

    /// <summary>A server that closed a connection, by restart, KILL or its wait_timeout, has sent an end of stream, which is
    /// readable.</summary>
    private bool IsAlive(BlockingSession session)
    {
        if (Options.Time.GetElapsedTime(session.IdleSince) > Options.IdleLifetime)
            return false;
        try
        {
            return session.Wire is not NetworkStream plain || !plain.Socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task<BlockingSession> ConnectAsync(TimeSpan waited, CancellationToken cancellationToken)
    {
        var raw = Driver.Create();
        var call = new BlockingCall<BlockingSession>(() => Connect(raw));
        Threads.Queue(call);
        var left = Options.ConnectTimeout > waited ? Options.ConnectTimeout - waited : TimeSpan.Zero;
        try
        {
            return await call.Result.WaitAsync(left, Options.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && !call.Result.IsCompleted)
        {
            Threads.Abandon(call);
            CutOff(raw);
            _ = call.Result.ContinueWith(late =>
            {
                _ = late.Exception;
                raw.Dispose();
            }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            throw new MySqlTimeoutException(string.Create(CultureInfo.InvariantCulture,
                $"{Display} did not let us in within {Options.ConnectTimeout.TotalSeconds:0.#} s."));
        }
    }

    private BlockingSession Connect(DbConnection raw)
    {
        try
        {
            raw.Open();
            var session = new BlockingSession(this, raw, Driver.ThreadId(raw), Driver.Wire(raw));
            if (session.Wire is NetworkStream plain)
                plain.Socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            // So that a new session and a used one are the same: the driver lets the server send other character sets than UTF-8.
            if (session.Wire is not null)
                _reset.Run(session.Wire);
            return session;
        }
        catch (Exception e) when (MySqlDriver.Classify(e) == MySqlErrorKind.ConnectionLost)
        {
            raw.Dispose();
            throw new MySqlStateException(MySqlErrorKind.Unreachable, $"{Display} broke off while we connected.", e);
        }
        catch
        {
            raw.Dispose();
            throw;
        }
    }

    /// <summary>Afterwards the session is as new, or broken.</summary>
    private async Task ResetAsync(BlockingSession session)
    {
        try
        {
            await session.CallAsync(() => TryReset(session), Options.ConnectTimeout, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or DbException or IOException)
        {
            session.Break();
        }
    }

    private bool TryReset(BlockingSession session)
    {
        try
        {
            _reset.Run(session.Wire!);
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            session.Break();
            return false;
        }
    }

    private void KeepOrClose(BlockingSession session)
    {
        var keep = false;
        lock (_gate)
        {
            if (session.IsReusable && !_disposed)
            {
                session.IdleSince = Options.Time.GetTimestamp();
                _idle.Push(session);
                keep = true;
            }
        }
        if (!keep)
            Close(session);
        _places.Release();
    }

    /// <summary>Without the driver's farewell, which could block; the few bytes of ours can't. The server rolls back.</summary>
    private static void Close(BlockingSession session)
    {
        if (!session.IsBroken && session.Wire is { } wire)
            SessionReset.Quit(wire);
        session.Break();
        if (!session.HasCallInFlight)
            session.DisposeRaw();
    }

    private void CutOff(DbConnection raw)
    {
        try
        {
            Driver.Wire(raw)?.Dispose();
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // It was closed already.
        }
    }
}
