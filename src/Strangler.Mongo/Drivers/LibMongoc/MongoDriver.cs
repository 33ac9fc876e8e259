using System.Globalization;
using Strangler.Blocking;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Drivers.LibMongoc;

/// <summary>
/// libmongoc, Debian's <c>libmongoc-1.0-0</c>. All its calls block, so they run on threads of their own, no more than there are native
/// connections. A call can only be
/// left to itself: it ends at the socket's time-out.
/// </summary>
internal sealed class MongoDriver : IMongoDriver
{
    // Sessions, as many calls again that nobody waits for any more, and those that have a session killed.
    private const int SideConnections = 4;
    private const string NotTogether = "The connection string's settings do not go together, or ask for what this libmongoc was built without.";

    private readonly string _connectionString;
    private readonly Lock _making = new();
    private PoolHandle? _pool;
    private bool _isDisposed;
    private readonly BlockingThreads _threads;
    private readonly TimeSpan _commandTimeout;

    private MongoDriver(string connectionString, PoolHandle? pool, MongoDataSourceOptions options, int connections)
    {
        (_connectionString, _pool, _commandTimeout) = (connectionString, pool, options.CommandTimeout);
        _threads = new("mongo", connections);
    }

    public static string Name => "libmongoc";

    public static IMongoDriver Create(MongoAddress address, MongoDataSourceOptions options)
    {
        try
        {
            Native.EnsureInitialized();
        }
        catch (DllNotFoundException e)
        {
            throw new MongoFailureException(MongoErrorKind.Unsuitable,
                "libmongoc is not installed: apt-get install libmongoc-1.0-0, or build with "
                + "-p:MongoDriver=MongoDB.Driver.", e);
        }
        var connections = (2 * options.MaxPoolSize) + SideConnections;
        var connectionString = address.With(Settings(options, connections));
        // To make a pool of a name in DNS is to ask DNS, whose outage is none of the configuration's.
        using var uri = UriOf(connectionString);
        var pool = address.IsInDns ? null : NewPool(uri, out _) ?? throw new ArgumentException(NotTogether);
        return new MongoDriver(connectionString, pool, options, connections);
    }

    public Task<IMongoDriverSession> OpenAsync(CancellationToken abandoned) => RunAsync(Open, abandoned);

    public ValueTask DisposeAsync()
    {
        // It says farewell to the server, and may wait for it.
        _threads.Queue(new BlockingCall<bool>(() =>
        {
            lock (_making)
            {
                _isDisposed = true;
                _pool?.Dispose();
            }

            return true;
        }));
        _threads.Dispose();
        return ValueTask.CompletedTask;
    }

    public Task<T> RunAsync<T>(Func<T> call, CancellationToken abandoned)
    {
        var running = new BlockingCall<T>(call);
        _threads.Queue(running);
        if (abandoned.CanBeCanceled)
        {
            var registration = abandoned.Register(() => _threads.Abandon(running));
            _ = running.Result.ContinueWith(_ => registration.Dispose(), CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
        return running.Result;
    }

    /// <summary>On a thread of its own: to end a session can mean to speak with the server.</summary>
    public void Dispose(params IDisposable[] handles)
    {
        try
        {
            _threads.Queue(new BlockingCall<bool>(() =>
            {
                foreach (var handle in handles)
                    handle.Dispose();
                return true;
            }));
        }
        catch (ObjectDisposedException)
        {
            foreach (var handle in handles)
                handle.Dispose();
        }
    }

    private static IEnumerable<(string Name, string Value)> Settings(MongoDataSourceOptions options, int connections)
    {
        yield return ("appName", "strangler");
        yield return ("maxPoolSize", connections.ToString(CultureInfo.InvariantCulture));
        yield return ("connectTimeoutMS", Milliseconds(options.ConnectTimeout));
        yield return ("serverSelectionTimeoutMS", Milliseconds(options.ConnectTimeout));
        yield return ("socketTimeoutMS", Milliseconds(options.CommandTimeout + (2 * options.CancellationGrace)));
        yield return ("retryWrites", "false");
        yield return ("retryReads", "false");
    }

    private static string Milliseconds(TimeSpan time) =>
        ((long)Math.Min(time.TotalMilliseconds, int.MaxValue)).ToString(CultureInfo.InvariantCulture);

    // The library's own words quote the connection string, password included.
    private static UriHandle UriOf(string connectionString)
    {
        var uri = new UriHandle(Native.mongoc_uri_new_with_error(connectionString, out _));
        return uri.IsInvalid
            ? throw new ArgumentException("The connection string has a setting, or a value of one, that libmongoc does not understand.")
            : uri;
    }

    private static PoolHandle? NewPool(UriHandle uri, out MongocError error)
    {
        var pool = new PoolHandle(Native.mongoc_client_pool_new_with_error(uri, out error));
        if (pool.IsInvalid)
            return null;
        Native.mongoc_client_pool_set_error_api(pool, Native.ErrorApi);
        return pool;
    }

    private PoolHandle Pool()
    {
        lock (_making)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_pool is not null)
                return _pool;
            using var uri = UriOf(_connectionString);
            return _pool = NewPool(uri, out var error) ?? throw (Failures.IsOfDns(error)
                ? new MongoFailureException(MongoErrorKind.Unreachable, "The connection string's name has no hosts in DNS (SRV), or DNS does not answer.")
                : new MongoFailureException(MongoErrorKind.Unsuitable, NotTogether));
        }
    }

    private IMongoDriverSession Open()
    {
        var pool = Pool();
        var raw = Native.mongoc_client_pool_try_pop(pool);
        if (raw == 0)
            throw new MongoFailureException(MongoErrorKind.Unreachable, "All native connections wait for a server that does not answer.");
        var client = new ClientHandle(pool, raw);
        var options = Native.mongoc_session_opts_new();
        try
        {
            // Ours are confirmed by the majority and read from the primary.
            Native.mongoc_session_opts_set_causal_consistency(options, false);
            var session = Native.mongoc_client_start_session(client, options, out var error);
            if (session != 0)
                return new MongoDriverSession(this, client, new SessionHandle(client, session), _commandTimeout);
            throw Failures.Of(error, BsonDocument.Empty);
        }
        catch
        {
            client.Dispose();
            throw;
        }
        finally
        {
            Native.mongoc_session_opts_destroy(options);
        }
    }
}
