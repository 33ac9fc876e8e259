using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Strangler.Mongo.Bson;

/// <summary>
/// Goes through the fields of one document, forward only, over bytes that it does not own. A nested document gets a reader of its own.
/// Every length is checked
/// against what encloses it before it is used.
/// </summary>
public ref struct BsonReader
{
    private const int SmallestDocument = 5;

    private readonly ReadOnlySpan<byte> _root;
    private readonly int _end;
    private readonly int _depth;
    private readonly int _maxDepth;
    private int _nameStart;
    private int _nameLength;
    private int _value;
    private int _next;

    /// <param name="document">One document that fills the bytes.</param>
    /// <param name="limits">Null: the defaults.</param>
    /// <exception cref="BsonFormatException">Its length is not that of the bytes, or beyond the limits.</exception>
    public BsonReader(ReadOnlySpan<byte> document, BsonLimits? limits = null)
    {
        limits = (limits ?? BsonLimits.Default).Validated();
        _root = document;
        _maxDepth = limits.MaxDepth;
        if (document.Length > limits.MaxSize)
            throw Error(0, string.Create(CultureInfo.InvariantCulture,
                $"the document has {document.Length} bytes, and {limits.MaxSize} are allowed"));
        _end = OpenDocument(0, document.Length);
        if (_end != document.Length - 1)
            throw Error(0, string.Create(CultureInfo.InvariantCulture,
                $"the document says it has {_end + 1} bytes, and there are {document.Length}"));
        _next = sizeof(int);
    }

    private BsonReader(ReadOnlySpan<byte> root, int start, int end, int depth, int maxDepth)
    {
        _root = root;
        (_end, _depth, _maxDepth, _next) = (end, depth, maxDepth, start + sizeof(int));
        if (depth >= maxDepth)
            throw Error(start, string.Create(CultureInfo.InvariantCulture, $"more than {maxDepth} levels of documents and arrays"));
    }

    /// <summary>The type of the field at hand.</summary>
    public BsonType Type { get; private set; }

    /// <summary>The name of the field at hand.</summary>
    public readonly ReadOnlySpan<byte> NameBytes => _root.Slice(_nameStart, _nameLength);

    /// <inheritdoc cref="NameBytes"/>
    /// <exception cref="BsonFormatException">It is no UTF-8.</exception>
    public readonly string Name => Utf8.IsValid(NameBytes) ? BsonNames.Get(NameBytes)
        : throw Error(_nameStart, "a field's name is no UTF-8");

    /// <summary>The bytes of the value at hand; of a document or an array, the document.</summary>
    public readonly ReadOnlySpan<byte> ValueBytes => _root[_value.._next];

    /// <summary>Bytes from the start of the outermost document to the value at hand.</summary>
    public readonly int Offset => _value;

    /// <summary>Goes to the next field.</summary>
    /// <returns>False at the document's end.</returns>
    /// <exception cref="BsonFormatException">What follows is no field.</exception>
    public bool Read()
    {
        if (_next == _end)
            return false;
        var at = _next;
        Type = (BsonType)_root[at];
        _nameStart = at + 1;
        _nameLength = CStringLength(_nameStart);
        _value = _nameStart + _nameLength + 1;
        _next = _value + Length(at);
        return true;
    }

    public readonly double GetDouble() => BinaryPrimitives.ReadDoubleLittleEndian(Of(BsonType.Double));

    public readonly int GetInt32() => BinaryPrimitives.ReadInt32LittleEndian(Of(BsonType.Int32));

    public readonly long GetInt64() => BinaryPrimitives.ReadInt64LittleEndian(Of(BsonType.Int64));

    /// <summary>Milliseconds since 1970 in UTC.</summary>
    public readonly long GetMilliseconds() => BinaryPrimitives.ReadInt64LittleEndian(Of(BsonType.DateTime));

    public readonly ObjectId GetObjectId() => new(Of(BsonType.ObjectId));

    public readonly bool GetBoolean() => Of(BsonType.Boolean)[0] != 0;

    /// <summary>The text of a string, code or symbol, in UTF-8 as far as its writer kept to that.</summary>
    public readonly ReadOnlySpan<byte> GetUtf8() => Type is BsonType.String or BsonType.Code or BsonType.Symbol
        ? ValueBytes[sizeof(int)..^1]
        : throw NotA(BsonType.String);

    /// <summary>The text of a string, code or symbol.</summary>
    public readonly string GetString()
    {
        _ = GetUtf8();
        return Text(_value);
    }

    /// <summary>A reader of the document or array at hand.</summary>
    public readonly BsonReader GetDocument() => Type is BsonType.Document or BsonType.Array
        ? new(_root, _value, _next - 1, _depth + 1, _maxDepth)
        : throw NotA(BsonType.Document);

    /// <summary>The value at hand, with all that is in it.</summary>
    public readonly BsonValue GetValue() => Type switch
    {
        BsonType.Double => GetDouble(),
        BsonType.String => GetString(),
        BsonType.Document => GetDocument().ReadRest(),
        BsonType.Array => GetDocument().ReadRestAsArray(),
        BsonType.Binary => GetBinary(),
        BsonType.Undefined => BsonValue.Undefined,
        BsonType.ObjectId => GetObjectId(),
        BsonType.Boolean => GetBoolean(),
        BsonType.DateTime => BsonValue.FromMilliseconds(GetMilliseconds()),
        BsonType.Null => BsonValue.Null,
        BsonType.Regex => BsonValue.FromRegex(GetRegex()),
        BsonType.DbPointer => BsonValue.FromDbPointer(GetDbPointer()),
        BsonType.Code => BsonValue.FromCode(GetString()),
        BsonType.Symbol => BsonValue.FromSymbol(GetString()),
        BsonType.CodeWithScope => BsonValue.FromScopedCode(GetScopedCode()),
        BsonType.Int32 => GetInt32(),
        BsonType.Timestamp => BsonTimestamp.FromBits(BinaryPrimitives.ReadUInt64LittleEndian(ValueBytes)),
        BsonType.Int64 => GetInt64(),
        BsonType.Decimal128 => new Decimal128(BinaryPrimitives.ReadUInt64LittleEndian(ValueBytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(ValueBytes)),
        BsonType.MinKey => BsonValue.MinKey,
        BsonType.MaxKey => BsonValue.MaxKey,
        _ => throw new InvalidOperationException("Read a field first."),
    };

    /// <summary>The fields from here on as a document.</summary>
    public BsonDocument ReadRest()
    {
        var scratch = BsonScratch<BsonElement>.Mine;
        var start = scratch.Count;
        try
        {
            while (Read())
                scratch.Add(new(Name, GetValue()));
            return scratch.Count == start ? BsonDocument.Empty : new(scratch.From(start));
        }
        finally
        {
            scratch.CutTo(start);
        }
    }

    /// <summary>The fields from here on as the values of an array.</summary>
    internal BsonArray ReadRestAsArray()
    {
        var scratch = BsonScratch<BsonValue>.Mine;
        var start = scratch.Count;
        List<string>? odd = null;
        Span<byte> buffer = stackalloc byte[12];
        try
        {
            while (Read())
            {
                var count = scratch.Count - start;
                if (odd is null && !NameBytes.SequenceEqual(BsonNames.Index(count, buffer)))
                    odd = [.. Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture))];
                odd?.Add(Name);
                scratch.Add(GetValue());
            }
            return scratch.Count == start ? BsonArray.Empty : new(scratch.From(start), odd?.ToArray());
        }
        finally
        {
            scratch.CutTo(start);
        }
    }

    /// <summary>The number of bytes of the value at hand, checked to lie within the document and to end as it must.</summary>
    private readonly int Length(int typeAt)
    {
        switch (Type)
        {
            case BsonType.Undefined or BsonType.Null or BsonType.MinKey or BsonType.MaxKey:
                return 0;
            case BsonType.Boolean:
                Need(1);
                return _root[_value] <= 1 ? 1 : throw Error(_value, "a boolean is neither 0 nor 1");
            case BsonType.Int32:
                return Need(sizeof(int));
            case BsonType.Double or BsonType.DateTime or BsonType.Timestamp or BsonType.Int64:
                return Need(sizeof(long));
            case BsonType.ObjectId:
                return Need(ObjectId.Size);
            case BsonType.Decimal128:
                return Need(2 * sizeof(ulong));
            case BsonType.String or BsonType.Code or BsonType.Symbol:
                return StringLength(_value, _end);
            case BsonType.Document or BsonType.Array:
                return OpenDocument(_value, _end) + 1 - _value;
            case BsonType.Binary:
                return BinaryLength();
            case BsonType.Regex:
                var pattern = CStringLength(_value) + 1;
                return pattern + CStringLength(_value + pattern) + 1;
            case BsonType.DbPointer:
                var name = StringLength(_value, _end);
                return name + Need(ObjectId.Size, name);
            case BsonType.CodeWithScope:
                return ScopedCodeLength();
            default:
                throw Error(typeAt, string.Create(CultureInfo.InvariantCulture, $"0x{(byte)Type:x2} is no type of BSON"));
        }
    }

    private readonly int Need(int length, int after = 0) =>
        length <= _end - _value - after ? length : throw Error(_value, "the value goes beyond its document");

    /// <returns>Where its closing NUL is.</returns>
    private readonly int OpenDocument(int at, int end)
    {
        if (end - at < SmallestDocument)
            throw Error(at, "too few bytes for a document");
        var length = BinaryPrimitives.ReadInt32LittleEndian(_root[at..]);
        if (length < SmallestDocument || length > end - at)
        {
            throw Error(at, string.Create(CultureInfo.InvariantCulture,
                $"a document says it has {length} bytes, where {SmallestDocument} to {end - at} are possible"));
        }
        return _root[at + length - 1] == 0 ? at + length - 1 : throw Error(at + length - 1, "a document does not end with NUL");
    }

    private readonly int StringLength(int at, int end)
    {
        if (end - at < sizeof(int) + 1)
            throw Error(at, "too few bytes for a string");
        var length = BinaryPrimitives.ReadInt32LittleEndian(_root[at..]);
        if (length < 1 || length > end - at - sizeof(int))
        {
            throw Error(at, string.Create(CultureInfo.InvariantCulture,
                $"a string says it has {length} bytes, where 1 to {end - at - sizeof(int)} are possible"));
        }
        return _root[at + sizeof(int) + length - 1] == 0 ? sizeof(int) + length : throw Error(at, "a string does not end with NUL");
    }

    private readonly int CStringLength(int at)
    {
        // Its own NUL may not be the one that ends the document.
        var length = at < _end ? _root[at.._end].IndexOf((byte)0) : -1;
        return length >= 0 ? length : throw Error(at, "a name or pattern does not end within its document");
    }

    private readonly int BinaryLength()
    {
        Need(sizeof(int) + 1);
        var length = BinaryPrimitives.ReadInt32LittleEndian(_root[_value..]);
        if (length < 0 || length > _end - _value - sizeof(int) - 1)
        {
            throw Error(_value, string.Create(CultureInfo.InvariantCulture,
                $"a binary says it has {length} bytes, where 0 to {_end - _value - sizeof(int) - 1} are possible"));
        }
        if (_root[_value + sizeof(int)] == BsonBinary.OldGeneric
            && (length < sizeof(int)
                || BinaryPrimitives.ReadInt32LittleEndian(_root[(_value + sizeof(int) + 1)..]) != length - sizeof(int)))
            throw Error(_value, "the two lengths of a binary of subtype 2 do not agree");
        return sizeof(int) + 1 + length;
    }

    private readonly int ScopedCodeLength()
    {
        Need(sizeof(int));
        var length = BinaryPrimitives.ReadInt32LittleEndian(_root[_value..]);
        // The smallest: its length, an empty string, an empty document.
        if (length < sizeof(int) + sizeof(int) + 1 + SmallestDocument || length > _end - _value)
            throw Error(_value, string.Create(CultureInfo.InvariantCulture, $"code with a scope says it has {length} bytes"));
        var scope = _value + sizeof(int) + StringLength(_value + sizeof(int), _value + length);
        return OpenDocument(scope, _value + length) == _value + length - 1
            ? length
            : throw Error(_value, "code with a scope does not end with its scope");
    }

    private readonly string Text(int at)
    {
        var text = _root.Slice(at + sizeof(int), BinaryPrimitives.ReadInt32LittleEndian(_root[at..]) - 1);
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Error(at, "a string is no UTF-8");
    }

    private readonly string CText(int at, out int next)
    {
        var text = _root.Slice(at, CStringLength(at));
        next = at + text.Length + 1;
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Error(at, "a regular expression is no UTF-8");
    }

    private readonly BsonBinary GetBinary()
    {
        var subtype = ValueBytes[sizeof(int)];
        return new(ValueBytes[(subtype == BsonBinary.OldGeneric ? (2 * sizeof(int)) + 1 : sizeof(int) + 1)..], subtype);
    }

    private readonly BsonRegex GetRegex()
    {
        var pattern = CText(_value, out var next);
        return new(pattern, CText(next, out _));
    }

    private readonly BsonDbPointer GetDbPointer() => new(Text(_value), new(ValueBytes[^ObjectId.Size..]));

    private readonly BsonScopedCode GetScopedCode()
    {
        var code = _value + sizeof(int);
        var scope = code + StringLength(code, _next);
        return new(Text(code), new BsonReader(_root, scope, _next - 1, _depth + 1, _maxDepth).ReadRest());
    }

    private readonly ReadOnlySpan<byte> Of(BsonType type) => Type == type ? ValueBytes : throw NotA(type);

    private readonly InvalidOperationException NotA(BsonType type) => new($"The value is of type {Type}, not {type}.");

    private readonly BsonFormatException Error(int offset, string problem) => new(problem, offset, BsonPath.To(_root, offset));
}
