using System.Globalization;
using System.Text;

namespace Strangler.Mongo.Bson;

/// <summary>The string form of <see cref="Decimal128"/>, both ways. Reading never rounds: digits that do not fit must be zeros.</summary>
internal static class Decimal128Text
{
    // Far beyond what is representable, and nothing overflows on the way.
    private const int HopelessExponent = 100_000;

    // Nobody writes a number with more digits by hand; the rest of the work is linear in them.
    private const int LongestText = 20_000;

    public static string Format(Decimal128 value)
    {
        if (value.IsNaN)
            return "NaN";
        var sign = value.IsNegative ? "-" : "";
        if (value.IsInfinity)
            return sign + "Infinity";
        var digits = value.Coefficient.ToString(CultureInfo.InvariantCulture);
        var exponent = value.Exponent;
        var adjusted = exponent + digits.Length - 1;
        return exponent > 0 || adjusted < -6 ? Scientific(sign, digits, adjusted) : Plain(sign, digits, -exponent);
    }

    public static bool TryParse(string? text, out Decimal128 value)
    {
        value = default;
        if (text is null || text.Length is 0 or > LongestText)
            return false;
        var negative = text[0] == '-';
        var rest = text.AsSpan(text[0] is '-' or '+' ? 1 : 0);
        if (rest.Equals("nan", StringComparison.OrdinalIgnoreCase))
        {
            value = Decimal128.NaN;
            return true;
        }
        if (rest.Equals("infinity", StringComparison.OrdinalIgnoreCase) || rest.Equals("inf", StringComparison.OrdinalIgnoreCase))
        {
            value = Decimal128.Infinity(negative);
            return true;
        }
        return TryReadDigits(rest, out var digits, out var exponent) && TryFit(negative, digits, exponent, out value);
    }

    private static string Plain(string sign, string digits, int decimals)
    {
        if (decimals == 0)
            return sign + digits;
        var padded = digits.PadLeft(decimals + 1, '0');
        return $"{sign}{padded[..^decimals]}.{padded[^decimals..]}";
    }

    private static string Scientific(string sign, string digits, int adjusted)
    {
        var fraction = digits.Length > 1 ? "." + digits[1..] : "";
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}E{(adjusted < 0 ? "" : "+")}{adjusted}");
    }

    /// <summary>Digits without the point and without leading zeros, and the exponent of the last of them.</summary>
    private static bool TryReadDigits(ReadOnlySpan<char> text, out string digits, out int exponent)
    {
        (digits, exponent) = ("", 0);
        var read = new StringBuilder();
        var (any, point, at) = (false, false, 0);
        for (; at < text.Length; at++)
        {
            if (text[at] == '.' && !point)
            {
                point = true;
                continue;
            }
            if (!char.IsAsciiDigit(text[at]))
                break;
            any = true;
            exponent -= point ? 1 : 0;
            if (read.Length > 0 || text[at] != '0')
                read.Append(text[at]);
        }
        digits = read.ToString();
        return any && TryReadExponent(text[at..], ref exponent);
    }

    private static bool TryReadExponent(ReadOnlySpan<char> text, ref int exponent)
    {
        if (text.IsEmpty)
            return true;
        if (text[0] is not ('e' or 'E') || text.Length < 2)
            return false;
        var number = text[(text[1] is '-' or '+' ? 2 : 1)..];
        if (number.IsEmpty || number.ContainsAnyExceptInRange('0', '9'))
            return false;
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var written) || written > HopelessExponent)
            written = HopelessExponent;
        exponent += text[1] == '-' ? -written : written;
        return true;
    }

    private static bool TryFit(bool negative, string digits, int exponent, out Decimal128 value)
    {
        value = default;
        if (digits.Length == 0)
        {
            value = Decimal128.FromParts(negative, 0, Math.Clamp(exponent, Decimal128.MinExponent, Decimal128.MaxExponent));
            return true;
        }
        // Too many digits, or an exponent that is too small: trailing zeros are given up.
        var surplus = Math.Max(digits.Length - Decimal128.MaxDigits, Decimal128.MinExponent - exponent);
        if (surplus > 0)
        {
            if (surplus >= digits.Length || digits.AsSpan(digits.Length - surplus).ContainsAnyExcept('0'))
                return false;
            (digits, exponent) = (digits[..^surplus], exponent + surplus);
        }
        // An exponent that is too large: zeros are added.
        if (exponent > Decimal128.MaxExponent)
        {
            var missing = exponent - Decimal128.MaxExponent;
            if (digits.Length + (long)missing > Decimal128.MaxDigits)
                return false;
            (digits, exponent) = (digits + new string('0', missing), Decimal128.MaxExponent);
        }
        value = Decimal128.FromParts(negative, UInt128.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture), exponent);
        return true;
    }
}
