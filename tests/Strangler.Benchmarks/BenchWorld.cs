using System.Data.Common;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.LocalServers;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>The donations context on a private server that writes its log to the disk at every commit; legacy is filled by the generator.</summary>
internal sealed class BenchWorld : IAsyncDisposable
{
    public const string Kind = DonationsContext.DonationKind;

    private readonly MySqlServer _server;
    private readonly string _suffix = RandomNumberGenerator.GetHexString(8, lowercase: true);

    private BenchWorld(MySqlServer server)
    {
        _server = server;
        Legacy = MySqlDriver.CreateDataSource(server.ConnectionString(LegacyDatabase), new MySqlDataSourceOptions { MaxPoolSize = 10 });
        New = MySqlDriver.CreateDataSource(server.ConnectionString(NewDatabase), new MySqlDataSourceOptions { MaxPoolSize = 10 });
        Settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.Legacy)] = server.ConnectionString(LegacyDatabase),
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New)] = server.ConnectionString(NewDatabase),
            ["STRANGLER_HASH_KEY"] = Convert.ToHexString(RandomNumberGenerator.GetBytes(32)),
        };
        (Host, Joint) = (Open(oneTransaction: false), Open(oneTransaction: true));

        ContextHost Open(bool oneTransaction)
        {
            var configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, name => Settings.GetValueOrDefault(name));
            configuration.Contexts[DonationsContext.Name].Options.OneTransaction = oneTransaction;
            return ContextHost.Open(configuration, DonationsContext.Name, NullLoggerFactory.Instance, TimeProvider.System);
        }
    }

    public string LegacyDatabase => $"strangler_bench_legacy_{_suffix}";

    public string NewDatabase => $"strangler_bench_new_{_suffix}";

    public ContextHost Host { get; }

    /// <summary>Variables under which another process finds this world.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>The same context, which writes both sides in one transaction.</summary>
    public ContextHost Joint { get; }

    public DonationsContext Donations => Host.Part<DonationsContext>();

    public CompiledMapping Mapping => Host.Mappings[Kind];

    /// <summary>Connections past the engine.</summary>
    public MySqlDataSource Legacy { get; }

    public MySqlDataSource New { get; }

    public AggregateSql LegacySql => field ??= SqlOf(Mapping.Legacy.Layout, SideName.Legacy);

    public AggregateSql NewSql => field ??= SqlOf(Mapping.New.Layout, SideName.New);

    private static AggregateSql SqlOf(AggregateLayout layout, SideName side) =>
        new(DonationsContext.Name, Kind, new Dictionary<string, AggregateLayout> { [Kind] = layout }, side);

    public static async Task<BenchWorld> StartAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var server = await MySqlServer.AcquireAsync(new LocalServerOptions { BufferPoolMegabytes = 1024, FlushLogAtCommit = 1 }, cancellationToken);
        var world = new BenchWorld(server);
        try
        {
            await world.FillAsync(options, cancellationToken);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ids of donations that both sides can hold a change of, all over the table.</summary>
    public async Task<IReadOnlyList<long>> IdsAsync(int count, CancellationToken cancellationToken)
    {
        var bounds = await Host.Sides.Legacy.Store.BoundsAsync(Kind, cancellationToken);
        var step = Math.Max(1, (bounds.To - bounds.From) / (count * 2));
        List<long> ids = [];
        for (var id = bounds.From; id <= bounds.To && ids.Count < count; id += step)
        {
            if (await Donations.CanBeChangedAsync(id, cancellationToken))
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    public async Task MoveToDualWriteAsync(CancellationToken cancellationToken)
    {
        if ((await Host.Cutover.StatusAsync(cancellationToken)).Stage == Stage.LegacyOnly)
        {
            await Host.Cutover.AdvanceAsync(
                new CutoverRequest { Actor = "bench", Reason = "bench", TypedConfirmation = DonationsContext.Name }, null, cancellationToken);
        }
    }

    public Task InstallCaptureAsync(CancellationToken cancellationToken) =>
        Host.Capture.InstallAsync("bench", TimeSpan.FromSeconds(30), null, cancellationToken);

    public async Task BackfillAsync(CancellationToken cancellationToken)
    {
        await InstallCaptureAsync(cancellationToken);
        await new Backfill.BackfillJob(Host.Runtime, new Backfill.BackfillOptions()).RunAsync(Kind, null, cancellationToken);
    }

    /// <summary>The new side as before any backfill.</summary>
    public async Task EmptyNewAsync(CancellationToken cancellationToken)
    {
        await using var connection = await New.OpenAsync(cancellationToken);
        var tables = Mapping.New.Layout.Tables.Select(table => table.Name)
            .Concat(["strangler_entity", "strangler_id_map", "strangler_backfill", "strangler_quarantine"]);
        var text = string.Concat(tables.Select(table => $"TRUNCATE `{table}`; "));
        await ExecuteAsync(connection, $"SET foreign_key_checks = 0; {text}ALTER TABLE donation AUTO_INCREMENT = 1000000001; SET foreign_key_checks = 1", cancellationToken);
    }

    public async Task<string> ServerVersionAsync(CancellationToken cancellationToken)
    {
        await using var connection = await New.OpenAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT VERSION()";
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task ExecuteAsync(DbConnection connection, string text, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = text;
        command.CommandTimeout = 120;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Runs a command that was put together ahead, and takes in all of its results.</summary>
    public static async Task<object?> ReadAsync(DbConnection connection, Batch batch, CancellationToken cancellationToken)
    {
        await using var command = batch.ToCommand(connection, TimeSpan.FromSeconds(120));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        object? first = null;
        do
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                for (var i = 0; i < reader.FieldCount; i++)
                {
                    var value = reader.GetValue(i);
                    first ??= value;
                }
            }
        }
        while (await reader.NextResultAsync(cancellationToken));
        return first;
    }

    public static async Task RunAsync(DbConnection connection, Batch batch, CancellationToken cancellationToken)
    {
        await using var command = batch.ToCommand(connection, TimeSpan.FromSeconds(120));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await Joint.DisposeAsync();
        await Host.DisposeAsync();
        await Legacy.DisposeAsync();
        await New.DisposeAsync();
        if (_server.Local is null)
        {
            await using var source = MySqlDriver.CreateDataSource(_server.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 });
            await using var connection = await source.OpenAsync(CancellationToken.None);
            await ExecuteAsync(
                connection, $"DROP DATABASE IF EXISTS strangler_bench_legacy_{_suffix}; DROP DATABASE IF EXISTS strangler_bench_new_{_suffix}", CancellationToken.None);
        }

        await _server.DisposeAsync();
    }

    private async Task FillAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        await using (var source = MySqlDriver.CreateDataSource(_server.ConnectionString(), new MySqlDataSourceOptions { MaxPoolSize = 1 }))
        await using (var connection = await source.OpenAsync(cancellationToken))
        {
            await ExecuteAsync(
                connection,
                $"CREATE DATABASE strangler_bench_legacy_{_suffix} CHARACTER SET utf8mb4; CREATE DATABASE strangler_bench_new_{_suffix} CHARACTER SET utf8mb4",
                cancellationToken);
        }

        await using (var connection = await Legacy.OpenAsync(cancellationToken))
        {
            await LegacySchema.CreateAsync(connection, cancellationToken);
        }

        await new LegacyDonationGenerator(new LegacyDonationOptions { Rows = options.Rows, Seed = 1, IncludeUnreadable = false })
            .WriteAsync(Legacy.OpenAsync, null, cancellationToken);
        await Host.MigrateAsync(null, cancellationToken);
    }
}
