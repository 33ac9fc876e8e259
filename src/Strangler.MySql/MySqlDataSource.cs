using System.Data.Common;

namespace Strangler.MySql;

/// <summary>Limits of a <see cref="MySqlDataSource"/>.</summary>
public sealed class MySqlDataSourceOptions
{
    /// <summary>How long opening may take, waiting for a free place in the pool included; default 10 s, at least 1 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The default of a command's own <see cref="DbCommand.CommandTimeout"/>, rounded up to seconds; default 30 s, zero means
    /// none.
    /// It bounds every call by itself: the execution, and each later fetch of rows.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a call may go on after it was cancelled or its deadline passed, while the server is asked to end it, before its
    /// connection is given up; default 2 s.</summary>
    public TimeSpan CancellationGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The most connections at a time; default 50.</summary>
    public int MaxPoolSize { get; init; } = 50;

    /// <summary>The most threads that may block in a driver without usable asynchronous calls; default 0: as many as connections. Not
    /// fewer than connections: with fewer, callers that wait for a row lock could keep its holder from its COMMIT.</summary>
    public int MaxBlockingThreads { get; init; }

    /// <summary>How long a connection may lie in the pool before it is not used again; default 3 min, well below what firewalls forget
    /// after.</summary>
    public TimeSpan IdleLifetime { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>The clock; default the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ConnectTimeout, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(CommandTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(CancellationGrace, TimeSpan.FromMilliseconds(100));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPoolSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxPoolSize, 10_000);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(IdleLifetime, TimeSpan.Zero);
        if (MaxBlockingThreads != 0)
            ArgumentOutOfRangeException.ThrowIfLessThan(MaxBlockingThreads, MaxPoolSize);
    }
}

/// <summary>
/// Open connections to one database. They are <see cref="DbConnection"/>s with asynchronous methods that honour tokens and deadlines;
/// disposing one returns it to the pool with its transaction rolled back and its session as new. Thread-safe; a connection is not.
/// </summary>
public sealed class MySqlDataSource : IAsyncDisposable
{
    private readonly Func<bool, CancellationToken, Task<DbConnection>> _open;
    private readonly Func<ValueTask> _forgetIdle;
    private readonly Func<ValueTask> _close;

    internal MySqlDataSource(
        string display, Func<bool, CancellationToken, Task<DbConnection>> open, Func<ValueTask> forgetIdle, Func<ValueTask> close) =>
        (Display, _open, _forgetIdle, _close) = (display, open, forgetIdle, close);

    /// <summary><c>user@server:port/database</c>, never the password.</summary>
    public string Display { get; }

    /// <summary><c>server:port</c>.</summary>
    internal string Server { get; init; } = "";

    /// <summary>The default database's name.</summary>
    internal string Database { get; init; } = "";

    /// <summary>An open connection. Dispose it soon; a pool that is empty makes others wait.</summary>
    /// <exception cref="OperationCanceledException">The token fired.</exception>
    /// <exception cref="TimeoutException">The connect timeout passed.</exception>
    /// <exception cref="DbException">The server refused; see <see cref="MySqlDriver.Classify"/>.</exception>
    public Task<DbConnection> OpenAsync(CancellationToken cancellationToken) => _open(true, cancellationToken);

    /// <summary>The same, yet perhaps with session variables of an earlier user's that called <see cref="MySqlDriver.Keep"/>: the callers
    /// within this assembly set those that they rest on. Saves a round trip.</summary>
    internal Task<DbConnection> OpenKeptAsync(CancellationToken cancellationToken) => _open(false, cancellationToken);

    /// <summary>Closes what lies in the pool; who comes next gets a new connection.</summary>
    internal ValueTask ForgetIdleAsync() => _forgetIdle();

    /// <summary>Closes what lies in the pool; connections in use are closed when they come back.</summary>
    public ValueTask DisposeAsync() => _close();

    public override string ToString() => Display;
}
