using System.Globalization;
using System.Text;

namespace Strangler.Mapping.Php;

/// <summary>
/// <c>d:0.1;</c>. PHP's setting <c>serialize_precision</c> decides how many digits are written, and it changed over the
/// years (17, then shortest): so a float keeps the text that it was read from.
/// </summary>
public sealed class PhpFloat : PhpValue
{
    private const int MaxFixedDigits = 17;

    internal PhpFloat(double value, ReadOnlyMemory<byte> raw)
    {
        Value = value;
        Raw = raw;
    }

    public double Value { get; }

    /// <summary>What stands between <c>d:</c> and <c>;</c>, ASCII.</summary>
    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>A float in the form that PHP 7.1 and later write (<c>serialize_precision = -1</c>).</summary>
    public static PhpFloat Of(double value) => new(value, Encoding.ASCII.GetBytes(Shortest(value)));

    private static string Shortest(double value) => value switch
    {
        double.NaN => "NAN",
        double.PositiveInfinity => "INF",
        double.NegativeInfinity => "-INF",
        0 => double.IsNegative(value) ? "-0" : "0",
        < 0 => "-" + ShortestPositive(-value),
        _ => ShortestPositive(value),
    };

    // The same shortest digits in both worlds; only their layout differs. PHP (main/snprintf.c, php_gcvt) writes
    // an exponent below 1.0E-4 and from 1.0E+17 on, always with a point, and never pads the exponent.
    private static string ShortestPositive(double value)
    {
        var parts = value.ToString("R", CultureInfo.InvariantCulture).Split('E');
        var mantissa = parts[0];
        var fractionZeros = mantissa.Length - mantissa.TrimStart('0', '.').Length - 2;
        var wholeDigits = mantissa[0] == '0' ? -fractionZeros : mantissa.Split('.')[0].Length;
        var point = wholeDigits + (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
        var digits = mantissa.Replace(".", "", StringComparison.Ordinal).Trim('0');
        if (point is < -3 or > MaxFixedDigits)
        {
            var exponent = point - 1;
            var fraction = digits.Length > 1 ? digits[1..] : "0";
            return string.Create(
                CultureInfo.InvariantCulture, $"{digits[0]}.{fraction}E{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent)}");
        }

        if (point <= 0)
        {
            return "0." + new string('0', -point) + digits;
        }

        return digits.Length <= point ? digits.PadRight(point, '0') : digits[..point] + "." + digits[point..];
    }
}
