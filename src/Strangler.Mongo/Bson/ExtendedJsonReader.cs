using System.Globalization;
using System.Text.Json;

namespace Strangler.Mongo.Bson;

/// <summary>
/// Reads Extended JSON. An object is read as a document first; when its first name is one of the <c>$…</c> forms, it then becomes the
/// value that it stands for: so
/// <c>{"$date": {"$numberLong": "1"}}</c> needs no rule of its own.
/// </summary>
internal ref struct ExtendedJsonReader(ReadOnlySpan<byte> utf8, int before, JsonReaderOptions options)
{
    private readonly List<string> _path = [];
    private Utf8JsonReader _json = new(utf8, options with { AllowMultipleValues = true });

    public List<BsonDocument> ReadDocuments(out int read)
    {
        try
        {
            Next();
            List<BsonDocument> documents = _json.TokenType == JsonTokenType.StartArray ? ReadList() : [ReadOutermost()];
            read = (int)_json.BytesConsumed;
            return documents;
        }
        catch (JsonException e)
        {
            throw new BsonFormatException("this is no JSON", before + _json.BytesConsumed, Path, e);
        }
        catch (InvalidOperationException e)
        {
            // How the reader below says that a text has escapes which are half of a surrogate pair.
            throw new BsonFormatException("a text is no valid Unicode", before + _json.TokenStartIndex, Path, e);
        }
    }

    private readonly string Path => string.Join('.', _path);

    private List<BsonDocument> ReadList()
    {
        List<BsonDocument> documents = [];
        for (Next(); _json.TokenType != JsonTokenType.EndArray; Next())
        {
            _path.Add(documents.Count.ToString(CultureInfo.InvariantCulture));
            documents.Add(ReadOutermost());
            _path.RemoveAt(_path.Count - 1);
        }
        return documents;
    }

    private BsonDocument ReadOutermost()
    {
        var value = ReadValue();
        return value.Type == BsonType.Document ? value.AsDocument : throw Error("a document was expected");
    }

    private BsonValue ReadValue()
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject();
            case JsonTokenType.StartArray:
                return ReadArray();
            case JsonTokenType.String:
                return _json.GetString()!;
            case JsonTokenType.Number:
                return ReadNumber();
            case JsonTokenType.True or JsonTokenType.False:
                return _json.GetBoolean();
            case JsonTokenType.Null:
                return BsonValue.Null;
            default:
                throw Error("a value was expected");
        }
    }

    private BsonValue ReadObject()
    {
        if (_path.Count > ExtendedJson.MaxDepth)
            throw Error($"more than {ExtendedJson.MaxDepth} levels of documents and arrays");
        List<BsonElement> elements = [];
        for (Next(); _json.TokenType == JsonTokenType.PropertyName; Next())
        {
            var name = _json.GetString()!;
            if (name.Contains('\0', StringComparison.Ordinal))
                throw Error("a field's name holds a NUL character");
            _path.Add(name);
            Next();
            elements.Add(new(name, ReadValue()));
            _path.RemoveAt(_path.Count - 1);
        }
        return elements is [{ Name: ['$', ..] }, ..] ? Interpret(elements) : new BsonDocument([.. elements]);
    }

    private BsonArray ReadArray()
    {
        if (_path.Count > ExtendedJson.MaxDepth)
            throw Error($"more than {ExtendedJson.MaxDepth} levels of documents and arrays");
        List<BsonValue> values = [];
        for (Next(); _json.TokenType != JsonTokenType.EndArray; Next())
        {
            _path.Add(values.Count.ToString(CultureInfo.InvariantCulture));
            values.Add(ReadValue());
            _path.RemoveAt(_path.Count - 1);
        }
        return new([.. values]);
    }

    private readonly BsonValue ReadNumber()
    {
        // A point or an exponent makes it a double, also where the number is whole.
        if (_json.ValueSpan.IndexOfAny(".eE"u8) < 0)
        {
            if (_json.TryGetInt32(out var small) && !_json.ValueSpan.SequenceEqual("-0"u8))
                return small;
            if (_json.TryGetInt64(out var large) && large != 0)
                return large;
        }
        return _json.GetDouble();
    }

    private readonly BsonValue Interpret(List<BsonElement> form)
    {
        var (first, more) = (form[0], form.Count > 1 ? form[1] : default);
        return (form.Count, first.Name, more.Name) switch
        {
            (1, "$oid", _) => ObjectId.TryParse(Text(first), out var id) ? id : throw Wrong(first, "24 hexadecimal digits"),
            (1, "$symbol", _) => BsonValue.FromSymbol(Text(first)),
            (1, "$numberInt", _) => int.TryParse(Text(first), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var small)
                ? small : throw Wrong(first, "a whole number of 32 bits"),
            (1, "$numberLong", _) => long.TryParse(Text(first), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large)
                ? large : throw Wrong(first, "a whole number of 64 bits"),
            (1, "$numberDouble", _) => Double(first),
            (1, "$numberDecimal", _) => Decimal128.TryParse(Text(first), out var number) ? number : throw Wrong(first, "a decimal128"),
            (1, "$binary", _) => Binary(Parts(first, "base64", "subType"), first),
            // The form of v1, in which many exports still are.
            (2, "$binary", "$type") or (2, "$type", "$binary") => Binary(form, first),
            (1, "$uuid", _) => Guid.TryParseExact(Text(first), "D", out var uuid) ? BsonValue.FromUuid(uuid) : throw Wrong(first, "a UUID"),
            (1, "$code", _) => BsonValue.FromCode(Text(first)),
            (2, "$code", "$scope") or (2, "$scope", "$code") => ScopedCode(form),
            (1, "$timestamp", _) => Timestamp(Parts(first, "t", "i"), first),
            (1, "$regularExpression", _) => Regex(Parts(first, "pattern", "options")),
            (1, "$dbPointer", _) => Pointer(Parts(first, "$ref", "$id"), first),
            (1, "$date", _) => Date(first),
            (1, "$minKey", _) => first.Value == 1 ? BsonValue.MinKey : throw Wrong(first, "1"),
            (1, "$maxKey", _) => first.Value == 1 ? BsonValue.MaxKey : throw Wrong(first, "1"),
            (1, "$undefined", _) => first.Value == true ? BsonValue.Undefined : throw Wrong(first, "true"),
            (_, "$oid" or "$symbol" or "$numberInt" or "$numberLong" or "$numberDouble" or "$numberDecimal" or "$binary" or "$uuid"
                or "$code" or "$scope"
                or "$timestamp" or "$regularExpression" or "$dbPointer" or "$date" or "$minKey" or "$maxKey" or "$undefined", _)
                => throw Error($"{first.Name} stands beside other fields"),
            // An operator of a query, a reference of the newer kind ($ref, $id), or a field that is really called so.
            _ => new BsonDocument([.. form]),
        };
    }

    private readonly BsonValue Double(BsonElement form)
    {
        var text = Text(form);
        return text switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ when !text.Any(char.IsLetter) || text.Contains('e', StringComparison.OrdinalIgnoreCase) => double.TryParse(
                text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                    CultureInfo.InvariantCulture, out var number)
                ? number : throw Wrong(form, "a double"),
            _ => throw Wrong(form, "a double"),
        };
    }

    private readonly BsonValue Binary(IReadOnlyList<BsonElement> parts, BsonElement form)
    {
        var (text, type) = parts[0].Name is "base64" or "$binary" ? (parts[0], parts[1]) : (parts[1], parts[0]);
        var bytes = new byte[Text(text).Length];
        if (!Convert.TryFromBase64String(Text(text), bytes, out var length))
            throw Wrong(form, "base64");
        var written = Text(type);
        if (written.Length is 0 or > 2
            || !byte.TryParse(written, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var subtype))
            throw Wrong(form, "a subtype of two hexadecimal digits");
        return new BsonBinary(bytes.AsSpan(0, length), subtype);
    }

    private readonly BsonValue ScopedCode(List<BsonElement> form)
    {
        var (code, scope) = form[0].Name == "$code" ? (form[0], form[1]) : (form[1], form[0]);
        return scope.Value.Type == BsonType.Document
            ? BsonValue.FromScopedCode(new(Text(code), scope.Value.AsDocument))
            : throw Wrong(scope, "a document");
    }

    private readonly BsonTimestamp Timestamp(IReadOnlyList<BsonElement> parts, BsonElement form)
    {
        var (seconds, increment) = parts[0].Name == "t" ? (parts[0], parts[1]) : (parts[1], parts[0]);
        return seconds.Value.TryGetInt64(out var t) && increment.Value.TryGetInt64(out var i) && t is >= 0 and <= uint.MaxValue
            && i is >= 0 and <= uint.MaxValue
            ? new((uint)t, (uint)i)
            : throw Wrong(form, "two whole numbers of 32 bits, t and i");
    }

    private readonly BsonValue Regex(IReadOnlyList<BsonElement> parts)
    {
        var (pattern, options) = parts[0].Name == "pattern" ? (parts[0], parts[1]) : (parts[1], parts[0]);
        return (Text(pattern) + Text(options)).Contains('\0', StringComparison.Ordinal)
            ? throw Error("a regular expression holds a NUL character")
            : BsonValue.FromRegex(new(Text(pattern), Text(options)));
    }

    private readonly BsonValue Pointer(IReadOnlyList<BsonElement> parts, BsonElement form)
    {
        var (collection, id) = parts[0].Name == "$ref" ? (parts[0], parts[1]) : (parts[1], parts[0]);
        return id.Value.Type == BsonType.ObjectId ? BsonValue.FromDbPointer(new(Text(collection), id.Value.AsObjectId))
            : throw Wrong(form, "$ref and $id");
    }

    private readonly BsonValue Date(BsonElement form)
    {
        if (form.Value.IsNumber && form.Value.TryGetInt64(out var milliseconds))
            return BsonValue.FromMilliseconds(milliseconds);
        return form.Value.Type == BsonType.String && IsoDate.TryParse(form.Value.AsString, out var date)
            ? BsonValue.FromMilliseconds(date)
            : throw Wrong(form, "a number of milliseconds or a date as 2021-03-19T23:34:20.884Z");
    }

    private readonly BsonDocument Parts(BsonElement form, string one, string other)
    {
        var parts = form.Value.Type == BsonType.Document ? form.Value.AsDocument : BsonDocument.Empty;
        return parts.Count == 2 && parts.Contains(one) && parts.Contains(other) ? parts
            : throw Wrong(form, $"{one} and {other}, and nothing else");
    }

    private readonly string Text(BsonElement form) => form.Value.Type == BsonType.String ? form.Value.AsString
        : throw Wrong(form, "a text");

    private void Next()
    {
        if (!_json.Read())
            throw Error("the text ends too early");
    }

    private readonly BsonFormatException Wrong(BsonElement form, string expected) => Error($"{form.Name} must have {expected}");

    private readonly BsonFormatException Error(string problem) => new(problem, before + _json.TokenStartIndex, Path);
}
