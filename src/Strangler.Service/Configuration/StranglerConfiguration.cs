using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Background;
using Strangler.Service.Http;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Configuration;

/// <summary>
/// Settings of one installation: one JSON file and the environment. Without a file, each context takes <c>STRANGLER_&lt;CONTEXT&gt;_LEGACY</c> and
/// <c>STRANGLER_&lt;CONTEXT&gt;_NEW</c> as its connection strings and <c>STRANGLER_HASH_KEY</c> as the hash key.
/// </summary>
public sealed class StranglerConfiguration
{
    /// <summary>The environment variable that names the configuration file.</summary>
    public const string FileVariable = "STRANGLER_CONFIG";

    /// <summary>The file that is taken when neither option nor environment names one, if it exists in the working folder.</summary>
    public const string DefaultFile = "strangler.json";

    private const string HashKeyVariable = "STRANGLER_HASH_KEY";

    /// <summary>Folder of the mapping files. Default: <c>legacy-mappings</c> in the working folder, else beside the program.</summary>
    public required string Mappings { get; init; }

    /// <summary>Folder of the migrations. Default as above: <c>migrations</c>.</summary>
    public required string Migrations { get; init; }

    /// <summary>By context name. A context of the catalogue that is not configured is known, but cannot be opened.</summary>
    public required IReadOnlyDictionary<string, ContextConfiguration> Contexts { get; init; }

    /// <summary>
    /// The contexts that this installation has, in the order of the catalogue: those that the file or a variable of theirs names. All of the
    /// catalogue when there are none, so that whoever asks is told what is missing.
    /// </summary>
    public IReadOnlyList<string> Configured { get; private init; } = [];

    /// <summary>Who may see clear values of personal fields in reports: <c>user</c> or <c>user@machine</c>. Nobody, unless named.</summary>
    public IReadOnlyList<string> Reveal { get; internal set; } = [];

    /// <summary>Where the service answers HTTP; null: nowhere.</summary>
    public HttpOptions? Http { get; init; }

    /// <summary>Where traces go; null: nowhere.</summary>
    public TraceOptions? Traces { get; init; }

    /// <summary>Source of the key of all keyed hashes: at least 16 bytes in hexadecimal.</summary>
    public required string HashKeySource { get; init; }

    /// <summary>Where it was read from; null: there is no file.</summary>
    internal string? File { get; private init; }

    /// <summary>The file as it was read.</summary>
    internal byte[] Content { get; private init; } = [];

    /// <summary>What the file gives.</summary>
    internal IReadOnlyDictionary<string, FileSetting> Settings { get; private init; } = new Dictionary<string, FileSetting>(StringComparer.Ordinal);

    private IReadOnlyList<string> Names { get; init; } = [];

    private Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>Reads the file (or none) and the environment; throws <see cref="ConfigurationException"/> with every error.</summary>
    /// <param name="file">From the command line; null takes the environment's or the default.</param>
    /// <param name="contextNames">Names of the catalogue; others in the file are errors.</param>
    /// <param name="environment">Null: the process's.</param>
    public static StranglerConfiguration Load(string? file, IReadOnlyList<string> contextNames, Func<string, string?>? environment = null)
    {
        var variables = environment ?? System.Environment.GetEnvironmentVariable;
        var path = file ?? variables(FileVariable) ?? (System.IO.File.Exists(DefaultFile) ? DefaultFile : null);
        return Of(path, path is null ? [] : Read(path), contextNames, variables);
    }

    private static StranglerConfiguration Of(string? path, byte[] content, IReadOnlyList<string> contextNames, Func<string, string?> variables)
    {
        var reader = new ConfigurationReader(contextNames);
        using var document = path is null ? null : Parse(path, content);
        var (mappings, migrations, hashKey, contexts) = reader.Read(document?.RootElement, variables);
        var named = contextNames.Where(name => reader.Named.Contains(name) || HasVariable(name, variables)).ToList();
        var configured = named.Count > 0 ? named : contextNames;
        reader.CheckRepositories(configured);
        reader.ThrowIfErrors(path);
        return new StranglerConfiguration
        {
            Configured = configured,
            Mappings = Folder(mappings, "legacy-mappings"),
            Migrations = Folder(migrations, "migrations"),
            Contexts = contexts,
            Reveal = reader.Reveal,
            Http = reader.Http,
            Traces = reader.Traces,
            HashKeySource = hashKey ?? $"env:{HashKeyVariable}",
            Environment = variables,
            File = path is null ? null : Path.GetFullPath(path),
            Content = content,
            Settings = FileSettings.Of(document?.RootElement),
            Names = contextNames,
        };
    }

    /// <summary>The same file with what it holds now, and the environment as it was. Throws as <see cref="Load"/> does.</summary>
    internal StranglerConfiguration LoadAgain(byte[] content) => Of(File, content, Names, Environment);

    /// <summary>Whether someone, named <c>user@machine</c>, may see clear values.</summary>
    public bool MayReveal(string actor) => Reveal.Contains(actor) || Reveal.Contains(actor.Split('@')[0]);

    /// <summary>Where a side's connection string comes from, for messages: the setting, or the variable that is asked in its place.</summary>
    public string PlaceOf(string context, SideName side) => SourceOf(context, side) is { } source
        ? source.StartsWith("env:", StringComparison.Ordinal) ? source["env:".Length..] : $"contexts.{context}.{side.ToString().ToLowerInvariant()}"
        : VariableOf(context, side);

    /// <summary>The connection string of one side; throws <see cref="ConfigurationException"/> naming setting and variable when it is missing.</summary>
    public string ConnectionString(string context, SideName side)
    {
        var sideName = side.ToString().ToLowerInvariant();
        if (!Contexts.ContainsKey(context))
        {
            throw new ConfigurationException([$"The context {context} is not configured."]);
        }

        var source = SourceOf(context, side) ?? $"env:{VariableOf(context, side)}";
        var (value, error) = SecretSource.Read($"contexts.{context}.{sideName}", source, Environment);
        return value ?? throw new ConfigurationException(
            [$"{error} Set it to a connection string: Server=…;Port=3306;User ID=…;Password=…;Database=…"
                + (side == SideName.New ? ", or of PostgreSQL: postgres:Host=…;Port=5432;Username=…;Password=…;Database=…" : "")]);
    }

    /// <summary>The connection strings of a side's replicas; throws <see cref="ConfigurationException"/> naming each setting that leads nowhere.</summary>
    public IReadOnlyList<string> ReplicaConnectionStrings(string context, SideName side)
    {
        if (!Contexts.TryGetValue(context, out var settings))
        {
            return [];
        }

        List<string> errors = [];
        List<string> values = [];
        foreach (var (source, at) in (side == SideName.Legacy ? settings.LegacyReplicas : settings.NewReplicas).Select((source, at) => (source, at)))
        {
            var (value, error) = SecretSource.Read($"{PlaceOfReplica(context, side)}[{at}]", source, Environment);
            if (value is null)
            {
                errors.Add(error!);
            }
            else
            {
                values.Add(value);
            }
        }

        return errors.Count == 0 ? values : throw new ConfigurationException(errors);
    }

    /// <summary>The setting that lists a side's replicas, for messages.</summary>
    public static string PlaceOfReplica(string context, SideName side) => $"contexts.{context}.{side.ToString().ToLowerInvariant()}Replicas";

    /// <summary>The key of keyed hashes; throws <see cref="ConfigurationException"/> when it is missing or too short.</summary>
    public byte[] HashKey()
    {
        var (value, error) = SecretSource.Read("hashKey", HashKeySource, Environment);
        const string cure = "Make one with: openssl rand -hex 32";
        if (value is null)
        {
            throw new ConfigurationException([$"{error} {cure}"]);
        }

        try
        {
            var key = Convert.FromHexString(value);
            return key.Length >= 16 ? key : throw new ConfigurationException([$"hashKey has {key.Length} bytes; at least 16 are needed. {cure}"]);
        }
        catch (FormatException)
        {
            throw new ConfigurationException([$"hashKey is not hexadecimal. {cure}"]);
        }
    }

    /// <summary>The variable that is asked when a side has no setting.</summary>
    public static string VariableOf(string context, SideName side) =>
        $"STRANGLER_{context.ToUpperInvariant().Replace('-', '_')}_{side.ToString().ToUpperInvariant()}";

    private static bool HasVariable(string context, Func<string, string?> environment) =>
        environment(VariableOf(context, SideName.Legacy)) is not null || environment(VariableOf(context, SideName.New)) is not null;

    private string? SourceOf(string context, SideName side) =>
        Contexts.TryGetValue(context, out var settings) ? side == SideName.Legacy ? settings.Legacy : settings.New : null;

    private static byte[] Read(string path)
    {
        try
        {
            return System.IO.File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException([$"The configuration file {path} cannot be read: {exception.Message} Name another with --config or ${FileVariable}."]);
        }
    }

    private static JsonDocument Parse(string path, byte[] content)
    {
        try
        {
            return JsonDocument.Parse(content, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false,
            });
        }
        catch (JsonException exception)
        {
            throw new ConfigurationException([$"{path}{(exception.LineNumber is { } line ? $":{line + 1}" : "")}: no valid JSON: {exception.Message.Split(" LineNumber:")[0]}"]);
        }
    }

    private static string Folder(string? configured, string name) =>
        configured ?? (Directory.Exists(name) ? Path.GetFullPath(name) : Path.Combine(AppContext.BaseDirectory, name));
}

/// <summary>Settings of one context.</summary>
/// <param name="Legacy">Source of the legacy side's connection string; null: the environment variable named after the context.</param>
/// <param name="New">Likewise of the new side's.</param>
/// <param name="Options">Limits and times.</param>
public sealed record ContextConfiguration(string? Legacy, string? New, ContextOptions Options)
{
    /// <summary>Sources of connection strings of legacy's replicas: a reconciliation pauses while they are behind.</summary>
    public IReadOnlyList<string> LegacyReplicas { get; init; } = [];

    /// <summary>Likewise of the new side's.</summary>
    public IReadOnlyList<string> NewReplicas { get; init; } = [];

    /// <summary>When the service reconciles the context by itself.</summary>
    public IReadOnlyList<ReconciliationSchedule> Schedules { get; init; } = [];

    /// <summary>How it is reconciled, by itself or by hand: changes the defaults.</summary>
    public Action<ReconciliationOptions> TuneReconciliation { get; init; } = _ => { };
}
