using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Strangler.Service.Http.Repositories;

/// <summary>A value that has no parts: what is expected, and whether something is that.</summary>
/// <param name="Expected">In words.</param>
/// <param name="IsGood">Whether a value is one.</param>
/// <param name="Members">Of its schema.</param>
internal sealed record Leaf(string Expected, Func<JsonElement, bool> IsGood, params (string Name, JsonNode Value)[] Members)
{
    private static readonly Leaf Text = new(
        "text without the character U+0000",
        value => value.ValueKind == JsonValueKind.String && TextOf(value) is { } text && !text.Contains('\0'),
        ("type", "string"));

    private static readonly Leaf Flag = new(
        "true or false", value => value.ValueKind is JsonValueKind.True or JsonValueKind.False, ("type", "boolean"));

    private static readonly Leaf Long = new(
        "a whole number",
        value => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        ("type", "integer"), ("format", "int64"));

    private static readonly Leaf Int = new(
        "a whole number",
        value => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _),
        ("type", "integer"), ("format", "int32"));

    private static readonly Leaf Time = new(
        "a time such as 2022-06-01T10:00:00, without a zone", value => IsTime(value, RepositoryJson.TimeFormat),
        ("type", "string"), ("description", "Civil time of the organisation, without a zone: 2022-06-01T10:00:00."),
        ("pattern", @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$"));

    private static readonly Leaf Date = new(
        "a date such as 2022-06-01", value => IsTime(value, RepositoryJson.DateFormat), ("type", "string"), ("format", "date"));

    /// <summary>Null: it has parts.</summary>
    public static Leaf? Of(Type type)
    {
        var known = Nullable.GetUnderlyingType(type) ?? type;
        return known == typeof(string) ? Text
            : known == typeof(bool) ? Flag
            : known == typeof(long) ? Long
            : known == typeof(int) ? Int
            : known == typeof(DateTime) ? Time
            : known == typeof(DateOnly) ? Date
            : known.IsEnum ? Code(Codes.All(known)) : null;
    }

    public JsonObject Schema(bool isNullable)
    {
        var schema = new JsonObject([.. Members.Select(member => KeyValuePair.Create(member.Name, (JsonNode?)member.Value.DeepClone()))]);
        if (isNullable)
        {
            schema["type"] = new JsonArray(schema["type"]!.DeepClone(), "null");
            (schema["enum"] as JsonArray)?.Add(null);
        }

        return schema;
    }

    private static Leaf Code(IReadOnlyList<string> codes) => new(
        $"one of: {string.Join(", ", codes)}",
        value => value.ValueKind == JsonValueKind.String && TextOf(value) is { } code && codes.Contains(code),
        ("type", "string"), ("enum", new JsonArray([.. codes.Select(code => (JsonNode)code)])));

    private static bool IsTime(JsonElement value, string format) => value.ValueKind == JsonValueKind.String
        && DateTime.TryParseExact(TextOf(value), format, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    /// <summary>Null: what is written there is no text (half a surrogate pair).</summary>
    internal static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
