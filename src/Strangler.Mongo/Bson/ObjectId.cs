using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Strangler.Mongo.Bson;

/// <summary>Twelve bytes: seconds since 1970, five random bytes of the process, a counter. Ordered as the server orders them, byte by
/// byte.</summary>
public readonly struct ObjectId : IEquatable<ObjectId>, IComparable<ObjectId>
{
    /// <summary>Bytes of an id.</summary>
    public const int Size = 12;

    private static readonly ulong Process = BinaryPrimitives.ReadUInt64BigEndian(RandomNumberGenerator.GetBytes(8)) >> 24;
    private static int _counter = RandomNumberGenerator.GetInt32(0x1000000);

    private readonly ulong _high;
    private readonly uint _low;

    private ObjectId(ulong high, uint low) => (_high, _low) = (high, low);

    /// <summary>Reads twelve bytes.</summary>
    public ObjectId(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
            throw new ArgumentException("An ObjectId has 12 bytes.", nameof(bytes));
        _high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _low = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]);
    }

    /// <summary>When the id was made, by the clock of whoever made it; whole seconds.</summary>
    public DateTimeOffset Created => DateTimeOffset.FromUnixTimeSeconds((long)(_high >> 32));

    internal (long High, int Low) Bits => ((long)_high, (int)_low);

    internal static ObjectId FromBits(long high, int low) => new((ulong)high, (uint)low);

    /// <summary>A new id; no two of a process are the same within a second, whatever the clock does.</summary>
    public static ObjectId NewId(TimeProvider time)
    {
        var seconds = (ulong)(uint)time.GetUtcNow().ToUnixTimeSeconds();
        var counter = (uint)Interlocked.Increment(ref _counter) & 0xFFFFFF;
        return new((seconds << 32) | (Process >> 8), (uint)((Process & 0xFF) << 24) | counter);
    }

    /// <summary>Reads 24 hexadecimal digits.</summary>
    /// <exception cref="FormatException">It is not that.</exception>
    public static ObjectId Parse(string text) =>
        TryParse(text, out var id) ? id : throw new FormatException("An ObjectId has 24 hexadecimal digits.");

    /// <summary>Reads 24 hexadecimal digits; false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ObjectId id)
    {
        Span<byte> bytes = stackalloc byte[Size];
        var isId = text is { Length: 2 * Size }
            && Convert.FromHexString(text, bytes, out _, out var written) == System.Buffers.OperationStatus.Done && written == Size;
        id = isId ? new(bytes) : default;
        return isId;
    }

    /// <summary>Writes twelve bytes.</summary>
    public void CopyTo(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64BigEndian(target, _high);
        BinaryPrimitives.WriteUInt32BigEndian(target[8..], _low);
    }

    public int CompareTo(ObjectId other) => _high != other._high ? _high.CompareTo(other._high) : _low.CompareTo(other._low);

    public bool Equals(ObjectId other) => _high == other._high && _low == other._low;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is ObjectId other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_high, _low);

    /// <summary>24 hexadecimal digits in lower case.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    public static bool operator ==(ObjectId left, ObjectId right) => left.Equals(right);

    public static bool operator !=(ObjectId left, ObjectId right) => !left.Equals(right);

    public static bool operator <(ObjectId left, ObjectId right) => left.CompareTo(right) < 0;

    public static bool operator <=(ObjectId left, ObjectId right) => left.CompareTo(right) <= 0;

    public static bool operator >(ObjectId left, ObjectId right) => left.CompareTo(right) > 0;

    public static bool operator >=(ObjectId left, ObjectId right) => left.CompareTo(right) >= 0;
}
