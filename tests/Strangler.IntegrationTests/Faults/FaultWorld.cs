using System.Data.Common;
using System.Diagnostics;
using System.Security.Cryptography;
using Dapper;
using Strangler.Backfill;
using Strangler.Capture;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Journal;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// The donations context with each side on a server of its own, and short limits: what takes seconds in production takes tenths here. Each
/// replica may reach either side through a proxy.
/// </summary>
internal sealed class FaultWorld : IAsyncDisposable
{
    private const string Kind = DonationsContext.DonationKind;
    private const int MostAudited = 100_000;
    private const int MostExplained = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly string _suffix = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private readonly string _hashKey = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
    private readonly CancellationTokenSource _relayStop = new();
    private readonly List<Replica> _replicas = [];
    private readonly List<Task> _relays = [];
    private readonly StranglerConfiguration _configuration;
    private readonly bool _hasForeignWriters;

    private FaultWorld(FaultServer legacy, FaultServer @new, bool hasForeignWriters)
    {
        (Legacy, New, _hasForeignWriters) = (legacy, @new, hasForeignWriters);
        var settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.Legacy)] = legacy.Process.ConnectionString(DatabaseOf(SideName.Legacy)),
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New)] = @new.Process.ConnectionString(DatabaseOf(SideName.New)),
            ["STRANGLER_HASH_KEY"] = _hashKey,
        };
        Environment = settings;
        _configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, settings.GetValueOrDefault);
        Operator = Open();
    }

    public FaultServer Legacy { get; }

    public FaultServer New { get; }

    /// <summary>Variables under which a process of its own finds the same world.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>The replica that moves stages and reconciles, straight to both servers.</summary>
    public Replica Operator { get; }

    public LogBook Logs { get; } = new();

    /// <summary>Null, unless somebody wants to know what became of each donation.</summary>
    public Chronicle? Chronicle { get; private set; }

    /// <param name="stage">To begin with.</param>
    /// <param name="servers">Null: those that are shared.</param>
    /// <param name="hasForeignWriters">Whether other programs write to legacy, and are captured.</param>
    public static async Task<FaultWorld> CreateAsync(
        Stage stage, (FaultServer Legacy, FaultServer New)? servers = null, bool hasForeignWriters = false)
    {
        var (legacy, @new) = servers ?? await FaultServers.AcquireAsync();
        var world = new FaultWorld(legacy, @new, hasForeignWriters);
        await legacy.RunAsync($"CREATE DATABASE {world.DatabaseOf(SideName.Legacy)} CHARACTER SET utf8mb4");
        await @new.RunAsync($"CREATE DATABASE {world.DatabaseOf(SideName.New)} CHARACTER SET utf8mb4");
        await using (var connection = await world.OpenAsync(SideName.Legacy))
        {
            await LegacySchema.CreateAsync(connection);
        }

        await MigrationPlan.ApplyAsync(world._configuration, [DonationsContext.Name], null, CancellationToken.None);
        // Nothing is at fault yet: whoever is slow now is a busy machine.
        var patient = world.Open(changeSide: side => (side.ConnectTimeout, side.CommandTimeout, side.BackgroundCommandTimeout) = (Patience, Patience, Patience));
        if (hasForeignWriters)
        {
            await new CaptureService(patient.Runtime).InstallAsync("test", Patience, null, CancellationToken.None);
        }

        await world.MoveToAsync(stage, patient);
        return world;
    }

    public async Task KeepChronicleAsync()
    {
        Chronicle = new Chronicle(this);
        await Chronicle.InstallAsync();
    }

    public FaultServer ServerOf(SideName side) => side == SideName.Legacy ? Legacy : New;

    public string DatabaseOf(SideName side) => $"fault_{side.ToString().ToLowerInvariant()}_{_suffix}";

    /// <summary>Another replica, without a relay yet.</summary>
    public Replica Open(
        FaultProxy? legacy = null, FaultProxy? @new = null, TimeProvider? time = null, Action<ContextOptions>? change = null,
        Action<MySqlSideOptions>? changeSide = null)
    {
        var options = new ContextOptions
        {
            PauseBudget = TimeSpan.FromSeconds(3),
            InlineApplyTimeout = TimeSpan.FromMilliseconds(200),
            RelayPoll = TimeSpan.FromMilliseconds(50),
            RelayLease = TimeSpan.FromSeconds(3),
            FenceLockTimeout = TimeSpan.FromSeconds(1),
            FlipDeadline = TimeSpan.FromSeconds(10),
            ShadowReadMinimum = 0,
            ForeignWritersNone = !_hasForeignWriters,
        };
        change?.Invoke(options);
        var replica = new Replica(
            Side(SideName.Legacy, legacy), Side(SideName.New, @new), options, ContextCatalog.LoadMapping(_configuration, DonationsContext.Name),
            Convert.FromHexString(_hashKey), time ?? TimeProvider.System, Logs);
        _replicas.Add(replica);
        return replica;

        MySqlSideOptions Side(SideName side, FaultProxy? proxy)
        {
            var made = new MySqlSideOptions
            {
                ConnectionString = ServerOf(side).ConnectionString(DatabaseOf(side), proxy?.Port),
                ConnectTimeout = TimeSpan.FromSeconds(1),
                CommandTimeout = TimeSpan.FromSeconds(2),
                BackgroundCommandTimeout = TimeSpan.FromSeconds(5),
                LockTimeout = TimeSpan.FromSeconds(1),
                TransactionDeadline = TimeSpan.FromSeconds(2),
            };
            changeSide?.Invoke(made);
            return made;
        }
    }

    /// <summary>Runs a replica's relay until the end of the test.</summary>
    public Replica WithRelay(Replica replica)
    {
        _relays.Add(replica.Relay.RunAsync(_relayStop.Token));
        return replica;
    }

    /// <param name="stage">Where to.</param>
    /// <param name="by">Null: the operator.</param>
    public async Task MoveToAsync(Stage stage, Replica? by = null)
    {
        by ??= Operator;
        while (await by.Cutover.StatusAsync(CancellationToken.None) is var view && view.Stage != stage)
        {
            if (view.Stage == Stage.DualWrite && stage > Stage.DualWrite)
            {
                await new BackfillJob(by.Runtime, new BackfillOptions()).RunAsync(Kind, null, CancellationToken.None);
            }

            if (view.Stage is Stage.DualWrite or Stage.ShadowRead && stage > view.Stage)
            {
                await DrainAsync();
                await ReconcileAsync(by);
            }

            await StepAsync(stage > view.Stage, by);
        }
    }

    public Task<StageView> StepAsync(bool forward, Replica? by = null)
    {
        var request = new CutoverRequest { Actor = "test", Reason = "test" };
        return forward
            ? (by ?? Operator).Cutover.AdvanceAsync(request, null, CancellationToken.None)
            : (by ?? Operator).Cutover.BackAsync(request, null, CancellationToken.None);
    }

    /// <summary>Without regard to the writers, who write all the while.</summary>
    public Task<ReconciliationReport> ReconcileAsync(Replica? by = null) =>
        new Reconciler((by ?? Operator).Runtime, new ReconciliationOptions { GentleAbove = 0, MaxThreadsRunning = 0 }).RunAsync(
            new ReconciliationScope { Kind = Kind }, null, CancellationToken.None);

    public Task<JournalDepth> DepthAsync(SideName lead) => Operator.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None);

    public async Task<SideName> LeadAsync() => (await Operator.Cutover.StatusAsync(CancellationToken.None)).Lead;

    /// <summary>Waits for the relays, with one of the operator's beside them.</summary>
    public async Task DrainAsync()
    {
        var lead = await LeadAsync();
        await UntilAsync("the journal is empty", async () =>
        {
            await Operator.Relay.DrainAsync(CancellationToken.None);
            return await DepthAsync(lead) is { Open: 0 } && (!_hasForeignWriters || await DepthAsync(SideName.Legacy) is { Open: 0 });
        });
    }

    /// <summary>Until somebody waits for a row of a side.</summary>
    public async Task UntilLockWaitAsync(SideName side)
    {
        await using var connection = await OpenAsync(side);
        await UntilAsync("somebody waits for a lock", async () => (await connection.QuerySingleAsync<(string, long Count)>(
            "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")).Count > 0);
    }

    public static Task UntilAsync(string what, Func<bool> condition) => UntilAsync(what, () => Task.FromResult(condition()));

    public static async Task UntilAsync(string what, Func<Task<bool>> condition)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(Patience), what);
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    /// <summary>
    /// What every fault must leave behind: after the relays have drained, both sides are identical, everything acknowledged is there,
    /// everything refused is not, nothing is there twice, and the id map is a bijection.
    /// </summary>
    /// <param name="load">The writers and what they were told.</param>
    /// <param name="isOthers">Donations of somebody else, which the load's ledger does not know.</param>
    public async Task AssertNothingLostAsync(FaultLoad load, Func<Donation, bool>? isOthers = null)
    {
        await load.EndAsync();
        await DrainAsync();
        Assert.That((await DepthAsync(await LeadAsync())).Parked, Is.Zero);
        var report = await ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        await AssertBijectionAsync();
        await AssertLedgerAsync(load, isOthers);
    }

    /// <summary>The ledger against the side that leads.</summary>
    public async Task AssertLedgerAsync(FaultLoad load, Func<Donation, bool>? isOthers = null)
    {
        List<Donation> stored = [];
        foreach (var id in await IdsAsync(await LeadAsync()))
        {
            stored.Add((await Operator.Donations.FindAsync(id, CancellationToken.None))!);
        }

        var wrong = load.Ledger.Differences([.. stored.Where(donation => isOthers?.Invoke(donation) != true)], await DecisionsAsync());
        Assert.That(wrong, Is.Empty, string.Join('\n', await ExplainAsync(load.Ledger, wrong)));
    }

    private async Task<IReadOnlyList<string>> ExplainAsync(Ledger ledger, IReadOnlyList<(long Id, string What)> wrong)
    {
        if (wrong.Count == 0)
        {
            return [];
        }

        List<string> lines = [.. wrong.Select(one => one.What)];
        var trail = await TrailAsync();
        foreach (var id in wrong.Select(one => one.Id).Where(id => id != 0).Distinct().Take(MostExplained))
        {
            var key = new EntityKey(Kind, id);
            var known = ledger.Events(id)
                .Concat(trail.Where(entry => entry.Action != "merge" || IsOf(key, entry))
                    .Select(entry => (entry.AtUtc, $"{entry.Action} {entry.From} -> {entry.To} epoch {entry.Epoch}: {entry.Reason}; {entry.Detail}")));
            lines.Add($"--- {key}, log: {string.Join(", ", (await Operator.Donations.FindAsync(id, CancellationToken.None))?.Log.Select(line => line.Message) ?? [])}");
            lines.AddRange(Chronicle is null ? known.Select(one => $"{one.AtUtc:HH:mm:ss.ffffff} {one.Item2}") : await Chronicle.TellAsync(id, known));
        }

        return lines;
    }

    private async Task<IReadOnlyList<AuditEntry>> TrailAsync() =>
    [
        .. await Operator.Sides.Legacy.Audit.ListAsync(MostAudited, CancellationToken.None),
        .. await Operator.Sides.New.Audit.ListAsync(MostAudited, CancellationToken.None),
    ];

    private static bool IsOf(EntityKey key, AuditEntry entry) => entry.Detail.StartsWith($"{key}:", StringComparison.Ordinal);

    // The mapping says that legacy decides whether a donation exists: what another program has written to there is not gone because the new
    // side deleted it at the same time; then it is as legacy had it. The audit trail has each such decision.
    private async Task<IReadOnlyCollection<MergeDecision>> DecisionsAsync() => _hasForeignWriters
        ? [.. (await Operator.Sides.New.Audit.ListAsync(MostAudited, CancellationToken.None)).Select(MergeDecision.Of).OfType<MergeDecision>()]
        : [];

    /// <summary>Public ids of what a side holds.</summary>
    public async Task<IReadOnlyList<long>> IdsAsync(SideName side)
    {
        await using var connection = await OpenAsync(side);
        return [.. await connection.QueryAsync<long>(side == SideName.Legacy
            ? "SELECT id FROM spenden ORDER BY id"
            : "SELECT m.public_id FROM donation d JOIN strangler_id_map m ON m.new_id = d.id ORDER BY m.public_id")];
    }

    /// <summary>An administrator's connection to a side's database.</summary>
    public async Task<DbConnection> OpenAsync(SideName side)
    {
        var source = MySqlDriver.CreateDataSource(ServerOf(side).Process.ConnectionString(DatabaseOf(side)), new MySqlDataSourceOptions());
        return await source.OpenAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var side in Enum.GetValues<SideName>())
        {
            await ServerOf(side).HealAsync();
        }

        await _relayStop.CancelAsync();
        await Task.WhenAll(_relays).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var replica in _replicas)
        {
            await replica.DisposeAsync();
        }

        foreach (var side in Enum.GetValues<SideName>())
        {
            await ServerOf(side).RunAsync($"DROP DATABASE {DatabaseOf(side)}");
        }

        _relayStop.Dispose();
    }

    private async Task AssertBijectionAsync()
    {
        await using var connection = await OpenAsync(SideName.New);
        var (pairs, publicIds, newIds, rows, mapped) = await connection.QuerySingleAsync<(long, long, long, long, long)>("""
            SELECT COUNT(*), COUNT(DISTINCT public_id), COUNT(DISTINCT new_id), (SELECT COUNT(*) FROM donation),
                (SELECT COUNT(*) FROM donation d JOIN strangler_id_map m ON m.new_id = d.id) FROM strangler_id_map
            """);
        Assert.That((publicIds, newIds), Is.EqualTo((pairs, pairs)), "the id map is one to one");
        Assert.That(mapped, Is.EqualTo(rows), "each donation of the new side has its public id");
        Assert.That(await IdsAsync(SideName.New), Is.EqualTo(await IdsAsync(SideName.Legacy)), "ids of both sides");
    }
}

/// <summary>One replica of a frontend: caches and connections of its own.</summary>
internal sealed class Replica : IAsyncDisposable
{
    private readonly MySqlSideOptions _legacy;
    private readonly Func<ValueTask> _close;

    public Replica(
        MySqlSideOptions legacy, MySqlSideOptions @new, ContextOptions options,
        IReadOnlyDictionary<string, CompiledMapping> mappings, byte[] hashKey, TimeProvider time, LogBook logs)
        : this(
            legacy,
            MySqlSides.Create(
                legacy, @new, DonationsContext.Name, mappings.ToDictionary(mapping => mapping.Key, mapping => (mapping.Value.Legacy.Layout, mapping.Value.New.Layout))),
            () => MySqlSides.CloseAsync(@new), options, mappings, hashKey, time, logs)
    {
    }

    /// <summary>With a new side on another kind of server.</summary>
    public Replica(
        MySqlSideOptions legacy, ContextSides sides, Func<ValueTask> closeNew, ContextOptions options,
        IReadOnlyDictionary<string, CompiledMapping> mappings, byte[] hashKey, TimeProvider time, LogBook logs)
    {
        (_legacy, _close, Sides) = (legacy, closeNew, sides);
        var parts = DonationsContext.Definition.Compose(Sides, mappings);
        var hasher = new FieldHasher(hashKey, mappings.Values.Max(mapping => mapping.Version));
        Runtime = new ContextRuntime(Sides, parts.Kinds, options, hasher, time, logs);
        var writer = new DualWriter(Runtime);
        Relay = new Relay(Runtime);
        Cutover = new CutoverService(Runtime);
        parts.Attach(Runtime, writer);
        Donations = ((DonationsContext)parts.Part).Donations;
    }

    /// <summary>Of either side.</summary>
    public MySqlSideOptions Limits => _legacy;

    public ContextSides Sides { get; }

    public ContextRuntime Runtime { get; }

    public Relay Relay { get; }

    public CutoverService Cutover { get; }

    public DonationRepositoryWrapper Donations { get; }

    public async ValueTask DisposeAsync()
    {
        await MySqlSides.CloseAsync(_legacy);
        await _close();
    }
}
