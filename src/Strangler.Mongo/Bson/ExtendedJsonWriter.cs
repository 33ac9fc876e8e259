using System.Globalization;
using System.Text.Json;

namespace Strangler.Mongo.Bson;

/// <summary>Writes documents as Extended JSON.</summary>
internal readonly struct ExtendedJsonWriter(Utf8JsonWriter json, bool relaxed)
{
    public void Write(BsonDocument document)
    {
        json.WriteStartObject();
        for (var i = 0; i < document.Count; i++)
        {
            json.WritePropertyName(document[i].Name);
            Write(document[i].Value);
        }
        json.WriteEndObject();
    }

    private void Write(BsonValue value)
    {
        switch (value.Type)
        {
            case BsonType.Document:
                Write(value.AsDocument);
                break;
            case BsonType.Array:
                json.WriteStartArray();
                for (var i = 0; i < value.AsArray.Count; i++)
                    Write(value.AsArray[i]);
                json.WriteEndArray();
                break;
            case BsonType.String:
                json.WriteStringValue(value.AsString);
                break;
            case BsonType.Boolean:
                json.WriteBooleanValue(value.AsBoolean);
                break;
            case BsonType.Null:
                json.WriteNullValue();
                break;
            case BsonType.Double or BsonType.Int32 or BsonType.Int64:
                Number(value);
                break;
            default:
                json.WriteStartObject();
                Form(value);
                json.WriteEndObject();
                break;
        }
    }

    private void Number(BsonValue value)
    {
        var (form, text) = value.Type switch
        {
            BsonType.Int32 => ("$numberInt", value.AsInt32.ToString(CultureInfo.InvariantCulture)),
            BsonType.Int64 => ("$numberLong", value.AsInt64.ToString(CultureInfo.InvariantCulture)),
            _ => ("$numberDouble", Text(value.AsDouble)),
        };
        if (relaxed && (value.Type != BsonType.Double || double.IsFinite(value.AsDouble)))
        {
            json.WriteRawValue(text);
            return;
        }
        json.WriteStartObject();
        json.WriteString(form, text);
        json.WriteEndObject();
    }

    // A point or an exponent says that it is a double.
    private static string Text(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        return double.IsFinite(number) && !text.AsSpan().ContainsAny('.', 'E') ? text + ".0" : text;
    }

    private void Form(BsonValue value)
    {
        switch (value.Type)
        {
            case BsonType.ObjectId:
                json.WriteString("$oid", value.AsObjectId.ToString());
                break;
            case BsonType.DateTime:
                Date(value.AsMilliseconds);
                break;
            case BsonType.Decimal128:
                json.WriteString("$numberDecimal", value.AsDecimal128.ToString());
                break;
            case BsonType.Binary:
                json.WriteStartObject("$binary");
                json.WriteString("base64", Convert.ToBase64String(value.AsBinary.Bytes));
                json.WriteString("subType", value.AsBinary.Subtype.ToString("x2", CultureInfo.InvariantCulture));
                json.WriteEndObject();
                break;
            case BsonType.Regex:
                json.WriteStartObject("$regularExpression");
                json.WriteString("pattern", value.AsRegex.Pattern);
                json.WriteString("options", value.AsRegex.Options);
                json.WriteEndObject();
                break;
            case BsonType.DbPointer:
                json.WriteStartObject("$dbPointer");
                json.WriteString("$ref", value.AsDbPointer.Collection);
                json.WritePropertyName("$id");
                Write(value.AsDbPointer.Id);
                json.WriteEndObject();
                break;
            case BsonType.Code:
                json.WriteString("$code", value.AsCode);
                break;
            case BsonType.CodeWithScope:
                json.WriteString("$code", value.AsScopedCode.Code);
                json.WritePropertyName("$scope");
                Write(value.AsScopedCode.Scope);
                break;
            case BsonType.Symbol:
                json.WriteString("$symbol", value.AsSymbol);
                break;
            case BsonType.Timestamp:
                json.WriteStartObject("$timestamp");
                json.WriteNumber("t", value.AsTimestamp.Seconds);
                json.WriteNumber("i", value.AsTimestamp.Increment);
                json.WriteEndObject();
                break;
            case BsonType.Undefined:
                json.WriteBoolean("$undefined", true);
                break;
            case BsonType.MinKey:
                json.WriteNumber("$minKey", 1);
                break;
            case BsonType.MaxKey:
                json.WriteNumber("$maxKey", 1);
                break;
        }
    }

    private void Date(long milliseconds)
    {
        if (relaxed && IsoDate.TryFormat(milliseconds, out var text))
        {
            json.WriteString("$date", text);
            return;
        }
        json.WriteStartObject("$date");
        json.WriteString("$numberLong", milliseconds.ToString(CultureInfo.InvariantCulture));
        json.WriteEndObject();
    }
}
