using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service.Background;
using Strangler.Service.Http;
using Strangler.Service.Http.Access;
using Strangler.Service.Http.Repositories;
using Strangler.Service.Telemetry;

namespace Strangler.Service.Configuration;

/// <summary>Reads the JSON file into settings and collects every error with the setting's path and its present value.</summary>
internal sealed class ConfigurationReader(IReadOnlyList<string> contextNames)
{
    private readonly List<string> _errors = [];

    /// <summary>The setting <c>reveal</c>.</summary>
    public IReadOnlyList<string> Reveal { get; private set; } = [];

    /// <summary>The setting <c>http</c>; null where there is none.</summary>
    public HttpOptions? Http { get; private set; }

    /// <summary>The setting <c>traces</c>; null where there is none.</summary>
    public TraceOptions? Traces { get; private set; }

    /// <summary>The contexts that the file names.</summary>
    public HashSet<string> Named { get; } = new(StringComparer.Ordinal);

    public (string? Mappings, string? Migrations, string? HashKey, IReadOnlyDictionary<string, ContextConfiguration> Contexts) Read(
        JsonElement? root, Func<string, string?> environment)
    {
        string? mappings = null, migrations = null, hashKey = null;
        var contexts = new Dictionary<string, ContextConfiguration>(StringComparer.Ordinal);
        if (root is { } element && Object("the file", element))
        {
            foreach (var property in element.EnumerateObject())
            {
                switch (property.Name)
                {
                    case "$schema":
                        break;
                    case "mappings":
                        mappings = ExistingFolder(property);
                        break;
                    case "migrations":
                        migrations = ExistingFolder(property);
                        break;
                    case "hashKey":
                        hashKey = Text("hashKey", property.Value);
                        break;
                    case "reveal":
                        Reveal = Names("reveal", property.Value);
                        break;
                    case "http" when Object("http", property.Value):
                        Http = ReadHttp(property.Value);
                        break;
                    case "traces" when Object("traces", property.Value):
                        Traces = ReadTraces(property.Value);
                        break;
                    case "http" or "traces":
                        break;
                    case "contexts" when Object("contexts", property.Value):
                        ReadContexts(property.Value, contexts);
                        break;
                    case "contexts":
                        break;
                    default:
                        Unknown(property.Name, "mappings, migrations, hashKey, reveal, http, traces, contexts");
                        break;
                }
            }
        }

        foreach (var name in contextNames)
        {
            contexts.TryAdd(name, new ContextConfiguration(null, null, new ContextOptions()));
        }

        return (mappings, migrations, hashKey, contexts);
    }

    /// <summary>An entity's context that is not there cannot be read or written.</summary>
    public void CheckRepositories(IReadOnlyList<string> configured) => _errors.AddRange((Http?.Repositories ?? [])
        .Where(name => RepositoryCatalog.Names.Contains(name) && !configured.Contains(name))
        .Select(name => $"http.repositories names {name}, and there is no contexts.{name}; configured are: {string.Join(", ", configured)}."));

    public void ThrowIfErrors(string? path)
    {
        if (_errors.Count > 0)
        {
            throw new ConfigurationException([.. _errors.Select(error => path is null ? error : $"{path}: {error}")]);
        }
    }

    private HttpOptions ReadHttp(JsonElement element)
    {
        var listen = new List<string>();
        List<string> repositories = [];
        List<ApiKey> keys = [];
        string? keysFile = null;
        OidcOptions? oidc = null;
        Uri? publicUrl = null;
        var (admin, limits) = (true, new HttpLimits());
        foreach (var property in element.EnumerateObject())
        {
            switch (property.Name)
            {
                case "listen":
                    listen = Names("http.listen", property.Value);
                    break;
                case "admin":
                    admin = Flag("http.admin", property.Value) ?? admin;
                    break;
                case "repositories":
                    repositories = Repositories("http.repositories", property.Value);
                    break;
                case "keys":
                    keys = AccessReader.Keys("http.keys", property.Value, _errors);
                    break;
                case "keysFile":
                    keysFile = Text("http.keysFile", property.Value);
                    break;
                case "oidc":
                    oidc = AccessReader.Oidc("http.oidc", property.Value, _errors);
                    break;
                case "publicUrl":
                    publicUrl = WebAddress("http.publicUrl", property.Value);
                    break;
                case "limits" when Object("http.limits", property.Value):
                    ReadOptions("http.limits", property.Value, limits);
                    Validate("http.limits", limits.Validate);
                    break;
                case "limits":
                    break;
                default:
                    Unknown($"http.{property.Name}", "listen, admin, repositories, keys, keysFile, oidc, publicUrl, limits");
                    break;
            }
        }

        var (options, errors) = HttpOptions.Parse(listen);
        _errors.AddRange(errors);
        return options with
        {
            Admin = admin, Repositories = repositories, PublicUrl = publicUrl, Limits = limits, Access = new AccessOptions { Keys = keys, KeysFile = keysFile, Oidc = oidc },
        };
    }

    private List<string> Repositories(string path, JsonElement value)
    {
        var names = Names(path, value);
        foreach (var (name, at) in names.Select((name, at) => (name, at)).Where(each => !RepositoryCatalog.Names.Contains(each.name)))
        {
            _errors.Add($"{path}[{at}] is \"{name}\"; expected one of: {string.Join(", ", RepositoryCatalog.Names)}.");
        }

        return names;
    }

    private TraceOptions? ReadTraces(JsonElement element)
    {
        Uri? endpoint = null;
        var (isGrpc, share) = (true, 1.0);
        foreach (var property in element.EnumerateObject())
        {
            switch (property.Name)
            {
                case "endpoint":
                    endpoint = Text("traces.endpoint", property.Value) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var address)
                        && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps) ? address : null;
                    break;
                case "protocol":
                    var protocol = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null;
                    isGrpc = protocol is "grpc" || (protocol is not "http" && Wrong("traces.protocol", property.Value, "grpc or http"));
                    break;
                case "share":
                    share = ValueOf(typeof(double), property.Value) is double value ? value : -1;
                    if (share is < 0 or > 1)
                    {
                        Wrong("traces.share", property.Value, "a number from 0 to 1");
                    }

                    break;
                default:
                    Unknown($"traces.{property.Name}", "endpoint, protocol, share");
                    break;
            }
        }

        if (endpoint is null)
        {
            _errors.Add("traces.endpoint is missing or no address; expected one such as http://127.0.0.1:4317.");
        }

        return endpoint is null ? null : new TraceOptions(endpoint) { IsGrpc = isGrpc, Share = share };
    }

    private bool Wrong(string path, JsonElement value, string expected)
    {
        _errors.Add($"{path} is {value.GetRawText()}; expected {expected}.");
        return true;
    }

    private Uri? WebAddress(string path, JsonElement value)
    {
        if (Text(path, value) is not { } text)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
            && address.AbsolutePath == "/")
        {
            return address;
        }

        _errors.Add($"{path} is \"{text}\"; expected an address without a path, such as https://strangler.example.org.");
        return null;
    }

    private void ReadContexts(JsonElement element, Dictionary<string, ContextConfiguration> contexts)
    {
        foreach (var property in element.EnumerateObject())
        {
            var path = $"contexts.{property.Name}";
            if (!contextNames.Contains(property.Name))
            {
                _errors.Add($"{path}: there is no context '{property.Name}'; known are: {string.Join(", ", contextNames)}.");
            }
            else if (Object(path, property.Value))
            {
                Named.Add(property.Name);
                contexts[property.Name] = ReadContext(path, property.Value);
            }
        }
    }

    private ContextConfiguration ReadContext(string path, JsonElement element)
    {
        string? legacy = null, @new = null;
        List<string> legacyReplicas = [], newReplicas = [];
        List<ReconciliationSchedule> schedules = [];
        JsonElement? reconciliation = null;
        var options = new ContextOptions();
        foreach (var property in element.EnumerateObject())
        {
            switch (property.Name)
            {
                case "legacy":
                    legacy = Text($"{path}.legacy", property.Value);
                    break;
                case "new":
                    @new = Text($"{path}.new", property.Value);
                    break;
                case "legacyReplicas":
                    legacyReplicas = Names($"{path}.legacyReplicas", property.Value);
                    break;
                case "newReplicas":
                    newReplicas = Names($"{path}.newReplicas", property.Value);
                    break;
                case "options" when Object($"{path}.options", property.Value):
                    ReadOptions($"{path}.options", property.Value, options);
                    break;
                case "reconciliation" when Object($"{path}.reconciliation", property.Value):
                    ReadOptions($"{path}.reconciliation", property.Value, new ReconciliationOptions());
                    reconciliation = property.Value.Clone();
                    break;
                case "schedules":
                    schedules = Schedules($"{path}.schedules", property.Value);
                    break;
                case "options" or "reconciliation":
                    break;
                default:
                    Unknown($"{path}.{property.Name}", "legacy, new, legacyReplicas, newReplicas, schedules, reconciliation, options");
                    break;
            }
        }

        Validate($"{path}.options", options.Validate);
        void Tune(ReconciliationOptions tuned)
        {
            if (reconciliation is { } settings)
            {
                ReadOptions($"{path}.reconciliation", settings, tuned);
            }
        }

        var probe = new ReconciliationOptions();
        if (_errors.Count == 0)
        {
            Tune(probe);
            Validate($"{path}.reconciliation", probe.Validate);
        }

        return new ContextConfiguration(legacy, @new, options)
        {
            LegacyReplicas = legacyReplicas, NewReplicas = newReplicas, Schedules = schedules, TuneReconciliation = Tune,
        };
    }

    private void Validate(string path, Action validate)
    {
        try
        {
            validate();
        }
        catch (ArgumentException exception)
        {
            _errors.AddRange(exception.Message.Split(Environment.NewLine).Select(error => $"{path}: {error}"));
        }
    }

    private List<ReconciliationSchedule> Schedules(string path, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            _errors.Add($"{path} is no list.");
            return [];
        }

        var schedules = value.EnumerateArray().Select((each, at) => Schedule($"{path}[{at}]", each)).OfType<ReconciliationSchedule>().ToList();
        foreach (var twice in schedules.GroupBy(schedule => schedule.Name).Where(same => same.Count() > 1))
        {
            _errors.Add($"{path}: \"{twice.Key}\" is there twice.");
        }

        return schedules;
    }

    private ReconciliationSchedule? Schedule(string path, JsonElement value)
    {
        if (!Object(path, value))
        {
            return null;
        }

        string? cron = null, zone = null;
        var incremental = false;
        foreach (var property in value.EnumerateObject())
        {
            switch (property.Name)
            {
                case "cron":
                    cron = Text($"{path}.cron", property.Value);
                    break;
                case "timeZone":
                    zone = Text($"{path}.timeZone", property.Value);
                    break;
                case "incremental":
                    incremental = Flag($"{path}.incremental", property.Value) ?? incremental;
                    break;
                default:
                    Unknown($"{path}.{property.Name}", "cron, timeZone, incremental");
                    break;
            }
        }

        if (cron is null)
        {
            _errors.Add($"{path}.cron is missing; expected a cron expression such as \"0 30 2 * * ?\".");
            return null;
        }

        try
        {
            return ReconciliationSchedule.Create(cron, zone, incremental);
        }
        catch (ArgumentException exception)
        {
            _errors.Add($"{path}.{exception.Message}");
            return null;
        }
    }

    // Reflection over the options' own properties: a setting exists exactly if the option does, and can be written in JSON.
    private void ReadOptions<T>(string path, JsonElement element, T options)
    {
        var properties = typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.CanWrite && IsSetting(property.PropertyType))
            .ToDictionary(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name), StringComparer.Ordinal);
        foreach (var setting in element.EnumerateObject())
        {
            if (!properties.TryGetValue(setting.Name, out var property))
            {
                Unknown($"{path}.{setting.Name}", string.Join(", ", properties.Keys));
            }
            else if (ValueOf(property.PropertyType, setting.Value) is { } value)
            {
                property.SetValue(options, value);
            }
            else
            {
                _errors.Add($"{path}.{setting.Name} is {setting.Value.GetRawText()}; expected {Expected(property.PropertyType)}.");
            }
        }
    }

    private static bool IsSetting(Type type) => type == typeof(TimeSpan) || (type.IsPrimitive && type != typeof(char));

    private static object? ValueOf(Type type, JsonElement value)
    {
        if (type == typeof(TimeSpan))
        {
            return value.ValueKind == JsonValueKind.String && Duration.TryParse(value.GetString()!, out var duration) ? duration : null;
        }

        if (type == typeof(bool))
        {
            return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;
        }

        return value.ValueKind == JsonValueKind.Number
            && decimal.TryParse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && (type == typeof(double) || decimal.Truncate(number) == number)
            ? Converted(number, type)
            : null;
    }

    private static object? Converted(decimal number, Type type)
    {
        try
        {
            return Convert.ChangeType(number, type, CultureInfo.InvariantCulture);
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static string Expected(Type type) =>
        type == typeof(TimeSpan) ? "a duration such as \"250ms\", \"5s\", \"2m\", \"24h\""
        : type == typeof(bool) ? "true or false"
        : type == typeof(double) ? "a number"
        : "a whole number";

    private string? ExistingFolder(JsonProperty property)
    {
        var folder = Text(property.Name, property.Value);
        if (folder is not null && !Directory.Exists(folder))
        {
            _errors.Add($"{property.Name} is \"{folder}\"; there is no such folder.");
        }

        return folder is null ? null : Path.GetFullPath(folder);
    }

    private List<string> Names(string path, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            _errors.Add($"{path} is no list of names.");
            return [];
        }

        return [.. value.EnumerateArray().Select((name, at) => Text($"{path}[{at}]", name)).OfType<string>()];
    }

    private bool? Flag(string path, JsonElement value)
    {
        if (ValueOf(typeof(bool), value) is bool flag)
        {
            return flag;
        }

        _errors.Add($"{path} is {value.GetRawText()}; expected {Expected(typeof(bool))}.");
        return null;
    }

    private string? Text(string path, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        _errors.Add($"{path} is no text.");
        return null;
    }

    private bool Object(string path, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Object)
        {
            return true;
        }

        _errors.Add($"{path} is no JSON object.");
        return false;
    }

    private void Unknown(string path, string known) => _errors.Add($"{path}: there is no such setting; known are: {known}.");
}
