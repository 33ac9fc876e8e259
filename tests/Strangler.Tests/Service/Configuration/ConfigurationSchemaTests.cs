using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Strangler.Service;
using Strangler.Service.Configuration;
using Strangler.Tests.Doubles;
using Strangler.Tests.Reconciliation.Reports;

namespace Strangler.Tests.Service.Configuration;

public sealed partial class ConfigurationSchemaTests
{
    private const string Write = "STRANGLER_WRITE_DOCS";
    private const string Stray = "aSettingThatIsNone";

    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonObject Schema = ConfigurationSchema.Build();

    [Test]
    public void The_schema_and_the_reference_that_are_shipped_are_what_the_options_say()
    {
        var (schema, reference) = (Schema.ToJsonString(Readable) + "\n", ConfigurationSchema.Reference(Schema));
        if (Environment.GetEnvironmentVariable(Write) == "1")
        {
            File.WriteAllText(Docs("strangler.schema.json"), schema);
            File.WriteAllText(Docs("configuration.md"), reference);
        }

        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllText(Docs("strangler.schema.json")), Is.EqualTo(schema), $"Write it anew with {Write}=1.");
            Assert.That(File.ReadAllText(Docs("configuration.md")), Is.EqualTo(reference), $"Write it anew with {Write}=1.");
        });
    }

    [Test]
    public void Everything_that_the_schema_offers_is_taken()
    {
        var whole = Sample(Schema)!.ToJsonString();

        Assert.That(ErrorsOf(whole), Is.Empty);
        Assert.That(new JsonSchema(Schema.ToJsonString()).Check(whole), Is.Empty);
    }

    [Test]
    public void The_schema_knows_every_setting_that_the_program_knows_and_no_other()
    {
        var document = Sample(Schema)!;
        var expected = Settings(document).ToDictionary(entry => entry.Path.TrimStart('.'), entry => entry.Names);
        foreach (var place in expected.Keys)
        {
            At(document, place)[Stray] = 1;
        }

        var told = ErrorsOf(document.ToJsonString()).Select(error => Known().Match(error)).Where(match => match.Success)
            .ToDictionary(match => match.Groups["path"].Value.TrimEnd('.'), match => match.Groups["names"].Value.Split(", "));

        Assert.That(told.Keys, Is.EquivalentTo(expected.Keys));
        foreach (var (place, names) in expected)
        {
            Assert.That(told[place], Is.EquivalentTo(names), place);
        }
    }

    [Test]
    public void Mistakes_are_seen_by_the_schema([Values(
        """{ "colour": "red" }""",
        """{ "contexts": { "nope": {} } }""",
        """{ "contexts": { "donations": { "options": { "pauseBudget": "soon" } } } }""",
        """{ "contexts": { "donations": { "options": { "maxAttempts": 1.5 } } } }""",
        """{ "contexts": { "donations": { "schedules": [ { "at": "0 0 * * * ?" } ] } } }""",
        """{ "http": { "listen": "127.0.0.1:5080" } }""",
        """{ "http": { "keys": [ { "name": "anna", "role": "owner" } ] } }""")] string json) =>
        Assert.That(new JsonSchema(Schema.ToJsonString()).Check(json), Is.Not.Empty);

    [Test]
    public void What_the_texts_show_is_valid([Values("README.md", "docs/service.md")] string file)
    {
        var samples = Samples().Matches(File.ReadAllText(SourceTree.PathOf(file))).Select(match => match.Groups["json"].Value.Trim())
            .Select(json => json.StartsWith('{') ? json : $"{{{json.TrimEnd(',')}}}")
            .Where(json => json.Contains("\"contexts\"", StringComparison.Ordinal) || json.Contains("\"http\"", StringComparison.Ordinal)).ToList();

        Assert.That(samples, Is.Not.Empty);
        Assert.That(samples.SelectMany(new JsonSchema(Schema.ToJsonString()).Check), Is.Empty);
    }

    /// <summary>A value of a schema: its default or example, and of an object all that it may have.</summary>
    private static JsonNode? Sample(JsonNode of)
    {
        if (of["default"] is { } @default)
        {
            return @default.DeepClone();
        }

        if (of["$ref"] is { } reference)
        {
            return Sample(Schema["$defs"]![reference.ToString().Split('/')[^1]]!);
        }

        return of["type"]!.ToString() switch
        {
            "object" when of["properties"] is JsonObject properties => new JsonObject(properties
                .Where(property => property.Key is not ("$schema" or "mappings" or "migrations"))
                .Select(property => KeyValuePair.Create(property.Key, Sample(property.Value!)))),
            "object" => new JsonObject { ["sre"] = Sample(of["additionalProperties"]!) },
            "array" => new JsonArray(Sample(of["items"]!)),
            _ => (of["examples"]?[0] ?? of["enum"]?[0])?.DeepClone() ?? "someone",
        };
    }

    private static IEnumerable<(string Path, string[] Names)> Settings(JsonNode? of, string path = "", JsonNode? schema = null)
    {
        var own = Resolved(schema ?? Schema);
        if (of is JsonObject settings && own["properties"] is JsonObject properties && !path.EndsWith(".contexts", StringComparison.Ordinal))
        {
            yield return (path, [.. properties.Select(property => property.Key).Where(name => name != "$schema")]);
        }

        foreach (var (name, value) in of is JsonObject members && own["properties"] is JsonObject ? members.ToList() : [])
        {
            foreach (var inner in Settings(value, $"{path}.{name}", own["properties"]![name]))
            {
                yield return inner;
            }
        }

        foreach (var (at, value) in of is JsonArray list ? list.Index().ToList() : [])
        {
            foreach (var inner in Settings(value, $"{path}[{at}]", own["items"]))
            {
                yield return inner;
            }
        }
    }

    private static JsonNode Resolved(JsonNode schema) =>
        schema["$ref"] is { } reference ? Schema["$defs"]![reference.ToString().Split('/')[^1]]! : schema;

    private static JsonNode At(JsonNode document, string path)
    {
        foreach (var part in path.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            document = document[part.Split('[')[0]]!;
            document = part.EndsWith(']') ? document[0]! : document;
        }

        return document;
    }

    private static IReadOnlyList<string> ErrorsOf(string json)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, json);
            StranglerConfiguration.Load(file, ContextCatalog.Names, _ => null);
            return [];
        }
        catch (ConfigurationException exception)
        {
            return [.. exception.Errors.Select(error => error.Replace($"{file}: ", "", StringComparison.Ordinal))];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Docs(string file) => SourceTree.PathOf("docs", file);

    [GeneratedRegex(@"^(?<path>.*)" + Stray + @": there is no such setting; known are: (?<names>.*)\.$")]
    private static partial Regex Known();

    [GeneratedRegex("```json\n(?<json>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Samples();
}
