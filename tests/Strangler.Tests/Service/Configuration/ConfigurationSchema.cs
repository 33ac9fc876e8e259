using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Service.Http;
using Strangler.Service.Http.Repositories;

namespace Strangler.Tests.Service.Configuration;

/// <summary>
/// The JSON schema of the configuration file, of which the options' part is what their properties and doc comments say, and the reference for people that is
/// made of the schema.
/// </summary>
internal static partial class ConfigurationSchema
{
    public static JsonObject Build() => new()
    {
        ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
        ["title"] = "Configuration of an installation of Strangler",
        ["description"] = "The file strangler.json, or what --config or STRANGLER_CONFIG names. Everything may be left out; connection strings then come from "
            + "STRANGLER_<CONTEXT>_LEGACY and STRANGLER_<CONTEXT>_NEW.",
        ["type"] = "object",
        ["additionalProperties"] = false,
        ["properties"] = new JsonObject
        {
            ["$schema"] = Text("Where this schema is, for editors.", "docs/strangler.schema.json"),
            ["mappings"] = Text("Folder of the mapping files. Default: legacy-mappings in the working folder, else beside the program."),
            ["migrations"] = Text("Folder of the migrations. Default: migrations in the working folder, else beside the program."),
            ["hashKey"] = Ref("secret", "The key of all keyed hashes: at least 16 bytes in hexadecimal. Default: env:STRANGLER_HASH_KEY. It must stay the same."),
            ["reveal"] = List(
                Text(""), "Who may see clear values of personal fields: user, user@machine, key:NAME or oidc:SUBJECT. Default: nobody."),
            ["http"] = Ref("http", "Where and to whom the service answers HTTP. Left out: nowhere."),
            ["traces"] = Ref("traces", "Where the service sends traces of its requests, writes, applies and flips. Left out: nowhere."),
            ["contexts"] = new JsonObject
            {
                ["description"] = "The contexts of this installation.",
                ["type"] = "object",
                ["additionalProperties"] = false,
                ["properties"] = new JsonObject(ContextCatalog.Names.Select(name =>
                    KeyValuePair.Create(name, (JsonNode?)new JsonObject { ["$ref"] = "#/$defs/context" }))),
            },
        },
        ["$defs"] = new JsonObject
        {
            ["secret"] = Text("The value itself, env:NAME or file:/path.", "env:DONATIONS_LEGACY"),
            ["duration"] = new JsonObject
            {
                ["description"] = "A number and its unit: ms, s, m, h or d.",
                ["type"] = "string",
                ["pattern"] = @"^\d*\.?\d+(ms|s|m|h|d)$",
            },
            ["context"] = Object(
                "One context.",
                ("legacy", Ref("secret", "Connection string of legacy, after postgres: one of PostgreSQL. Default: env:STRANGLER_<CONTEXT>_LEGACY.")),
                ("new", Ref("secret", "Connection string of the new side, after postgres: one of PostgreSQL, as mongodb:// one of MongoDB. Default: env:STRANGLER_<CONTEXT>_NEW.")),
                ("legacyReplicas", List(Ref("secret"), "Legacy's replicas: a reconciliation pauses while they are behind.")),
                ("newReplicas", List(Ref("secret"), "Likewise the new side's.")),
                ("schedules", List(Ref("schedule"), "When strangler serve reconciles the context by itself.")),
                ("reconciliation", Ref("reconciliation", "How it is reconciled, by itself or by hand.")),
                ("options", Ref("options", "Limits and times."))),
            ["schedule"] = Object(
                "When a context is reconciled by itself.",
                ("cron", Text("As Quartz has it, seconds first.", "0 30 2 * * ?")),
                ("timeZone", Text("In which the expression is meant. Default: UTC.", "Europe/Berlin")),
                ("incremental", Flag("Only what stored versions and hashes do not vouch for; opens no gate.", false))),
            ["options"] = Options(new ContextOptions(), "Limits and times of a context."),
            ["reconciliation"] = Options(new ReconciliationOptions(), "How a context is reconciled."),
            ["http"] = Object(
                "Where and to whom the service answers HTTP.",
                ("listen", List(Text("", "127.0.0.1:5080"), "Addresses and ports. Default: 127.0.0.1:5080, this machine alone.")),
                ("admin", Flag("Whether there are the API for operators, the dashboard, health and metrics; false: the frontends' routes alone.", true)),
                ("repositories", List(
                    new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. RepositoryCatalog.Names.Select(name => (JsonNode)name)]) },
                    "The contexts whose entities programs with the role frontend read and write under /v1. Default: none.")),
                ("keys", List(Ref("key"), "Keys that are taken.")),
                ("keysFile", Text("A file with such a list, looked at again every five seconds.", "/etc/strangler/keys.json")),
                ("oidc", Ref("oidc", "Whose tokens are taken. Default: nobody's.")),
                ("publicUrl", Text("Where browsers find it, if something stands before it. Default: where it listens.", "https://strangler.example.org")),
                ("limits", Ref("limits", "What a single client may take."))),
            ["key"] = Object(
                "A key that strangler key new has made.",
                ("name", Text("Whose it is: stands in the audit trail as key:NAME.", "anna")),
                ("role", Role()),
                ("hash", Text("sha256: and 64 hexadecimal digits.", "sha256:" + new string('0', 64))),
                ("expires", Text("The first day (UTC) on which it is no longer taken. Default: none.", "2027-01-31")),
                ("contexts", List(
                    new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. RepositoryCatalog.Names.Select(name => (JsonNode)name)]) },
                    "Of a frontend: the contexts whose entities it reaches. Default: all that are served."))),
            ["oidc"] = Object(
                "An issuer of tokens.",
                ("issuer", Text("As it stands in the tokens.", "https://idp.example.org/")),
                ("audience", Text("As it stands in the tokens.", "strangler")),
                ("discovery", Text("Its metadata. Default: ISSUER/.well-known/openid-configuration.", "https://idp.example.org/.well-known/openid-configuration")),
                ("roleClaim", Text("The claim that holds roles. Default: roles.", "groups")),
                ("roles", new JsonObject
                {
                    ["description"] = "Values of the claim and their roles. Default: strangler:viewer, strangler:operator and strangler:engineer.",
                    ["type"] = "object",
                    ["additionalProperties"] = Role(),
                })),
            ["limits"] = Options(new HttpLimits(), "What a single client may take."),
            ["traces"] = Object(
                "A collector that speaks OTLP. Spans hold contexts, kinds, sides, routes and outcomes; never ids or values.",
                ("endpoint", Text("Its address; over HTTP, where it has no path, v1/traces is added.", "http://127.0.0.1:4317")),
                ("protocol", new JsonObject { ["description"] = "grpc, or protobuf over http. Default: grpc.", ["type"] = "string", ["enum"] = new JsonArray("grpc", "http"), ["default"] = "grpc" }),
                ("share", new JsonObject { ["description"] = "Of traces that begin here, the share that is kept, 0 to 1. Default: 1.", ["type"] = "number", ["default"] = 1.0 })),
        },
    };

    /// <summary>The same for people: a heading an object, a table row a setting.</summary>
    public static string Reference(JsonObject schema)
    {
        var text = new StringBuilder("""
            # Configuration reference

            Made of `docs/strangler.schema.json`, which editors take by `"$schema"`. Every mistake in the file is told at once, with the setting and its value.

            Settings marked *live* are taken over by a running `strangler serve` within seconds of the file's being changed; the others need a restart.


            """.ReplaceLineEndings("\n"));
        Section(text, "The file", "", schema);
        foreach (var (name, place) in new[]
        {
            ("context", "contexts.NAME"), ("options", "contexts.NAME.options"), ("reconciliation", "contexts.NAME.reconciliation"),
            ("schedule", "contexts.NAME.schedules[]"), ("http", "http"), ("key", "http.keys[]"), ("oidc", "http.oidc"), ("limits", "http.limits"), ("traces", "traces"),
        })
        {
            Section(text, $"`{place}`", $"{place}.", schema["$defs"]![name]!.AsObject());
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    private static void Section(StringBuilder text, string title, string place, JsonObject of)
    {
        text.Append(CultureInfo.InvariantCulture, $"## {title}\n\n{Escaped(of["description"])}\n\n| setting | what it says |\n|---|---|\n");
        foreach (var (name, property) in of["properties"]!.AsObject())
        {
            var isLive = LiveSettings.Contains(place + name) || LiveSettings.Contains(place.Split('[')[0].TrimEnd('.'));
            text.Append(CultureInfo.InvariantCulture, $"| `{name}`{(isLive ? " *live*" : "")} | {Escaped(property!["description"])} |\n");
        }

        text.Append('\n');
    }

    private static string Escaped(JsonNode? text) =>
        (text?.ToString() ?? "").Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static JsonObject Options(object options, string description)
    {
        var comments = XDocument.Load(Path.ChangeExtension(options.GetType().Assembly.Location, ".xml")).Descendants("member")
            .ToDictionary(member => member.Attribute("name")!.Value, member => member.Element("summary"));
        return Object(description, [.. options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.CanWrite && (property.PropertyType == typeof(TimeSpan) || property.PropertyType.IsPrimitive))
            .Select(property => (
                JsonNamingPolicy.CamelCase.ConvertName(property.Name),
                Setting(property, property.GetValue(options)!, Words(comments[$"P:{property.DeclaringType!.FullName}.{property.Name}"]!))))]);
    }

    private static JsonObject Setting(PropertyInfo property, object value, string description)
    {
        var setting = value is TimeSpan
            ? Ref("duration", description)
            : new JsonObject { ["description"] = description, ["type"] = value is bool ? "boolean" : value is double ? "number" : "integer" };
        setting["default"] = value is TimeSpan time ? Written(time) : JsonSerializer.SerializeToNode(value, property.PropertyType);
        return setting;
    }

    // In the largest unit that gives a whole number.
    private static string Written(TimeSpan time)
    {
        var (number, unit) = time == TimeSpan.Zero ? (0, "s")
            : time.TotalDays % 1 == 0 && time.TotalDays > 1 ? (time.TotalDays, "d")
            : time.TotalHours % 1 == 0 ? (time.TotalHours, "h")
            : time.TotalMinutes % 1 == 0 ? (time.TotalMinutes, "m")
            : time.TotalSeconds % 1 == 0 ? (time.TotalSeconds, "s")
            : (time.TotalMilliseconds, "ms");
        return number.ToString(CultureInfo.InvariantCulture) + unit;
    }

    private static string Words(XElement summary)
    {
        var text = string.Concat(summary.Nodes().Select(node => node switch
        {
            XText words => words.Value,
            XElement { Name.LocalName: "see" } see => see.Attribute("cref") is { } cref
                ? Known(cref.Value) : see.Attribute("langword")?.Value ?? "",
            XElement other => other.Value,
            _ => "",
        }));
        return Blanks().Replace(text, " ").Trim();
    }

    private static string Known(string cref)
    {
        var name = cref.Split('(')[0].Split('.')[^1];
        return cref.StartsWith("P:", StringComparison.Ordinal) ? JsonNamingPolicy.CamelCase.ConvertName(name) : name;
    }

    private static JsonObject Object(string description, params (string Name, JsonObject Setting)[] settings) => new()
    {
        ["description"] = description,
        ["type"] = "object",
        ["additionalProperties"] = false,
        ["properties"] = new JsonObject(settings.Select(setting => KeyValuePair.Create(setting.Name, (JsonNode?)setting.Setting))),
    };

    private static JsonObject Text(string description, string? example = null)
    {
        var text = new JsonObject { ["type"] = "string" };
        if (description.Length > 0)
        {
            text.Insert(0, "description", description);
        }

        if (example is not null)
        {
            text["examples"] = new JsonArray(example);
        }

        return text;
    }

    private static JsonObject Role() => new()
    {
        ["description"] = "viewer, operator, engineer or frontend.",
        ["type"] = "string",
        ["enum"] = new JsonArray("frontend", "viewer", "operator", "engineer"),
    };

    private static JsonObject Flag(string description, bool @default) => new()
    {
        ["description"] = $"{description} Default: {(@default ? "true" : "false")}.", ["type"] = "boolean", ["default"] = @default,
    };

    private static JsonObject List(JsonObject items, string description) => new()
    {
        ["description"] = description, ["type"] = "array", ["items"] = items,
    };

    private static JsonObject Ref(string definition, string? description = null)
    {
        var reference = new JsonObject { ["$ref"] = $"#/$defs/{definition}" };
        if (description is not null)
        {
            reference.Insert(0, "description", description);
        }

        return reference;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
