using System.Globalization;
using System.Net.Sockets;
using MongoDB.Bson;
using MongoDB.Driver;
using Strangler.Mongo.Bson;

namespace Strangler.Mongo.Drivers.MongoDbDriver;

/// <summary>MongoDB's own driver, the package MongoDB.Driver. Documents pass through it as bytes.</summary>
internal sealed class MongoDriver : IMongoDriver
{
    private static int _count;

    private readonly string _connectionString;
    private readonly MongoDataSourceOptions _options;
    private readonly Lock _making = new();
    private MongoClient? _client;
    private bool _isDisposed;

    private MongoDriver(string connectionString, MongoDataSourceOptions options) => (_connectionString, _options) = (connectionString, options);

    public static string Name => "MongoDB.Driver";

    public static IMongoDriver Create(MongoAddress address, MongoDataSourceOptions options)
    {
        var driver = new MongoDriver(address.With([]), options);
        try
        {
            // To make settings of a name in DNS is to ask DNS, whose outage is none of the configuration's.
            if (address.IsInDns)
                _ = new MongoUrl(driver._connectionString);
            else
                driver._client = new MongoClient(driver.Settings());
        }
        // Its own words quote the connection string, password included.
        catch (Exception e) when (e is MongoConfigurationException or ArgumentException or FormatException)
        {
            throw new ArgumentException("The connection string has a setting, or a value of one, that MongoDB.Driver does not understand.");
        }

        return driver;
    }

    private MongoClientSettings Settings()
    {
        var settings = MongoClientSettings.FromConnectionString(_connectionString);
        // Clients with the same settings share their connections, and would share the bounds of our pools.
        settings.ApplicationName = string.Create(CultureInfo.InvariantCulture, $"strangler {Interlocked.Increment(ref _count)}");
        // Sessions, as many calls again that nobody waits for any more, and those that have a session killed.
        settings.MaxConnectionPoolSize = (2 * _options.MaxPoolSize) + 4;
        settings.ConnectTimeout = _options.ConnectTimeout;
        settings.ServerSelectionTimeout = _options.ConnectTimeout;
        settings.SocketTimeout = _options.CommandTimeout + (2 * _options.CancellationGrace);
        settings.RetryReads = false;
        settings.RetryWrites = false;
        return settings;
    }

    private void End()
    {
        lock (_making)
        {
            _isDisposed = true;
            _client?.Dispose();
        }
    }

    private MongoClient Client()
    {
        lock (_making)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            try
            {
                return _client ??= new MongoClient(Settings());
            }
            // The driver's package for DNS has failures of its own.
            catch (Exception e) when (e is not (MongoConfigurationException or ArgumentException or FormatException))
            {
                throw new MongoFailureException(
                    MongoErrorKind.Unreachable, $"The connection string's name has no hosts in DNS (SRV), or DNS does not answer ({e.GetType().Name}).");
            }
            catch (Exception e)
            {
                throw new MongoFailureException(MongoErrorKind.Unsuitable, $"What DNS says of the connection string's name cannot be used ({e.GetType().Name}).");
            }
        }
    }

    public async Task<IMongoDriverSession> OpenAsync(CancellationToken abandoned)
    {
        try
        {
            // Ours are confirmed by the majority and read from the primary.
            // Only the first time of a name in DNS, which is asked for in the caller's thread.
            var client = Volatile.Read(ref _client) ?? await Task.Run(Client, abandoned).ConfigureAwait(false);
            var session = await client.StartSessionAsync(new ClientSessionOptions { CausalConsistency = false },
                abandoned).ConfigureAwait(false);
            return new MongoDriverSession(client, session);
        }
        catch (Exception e) when (MongoDriverSession.Translate(e) is { } failure)
        {
            throw failure;
        }
    }

    public ValueTask DisposeAsync()
    {
        // Not in the way of a look-up in DNS that is under way.
        if (Volatile.Read(ref _client) is { } made)
            made.Dispose();
        else
            _ = Task.Run(End);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A session of the driver.</summary>
internal sealed class MongoDriverSession(MongoClient client, IClientSessionHandle session) : IMongoDriverSession
{
    private Task _last = Task.CompletedTask;

    public Strangler.Mongo.Bson.BsonDocument Id { get; } = Strangler.Mongo.Bson.BsonDocument.Parse(session.ServerSession.Id.ToBson());

    public Strangler.Mongo.Bson.BsonTimestamp? OperationTime => session.OperationTime is { } time ? new((uint)time.Timestamp, (uint)time.Increment) : null;

    public Task RunAsync(string database, ReadOnlyMemory<byte> command, ReplyBuffer reply, CancellationToken abandoned) =>
        _last = SendAsync(database, command.ToArray(), reply, abandoned);

    // The read concern is the first command's own.
    public void Begin(TimeSpan commitTime)
    {
        try
        {
            session.StartTransaction(new TransactionOptions(ReadConcern.Default, ReadPreference.Primary, WriteConcern.WMajority, commitTime));
        }
        catch (Exception e) when (Translate(e) is { } failure)
        {
            throw failure;
        }
    }

    public Task CommitAsync(CancellationToken abandoned) => _last = TranslatedAsync(() => session.CommitTransactionAsync(abandoned));

    public Task AbortAsync(CancellationToken abandoned) => _last = TranslatedAsync(() => session.AbortTransactionAsync(abandoned));

    public void Close() => _ = _last.ContinueWith(
        _ => session.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    /// <summary>Null when it is not the driver's.</summary>
    public static MongoFailureException? Translate(Exception e)
    {
        var (kind, code) = e switch
        {
            MongoCommandException command => (MongoFailureException.KindOf(command.Code), command.Code),
            MongoExecutionTimeoutException => (MongoErrorKind.Timeout, 50),
            MongoAuthenticationException => (MongoErrorKind.AccessDenied, 0),
            MongoConnectionPoolPausedException or MongoWaitQueueFullException => (MongoErrorKind.Unreachable, 0),
            MongoConnectionException connection =>
                (connection.IsNetworkException && !IsRefused(connection) ? MongoErrorKind.ConnectionLost : MongoErrorKind.Unreachable, 0),
            MongoCursorNotFoundException => (MongoErrorKind.CursorLost, 43),
            MongoException => (MongoErrorKind.Other, 0),
            // A standalone server.
            NotSupportedException => (MongoErrorKind.Unsuitable, 20),
            // No server to be found in time.
            TimeoutException => (MongoErrorKind.Unreachable, 0),
            IOException or SocketException or EndOfStreamException => (MongoErrorKind.ConnectionLost, 0),
            _ => ((MongoErrorKind?)null, 0),
        };
        if (kind is not { } known)
            return null;
        return new(known, $"{MongoFailureException.WithoutValues(FirstLine(e.Message), known)} ({e.GetType().Name}, {code})")
        {
            Code = code,
            Labels = (e as MongoException)?.ErrorLabels ?? [],
        };
    }

    private static bool IsRefused(Exception e) =>
        e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound
        or SocketError.HostUnreachable or SocketError.NetworkUnreachable };

    private static string FirstLine(string message) => message.AsSpan().IndexOfAny('\r', '\n') is var at and >= 0 ? message[..at] : message;

    private async Task SendAsync(string database, byte[] command, ReplyBuffer reply, CancellationToken abandoned)
    {
        try
        {
            using var answer = await client.GetDatabase(database).RunCommandAsync(
                session, new BsonDocumentCommand<RawBsonDocument>(new RawBsonDocument(command)), ReadPreference.Primary,
                    abandoned).ConfigureAwait(false);
            Copy(answer.Slice, reply);
        }
        catch (MongoCommandException e) when (e.Result is { ElementCount: > 0 } said && said.Contains("ok"))
        {
            var bytes = said.ToBson();
            bytes.CopyTo(reply.Take(bytes.Length));
        }
        catch (Exception e) when (Translate(e) is { } failure)
        {
            throw failure;
        }
    }

    private static void Copy(MongoDB.Bson.IO.IByteBuffer from, ReplyBuffer to)
    {
        var target = to.Take(from.Length);
        for (var done = 0; done < target.Length;)
        {
            var piece = from.AccessBackingBytes(done);
            var length = Math.Min(piece.Count, target.Length - done);
            piece.AsSpan(0, length).CopyTo(target[done..]);
            done += length;
        }
    }

    private static async Task TranslatedAsync(Func<Task> call)
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (Exception e) when (Translate(e) is { } failure)
        {
            throw failure;
        }
    }
}
