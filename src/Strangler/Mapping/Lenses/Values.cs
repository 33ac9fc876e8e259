using System.Globalization;

namespace Strangler.Mapping.Lenses;

/// <summary>Canonical values: boxes that are shared, and the texts of dates.</summary>
internal static class Values
{
    public static readonly object True = true;
    public static readonly object False = false;
    public const string DateTimePattern = "yyyy-MM-dd HH:mm:ss";

    private static readonly object[] _small = [.. Enumerable.Range(-1, 258).Select(static number => (object)(long)number)];

    public static object Of(bool value) => value ? True : False;

    public static object Of(long value) => value is >= -1 and <= 256 ? _small[value + 1] : value;

    /// <summary>The value as the type that the field's type demands; anything else is a mistake of the caller.</summary>
    public static T Expect<T>(string field, object? value) =>
        value is T typed ? typed : throw Mistyped(field, typeof(T), value);

    /// <summary>Whether the value is one of a type whose values are never null.</summary>
    public static bool IsOf(FieldType type, object? value) => (type, value) switch
    {
        (FieldType.Boolean, bool) or (FieldType.Integer or FieldType.Money, long) or (FieldType.Text or FieldType.Code, string) => true,
        (FieldType.Timestamp, DateTime) or (FieldType.Date, DateOnly) or (FieldType.Bytes, byte[]) => true,
        _ => false,
    };

    public static ArgumentException Mistyped(string field, Type wanted, object? value) =>
        new($"The field '{field}' wants a {wanted.Name}, not {value?.GetType().Name ?? "null"}.");

    /// <summary>A hidden value as what its side derives for it.</summary>
    public static object? Resolve(object? value) => value is Hidden hidden ? hidden.Derived : value;

    /// <summary>Whether two values say the same, or one of them says nothing.</summary>
    public static bool Agree(object? left, object? right) => left is Hidden || right is Hidden || Record.ValuesEqual(left, right);

    /// <summary><c>Y-m-d H:i:s</c>, years 1000 to 9999, no fraction.</summary>
    public static bool TryDateTime(ReadOnlySpan<char> text, out DateTime value)
    {
        value = default;
        if (text.Length != 19 || text[10] != ' ' || text[13] != ':' || text[16] != ':' || !TryDate(text[..10], out var date))
        {
            return false;
        }

        if (!TryTwo(text[11..], out var hour) || !TryTwo(text[14..], out var minute) || !TryTwo(text[17..], out var second)
            || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        value = date.ToDateTime(new TimeOnly(hour, minute, second));
        return true;
    }

    /// <summary><c>Y-m-d</c>, years 1000 to 9999.</summary>
    public static bool TryDate(ReadOnlySpan<char> text, out DateOnly value)
    {
        value = default;
        if (text.Length != 10 || text[4] != '-' || text[7] != '-' || !TryTwo(text, out var century) || !TryTwo(text[2..], out var rest)
            || !TryTwo(text[5..], out var month) || !TryTwo(text[8..], out var day))
        {
            return false;
        }

        var year = (century * 100) + rest;
        if (year < 1000 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        value = new DateOnly(year, month, day);
        return true;
    }

    /// <summary>The text of a timestamp that a DATETIME can hold.</summary>
    public static string DateTimeText(string field, DateTime value)
    {
        if (value.Kind != DateTimeKind.Unspecified)
        {
            throw new CannotHoldException(field, "a civil time is wanted, of kind Unspecified; convert it first");
        }

        if (value.Year < 1000)
        {
            throw new CannotHoldException(field, "the time is before the year 1000");
        }

        return value.Ticks % TimeSpan.TicksPerSecond == 0
            ? value.ToString(DateTimePattern, CultureInfo.InvariantCulture)
            : throw new CannotHoldException(field, "whole seconds only");
    }

    public static string DateText(string field, DateOnly value) =>
        value.Year >= 1000
            ? value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            : throw new CannotHoldException(field, "the date is before the year 1000");

    private static bool TryTwo(ReadOnlySpan<char> text, out int value)
    {
        var (tens, ones) = (text[0] - '0', text[1] - '0');
        value = (tens * 10) + ones;
        return (uint)tens <= 9 && (uint)ones <= 9;
    }
}
