using System.Security.Cryptography;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Contexts.HealthRegions;
using Strangler.DualWrite;
using Strangler.LocalServers;
using Strangler.MySql;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Cli.Demo;

/// <summary>The demo's server with its two databases, and a folder for files; all gone at the end.</summary>
internal sealed class DemoServers : IAsyncDisposable
{
    private readonly MySqlServer _server;
    private readonly MySqlDataSource _legacy;
    private readonly MySqlDataSource _new;
    private readonly string _suffix;

    private DemoServers(MySqlServer server, string suffix, ScratchFolder folder)
    {
        _server = server;
        _suffix = suffix;
        Folder = folder;
        LegacyConnection = server.ConnectionString(LegacyDatabase);
        NewConnection = server.ConnectionString(NewDatabase);
        _legacy = MySqlDriver.CreateDataSource(LegacyConnection, new MySqlDataSourceOptions { MaxPoolSize = 5 });
        _new = MySqlDriver.CreateDataSource(NewConnection, new MySqlDataSourceOptions { MaxPoolSize = 5 });
        HashKey = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
    }

    public string LegacyDatabase => $"strangler_demo_legacy_{_suffix}";

    public string NewDatabase => $"strangler_demo_new_{_suffix}";

    public string LegacyConnection { get; }

    public string NewConnection { get; }

    public string HashKey { get; }

    public ScratchFolder Folder { get; }

    public string Description => _server.Local is { } local
        ? $"a private MariaDB on port {local.Port}, folder {local.Folder}"
        : $"the server in {MySqlServer.Variable}";

    /// <summary>Connections behind the wrapper's back.</summary>
    public MySqlDataSource Legacy => _legacy;

    public MySqlDataSource New => _new;

    public static async Task<DemoServers> StartAsync(CommandRun run, CancellationToken cancellationToken)
    {
        var server = await MySqlServer.AcquireAsync(new LocalServerOptions { BufferPoolMegabytes = 512 }, cancellationToken).ConfigureAwait(false);
        var suffix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var servers = new DemoServers(server, suffix, ScratchFolder.Create());
        try
        {
            await using var source = MySqlDriver.CreateDataSource(server.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 2 });
            await using var connection = await source.OpenAsync(cancellationToken).ConfigureAwait(false);
            foreach (var database in new[] { servers.LegacyDatabase, servers.NewDatabase })
            {
                await connection.ExecuteAsync(new CommandDefinition($"CREATE DATABASE `{database}`", cancellationToken: cancellationToken)).ConfigureAwait(false);
            }

            return servers;
        }
        catch
        {
            await servers.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Those of the story: health regions are another system, whose new side is a PostgreSQL server.</summary>
    public static IReadOnlyList<string> Contexts { get; } = [.. ContextCatalog.Names.Where(name => name != HealthRegionsContext.Name)];

    /// <summary>The settings under which the demo and its frontend open the contexts: as in production, all of them share both databases.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(
        Contexts.SelectMany(name => new[]
        {
            KeyValuePair.Create(StranglerConfiguration.VariableOf(name, SideName.Legacy), LegacyConnection),
            KeyValuePair.Create(StranglerConfiguration.VariableOf(name, SideName.New), NewConnection),
        }).Append(KeyValuePair.Create("STRANGLER_HASH_KEY", HashKey)));

    /// <summary>
    /// The configuration file that both processes read: every read is shadowed, so that the demo needs no day of traffic; and only donations have readers.
    /// </summary>
    public string WriteConfiguration()
    {
        var path = Path.Combine(Folder.Path, "strangler.json");
        var contexts = Contexts.Select(name =>
            $$"""
                "{{name}}": {
                  "options": { "shadowReadSample": 1, "shadowReadMinimum": {{(name == DonationsContext.Name ? 200 : 0)}}, "relayPoll": "200ms", "pauseBudget": "10s" }
                }
            """);
        File.WriteAllText(path, $$"""{ "contexts": { {{string.Join(',', contexts)}} } }""");
        return path;
    }

    public StranglerConfiguration Configuration()
    {
        var settings = Environment;
        return StranglerConfiguration.Load(
            WriteConfiguration(),
            ContextCatalog.Names,
            name => settings.TryGetValue(name, out var value) ? value : System.Environment.GetEnvironmentVariable(name));
    }

    public ContextHost Open(CommandRun run, string context = DonationsContext.Name) => ContextHost.Open(Configuration(), context, run.Loggers, run.Time);

    public async ValueTask DisposeAsync()
    {
        await _legacy.DisposeAsync().ConfigureAwait(false);
        await _new.DisposeAsync().ConfigureAwait(false);
        if (_server.Local is null)
        {
            await DropAsync().ConfigureAwait(false);
        }

        await _server.DisposeAsync().ConfigureAwait(false);
        Folder.Dispose();
    }

    private async Task DropAsync()
    {
        await using var source = MySqlDriver.CreateDataSource(_server.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 });
        await using var connection = await source.OpenAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (var database in new[] { LegacyDatabase, NewDatabase })
        {
            await connection.ExecuteAsync($"DROP DATABASE IF EXISTS `{database}`").ConfigureAwait(false);
        }
    }
}
