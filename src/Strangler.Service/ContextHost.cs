using Microsoft.Extensions.Logging;
using Strangler.Capture;
using Strangler.Contexts;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.MySql;
using Strangler.Postgres;
using Strangler.Reconciliation;
using Strangler.Service.Background;
using Strangler.Service.Configuration;

namespace Strangler.Service;

/// <summary>One context, opened: mapping, both sides, and the services over them. Connects to nothing before its first use.</summary>
public sealed class ContextHost : IAsyncDisposable
{
    private readonly StranglerConfiguration _configuration;
    private readonly SidePair _databases;
    private readonly ContextParts _parts;
    private readonly Neighbourhood _neighbours;
    private readonly Lock _adopting = new();
    private TaskCompletionSource _adopted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ContextConfiguration _settings;

    private ContextHost(
        StranglerConfiguration configuration,
        SidePair databases,
        IReadOnlyDictionary<string, CompiledMapping> mappings,
        ContextSides sides,
        ContextParts parts,
        ContextRuntime runtime,
        Neighbourhood neighbours)
    {
        (_configuration, _databases, _parts, _neighbours) = (configuration, databases, parts, neighbours);
        (Mappings, Sides, Runtime) = (mappings, sides, runtime);
        _settings = configuration.Contexts[sides.Context];
        Writer = new DualWriter(runtime);
        Relay = new Relay(runtime);
        Cutover = new CutoverService(runtime);
        Capture = new CaptureService(runtime);
        parts.Attach(runtime, Writer);
    }

    public string Name => Sides.Context;

    /// <summary>Server and database of legacy, without secrets: contexts with the same one share it.</summary>
    public string LegacyDatabase => _databases.Legacy.Migrations(SideName.Legacy).Display;

    /// <summary>Compiled mappings by kind.</summary>
    public IReadOnlyDictionary<string, CompiledMapping> Mappings { get; }

    public ContextSides Sides { get; }

    public ContextRuntime Runtime { get; }

    public DualWriter Writer { get; }

    public Relay Relay { get; }

    public CutoverService Cutover { get; }

    public CaptureService Capture { get; }

    /// <summary>Opens a context by configuration. Throws <see cref="ConfigurationException"/> and <see cref="MappingException"/> with every error.</summary>
    /// <param name="configuration">Which is kept, for migrations.</param>
    /// <param name="context">Its name.</param>
    /// <param name="loggers">Of all its services.</param>
    /// <param name="time">The clock of all its services.</param>
    /// <param name="hook">Stops the process at its steps, for tests.</param>
    /// <param name="tune">Changes the limits of sides in MySQL or MariaDB before the first connection.</param>
    /// <param name="tunePostgres">Likewise of one in PostgreSQL.</param>
    public static ContextHost Open(
        StranglerConfiguration configuration,
        string context,
        ILoggerFactory loggers,
        TimeProvider time,
        Hook? hook = null,
        Action<MySqlSideOptions>? tune = null,
        Action<PostgresSideOptions>? tunePostgres = null)
    {
        var definition = ContextCatalog.Find(context);
        var mappings = ContextCatalog.LoadMapping(configuration, context);
        List<string> errors = [];
        var hashKey = Collect(errors, configuration.HashKey);
        var databases = Databases(configuration, context, time, errors, tune, tunePostgres);
        if (errors.Count > 0)
        {
            throw new ConfigurationException(errors);
        }

        if (databases!.New.RefusesNul)
        {
            mappings = mappings.ToDictionary(mapping => mapping.Key, mapping => mapping.Value.RefusingNul(), StringComparer.Ordinal);
        }

        if (databases.Legacy.RefusesNul)
        {
            mappings = mappings.ToDictionary(mapping => mapping.Key, mapping => mapping.Value.RefusingOdditiesInLegacy(), StringComparer.Ordinal);
        }

        ContextSides sides;
        try
        {
            sides = databases.Create(
                context, mappings.ToDictionary(mapping => mapping.Key, mapping => (mapping.Value.Legacy.Layout, mapping.Value.New.Layout)), hook);
        }
        catch (ArgumentException exception)
        {
            throw NotOnSuchAServer(configuration, context, databases.Legacy, exception);
        }

        var options = configuration.Contexts[context].Options;
        if (options.OneTransaction && databases.JointProblem is { } problem)
        {
            throw NotInOneTransaction(context, problem);
        }

        options.ForeignWritersNone = mappings.Values.All(mapping => mapping.ForeignWriters is not null);
        ContextParts parts;
        try
        {
            parts = definition.Compose(sides, mappings);
        }
        catch (NotSupportedException exception)
        {
            throw new ConfigurationException([
                $"contexts.{context}: {exception.Message} ({configuration.PlaceOf(context, SideName.New)} names a {databases.New.Server} server.)"]);
        }

        var hasher = new FieldHasher(hashKey!, mappings.Values.Max(mapping => mapping.Version));
        var neighbours = new Neighbourhood(configuration, context, loggers, time);
        var runtime = new ContextRuntime(sides, parts.Kinds, options, hasher, time, loggers, hook: hook)
        {
            LegacyTables = [.. mappings.Values.SelectMany(mapping => mapping.LegacyTables)],
            DeclaredWriters = [.. mappings.Values.SelectMany(mapping => mapping.DeclaredWriters).Distinct()],
            IsDataSet = mappings.Values.All(mapping => mapping.IsDataSet),
            References = [.. mappings.Values.SelectMany(mapping => mapping.References)],
            Neighbours = neighbours,
        };
        return new ContextHost(configuration, databases, mappings, sides, parts, runtime, neighbours);
    }

    /// <summary>
    /// Asks both servers whether the settings are possible that only they can tell of (one transaction over both sides). Throws
    /// <see cref="ConfigurationException"/> naming the setting; both sides must be migrated.
    /// </summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        await RefuseUnsuitableAsync(cancellationToken).ConfigureAwait(false);
        if (Runtime.Options.OneTransaction && Sides.Joint is { } joint && await joint.ProblemAsync(cancellationToken).ConfigureAwait(false) is { } problem)
        {
            throw NotInOneTransaction(Name, problem);
        }
    }

    /// <summary>
    /// Asks the new side's server whether it is one that can be used at all, where that is in doubt (a MongoDB server may be no member of a replica set). Throws
    /// <see cref="ConfigurationException"/> naming the setting and the cure; one that does not answer may come, and is refused for nothing.
    /// </summary>
    public async Task RefuseUnsuitableAsync(CancellationToken cancellationToken)
    {
        if (await _databases.New.UnsuitableAsync(cancellationToken).ConfigureAwait(false) is { } problem)
        {
            throw new ConfigurationException([$"{_configuration.PlaceOf(Name, SideName.New)}: {problem}"]);
        }
    }

    /// <summary>The context's own object (its wrapper, its read models).</summary>
    public T Part<T>() => (T)_parts.Part;

    /// <summary>A kind by name; null takes the context's only one.</summary>
    public string KindOf(string? name) => (name, Runtime.Kinds.Count) switch
    {
        (null, 1) => Runtime.Kinds.Keys.Single(),
        (not null, _) when Runtime.Kinds.ContainsKey(name) => name,
        _ => throw new ArgumentException(
            $"{(name is null ? "Say which kind" : $"There is no kind '{name}'")}; {Name} has: {string.Join(", ", Runtime.Kinds.Keys.Order(StringComparer.Ordinal))}."),
    };

    /// <summary>A reconciler with the mapping's declared differences.</summary>
    public Reconciler Reconciler(ReconciliationOptions? options = null) =>
        new(Runtime, options ?? ReconciliationOptions);

    /// <summary>As the configuration says, with the mapping's declared differences and sums.</summary>
    public ReconciliationOptions ReconciliationOptions
    {
        get
        {
            var options = new ReconciliationOptions
            {
                Declared = [.. Mappings.Values.SelectMany(mapping => mapping.DeclaredDifferences)],
                Sums = [.. Mappings.Values.SelectMany(mapping => mapping.Sums)],
            };
            Volatile.Read(ref _settings).TuneReconciliation(options);
            return options;
        }
    }

    /// <summary>Why a reconciliation that runs here pauses.</summary>
    public RunningPause Pause { get; } = new();

    /// <summary>When the service reconciles this context by itself.</summary>
    public IReadOnlyList<ReconciliationSchedule> Schedules => Volatile.Read(ref _settings).Schedules;

    /// <summary>The schedules, and what ends when they may be others.</summary>
    internal (IReadOnlyList<ReconciliationSchedule> Schedules, Task Changed) WatchSchedules()
    {
        lock (_adopting)
        {
            return (Schedules, _adopted.Task);
        }
    }

    /// <summary>Goes on by other settings, as far as they may change while it runs: <see cref="LiveSettings"/>.</summary>
    internal void Adopt(ContextConfiguration next)
    {
        lock (_adopting)
        {
            LiveSettings.Adopt(next.Options, Runtime.Options);
            Volatile.Write(ref _settings, next);
            _adopted.SetResult();
            _adopted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The report of a stored reconciliation. Throws <see cref="ArgumentException"/> when there is no such finished run.</summary>
    public async Task<ReconciliationReport> ReportAsync(long runId, CancellationToken cancellationToken)
    {
        var run = await Sides.Reconciliations.FindAsync(runId, cancellationToken).ConfigureAwait(false);
        return run is null or { EndedUtc: null }
            ? throw new ArgumentException($"{Name} has no finished reconciliation {runId}; strangler report list {Name} shows those there are.")
            : ReconciliationReport.Parse(run.Report);
    }

    /// <summary>Migrates this context's two databases.</summary>
    public Task<Migrations.MigrationStatus> MigrateAsync(IProgress<Migrations.MigrationProgress>? progress, CancellationToken cancellationToken) =>
        MigrationPlan.ApplyAsync(_configuration, [Name], progress, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _neighbours.DisposeAsync().ConfigureAwait(false);
        await _databases.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The databases of both sides; null when something is wrong with them, which is added to <paramref name="errors"/>.</summary>
    internal static SidePair? Databases(
        StranglerConfiguration configuration, string context, TimeProvider time, List<string> errors, Action<MySqlSideOptions>? tune = null,
        Action<PostgresSideOptions>? tunePostgres = null)
    {
        var (legacy, @new) = (Side(SideName.Legacy), Side(SideName.New));
        if (legacy is PostgresSideDatabase && !ContextCatalog.Find(context).AsksLegacyInPostgres)
        {
            errors.Add(
                $"{configuration.PlaceOf(context, SideName.Legacy)} names a {legacy.Server} server, and {context} asks its legacy tables in words of MySQL; "
                + $"its legacy side is a MySQL or MariaDB one. On {legacy.Server} these have theirs: "
                + string.Join(", ", Contexts.ContextList.All.Where(one => one.AsksLegacyInPostgres).Select(one => one.Name)));
        }

        if (@new is not null && Path.Combine(configuration.Migrations, context, @new.Store) is var folder && !Directory.Exists(folder))
        {
            errors.Add(
                $"{configuration.PlaceOf(context, SideName.New)} names a {@new.Server} server, and {context} has no migrations for one ({folder}). On "
                + $"{@new.Server} these have theirs: {string.Join(", ", NamesWithMigrations(configuration, @new.Store))}.");
        }

        var pair = legacy is not null && @new is not null ? new SidePair(legacy, @new) : null;
        if (pair?.Problem is { } problem)
        {
            errors.Add($"contexts.{context}: {problem}");
        }

        return pair;

        SideDatabase? Side(SideName side)
        {
            if (Collect(errors, () => configuration.ConnectionString(context, side)) is not { } text)
            {
                return null;
            }

            if (SideDatabase.IsMongo(text) && side == SideName.Legacy)
            {
                errors.Add(
                    $"{configuration.PlaceOf(context, side)} names a MongoDB server, where no legacy side can be: what other programs write there is not "
                    + "captured. Name a MySQL or MariaDB one (Server=…;Database=…), or a PostgreSQL one (postgres:Host=…;Database=…).");
                return null;
            }

            var replicas = Collect(errors, () => configuration.ReplicaConnectionStrings(context, side)) ?? [];
            if (SideDatabase.IsMongo(text) && replicas.Count > 0)
            {
                errors.Add(
                    $"{StranglerConfiguration.PlaceOfReplica(context, side)}: the members of a MongoDB replica set are not named one by one; every write "
                    + "waits for their majority as it is. Remove the setting.");
                return null;
            }

            foreach (var replica in replicas)
            {
                if (SideDatabase.IsPostgres(replica) != SideDatabase.IsPostgres(text))
                {
                    errors.Add($"{StranglerConfiguration.PlaceOfReplica(context, side)}: a replica is of the same kind of server as its primary.");
                    return null;
                }

                if (SideDatabase.Of(replica, [], time).Problem is { } unusable)
                {
                    errors.Add($"{StranglerConfiguration.PlaceOfReplica(context, side)}: {unusable}");
                    return null;
                }
            }

            var database = SideDatabase.Of(text, replicas, time, tune, tunePostgres);
            if (database.Problem is { } wrong)
            {
                errors.Add($"{configuration.PlaceOf(context, side)}: {wrong}");
                return null;
            }

            return database;
        }
    }

    private static IEnumerable<string> NamesWithMigrations(StranglerConfiguration configuration, string store) =>
        ContextCatalog.Names.Where(name => Directory.Exists(Path.Combine(configuration.Migrations, name, store)));

    /// <summary>A side's store does not know one of the mapping's tables, or a name in it.</summary>
    internal static ConfigurationException NotOnSuchAServer(
        StranglerConfiguration configuration, string context, SideDatabase legacy, ArgumentException exception) => new(
        [$"contexts.{context}: {exception.Message} ({configuration.PlaceOf(context, SideName.Legacy)} names a {legacy.Server} server.)"]);

    private static ConfigurationException NotInOneTransaction(string context, string problem) => new([$"contexts.{context}.options.oneTransaction is true, but {problem}"]);

    private static T? Collect<T>(List<string> errors, Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (ConfigurationException exception)
        {
            errors.AddRange(exception.Errors);
            return null;
        }
    }
}
