using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.LocalServers;
using Strangler.MySql;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>The donations context with a private server for each side, so that one can hang alone; default settings; its relay runs.</summary>
internal sealed class TwoServerWorld : IAsyncDisposable
{
    private const string Database = "strangler_bench";

    private readonly LocalMariaDb _legacy;
    private readonly CancellationTokenSource _stop = new();
    private Task _relay = Task.CompletedTask;

    private TwoServerWorld(LocalMariaDb legacy, LocalMariaDb @new)
    {
        (_legacy, New) = (legacy, @new);
        var settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.Legacy)] = legacy.ConnectionString(Database),
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New)] = @new.ConnectionString(Database),
            ["STRANGLER_HASH_KEY"] = Convert.ToHexString(RandomNumberGenerator.GetBytes(32)),
        };
        var configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, settings.GetValueOrDefault);
        Host = ContextHost.Open(configuration, DonationsContext.Name, NullLoggerFactory.Instance, TimeProvider.System);
    }

    public LocalMariaDb New { get; }

    public ContextHost Host { get; }

    public DonationRepositoryWrapper Donations => Host.Part<DonationsContext>().Donations;

    public static async Task<TwoServerWorld> StartAsync(CancellationToken cancellationToken)
    {
        var options = new LocalServerOptions { FlushLogAtCommit = 1 };
        var legacy = await LocalMariaDb.StartAsync(options, cancellationToken);
        LocalMariaDb? @new = null;
        try
        {
            @new = await LocalMariaDb.StartAsync(options, cancellationToken);
            var world = new TwoServerWorld(legacy, @new);
            await world.PrepareAsync(cancellationToken);
            return world;
        }
        catch
        {
            await legacy.DisposeAsync();
            await (@new?.DisposeAsync() ?? ValueTask.CompletedTask);
            throw;
        }
    }

    /// <summary>One step, its gates forced: they ask for reconciliations, which are not what is measured.</summary>
    public Task<StageView> StepAsync(bool forward, CancellationToken cancellationToken, IProgress<string>? progress = null)
    {
        var request = new CutoverRequest { Actor = "bench", Reason = "bench", Force = true };
        return forward
            ? Host.Cutover.AdvanceAsync(request, progress, cancellationToken)
            : Host.Cutover.BackAsync(request, progress, cancellationToken);
    }

    public async Task DrainAsync(SideName lead, CancellationToken cancellationToken)
    {
        while ((await Host.Sides.Of(lead).Journal.DepthAsync(cancellationToken)).Open > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await New.ThawAsync(CancellationToken.None);
        await _stop.CancelAsync();
        await _relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Host.DisposeAsync();
        await _legacy.DisposeAsync();
        await New.DisposeAsync();
        _stop.Dispose();
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        foreach (var server in new[] { _legacy, New })
        {
            await using var admin = MySqlDriver.CreateDataSource(server.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 });
            await using var connection = await admin.OpenAsync(cancellationToken);
            await BenchWorld.ExecuteAsync(connection, $"CREATE DATABASE {Database} CHARACTER SET utf8mb4", cancellationToken);
        }

        await using (var source = MySqlDriver.CreateDataSource(_legacy.ConnectionString(Database), new MySqlDataSourceOptions { MaxPoolSize = 1 }))
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            await LegacySchema.CreateAsync(connection, cancellationToken);
        }

        await Host.MigrateAsync(null, cancellationToken);
        await StepAsync(forward: true, cancellationToken);
        _relay = Host.Relay.RunAsync(_stop.Token);
    }
}
