using System.Globalization;
using System.Numerics;

namespace Strangler.Mongo.Bson;

/// <summary>Numbers of the four types as what they are, without rounding.</summary>
internal static class BsonNumbers
{
    // The largest power of ten that is multiplied out; beyond it no double and no integer can be equal to a decimal128.
    private const int LongestPower = 400;

    public static bool TryToInt64(double value, out long whole)
    {
        // 2^63 itself is a double and no long.
        var fits = value is >= -9_223_372_036_854_775_808d and < 9_223_372_036_854_775_808d && Math.Truncate(value) == value;
        whole = fits ? (long)value : 0;
        return fits;
    }

    public static bool TryToInt64(Decimal128 value, out long whole)
    {
        whole = 0;
        if (!value.IsFinite || value.Normalized() is not { Exponent: >= 0 and < 19 } number)
            return false;
        var product = number.Coefficient * BigInteger.Pow(10, number.Exponent);
        var fits = product >= long.MinValue && product <= long.MaxValue;
        whole = fits ? (long)product : 0;
        return fits;
    }

    public static bool AreEqual(BsonValue left, BsonValue right)
    {
        if (left.Type > right.Type)
            (left, right) = (right, left);
        return (left.Type, right.Type) switch
        {
            (BsonType.Double, BsonType.Double) => left.AsDouble.Equals(right.AsDouble) || left.AsDouble == right.AsDouble,
            (BsonType.Double, BsonType.Decimal128) => AreEqual(left.AsDouble, right.AsDecimal128),
            (BsonType.Decimal128, BsonType.Decimal128) => AreEqual(left.AsDecimal128, right.AsDecimal128),
            _ => AreEqualWhole(left, right),
        };
    }

    /// <summary>Of equal numbers the same, whatever their type: that of the nearest double.</summary>
    public static int Hash(BsonValue value) => value.Type switch
    {
        BsonType.Double => Hash(value.AsDouble),
        BsonType.Decimal128 => Hash(Nearest(value.AsDecimal128)),
        BsonType.Int32 => Hash(value.AsInt32),
        _ => Hash((double)value.AsInt64),
    };

    private static int Hash(double value) => value == 0 ? 0 : double.IsNaN(value) ? 1 : value.GetHashCode();

    private static double Nearest(Decimal128 value) => double.Parse(
        value.ToString().Replace("Infinity", "∞", StringComparison.Ordinal), NumberStyles.Float, Symbols);

    private static NumberFormatInfo Symbols { get; } = new() { PositiveInfinitySymbol = "∞", NegativeInfinitySymbol = "-∞" };

    private static bool AreEqualWhole(BsonValue left, BsonValue right) =>
        left.TryGetInt64(out var one) && right.TryGetInt64(out var other) && one == other;

    private static bool AreEqual(Decimal128 left, Decimal128 right)
    {
        if (!left.IsFinite || !right.IsFinite)
            return left.IsNaN ? right.IsNaN : !right.IsNaN && !left.IsFinite && !right.IsFinite && left.IsNegative == right.IsNegative;
        return left.Normalized() == right.Normalized();
    }

    private static bool AreEqual(double left, Decimal128 right)
    {
        if (!double.IsFinite(left) || !right.IsFinite)
            return double.IsNaN(left) ? right.IsNaN : double.IsInfinity(left) && right.IsInfinity && left < 0 == right.IsNegative;
        var (coefficient, exponent) = right.Normalized();
        var (mantissa, power) = Parts(left);
        if (Math.Abs(exponent) > LongestPower || mantissa.IsZero || coefficient.IsZero)
            return mantissa.IsZero && coefficient.IsZero;
        // mantissa * 2^power = coefficient * 10^exponent, with negative powers brought to the other side.
        var one = mantissa * BigInteger.Pow(2, Math.Max(power, 0)) * BigInteger.Pow(10, Math.Max(-exponent, 0));
        var other = coefficient * BigInteger.Pow(10, Math.Max(exponent, 0)) * BigInteger.Pow(2, Math.Max(-power, 0));
        return one == other;
    }

    private static (BigInteger Mantissa, int Power) Parts(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7FF);
        var mantissa = bits & 0xFFFFFFFFFFFFF;
        if (exponent == 0)
            exponent++;
        else
            mantissa |= 1L << 52;
        return (value < 0 ? -mantissa : mantissa, exponent - 1075);
    }
}
