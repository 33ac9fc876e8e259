namespace Strangler.Mongo.Bson;

/// <summary>The types of a value, numbered as in BSON itself.</summary>
/// <remarks>https://bsonspec.org/spec.html</remarks>
public enum BsonType : byte
{
    /// <summary>No value: what a lookup gives for a field that is not there. Never written.</summary>
    Missing = 0,
    Double = 0x01,
    String = 0x02,
    Document = 0x03,
    Array = 0x04,
    Binary = 0x05,

    /// <summary>Deprecated, kept as it is.</summary>
    Undefined = 0x06,
    ObjectId = 0x07,
    Boolean = 0x08,

    /// <summary>Milliseconds since 1970 in UTC, 64 bits.</summary>
    DateTime = 0x09,
    Null = 0x0A,
    Regex = 0x0B,

    /// <summary>Deprecated, kept as it is.</summary>
    DbPointer = 0x0C,
    Code = 0x0D,

    /// <summary>Deprecated, kept as it is.</summary>
    Symbol = 0x0E,

    /// <summary>Deprecated, kept as it is.</summary>
    CodeWithScope = 0x0F,
    Int32 = 0x10,

    /// <summary>The server's own clock: seconds and a counter. Not a date of the domain.</summary>
    Timestamp = 0x11,
    Int64 = 0x12,
    Decimal128 = 0x13,
    MaxKey = 0x7F,
    MinKey = 0xFF,
}
