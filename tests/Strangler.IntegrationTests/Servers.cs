using System.Data.Common;
using System.Security.Cryptography;
using Dapper;
using Strangler.LocalServers;
using Strangler.MySql;

namespace Strangler.IntegrationTests;

/// <summary>The servers that all integration tests share. Started when the first test asks, ended after the last.</summary>
[SetUpFixture]
public sealed class TestServers
{
    private static readonly SemaphoreSlim OneAtATime = new(1);
    private static readonly AsyncLocal<bool> NewSideIsInPostgres = new();
    private static MySqlServer? _mySql;
    private static PostgresServer? _postgres;
    private static LocalServerException? _failure;
    private static LocalServerException? _postgresFailure;

    /// <summary>The shared MySQL or MariaDB. Without one the test is skipped with the reason, and fails under CI=true.</summary>
    public static async Task<MySqlServer> MySqlAsync()
    {
        await OneAtATime.WaitAsync();
        try
        {
            if (_failure is null)
                return _mySql ??= await MySqlServer.AcquireAsync(Options(), CancellationToken.None);
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

    /// <summary>The shared PostgreSQL; likewise.</summary>
    public static async Task<PostgresServer> PostgresAsync()
    {
        await OneAtATime.WaitAsync();
        try
        {
            if (_postgresFailure is null)
                return _postgres ??= await PostgresServer.AcquireAsync(Options(), CancellationToken.None);
        }
        catch (LocalServerException e)
        {
            _postgresFailure = e;
        }
        finally
        {
            OneAtATime.Release();
        }
        throw Unavailable(_postgresFailure!, "PostgreSQL");
    }

    /// <summary>A server of the test's own, to be killed and frozen.</summary>
    public static async Task<LocalPostgres> StartPrivatePostgresAsync()
    {
        try
        {
            return await LocalPostgres.StartAsync(Options(), CancellationToken.None);
        }
        catch (LocalServerException e)
        {
            throw Unavailable(e, "PostgreSQL");
        }
    }

    /// <summary>A fresh, empty database of the shared PostgreSQL; disposing drops it.</summary>
    public static async Task<TestDatabase> CreatePostgresDatabaseAsync(string prefix) =>
        await PostgresTestDatabase.CreateAsync((await PostgresAsync()).ConnectionString, $"{prefix}_{RandomNumberGenerator.GetHexString(8, lowercase: true)}");

    /// <summary>A server of the test's own, to be killed and frozen.</summary>
    public static async Task<LocalMariaDb> StartPrivateMySqlAsync(LocalServerOptions? options = null)
    {
        try
        {
            return await LocalMariaDb.StartAsync(options ?? Options(), CancellationToken.None);
        }
        catch (LocalServerException e)
        {
            throw Unavailable(e);
        }
    }

    /// <summary>Makes a world whose databases of new sides (by their prefix) are PostgreSQL's.</summary>
    public static async Task<T> WithNewSideInPostgresAsync<T>(Func<Task<T>> create)
    {
        NewSideIsInPostgres.Value = true;
        try
        {
            return await create();
        }
        finally
        {
            NewSideIsInPostgres.Value = false;
        }
    }

    /// <summary>A fresh, empty database of the shared server; disposing drops it.</summary>
    public static async Task<TestDatabase> CreateDatabaseAsync(string prefix)
    {
        if (NewSideIsInPostgres.Value && prefix.EndsWith("_new", StringComparison.Ordinal))
        {
            return await CreatePostgresDatabaseAsync(prefix);
        }

        var server = await MySqlAsync();
        var database = new TestDatabase(server, $"{prefix}_{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
        await database.CreateAsync();
        return database;
    }

    [OneTimeTearDown]
    public async Task End()
    {
        if (_mySql is not null)
            await _mySql.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    // Tests commit often and their data dies with them: only the disk of the operating system's cache is asked.
    private static LocalServerOptions Options() => new() { FlushLogAtCommit = 2 };

    private static ResultStateException Unavailable(LocalServerException reason, string what = "MySQL") => Environment.GetEnvironmentVariable("CI") == "true"
        ? new AssertionException($"No {what} server: {reason.Message}", reason)
        : new IgnoreException($"No {what} server: {reason.Message}", reason);
}

/// <summary>A database for one test or fixture.</summary>
public class TestDatabase : IAsyncDisposable
{
    private readonly string _admin;
    private readonly MySqlDataSource? _source;

    internal TestDatabase(MySqlServer server, string name)
        : this(server.ConnectionString(), server.ConnectionString(name), name)
    {
    }

    private TestDatabase(string admin, string connectionString, string name)
    {
        (_admin, ConnectionString, Name) = (admin, connectionString, name);
        _source = MySqlDriver.CreateDataSource(ConnectionString, new());
    }

    /// <summary>One of another kind of server.</summary>
    private protected TestDatabase(string connectionString, string name) => (_admin, ConnectionString, Name) = ("", connectionString, name);

    /// <summary>A database on a server of the test's own; dropped with the server.</summary>
    public static async Task<TestDatabase> CreateOnAsync(LocalMariaDb server, string name)
    {
        var database = new TestDatabase(server.ConnectionString(), server.ConnectionString(name), name);
        await database.CreateAsync();
        return database;
    }

    public string Name { get; }

    /// <summary>As a configuration names it.</summary>
    public string ConnectionString { get; }

    /// <summary>A data source with default options.</summary>
    public MySqlDataSource Source => _source ?? throw new NotSupportedException($"{Name} is no MySQL database.");

    public virtual Task<DbConnection> OpenAsync() => Source.OpenAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await DropAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Entity rows that say that another program has written.</summary>
    internal virtual async Task<List<string>> EchoesAsync()
    {
        await using var connection = await OpenAsync();
        return [
            .. (await connection.QueryAsync("SELECT * FROM strangler_entity WHERE foreign_seq > 0")).Select(row => string.Join(' ', (IDictionary<string, object>)row))];
    }

    private protected virtual async Task DropAsync()
    {
        await Source.DisposeAsync();
        await RunAsync($"DROP DATABASE IF EXISTS `{Name}`");
    }

    internal Task CreateAsync() => RunAsync($"CREATE DATABASE `{Name}` CHARACTER SET utf8mb4");

    private async Task RunAsync(string text)
    {
        await using var admin = MySqlDriver.CreateDataSource(_admin, new());
        await using var connection = await admin.OpenAsync(CancellationToken.None);
        await using var command = connection.CreateCommand();
        command.CommandText = text;
        await command.ExecuteNonQueryAsync();
    }
}
