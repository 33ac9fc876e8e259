using System.Data.Common;
using System.Security.Cryptography;
using Strangler.LocalServers;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Two private servers, one a side, that tests kill, freeze and fill up; started when the first test asks. A test leaves them running and
/// sound, whatever happened to it.
/// </summary>
[SetUpFixture]
public sealed class FaultServers
{
    private static FaultServer? _legacy;
    private static FaultServer? _new;

    internal static async Task<(FaultServer Legacy, FaultServer New)> AcquireAsync()
    {
        _legacy ??= await FaultServer.StartAsync();
        _new ??= await FaultServer.StartAsync();
        return (_legacy, _new);
    }

    [OneTimeTearDown]
    public async Task End()
    {
        foreach (var server in new[] { _legacy, _new }.OfType<FaultServer>())
        {
            await server.DisposeAsync();
        }
    }
}

/// <summary>A private server with an account such as a frontend has: its own databases and no privilege of the server's.</summary>
internal sealed class FaultServer : IAsyncDisposable
{
    private const string User = "frontend";

    private readonly string _password = RandomNumberGenerator.GetHexString(32, lowercase: true);

    private FaultServer(LocalMariaDb process) => Process = process;

    public LocalMariaDb Process { get; }

    /// <param name="arguments">More arguments of the server.</param>
    public static Task<FaultServer> StartAsync(params string[] arguments) => StartInAsync(null, arguments);

    /// <param name="rootFolder">Below which it gets its own; null: the usual place.</param>
    /// <param name="arguments">More arguments of the server.</param>
    public static async Task<FaultServer> StartInAsync(string? rootFolder, params string[] arguments)
    {
        var server = new FaultServer(await TestServers.StartPrivateMySqlAsync(new LocalServerOptions
        {
            // A kill of the process, not of the machine: what was handed to the operating system is kept.
            FlushLogAtCommit = 2,
            RootFolder = rootFolder,
            BufferPoolMegabytes = 64,
            ServerArguments = ["--innodb-log-file-size=16M", .. arguments],
        }));
        await server.RunAsync($"CREATE USER {User}@'%' IDENTIFIED BY '{server._password}'; GRANT ALL ON `fault\\_%`.* TO {User}@'%'; "
            + $"GRANT RELOAD ON *.* TO {User}@'%'");
        return server;
    }

    /// <summary>The frontends' way to a database; through a proxy when its port is given.</summary>
    public string ConnectionString(string database, int? port = null) => new DbConnectionStringBuilder
    {
        ConnectionString = Process.ConnectionString(database), ["User ID"] = User, ["Password"] = _password, ["Port"] = port ?? Process.Port,
    }.ConnectionString;

    /// <summary>Statements of an administrator.</summary>
    public async Task RunAsync(string text, string? database = null)
    {
        await using var admin = MySqlDriver.CreateDataSource(Process.ConnectionString(database), new MySqlDataSourceOptions());
        await using var connection = await admin.OpenAsync(CancellationToken.None);
        await using var command = connection.CreateCommand();
        command.CommandText = text;
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The way back to a sound server from any state that a test leaves it in.</summary>
    public async Task HealAsync()
    {
        await Process.ThawAsync(CancellationToken.None);
        if (Process.ProcessId == 0)
        {
            await Process.RestartAsync(CancellationToken.None);
        }

        await RunAsync("SET GLOBAL read_only = OFF");
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
