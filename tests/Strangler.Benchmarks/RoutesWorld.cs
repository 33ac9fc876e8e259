using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Strangler.Backfill;
using Strangler.Contexts;
using Strangler.Contexts.HealthRegions;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.LegacyData.HealthRegions;
using Strangler.LocalServers;
using Strangler.MySql;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>
/// Health regions on a MariaDB and a PostgreSQL of its own, <c>strangler serve</c> as a process of its own before them, and beside it a process
/// whose endpoints run the same SQL with the driver alone.
/// </summary>
internal sealed class RoutesWorld : IAsyncDisposable
{
    private readonly MySqlServer _mySql;
    private readonly PostgresServer _postgres;
    private readonly string _database = $"strangler_bench_{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
    private readonly List<Process> _processes = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("strangler-bench-").FullName;

    private RoutesWorld(MySqlServer mySql, PostgresServer postgres)
    {
        (_mySql, _postgres) = (mySql, postgres);
        Settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(HealthRegionsContext.Name, SideName.Legacy)] = mySql.ConnectionString(_database),
            [StranglerConfiguration.VariableOf(HealthRegionsContext.Name, SideName.New)] = $"postgres:{postgres.ConnectionString(_database)}",
            ["STRANGLER_HASH_KEY"] = Convert.ToHexString(RandomNumberGenerator.GetBytes(32)),
        };
        Host = ContextHost.Open(
            StranglerConfiguration.Load(null, ContextCatalog.Names, Settings.GetValueOrDefault), HealthRegionsContext.Name, NullLoggerFactory.Instance,
            TimeProvider.System);
    }

    public IReadOnlyDictionary<string, string> Settings { get; }

    public ContextHost Host { get; }

    public static async Task<RoutesWorld> StartAsync(int rows, CancellationToken cancellationToken)
    {
        var options = new LocalServerOptions();
        var mySql = await MySqlServer.AcquireAsync(options, cancellationToken);
        var world = new RoutesWorld(mySql, await PostgresServer.AcquireAsync(options, cancellationToken));
        try
        {
            await world.FillAsync(rows, cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Step by step, gates forced: they ask for reconciliations, which are not what is measured.</summary>
    public async Task MoveToAsync(Stage stage, CancellationToken cancellationToken)
    {
        while ((await Host.Cutover.StatusAsync(cancellationToken)).Stage is var now && now != stage)
        {
            var request = new CutoverRequest { Actor = "bench", Reason = "bench", Force = true, TypedConfirmation = HealthRegionsContext.Name };
            await (now < stage ? Host.Cutover.AdvanceAsync(request, null, cancellationToken) : Host.Cutover.BackAsync(request, null, cancellationToken));
            if (now == Stage.LegacyOnly)
            {
                await BackfillAsync(cancellationToken);
            }
        }
    }

    /// <summary>A service whose reads are compared with the follower to so great a share.</summary>
    public async Task<Uri> ServeAsync(double shadowReads, CancellationToken cancellationToken)
    {
        var port = FreePort();
        var file = Path.Combine(_folder, $"{port}.json");
        await File.WriteAllTextAsync(
            file,
            JsonSerializer.Serialize(new
            {
                http = new { listen = new[] { $"127.0.0.1:{port}" } },
                contexts = new Dictionary<string, object> { [HealthRegionsContext.Name] = new { options = new { shadowReadSample = shadowReads } } },
            }),
            cancellationToken);
        return await StartAsync(port, [Path.Combine(AppContext.BaseDirectory, "strangler.dll"), "serve", "--config", file], "/health-regions", cancellationToken);
    }

    /// <summary>The bare endpoints, which ask one side.</summary>
    public Task<Uri> ServeBareAsync(SideName side, CancellationToken cancellationToken)
    {
        var port = FreePort();
        return StartAsync(
            port, [typeof(RoutesWorld).Assembly.Location, BareRoutes.Verb, $"{port}", $"{side}"], "/health-regions/3551", cancellationToken);
    }

    public async Task<IReadOnlyList<string>> PostcodesAsync(int count, CancellationToken cancellationToken)
    {
        var all = await Host.Part<HealthRegionsContext>().Directory.LocationsAsync(cancellationToken);
        return [.. all.Where(one => one.HealthRegion is not null && one.Code.Length == 3).Take(count).Select(one => one.Code)];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
            }

            process.Dispose();
        }

        await Host.DisposeAsync();
        if (_mySql.Local is null)
        {
            await using var source = MySqlDriver.CreateDataSource(_mySql.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 });
            await using var connection = await source.OpenAsync(CancellationToken.None);
            await BenchWorld.ExecuteAsync(connection, $"DROP DATABASE IF EXISTS {_database}", CancellationToken.None);
        }

        if (_postgres.Local is null)
        {
            await PostgresAsync($"DROP DATABASE IF EXISTS {_database} WITH (FORCE)", CancellationToken.None);
        }

        await _mySql.DisposeAsync();
        await _postgres.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task FillAsync(int rows, CancellationToken cancellationToken)
    {
        await using (var source = MySqlDriver.CreateDataSource(_mySql.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 }))
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            await BenchWorld.ExecuteAsync(connection, $"CREATE DATABASE {_database} CHARACTER SET utf8mb4", cancellationToken);
        }

        await PostgresAsync($"CREATE DATABASE {_database}", cancellationToken);
        await using (var source = MySqlDriver.CreateDataSource(_mySql.ConnectionString(_database), new MySqlDataSourceOptions { MaxPoolSize = 2 }))
        {
            await using (var connection = await source.OpenAsync(cancellationToken))
            {
                await LegacyHealthRegionSchema.CreateAsync(connection, cancellationToken);
            }

            foreach (var table in LegacyHealthRegions.All(new LegacyRowOptions { Rows = rows, Seed = 1 }))
            {
                await table.WriteAsync(source.OpenAsync, cancellationToken: cancellationToken);
            }
        }

        await Host.MigrateAsync(null, cancellationToken);
        await Host.Capture.InstallAsync("bench", TimeSpan.FromSeconds(30), null, cancellationToken);
    }

    private async Task BackfillAsync(CancellationToken cancellationToken)
    {
        foreach (var kind in Host.Runtime.Kinds.Keys)
        {
            await new BackfillJob(Host.Runtime, new BackfillOptions()).RunAsync(kind, null, cancellationToken);
            await Host.Sides.Quarantine.SignOffAsync(kind, null, "bench", "bench", cancellationToken);
        }

        await Host.Relay.DrainAsync(cancellationToken);
    }

    private async Task PostgresAsync(string text, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(_postgres.ConnectionString());
        await using var command = source.CreateCommand(text);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<Uri> StartAsync(int port, IEnumerable<string> arguments, string ready, CancellationToken cancellationToken)
    {
        var process = Child.Start(Settings, arguments, redirectsErrors: true);
        _processes.Add(process);
        var said = new System.Text.StringBuilder();
        process.OutputDataReceived += (_, line) => said.AppendLine(line.Data);
        process.ErrorDataReceived += (_, line) => said.AppendLine(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var at = new Uri($"http://127.0.0.1:{port}");
        using var client = new HttpClient { BaseAddress = at };
        while (true)
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"{string.Join(' ', arguments)} has ended: {said}");
            }

            try
            {
                using var answer = await client.GetAsync(new Uri(ready, UriKind.Relative), cancellationToken);
                answer.EnsureSuccessStatusCode();
                return at;
            }
            catch (HttpRequestException exception) when (exception.StatusCode is null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
