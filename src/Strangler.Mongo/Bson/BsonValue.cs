using System.Diagnostics.CodeAnalysis;

namespace Strangler.Mongo.Bson;

/// <summary>
/// One immutable value of any type. <c>==</c> is exact: type and bits (an int32 1 is not an int64 1, one NaN not another, 1.0 not 1.00);
/// for looser
/// comparisons see <see cref="Equals(BsonValue, BsonComparison)"/>. Never shows its value in <see cref="ToString"/>, which may end in a
/// log.
/// </summary>
public readonly struct BsonValue : IEquatable<BsonValue>
{
    private readonly object? _object;
    private readonly long _bits;
    private readonly int _more;

    private BsonValue(BsonType type, long bits, int more = 0) => (Type, _bits, _more) = (type, bits, more);

    private BsonValue(BsonType type, object value) => (Type, _object) = (type, value);

    public BsonType Type { get; }

    /// <summary>The field was not there.</summary>
    public bool IsMissing => Type == BsonType.Missing;

    public bool IsNull => Type == BsonType.Null;

    /// <summary>An int32, int64, double or decimal128.</summary>
    public bool IsNumber => Type is BsonType.Int32 or BsonType.Int64 or BsonType.Double or BsonType.Decimal128;

    public static BsonValue Null => new(BsonType.Null, 0);

    public static BsonValue Undefined => new(BsonType.Undefined, 0);

    public static BsonValue MinKey => new(BsonType.MinKey, 0);

    public static BsonValue MaxKey => new(BsonType.MaxKey, 0);

    /// <exception cref="InvalidOperationException">Of another type; so for all that follow.</exception>
    public double AsDouble => BitConverter.Int64BitsToDouble(Bits(BsonType.Double));

    public string AsString => Object<string>(BsonType.String);

    public BsonDocument AsDocument => Object<BsonDocument>(BsonType.Document);

    public BsonArray AsArray => Object<BsonArray>(BsonType.Array);

    public BsonBinary AsBinary => Object<BsonBinary>(BsonType.Binary);

    public ObjectId AsObjectId => ObjectId.FromBits(Bits(BsonType.ObjectId), _more);

    public bool AsBoolean => Bits(BsonType.Boolean) != 0;

    /// <summary>Milliseconds since 1970 in UTC; may lie outside of what <see cref="DateTimeOffset"/> can hold.</summary>
    public long AsMilliseconds => Bits(BsonType.DateTime);

    public BsonRegex AsRegex => Object<BsonRegex>(BsonType.Regex);

    public BsonDbPointer AsDbPointer => Object<BsonDbPointer>(BsonType.DbPointer);

    public string AsCode => Object<string>(BsonType.Code);

    public string AsSymbol => Object<string>(BsonType.Symbol);

    public BsonScopedCode AsScopedCode => Object<BsonScopedCode>(BsonType.CodeWithScope);

    public int AsInt32 => (int)Bits(BsonType.Int32);

    public BsonTimestamp AsTimestamp => BsonTimestamp.FromBits((ulong)Bits(BsonType.Timestamp));

    public long AsInt64 => Bits(BsonType.Int64);

    public Decimal128 AsDecimal128 => Object<Decimal128Box>(BsonType.Decimal128).Value;

    public static implicit operator BsonValue(double value) => FromDouble(value);

    public static implicit operator BsonValue(string value) => FromString(value);

    public static implicit operator BsonValue(BsonDocument value) => FromDocument(value);

    public static implicit operator BsonValue(BsonArray value) => FromArray(value);

    public static implicit operator BsonValue(BsonBinary value) => FromBinary(value);

    public static implicit operator BsonValue(ObjectId value) => FromObjectId(value);

    public static implicit operator BsonValue(bool value) => FromBoolean(value);

    public static implicit operator BsonValue(int value) => FromInt32(value);

    public static implicit operator BsonValue(long value) => FromInt64(value);

    public static implicit operator BsonValue(BsonTimestamp value) => FromTimestamp(value);

    public static implicit operator BsonValue(Decimal128 value) => FromDecimal128(value);

    public static BsonValue FromDouble(double value) => new(BsonType.Double, BitConverter.DoubleToInt64Bits(value));

    public static BsonValue FromString(string value) => new(BsonType.String, Given(value));

    public static BsonValue FromDocument(BsonDocument value) => new(BsonType.Document, Given(value));

    public static BsonValue FromArray(BsonArray value) => new(BsonType.Array, Given(value));

    public static BsonValue FromBinary(BsonBinary value) => new(BsonType.Binary, Given(value));

    /// <summary>A UUID as subtype 4, in the byte order in which it is read aloud.</summary>
    public static BsonValue FromUuid(Guid value) => FromBinary(new(value.ToByteArray(bigEndian: true), BsonBinary.Uuid));

    public static BsonValue FromObjectId(ObjectId value) => new(BsonType.ObjectId, value.Bits.High, value.Bits.Low);

    public static BsonValue FromBoolean(bool value) => new(BsonType.Boolean, value ? 1 : 0);

    /// <param name="milliseconds">Since 1970 in UTC.</param>
    public static BsonValue FromMilliseconds(long milliseconds) => new(BsonType.DateTime, milliseconds);

    /// <summary>What lies below a millisecond is cut off.</summary>
    public static BsonValue FromDate(DateTimeOffset date) => FromMilliseconds(date.ToUnixTimeMilliseconds());

    public static BsonValue FromRegex(BsonRegex value) => new(BsonType.Regex, Given(value));

    public static BsonValue FromDbPointer(BsonDbPointer value) => new(BsonType.DbPointer, Given(value));

    public static BsonValue FromCode(string value) => new(BsonType.Code, Given(value));

    public static BsonValue FromSymbol(string value) => new(BsonType.Symbol, Given(value));

    public static BsonValue FromScopedCode(BsonScopedCode value) => new(BsonType.CodeWithScope, Given(value));

    public static BsonValue FromInt32(int value) => new(BsonType.Int32, value);

    public static BsonValue FromTimestamp(BsonTimestamp value) => new(BsonType.Timestamp, (long)value.Bits);

    public static BsonValue FromInt64(long value) => new(BsonType.Int64, value);

    public static BsonValue FromDecimal128(Decimal128 value) => new(BsonType.Decimal128, new Decimal128Box(value));

    /// <summary>A UUID of subtype 4. Subtype 3 has three byte orders, and only its writer knows which.</summary>
    public bool TryGetUuid(out Guid value)
    {
        var isUuid = _object is BsonBinary { Subtype: BsonBinary.Uuid, Bytes.Length: 16 };
        value = isUuid ? new Guid(((BsonBinary)_object!).Bytes, bigEndian: true) : default;
        return isUuid;
    }

    /// <summary>A date within the years 1 to 9999.</summary>
    public bool TryGetDate(out DateTimeOffset value)
    {
        const long First = -62_135_596_800_000, Last = 253_402_300_799_999;
        var isDate = Type == BsonType.DateTime && _bits is >= First and <= Last;
        value = isDate ? DateTimeOffset.FromUnixTimeMilliseconds(_bits) : default;
        return isDate;
    }

    /// <summary>A whole number of any numeric type that 64 bits can hold, exactly.</summary>
    public bool TryGetInt64(out long value)
    {
        value = 0;
        switch (Type)
        {
            case BsonType.Int32 or BsonType.Int64:
                value = _bits;
                return true;
            case BsonType.Double:
                return BsonNumbers.TryToInt64(AsDouble, out value);
            case BsonType.Decimal128:
                return BsonNumbers.TryToInt64(AsDecimal128, out value);
            default:
                return false;
        }
    }

    /// <summary>Exact equality.</summary>
    public bool Equals(BsonValue other) => Equals(other, BsonComparison.Exact);

    /// <summary>Equality under a looser look.</summary>
    public bool Equals(BsonValue other, BsonComparison comparison) => BsonEquality.AreEqual(this, other, comparison);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is BsonValue other && Equals(other);

    public override int GetHashCode() => GetHashCode(BsonComparison.Exact);

    /// <summary>Equal values have equal hashes, under the same comparison.</summary>
    public int GetHashCode(BsonComparison comparison) => BsonEquality.Hash(this, comparison);

    /// <summary>The type's name.</summary>
    public override string ToString() => Type.ToString();

    public static bool operator ==(BsonValue left, BsonValue right) => left.Equals(right);

    public static bool operator !=(BsonValue left, BsonValue right) => !left.Equals(right);

    internal bool SameBits(BsonValue other) => Type == other.Type && _bits == other._bits && _more == other._more;

    internal object? Held => _object;

    internal int BitsHash => HashCode.Combine(Type, _bits, _more);

    private static object Given(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value;
    }

    private long Bits(BsonType type) => Type == type ? _bits : throw NotA(type);

    private T Object<T>(BsonType type) => Type == type ? (T)_object! : throw NotA(type);

    private InvalidOperationException NotA(BsonType type) => new($"The value is of type {Type}, not {type}.");

    private sealed record Decimal128Box(Decimal128 Value);
}
