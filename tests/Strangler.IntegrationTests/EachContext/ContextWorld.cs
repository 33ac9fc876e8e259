using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using Dapper;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Postgres;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>A generated legacy row as the contracts see it.</summary>
/// <param name="Id">The public id.</param>
/// <param name="Kinds">Which states and oddities it shows.</param>
/// <param name="IsUnreadable">Whether it is damaged on purpose.</param>
internal sealed record LegacyExample(long Id, IReadOnlyList<string> Kinds, bool IsUnreadable);

/// <summary>One context on two fresh databases: legacy tables as in production, everything else as an installation has it.</summary>
/// <param name="name">The context.</param>
/// <param name="kind">Its kind of entity.</param>
internal abstract class ContextWorld : IAsyncDisposable
{
    public const string OneTransaction =
        """{ "shadowReadSample": 1, "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "schemaCheckInterval": "100ms", "foreignWriterQuiet": "0s", "oneTransaction": true }""";

    private const string Usual = """{ "shadowReadSample": 1, "shadowReadMinimum": 0, "relayPoll": "100ms", "fenceLockTimeout": "5s", "schemaCheckInterval": "100ms", "foreignWriterQuiet": "0s" }""";

    private readonly List<ContextHost> _hosts = [];
    private readonly StranglerConfiguration _configuration;

    protected ContextWorld(string name, string kind, TestDatabase legacy, TestDatabase @new, string? options)
    {
        (Name, Kind, LegacyDatabase, NewDatabase) = (name, kind, legacy, @new);
        ConfigFile = Path.Combine(Directory.CreateTempSubdirectory("strangler-test-").FullName, "strangler.json");
        File.WriteAllText(ConfigFile, $$"""{ "contexts": { "{{name}}": { "options": {{options ?? Usual}} } } }""");
        _configuration = StranglerConfiguration.Load(ConfigFile, ContextCatalog.Names, variable => Environment.GetValueOrDefault(variable));
        Host = Open();
    }

    public string Name { get; }

    public string Kind { get; }

    /// <summary>The first replica.</summary>
    public ContextHost Host { get; }

    /// <summary>Everything that all replicas have logged, exceptions in full.</summary>
    public LogBook Logs { get; } = new();

    public string ConfigFile { get; }

    public string Migrations => _configuration.Migrations;

    public TestDatabase LegacyDatabase { get; }

    public TestDatabase NewDatabase { get; }

    /// <summary>Variables under which the command line finds the same world.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        [StranglerConfiguration.VariableOf(Name, SideName.Legacy)] = LegacyDatabase.ConnectionString,
        [StranglerConfiguration.VariableOf(Name, SideName.New)] = NewDatabase.ConnectionString,
        ["STRANGLER_HASH_KEY"] = HashKey,
    };

    private string HashKey { get; } = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));

    /// <summary>Fills legacy as the generator does.</summary>
    public abstract Task<IReadOnlyList<LegacyExample>> FillExamplesAsync(int rows, int seed = 1, bool includeUnreadable = false);

    public Task<int> InstallCaptureAsync() =>
        Host.Capture.InstallAsync("test", TimeSpan.FromSeconds(30), null, CancellationToken.None);

    /// <summary>Another replica: its own caches and connections.</summary>
    public ContextHost Open(Hook? hook = null, Action<MySqlSideOptions>? tune = null, Action<PostgresSideOptions>? tunePostgres = null)
    {
        var host = ContextHost.Open(_configuration, Name, Logs, TimeProvider.System, hook, tune, tunePostgres);
        _hosts.Add(host);
        return host;
    }

    /// <summary>Moves to a stage, step by step, through whatever lies in between; opens gates as an operator would.</summary>
    public async Task MoveToAsync(Stage stage)
    {
        while (await Host.Cutover.StatusAsync(CancellationToken.None) is var view && view.Stage != stage)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", TypedConfirmation = Name };
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
            foreach (var kind in Host.Runtime.Kinds.Keys)
            {
                await BackfillAsync(kind);
                await Host.Sides.Quarantine.SignOffAsync(kind, null, "test", "damaged on purpose", CancellationToken.None);
            }
        }

        if (target > Stage.DualWrite)
        {
            await Host.Relay.DrainAsync(CancellationToken.None);
            foreach (var kind in Host.Runtime.Kinds.Keys)
            {
                await ReconcileAsync(kind);
            }
        }
    }

    /// <summary>Of the context's kind, or of another that it has.</summary>
    public Task<BackfillResult> BackfillAsync(string? kind = null) =>
        new BackfillJob(Host.Runtime, new BackfillOptions()).RunAsync(kind ?? Kind, null, CancellationToken.None);

    /// <summary>In full, without regard to writers: a load that writes all the while would else outgrow a slow machine's run.</summary>
    public Task<ReconciliationReport> ReconcileAsync(string? kind = null) =>
        Host.Reconciler(Hasty(Host)).RunAsync(new ReconciliationScope { Kind = kind ?? Kind }, null, CancellationToken.None);

    /// <summary>Of a reconciliation without regard to writers.</summary>
    public static ReconciliationOptions Hasty(ContextHost host)
    {
        var options = host.ReconciliationOptions;
        (options.GentleAbove, options.MaxThreadsRunning) = (0, 0);
        return options;
    }

    /// <summary>The record that a side holds, null when it holds none.</summary>
    public async Task<Record?> RecordAsync(SideName side, long id)
    {
        var repository = Host.Runtime.Kind(Kind).Of(side);
        var state = await repository.Store.ReadAsync(new EntityKey(Kind, id), CancellationToken.None);
        return state.Row is null ? null : repository.Lens.Get(state.Row);
    }

    /// <summary>Another program on the legacy database, which knows nothing of us.</summary>
    public async Task<int> RunForeignAsync(string sql)
    {
        await using var connection = await LegacyDatabase.OpenAsync();
        return await connection.ExecuteAsync(sql);
    }

    /// <summary>Every byte that legacy stores of an entity, companions included, one line a column.</summary>
    public async Task<string> LegacyBytesAsync(long id)
    {
        await using var connection = await LegacyDatabase.OpenAsync();
        var lines = new List<string>();
        foreach (var (sql, name) in LegacyRows)
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

        await NewDatabase.DisposeAsync();
        await LegacyDatabase.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(ConfigFile)!, recursive: true);
    }

    /// <summary>Creates the legacy tables, migrates and installs capture, as far as wanted; returns the world itself.</summary>
    protected static async Task<TWorld> PrepareAsync<TWorld>(
        TWorld world, Func<DbConnection, Task> createLegacy, bool migrate = true, bool capture = true)
        where TWorld : ContextWorld
    {
        await using (var connection = await world.LegacyDatabase.OpenAsync())
        {
            await createLegacy(connection);
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

    /// <summary>The rows of an entity in each of its legacy tables, by <c>@id</c>.</summary>
    protected abstract IReadOnlyList<(string Sql, string Table)> LegacyRows { get; }

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
