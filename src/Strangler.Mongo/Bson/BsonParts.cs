using System.Diagnostics.CodeAnalysis;

namespace Strangler.Mongo.Bson;

/// <summary>Bytes and what they are said to be.</summary>
public sealed class BsonBinary : IEquatable<BsonBinary>
{
    private readonly byte[] _bytes;

    /// <param name="bytes">Copied.</param>
    /// <param name="subtype">0 plain, 3 an old UUID in one of three byte orders, 4 a UUID, 128 and above the user's own.</param>
    public BsonBinary(ReadOnlySpan<byte> bytes, byte subtype = Generic) => (_bytes, Subtype) = (bytes.ToArray(), subtype);

    public const byte Generic = 0;
    public const byte OldGeneric = 2;
    public const byte OldUuid = 3;
    public const byte Uuid = 4;

    public byte Subtype { get; }

    /// <summary>The bytes; for subtype 2 without the second length that is written before them.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    public bool Equals([NotNullWhen(true)] BsonBinary? other) => other is not null && Subtype == other.Subtype
        && Bytes.SequenceEqual(other.Bytes);

    public override bool Equals([NotNullWhen(true)] object? obj) => Equals(obj as BsonBinary);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Subtype);
        hash.AddBytes(_bytes);
        return hash.ToHashCode();
    }
}

/// <summary>A regular expression as it was written; it is not interpreted.</summary>
/// <param name="Pattern">Without NUL characters.</param>
/// <param name="Options">Letters, as they were.</param>
public sealed record BsonRegex(string Pattern, string Options)
{
    public override string ToString() => nameof(BsonRegex);
}

/// <summary>A deprecated reference to a document.</summary>
/// <param name="Collection">Its name space.</param>
/// <param name="Id">Its id.</param>
public sealed record BsonDbPointer(string Collection, ObjectId Id)
{
    public override string ToString() => nameof(BsonDbPointer);
}

/// <summary>Program text and the variables that it knows.</summary>
/// <param name="Code">The text.</param>
/// <param name="Scope">The variables.</param>
public sealed record BsonScopedCode(string Code, BsonDocument Scope)
{
    public override string ToString() => nameof(BsonScopedCode);
}

/// <summary>The server's clock: seconds since 1970, and a counter within the second. Ordered.</summary>
/// <param name="Seconds">Since 1970.</param>
/// <param name="Increment">Within the second.</param>
public readonly record struct BsonTimestamp(uint Seconds, uint Increment) : IComparable<BsonTimestamp>
{
    internal ulong Bits => ((ulong)Seconds << 32) | Increment;

    internal static BsonTimestamp FromBits(ulong bits) => new((uint)(bits >> 32), (uint)bits);

    public int CompareTo(BsonTimestamp other) => Bits.CompareTo(other.Bits);

    public static bool operator <(BsonTimestamp left, BsonTimestamp right) => left.Bits < right.Bits;

    public static bool operator <=(BsonTimestamp left, BsonTimestamp right) => left.Bits <= right.Bits;

    public static bool operator >(BsonTimestamp left, BsonTimestamp right) => left.Bits > right.Bits;

    public static bool operator >=(BsonTimestamp left, BsonTimestamp right) => left.Bits >= right.Bits;
}
