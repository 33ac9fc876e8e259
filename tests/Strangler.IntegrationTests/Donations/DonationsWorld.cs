using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using Dapper;
using Strangler.Backfill;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Donations;

/// <summary>The donations context on two fresh databases: legacy tables as in production, everything else as an installation has it.</summary>
internal sealed class DonationsWorld : IAsyncDisposable
{
    public const string OneTransaction =
        """{ "shadowReadSample": 1, "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "schemaCheckInterval": "100ms", "foreignWriterQuiet": "0s", "oneTransaction": true }""";

    private const string Usual = """{ "shadowReadSample": 1, "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "schemaCheckInterval": "100ms", "foreignWriterQuiet": "0s" }""";

    private readonly TestDatabase _legacy;
    private readonly TestDatabase _new;
    private readonly List<ContextHost> _hosts = [];
    private readonly StranglerConfiguration _configuration;

    private DonationsWorld(TestDatabase legacy, TestDatabase @new, string? options)
    {
        (_legacy, _new) = (legacy, @new);
        ConfigFile = Path.Combine(Directory.CreateTempSubdirectory("strangler-test-").FullName, "strangler.json");
        File.WriteAllText(
            ConfigFile,
            $$"""{ "contexts": { "donations": { "options": {{options ?? Usual}} } } }""");
        _configuration = StranglerConfiguration.Load(ConfigFile, ContextCatalog.Names, name => Environment.TryGetValue(name, out var value) ? value : null);
        Host = Open();
    }

    /// <summary>The first replica.</summary>
    public ContextHost Host { get; }

    /// <summary>Everything that all replicas have logged, exceptions in full.</summary>
    public LogBook Logs { get; } = new();

    public string ConfigFile { get; }

    public string Migrations => _configuration.Migrations;

    public TestDatabase LegacyDatabase => _legacy;

    public TestDatabase NewDatabase => _new;

    /// <summary>Variables under which the command line finds the same world.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.Legacy)] = _legacy.ConnectionString,
        [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New)] = _new.ConnectionString,
        ["STRANGLER_HASH_KEY"] = HashKey,
    };

    private string HashKey { get; } = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));

    public DonationsContext Donations => Host.Part<DonationsContext>();

    /// <param name="migrate">Whether both sides are migrated.</param>
    /// <param name="options">The context's options, as JSON.</param>
    /// <param name="legacy">Legacy's database, on a server of its own; null: on the shared one.</param>
    /// <param name="capture">Whether capture is installed, once migrated.</param>
    public static async Task<DonationsWorld> CreateAsync(
        bool migrate = true, string? options = null, TestDatabase? legacy = null, bool capture = true)
    {
        var world = new DonationsWorld(
            legacy ?? await TestServers.CreateDatabaseAsync("donations_legacy"), await TestServers.CreateDatabaseAsync("donations_new"), options);
        await using (var connection = await world._legacy.OpenAsync())
        {
            await LegacySchema.CreateAsync(connection);
        }

        if (migrate)
        {
            await world.Host.MigrateAsync(null, CancellationToken.None);
        }

        if (migrate && capture)
        {
            await world.InstallCaptureAsync();
        }

        return world;
    }

    public Task<int> InstallCaptureAsync() =>
        Host.Capture.InstallAsync("test", TimeSpan.FromSeconds(30), null, CancellationToken.None);

    /// <summary>Another replica: its own caches and connections.</summary>
    public ContextHost Open(Hook? hook = null)
    {
        var host = ContextHost.Open(_configuration, DonationsContext.Name, Logs, TimeProvider.System, hook);
        _hosts.Add(host);
        return host;
    }

    /// <summary>Fills legacy as the generator does.</summary>
    public async Task<IReadOnlyList<LegacyDonation>> FillAsync(int rows, int seed = 1, bool includeUnreadable = false)
    {
        var generator = new LegacyDonationGenerator(new LegacyDonationOptions { Rows = rows, Seed = seed, IncludeUnreadable = includeUnreadable });
        await generator.WriteAsync(_legacy.Source.OpenAsync);
        return [.. generator.Generate()];
    }

    /// <summary>Moves to a stage, step by step, through whatever lies in between; opens gates as an operator would.</summary>
    public async Task MoveToAsync(Stage stage)
    {
        while (await Host.Cutover.StatusAsync(CancellationToken.None) is var view && view.Stage != stage)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", TypedConfirmation = DonationsContext.Name };
            if (view.Stage < stage)
            {
                await OpenGatesAsync(view.Stage + 1);
                await Host.Cutover.AdvanceAsync(request, null, CancellationToken.None);
            }
            else
            {
                await Host.Cutover.BackAsync(request, null, CancellationToken.None);
            }
        }
    }

    /// <summary>Backfills, signs off the quarantine, drains and reconciles: what stands before most stages.</summary>
    public async Task OpenGatesAsync(Stage target)
    {
        if (target is Stage.ShadowRead)
        {
            await BackfillAsync();
            await Host.Sides.Quarantine.SignOffAsync(DonationsContext.DonationKind, null, "test", "damaged on purpose", CancellationToken.None);
        }

        if (target > Stage.DualWrite)
        {
            await Host.Relay.DrainAsync(CancellationToken.None);
            await ReconcileAsync();
        }
    }

    public Task<BackfillResult> BackfillAsync() =>
        new BackfillJob(Host.Runtime, new BackfillOptions()).RunAsync(DonationsContext.DonationKind, null, CancellationToken.None);

    public Task<ReconciliationReport> ReconcileAsync() =>
        Host.Reconciler().RunAsync(new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None);

    /// <summary>The record that a side holds, null when it holds none.</summary>
    public async Task<Record?> RecordAsync(SideName side, long id)
    {
        var repository = Host.Runtime.Kind(DonationsContext.DonationKind).Of(side);
        var state = await repository.Store.ReadAsync(new EntityKey(DonationsContext.DonationKind, id), CancellationToken.None);
        return state.Row is null ? null : repository.Lens.Get(state.Row);
    }

    /// <summary>Every byte that legacy stores of a donation, companions included, one line a column.</summary>
    public async Task<string> LegacyBytesAsync(long id)
    {
        await using var connection = await _legacy.OpenAsync();
        var lines = new List<string>();
        foreach (var (sql, name) in new[]
                 {
                     ("SELECT * FROM spenden WHERE id = @id", "spenden"),
                     ("SELECT p.* FROM donation_payment p JOIN spenden s ON s.payment_id = p.id WHERE s.id = @id", "donation_payment"),
                     ("SELECT p.* FROM donation_payment_sofort p JOIN spenden s ON s.payment_id = p.id WHERE s.id = @id", "donation_payment_sofort"),
                     ("SELECT * FROM donation_notification_log WHERE donation_id = @id", "donation_notification_log"),
                 })
        {
            lines.AddRange(await ColumnsAsync(connection, sql, name, id));
        }

        return string.Join('\n', lines);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(ConfigFile)!, recursive: true);
    }

    // Each value as hexadecimal of its stored bytes: no driver, no character set and no date type stands in between.
    private static async Task<List<string>> ColumnsAsync(DbConnection connection, string sql, string table, long id)
    {
        var columns = (await connection.QueryAsync<string>(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = @table ORDER BY ordinal_position",
            new { table })).ToList();
        var hexadecimal = string.Join(", ", columns.Select(column => $"HEX(q.`{column}`) AS `{column}`"));
        var lines = new List<string>();
        foreach (IDictionary<string, object?> row in await connection.QueryAsync($"SELECT {hexadecimal} FROM ({sql}) AS q", new { id }))
        {
            lines.AddRange(row.Select(cell => string.Create(CultureInfo.InvariantCulture, $"{table}.{cell.Key}={cell.Value ?? "NULL"}")));
        }

        return lines;
    }
}
