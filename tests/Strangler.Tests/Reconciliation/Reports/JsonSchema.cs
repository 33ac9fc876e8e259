using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Strangler.Tests.Reconciliation.Reports;

/// <summary>
/// As much of JSON schema as <c>report.schema.json</c> uses. A keyword that it does not know is an error, never overlooked.
/// </summary>
internal sealed class JsonSchema(string schema)
{
    private readonly JsonElement _root = JsonDocument.Parse(schema).RootElement;

    /// <summary>What is wrong with the document; empty: it is valid.</summary>
    public IReadOnlyList<string> Check(string json)
    {
        List<string> errors = [];
        Check(_root, JsonDocument.Parse(json).RootElement, "$", errors);
        return errors;
    }

    private void Check(JsonElement schema, JsonElement value, string path, List<string> errors)
    {
        foreach (var keyword in schema.EnumerateObject())
        {
            switch (keyword.Name)
            {
                case "$schema" or "title" or "description" or "default" or "examples" or "$defs" or "properties" or "additionalProperties":
                    break;
                case "$ref":
                    Check(_root.GetProperty("$defs").GetProperty(keyword.Value.GetString()!.Split('/')[^1]), value, path, errors);
                    break;
                case "type" when !IsOf(keyword.Value.GetString()!, value):
                    errors.Add($"{path} is no {keyword.Value}");
                    return;
                case "type":
                    break;
                case "enum" when keyword.Value.EnumerateArray().All(allowed => allowed.GetRawText() != value.GetRawText()):
                    errors.Add($"{path} is {value.GetRawText()}");
                    break;
                case "enum":
                    break;
                case "minimum" when value.GetDecimal() < keyword.Value.GetDecimal():
                    errors.Add($"{path} is {value.GetRawText()}");
                    break;
                case "minimum":
                    break;
                case "pattern" when !Regex.IsMatch(value.GetString()!, keyword.Value.GetString()!):
                    errors.Add($"{path} is {value.GetRawText()}");
                    break;
                case "pattern":
                    break;
                case "required":
                    errors.AddRange(keyword.Value.EnumerateArray().Select(name => name.GetString()!)
                        .Where(name => !value.TryGetProperty(name, out _)).Select(name => $"{path}.{name} is missing"));
                    break;
                case "items":
                    foreach (var (at, item) in value.EnumerateArray().Index())
                    {
                        Check(keyword.Value, item, string.Create(CultureInfo.InvariantCulture, $"{path}[{at}]"), errors);
                    }

                    break;
                case "propertyNames":
                    foreach (var property in value.EnumerateObject())
                    {
                        Check(keyword.Value, JsonSerializer.SerializeToElement(property.Name), $"{path}.{property.Name}", errors);
                    }

                    break;
                default:
                    throw new NotSupportedException($"The keyword '{keyword.Name}' is not known here.");
            }
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            CheckProperties(schema, value, path, errors);
        }
    }

    private void CheckProperties(JsonElement schema, JsonElement value, string path, List<string> errors)
    {
        foreach (var property in value.EnumerateObject())
        {
            if (schema.TryGetProperty("properties", out var known) && known.TryGetProperty(property.Name, out var own))
            {
                Check(own, property.Value, $"{path}.{property.Name}", errors);
            }
            else if (schema.TryGetProperty("additionalProperties", out var others))
            {
                if (others.ValueKind == JsonValueKind.False)
                {
                    errors.Add($"{path}.{property.Name} is not described");
                }
                else if (others.ValueKind == JsonValueKind.Object)
                {
                    Check(others, property.Value, $"{path}.{property.Name}", errors);
                }
            }
        }
    }

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new NotSupportedException(type),
    };
}
