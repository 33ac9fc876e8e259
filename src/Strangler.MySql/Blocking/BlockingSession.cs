using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Strangler.Blocking;

namespace Strangler.MySql.Blocking;

/// <summary>
/// One physical connection, and how a synchronous call on it is run with a deadline and a token. How a call ends early:
/// 1. the token fires or the deadline passes; 2. a side connection sends KILL QUERY; 3. normally the call now returns, and the session
/// is still good for a rollback; 4. if not, within a grace, the connection is cut off and its thread left to itself.
/// The KILL may arrive after the call has ended by itself and would then hit the next one: so nothing else runs before the KILL is
/// answered and a statement that does nothing has swallowed its mark, and the session is not used by anybody else afterwards.
/// </summary>
internal sealed class BlockingSession(BlockingPool pool, DbConnection raw, int threadId, Stream? wire)
{
    private const string Swallow = "DO SLEEP(0)";

    private int _inFlight;
    private volatile bool _isBroken;
    private volatile bool _wasKilled;

    public BlockingPool Pool => pool;

    public DbConnection Raw => raw;

    public int ThreadId => threadId;

    public Stream? Wire => wire;

    public long IdleSince { get; set; }

    /// <summary>It is in no transaction and holds no lock; only its session variables are not as new. Its next user says whether that
    /// matters.</summary>
    public bool IsKept { get; set; }

    public bool IsBroken => _isBroken;

    public bool HasCallInFlight => Volatile.Read(ref _inFlight) == 1;

    /// <summary>The reader that is not closed yet; the driver allows one.</summary>
    public BlockingReader? OpenReader { get; set; }

    public bool IsReusable => !_isBroken && !_wasKilled && wire is not null && OpenReader is null && !HasCallInFlight
        && raw.State == ConnectionState.Open;

    /// <summary>Runs a call on the caller's own thread.</summary>
    public T Call<T>(Func<T> call)
    {
        Enter();
        try
        {
            return call();
        }
        catch (Exception e)
        {
            throw Noted(e);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Runs a call on a blocking thread.</summary>
    /// <param name="timeout">Zero means none.</param>
    public async Task<T> CallAsync<T>(Func<T> call, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Enter();
        try
        {
            var running = new BlockingCall<T>(call);
            pool.Threads.Queue(running);
            try
            {
                if (timeout == TimeSpan.Zero && !cancellationToken.CanBeCanceled)
                    return await running.Result.ConfigureAwait(false);
                var limit = timeout == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout;
                return await running.Result.WaitAsync(limit, pool.Options.Time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is TimeoutException or OperationCanceledException && !running.Result.IsCompleted)
            {
                var cause = await InterruptAsync(running, running.Result).ConfigureAwait(false);
                if (cancellationToken.IsCancellationRequested)
                    throw new OperationCanceledException("The caller cancelled the database call.", cause, cancellationToken);
                throw new MySqlTimeoutException(string.Create(CultureInfo.InvariantCulture,
                    $"{pool.Display} did not answer a command within its {timeout.TotalSeconds:0.#} s."), cause);
            }
        }
        catch (Exception e) when (e is not (OperationCanceledException or MySqlTimeoutException))
        {
            throw Noted(e);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Has the server end the rest of a result that nobody reads; then the driver has little left to skip.</summary>
    public async Task EndResultAsync(Action close)
    {
        _wasKilled = true;
        await QuietlyAsync(pool.KillQueryAsync(this)).ConfigureAwait(false);
        await CallAsync(() =>
        {
            close();
            return SwallowKill();
        }, pool.Options.CancellationGrace, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>For <see cref="DbCommand.Cancel"/>: asks and does not wait.</summary>
    public void RequestKill()
    {
        if (!HasCallInFlight)
            return;
        _wasKilled = true;
        _ = QuietlyAsync(pool.KillQueryAsync(this));
    }

    /// <summary>The connection is given up: its stream is closed, which also frees a thread that blocks on it.</summary>
    public void Break()
    {
        _isBroken = true;
        try
        {
            wire?.Dispose();
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // It was closed already.
        }
    }

    /// <summary>After <see cref="Break"/>, so that it finds nothing to wait for. Its finalizer would do the same and must not
    /// throw.</summary>
    public void DisposeRaw()
    {
        try
        {
            raw.Dispose();
        }
        catch (Exception e) when (e is DbException or IOException or SocketException or InvalidOperationException or NullReferenceException)
        {
#pragma warning disable CA1816 // It is the driver's finalizer that would throw, on a thread where that ends the process.
            GC.SuppressFinalize(raw);
#pragma warning restore CA1816
        }
    }

    private void Enter()
    {
        if (_isBroken)
        {
            throw new MySqlStateException(MySqlErrorKind.ConnectionLost,
                $"The connection to {pool.Display} was lost or given up by an earlier call. Open a new one.");
        }
        if (Interlocked.Exchange(ref _inFlight, 1) == 1)
            throw new InvalidOperationException("A connection runs one call at a time; an earlier one has not ended yet.");
    }

    private void Leave() => Volatile.Write(ref _inFlight, 0);

    /// <returns>What the driver said when it was interrupted, if anything.</returns>
    private async Task<Exception?> InterruptAsync(BlockingWork work, Task result)
    {
        _wasKilled = true;
        var grace = pool.Options.CancellationGrace;
        var kill = QuietlyAsync(pool.KillQueryAsync(this));
        try
        {
            await QuietlyAsync(result).WaitAsync(grace, pool.Options.Time).ConfigureAwait(false);
            await kill.WaitAsync(grace, pool.Options.Time).ConfigureAwait(false);
            var swallow = new BlockingCall<bool>(SwallowKill);
            pool.Threads.Queue(swallow);
            await ((Task)swallow.Result).WaitAsync(grace, pool.Options.Time).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or DbException or IOException or InvalidOperationException
            or NullReferenceException)
        {
            pool.Threads.Abandon(work);
            Break();
            _ = result.ContinueWith(_ => DisposeRaw(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
        return result.Exception?.InnerException;
    }

    private bool SwallowKill()
    {
        // The interrupted call may have brought a reader after all, which nobody got.
        OpenReader?.Forget();
        using var command = raw.CreateCommand();
        command.CommandText = Swallow;
        command.ExecuteNonQuery();
        return true;
    }

    public Exception Noted(Exception e)
    {
        // MySql.Data meets a killed statement's end of rows unprepared.
        if (e is NullReferenceException)
            e = new MySqlStateException(MySqlErrorKind.QueryKilled, "The statement was ended by KILL QUERY.", e);
        var kind = MySqlDriver.Classify(e);
        if (raw.State == ConnectionState.Open && kind != MySqlErrorKind.ConnectionLost)
            return e;
        Break();
        return kind == MySqlErrorKind.Other
            ? new MySqlStateException(MySqlErrorKind.ConnectionLost, $"The connection to {pool.Display} was lost.", e)
            : e;
    }

    private static async Task QuietlyAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
