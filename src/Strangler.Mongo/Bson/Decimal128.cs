using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;

namespace Strangler.Mongo.Bson;

/// <summary>
/// IEEE 754-2008 decimal128 in its binary integer encoding: 34 digits, exponents −6176 to 6111. Equality is that of the bits (1.0 is not
/// 1.00);
/// numbers are compared through <see cref="BsonComparison.NumericType"/>.
/// </summary>
/// <remarks>https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md</remarks>
public readonly struct Decimal128 : IEquatable<Decimal128>
{
    internal const int MaxDigits = 34;
    internal const int MinExponent = -6176;
    internal const int MaxExponent = 6111;

    private const ulong SignBit = 1UL << 63;
    private const ulong InfinityBits = 0x78UL << 56;
    private const ulong NanBits = 0x7CUL << 56;

    // 10^34 - 1
    private static readonly UInt128 Largest = UInt128.Parse("9999999999999999999999999999999999", CultureInfo.InvariantCulture);

    /// <summary>The 128 bits as they are.</summary>
    public Decimal128(ulong high, ulong low) => (High, Low) = (high, low);

    /// <summary>Sign, exponent and the upper part of the coefficient.</summary>
    public ulong High { get; }

    /// <summary>The lower part of the coefficient.</summary>
    public ulong Low { get; }

    public bool IsNegative => (High & SignBit) != 0;

    public bool IsNaN => (High & NanBits) == NanBits;

    public bool IsInfinity => (High & NanBits) == InfinityBits;

    public bool IsFinite => (High & InfinityBits) != InfinityBits;

    // With the two bits set, the exponent starts two bits later and the coefficient would be above 10^34: by the standard that is a zero.
    private bool HasLongForm => ((High >> 61) & 3) == 3;

    internal int Exponent => (int)((High >> (HasLongForm ? 47 : 49)) & 0x3FFF) + MinExponent;

    internal UInt128 Coefficient
    {
        get
        {
            var coefficient = new UInt128(High & 0x1FFFFFFFFFFFF, Low);
            return HasLongForm || coefficient > Largest ? 0 : coefficient;
        }
    }

    /// <summary>Reads a number as <see cref="ToString"/> writes it, and what people write.</summary>
    /// <exception cref="FormatException">It is none, has more than 34 digits that count, or is too large or too small.</exception>
    public static Decimal128 Parse(string text) => TryParse(text, out var value)
        ? value
        : throw new FormatException("This is no decimal128: at most 34 digits and an exponent from -6176 to 6111, NaN or Infinity.");

    /// <summary>As <see cref="Parse"/>; false where that throws.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Decimal128 value) => Decimal128Text.TryParse(text, out value);

    /// <summary>Exact.</summary>
    public static Decimal128 FromInt64(long value)
    {
        var magnitude = value < 0 ? (UInt128)(-(Int128)value) : (UInt128)value;
        return FromParts(value < 0, magnitude, 0);
    }

    /// <summary>Exact: keeps trailing zeros, as <see cref="decimal"/> does.</summary>
    public static Decimal128 FromDecimal(decimal value)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        var coefficient = new UInt128((uint)bits[2], ((ulong)(uint)bits[1] << 32) | (uint)bits[0]);
        return FromParts(bits[3] < 0, coefficient, -((bits[3] >> 16) & 0xFF));
    }

    /// <summary>False when a <see cref="decimal"/> cannot hold it exactly.</summary>
    public bool TryToDecimal(out decimal value)
    {
        value = 0;
        if (!IsFinite)
            return false;
        var (coefficient, exponent) = (Coefficient, Exponent);
        if (coefficient == 0)
            return true;
        while (exponent < -28 && UInt128.DivRem(coefficient, 10) is (var tenth, var rest) && rest == 0)
            (coefficient, exponent) = (tenth, exponent + 1);
        while (exponent > 0 && coefficient <= Largest)
            (coefficient, exponent) = (coefficient * 10, exponent - 1);
        if (exponent is > 0 or < -28 || coefficient >> 96 != 0)
            return false;
        value = new((int)(uint)coefficient, (int)(uint)(coefficient >> 32), (int)(uint)(coefficient >> 64), IsNegative, (byte)-exponent);
        return true;
    }

    /// <summary>In the standard's scientific notation: <c>1.50</c>, <c>-0</c>, <c>1E+3</c>, <c>NaN</c>, <c>-Infinity</c>.</summary>
    public override string ToString() => Decimal128Text.Format(this);

    public bool Equals(Decimal128 other) => High == other.High && Low == other.Low;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is Decimal128 other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(High, Low);

    public static bool operator ==(Decimal128 left, Decimal128 right) => left.Equals(right);

    public static bool operator !=(Decimal128 left, Decimal128 right) => !left.Equals(right);

    internal static Decimal128 NaN => new(NanBits, 0);

    internal static Decimal128 Infinity(bool negative) => new(InfinityBits | (negative ? SignBit : 0), 0);

    /// <summary>The parts must be in range.</summary>
    internal static Decimal128 FromParts(bool negative, UInt128 coefficient, int exponent)
    {
        var high = (ulong)(coefficient >> 64) | ((ulong)(exponent - MinExponent) << 49) | (negative ? SignBit : 0);
        return new(high, (ulong)coefficient);
    }

    /// <summary>The value as ±coefficient × 10^exponent with the shortest coefficient; only of finite ones.</summary>
    internal (BigInteger Coefficient, int Exponent) Normalized()
    {
        var (coefficient, exponent) = (Coefficient, Exponent);
        if (coefficient == 0)
            return (BigInteger.Zero, 0);
        while (UInt128.DivRem(coefficient, 10) is (var tenth, var rest) && rest == 0)
            (coefficient, exponent) = (tenth, exponent + 1);
        return (IsNegative ? -(BigInteger)coefficient : coefficient, exponent);
    }
}
