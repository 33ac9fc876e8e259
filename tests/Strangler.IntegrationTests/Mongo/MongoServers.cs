using System.Security.Cryptography;
using Strangler.LocalServers;
using Strangler.Mongo;
using Strangler.Mongo.Bson;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>The MongoDB that the tests of this folder share, and private ones. Started when the first test asks, ended after the
/// last.</summary>
[SetUpFixture]
public sealed class MongoServers
{
    private static readonly SemaphoreSlim OneAtATime = new(1);
    private static MongoServer? _shared;
    private static LocalServerException? _failure;

    /// <summary>Without one the test is skipped with the reason, and fails under CI=true.</summary>
    public static async Task<MongoServer> SharedAsync()
    {
        await OneAtATime.WaitAsync();
        try
        {
            if (_failure is null)
            {
                await EnsureClientAsync();
                return _shared ??= await MongoServer.AcquireAsync(new(), CancellationToken.None);
            }
        }
        catch (LocalServerException e)
        {
            _failure = e;
        }
        finally
        {
            OneAtATime.Release();
        }
        throw Unavailable(_failure!);
    }

    /// <summary>Whether the shared one, once started, is a mongod.</summary>
    public static bool IsReal => _shared?.IsReal ?? false;

    /// <summary>A server of the test's own, to be killed and frozen.</summary>
    public static async Task<LocalMongo> StartPrivateAsync(LocalMongoOptions? options = null)
    {
        try
        {
            await EnsureClientAsync();
            return await LocalMongo.StartAsync(options ?? new(), CancellationToken.None);
        }
        catch (LocalServerException e)
        {
            throw Unavailable(e);
        }
    }

    /// <summary>A fresh, empty database of the shared server; disposing drops it.</summary>
    public static async Task<MongoTestDatabase> CreateDatabaseAsync(string prefix, MongoDataSourceOptions? options = null)
    {
        var server = await SharedAsync();
        return new(server, $"{prefix}_{RandomNumberGenerator.GetHexString(8, lowercase: true)}", options ?? new());
    }

    [OneTimeTearDown]
    public async Task End()
    {
        if (_shared is not null)
            await _shared.DisposeAsync();
    }

    private static Task EnsureClientAsync() => ServerPackages.EnsureAsync(
        MongoDataSource.DriverName == "libmongoc" ? ServerPrograms.LibMongoc : ServerPrograms.None, install: true, CancellationToken.None);

    private static ResultStateException Unavailable(LocalServerException reason) => Environment.GetEnvironmentVariable("CI") == "true"
        ? new AssertionException($"No MongoDB server: {reason.Message}", reason)
        : new IgnoreException($"No MongoDB server: {reason.Message}", reason);
}

/// <summary>A database for one test or fixture.</summary>
public sealed class MongoTestDatabase : IAsyncDisposable
{
    internal MongoTestDatabase(MongoServer server, string name, MongoDataSourceOptions options)
    {
        (Server, Name, ConnectionString) = (server, name, server.ConnectionString(name));
        Source = MongoDataSource.Create(ConnectionString, options);
    }

    public MongoServer Server { get; }

    public string Name { get; }

    public string ConnectionString { get; }

    public MongoDataSource Source { get; }

    public Task<MongoSession> OpenAsync() => Source.OpenAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await using (var session = await OpenAsync())
            await session.RunAsync(BsonDocument.Of(("dropDatabase", 1)), CancellationToken.None);
        await Source.DisposeAsync();
    }
}
