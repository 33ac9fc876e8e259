using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.Merging;

/// <summary>Canonical values as text that keeps their type, for conflict records alone.</summary>
internal static class ConflictValues
{
    private const string Time = "yyyy-MM-dd HH:mm:ss";

    /// <param name="field">Of a secret only the mark is kept: it is shown, and the decision takes the value from the side that has it.</param>
    /// <param name="value">Of the field.</param>
    /// <param name="mask">Makes the mark.</param>
    public static string Encode(RecordField field, object? value, ValueMask mask) => JsonSerializer.Serialize(Node(field, value, mask));

    /// <summary>The values of a whole record by field name; of an entity that is on one side only.</summary>
    public static string Encode(Record record, ValueMask mask) => JsonSerializer.Serialize(new JsonObject(
        record.Schema.Fields.Select(field => KeyValuePair.Create(field.Name, Node(field, record.Values[field.Ordinal], mask)))));

    public static object? Decode(RecordField field, string text) => Value(field, JsonNode.Parse(text));

    /// <summary>The fields of a whole record that say something.</summary>
    public static IEnumerable<(RecordField Field, object? Value)> DecodeRecord(RecordSchema schema, string text)
    {
        foreach (var (name, node) in JsonNode.Parse(text)!.AsObject())
        {
            if (schema.Has(name) && schema.Fields[schema.OrdinalOf(name)] is var field && Value(field, node) is var value
                && !Record.ValuesEqual(value, field.Default))
            {
                yield return (field, value);
            }
        }
    }

    private static JsonNode? Node(RecordField field, object? value, ValueMask mask) => value switch
    {
        null => null,
        Hidden hidden => new JsonObject { ["derived"] = Node(field, hidden.Derived, mask) },
        _ when field.Secret => mask.Mark(value).Text,
        bool flag => flag,
        long number => number,
        double number => number,
        string text => text,
        DateTime moment => moment.ToString(Time, CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        byte[] bytes => Convert.ToBase64String(bytes),
        RecordList list => new JsonArray(
            [.. list.Rows.Select(row => (JsonNode?)new JsonArray([.. row.Select((item, at) => Node(field.Items[at], item, mask))]))]),
        _ => throw new ArgumentException($"{value.GetType()} is no canonical type.", nameof(value)),
    };

    private static object? Value(RecordField field, JsonNode? node) => (node, field.Type) switch
    {
        (null, _) => null,
        (JsonObject hidden, _) => new Hidden(Value(field, hidden["derived"])),
        _ when field.Secret => new SecretMark(node.GetValue<string>()),
        (_, FieldType.Boolean) => node.GetValue<bool>(),
        (_, FieldType.Integer or FieldType.Money or FieldType.Count) => node.GetValue<long>(),
        (_, FieldType.Real) => node.GetValue<double>(),
        (_, FieldType.Timestamp) => DateTime.ParseExact(node.GetValue<string>(), Time, CultureInfo.InvariantCulture),
        (_, FieldType.Date) => DateOnly.ParseExact(node.GetValue<string>(), "yyyy-MM-dd", CultureInfo.InvariantCulture),
        (_, FieldType.Bytes) => Convert.FromBase64String(node.GetValue<string>()),
        (JsonArray rows, FieldType.List) => new RecordList(
            [.. rows.Select(row => row!.AsArray().Select((item, at) => Value(field.Items[at], item)).ToArray())]),
        _ => node.GetValue<string>(),
    };
}
