using System.Data;
using Npgsql;

namespace Strangler.Postgres;

/// <summary>
/// An open connection whose calls end in time, also where the server has fallen silent. Disposing returns it to its pool. Not for two callers at
/// once.
/// </summary>
/// <remarks>
/// Npgsql ends a call that is cancelled, or whose time is up, by asking the server over a second connection, which blocks its thread for as long as
/// opening a connection may take, twice over; measured: 10 s with a connect timeout of 5 s, on a server that is stopped. Opening heeds no token
/// there at all. So it is asked on a thread of its own, and after a grace the caller goes its way: the connection is given up, and returns when its
/// call has ended.
/// </remarks>
internal sealed class PostgresConnection : IAsyncDisposable
{
    /// <summary>How long a call may go on after it was cancelled, while the server is asked to end it.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly NpgsqlConnection _connection;
    private readonly TimeProvider _time;
    private Task? _abandoned;

    private PostgresConnection(NpgsqlConnection connection, TimeProvider time) => (_connection, _time) = (connection, time);

    /// <summary>Whether it can be used.</summary>
    public bool IsOpen => _abandoned is null && _connection.State == ConnectionState.Open;

    public Version ServerVersion => _connection.PostgreSqlVersion;

    public static async Task<PostgresConnection> OpenAsync(NpgsqlDataSource source, TimeProvider time, CancellationToken cancellationToken)
    {
        // Bounded by the connect timeout.
        var opening = source.OpenConnectionAsync(CancellationToken.None).AsTask();
        try
        {
            return new PostgresConnection(await opening.WaitAsync(cancellationToken).ConfigureAwait(false), time);
        }
        catch (OperationCanceledException) when (!opening.IsCompletedSuccessfully)
        {
            _ = CloseLateAsync(opening);
            throw;
        }
    }

    /// <summary>
    /// One call. Throws <see cref="TimeoutException"/> when its time is up, <see cref="OperationCanceledException"/> when the token fired; what it
    /// was doing may have taken effect then, unless it comes back with a result after all.
    /// </summary>
    public async Task<T> RunAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> call, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!IsOpen)
        {
            throw new NpgsqlException("The connection was given up.", new IOException());
        }

        cancellationToken.ThrowIfCancellationRequested();

        // Not disposed: a call that is given up still holds its token.
        var end = new CancellationTokenSource();
        var running = call(_connection, end.Token);
        try
        {
            return await running.WaitAsync(timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            if (!running.IsCompleted && !await EndsAsync(running, end).ConfigureAwait(false))
            {
                _abandoned = running;
                throw;
            }

            return await EndedAsync(running, e, end.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the session, and with it its transaction and locks.</summary>
    public async ValueTask CloseAsync()
    {
        if (_abandoned is null)
        {
            // Out of the pool as well: it may be in no state to be used again.
            NpgsqlConnection.ClearPool(_connection);
            await _connection.CloseAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_abandoned is { } running)
        {
            _ = CloseLateAsync(running, _connection);
        }
        else
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<bool> EndsAsync(Task running, CancellationTokenSource end)
    {
        _ = Task.Factory.StartNew(
            end.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        return await Task.WhenAny(running, Task.Delay(Grace, _time, CancellationToken.None)).ConfigureAwait(false) == running;
    }

    // What ended it was our asking, or something else just before that.
    private static async Task<T> EndedAsync<T>(Task<T> running, Exception why, CancellationToken asked)
    {
        try
        {
            return await running.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (asked.IsCancellationRequested)
        {
            throw why;
        }
    }

    private static async Task CloseLateAsync(Task<NpgsqlConnection> opening)
    {
        try
        {
            await (await opening.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException or TimeoutException or ObjectDisposedException or InvalidOperationException)
        {
            // Nobody waits for it any more.
        }
    }

    private static async Task CloseLateAsync(Task running, NpgsqlConnection connection)
    {
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisposeAsync().ConfigureAwait(false);
    }
}
