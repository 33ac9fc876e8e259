using System.Globalization;

namespace Strangler.Mapping.Lenses;

/// <summary>Integers and amounts written in decimal.</summary>
internal static class Numbers
{
    public const string NoInteger = "is not an integer";
    public const string NoAmount = "is not an amount with a decimal point";

    /// <summary>What the readers of legacy amounts take at most, in characters.</summary>
    public const int LongestAmount = 16;

    /// <summary>9,999,999,999,999.99: the largest that sixteen characters hold.</summary>
    public const long LargestAmount = 999_999_999_999_999;

    /// <summary>Digits with an optional minus, at most eighteen of them; "" is 0.</summary>
    public static bool TryInteger(ReadOnlySpan<char> text, out long number)
    {
        number = 0;
        var digits = text.StartsWith("-") ? text[1..] : text;
        return text.IsEmpty
            || (!digits.IsEmpty && digits.Length <= 18 && IsDigits(digits)
                && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number));
    }

    /// <summary>
    /// An amount as wmde/Euro's newFromString reads it: split at the first point, the fraction padded to two digits, a third digit of 5 or
    /// more
    /// rounds up and further ones count for nothing; without a point PHP's integer cast, so 1e3 is 1000. Refused where that
    /// reading would be a guess: signs (Euro loses the one of -0.50), exponents behind a point, blanks at the end.
    /// </summary>
    public static bool TryEuro(ReadOnlySpan<char> text, bool needsPoint, out long cents)
    {
        cents = 0;
        if (text.IsEmpty)
        {
            return true;
        }

        if (text.Length > LongestAmount)
        {
            return false;
        }

        text = text.TrimStart(" \t\n\r\v\f");
        var point = text.IndexOf('.');
        if (point < 0)
        {
            return TryWhole(text, out var euros) && (!needsPoint || euros == 0) && TryCents(euros, 0, out cents);
        }

        var whole = text[..point].TrimStart('+');
        var fraction = text[(point + 1)..];
        if (point - whole.Length > 1 || !IsDigits(whole) || !IsDigits(fraction) || whole.Length + fraction.Length == 0)
        {
            return false;
        }

        var wholeEuros = 0L;
        return (whole.IsEmpty || long.TryParse(whole, NumberStyles.None, CultureInfo.InvariantCulture, out wholeEuros))
            && TryCents(wholeEuros, Fraction(fraction), out cents);
    }

    /// <summary>Two decimals, a point, no separators.</summary>
    public static string Euro(string field, long cents) => cents switch
    {
        < 0 => throw new CannotHoldException(field, "legacy amounts cannot be negative"),
        > LargestAmount => throw new CannotHoldException(field, $"legacy amounts have at most {LongestAmount} characters"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{cents / 100}.{cents % 100:00}"),
    };

    private static int Fraction(ReadOnlySpan<char> digits)
    {
        var tens = digits.Length > 0 ? digits[0] - '0' : 0;
        var ones = digits.Length > 1 ? digits[1] - '0' : 0;
        return (tens * 10) + ones + (digits.Length > 2 && digits[2] >= '5' ? 1 : 0);
    }

    private static bool TryWhole(ReadOnlySpan<char> text, out long euros)
    {
        euros = 0;
        text = text is ['+', ..] ? text[1..] : text;
        if (IsDigits(text))
        {
            return !text.IsEmpty && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out euros);
        }

        var exponent = text.IndexOfAny('e', 'E');
        if (exponent <= 0 || !IsDigits(text[..exponent])
            || !int.TryParse(text[(exponent + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var power))
        {
            return false;
        }

        var value = double.Parse(text[..exponent], CultureInfo.InvariantCulture) * Math.Pow(10, power);
        euros = value < 1e15 ? (long)value : -1;
        return euros >= 0;
    }

    private static bool TryCents(long euros, int fraction, out long cents)
    {
        cents = euros <= (long.MaxValue - 100) / 100 ? (euros * 100) + fraction : -1;
        return cents >= 0;
    }

    private static bool IsDigits(ReadOnlySpan<char> text) => text.IndexOfAnyExceptInRange('0', '9') < 0;

    public const string NoReal = "is no finite number";

    /// <summary>The number, if the column holds just that one. -0 is 0.</summary>
    public static object Real(string field, double number, ColumnLayout column) =>
        !double.IsFinite(number) ? throw new CannotHoldException(field, NoReal)
        : column.IsSingle && (float)number != number ? throw new CannotHoldException(field, $"{column.Name} holds numbers of single precision, and would round it")
        : number + 0d;
}
