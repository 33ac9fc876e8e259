using System.Collections.Concurrent;
using System.Globalization;
using Strangler.Mongo.Bson;
using Strangler.Mongo.Drivers;

namespace Strangler.Mongo;

/// <summary>Limits of a <see cref="MongoDataSource"/>.</summary>
public sealed class MongoDataSourceOptions
{
    /// <inheritdoc cref="MongoSideOptions.ConnectTimeout"/>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one command may take; default 30 s.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <inheritdoc cref="MongoSideOptions.CancellationGrace"/>
    public TimeSpan CancellationGrace { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The most sessions at a time; default 50.</summary>
    public int MaxPoolSize { get; init; } = 50;

    /// <summary>How long a session may lie idle before it is not used again; default 3 min. Servers forget sessions after 30.</summary>
    public TimeSpan IdleLifetime { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>The clock; default the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ConnectTimeout, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(CommandTimeout, TimeSpan.FromMilliseconds(100));
        ArgumentOutOfRangeException.ThrowIfLessThan(CancellationGrace, TimeSpan.FromMilliseconds(100));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPoolSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxPoolSize, 10_000);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(IdleLifetime, TimeSpan.Zero);
    }
}

/// <summary>
/// A bounded set of sessions with one database's primary. Thread-safe; a session is not. A call that was given up may still hold its
/// native connection until the
/// socket's time-out: as many of them as there are places are borne, then places come back only with them.
/// </summary>
public sealed class MongoDataSource : IAsyncDisposable
{
    private readonly IMongoDriver _driver;
    private readonly MongoAddress _address;
    private readonly SemaphoreSlim _places;
    private readonly ConcurrentStack<(IMongoDriverSession Session, long Since)> _idle = new();
    private int _abandoned;
    private volatile bool _disposed;

    private MongoDataSource(IMongoDriver driver, MongoAddress address, MongoDataSourceOptions options, CausalClock clock)
    {
        (_driver, _address, Options, Clock) = (driver, address, options, clock);
        _places = new(options.MaxPoolSize);
    }

    /// <summary>The driver's name as its package has it.</summary>
    public static string DriverName => MongoDriver.Name;

    /// <summary><c>user@host:port/database</c>, never the password.</summary>
    public string Display => _address.Display;

    /// <summary>The database's name.</summary>
    public string Database => _address.Database;

    internal MongoDataSourceOptions Options { get; }

    internal CausalClock Clock { get; }

    /// <summary>Calls that nobody waits for any more and that have not ended.</summary>
    internal int Abandoned => Volatile.Read(ref _abandoned);

    /// <summary>Connects to nothing yet.</summary>
    /// <exception cref="ArgumentException">The connection string or the options are not valid.</exception>
    public static MongoDataSource Create(string connectionString, MongoDataSourceOptions options) => Create(connectionString, options, new());

    /// <summary>The same for several that are one to whoever reads and writes through them.</summary>
    internal static MongoDataSource Create(string connectionString, MongoDataSourceOptions options, CausalClock clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var address = MongoAddress.Parse(connectionString);
        return new(MongoDriver.Create(address, options), address, options, clock);
    }

    /// <summary>A session. Dispose it soon; a pool that is empty makes others wait.</summary>
    /// <exception cref="OperationCanceledException">The token fired.</exception>
    /// <exception cref="MongoFailureException">No session was to be had in time.</exception>
    public async Task<MongoSession> OpenAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var started = Options.Time.GetTimestamp();
        if (!await _places.WaitAsync(Options.ConnectTimeout, cancellationToken).ConfigureAwait(false))
        {
            throw new MongoFailureException(MongoErrorKind.Timeout, string.Create(CultureInfo.InvariantCulture,
                $"All {Options.MaxPoolSize} sessions with {Display} were in use for {Options.ConnectTimeout.TotalSeconds:0.#} s."));
        }
        try
        {
            return new(this, TakeIdle() ?? await ConnectAsync(Options.Time.GetElapsedTime(started),
                cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            _places.Release();
            throw;
        }
    }

    /// <summary>Gives back what lies idle; who comes next gets a new session.</summary>
    internal void ForgetIdle()
    {
        while (_idle.TryPop(out var idle))
            idle.Session.Close();
    }

    /// <summary>Has the server end what a session is doing, its transaction included.</summary>
    internal async Task KillAsync(BsonDocument sessionId, CancellationToken cancellationToken)
    {
        var command = BsonDocument.Of(("killSessions", BsonArray.Of(sessionId)));
        var side = await _driver.OpenAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await side.RunAsync("admin", command.ToBytes(), new ReplyBuffer(), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            side.Close();
        }
    }

    /// <param name="session">What was lent.</param>
    /// <param name="isGood">It is in no transaction, and its last call has succeeded.</param>
    /// <param name="abandoned">The call that nobody waits for any more.</param>
    internal void Return(IMongoDriverSession session, bool isGood, Task? abandoned)
    {
        if (isGood && !_disposed)
            _idle.Push((session, Options.Time.GetTimestamp()));
        else
            session.Close();
        if (abandoned is null or { IsCompleted: true })
        {
            _places.Release();
            return;
        }
        var isBorne = Interlocked.Increment(ref _abandoned) <= Options.MaxPoolSize;
        if (isBorne)
            _places.Release();
        _ = abandoned.ContinueWith(_ =>
        {
            Interlocked.Decrement(ref _abandoned);
            if (!isBorne)
                _places.Release();
        }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Closes what lies idle; sessions in use are closed when they come back.</summary>
    public ValueTask DisposeAsync()
    {
        _disposed = true;
        ForgetIdle();
        return _driver.DisposeAsync();
    }

    public override string ToString() => Display;

    private IMongoDriverSession? TakeIdle()
    {
        while (_idle.TryPop(out var idle))
        {
            if (Options.Time.GetElapsedTime(idle.Since) < Options.IdleLifetime)
                return idle.Session;
            idle.Session.Close();
        }
        return null;
    }

    private async Task<IMongoDriverSession> ConnectAsync(TimeSpan waited, CancellationToken cancellationToken)
    {
        var abandon = new CancellationTokenSource();
        var opening = _driver.OpenAsync(abandon.Token);
        var left = Options.ConnectTimeout > waited ? Options.ConnectTimeout - waited : TimeSpan.Zero;
        try
        {
            var session = await opening.WaitAsync(left, Options.Time, cancellationToken).ConfigureAwait(false);
            abandon.Dispose();
            return session;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && !opening.IsCompletedSuccessfully)
        {
            await abandon.CancelAsync().ConfigureAwait(false);
            _ = opening.ContinueWith(late =>
            {
                if (late.IsCompletedSuccessfully)
                    late.Result.Close();
                _ = late.Exception;
                abandon.Dispose();
            }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            throw new MongoFailureException(MongoErrorKind.Unreachable, string.Create(CultureInfo.InvariantCulture,
                $"{Display} did not let us in within {Options.ConnectTimeout.TotalSeconds:0.#} s."));
        }
    }
}
