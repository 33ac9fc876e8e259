using System.Diagnostics.CodeAnalysis;
using Strangler.Mapping.Converters;

namespace Strangler.Mapping.Lenses;

/// <summary>How the value of one place is written in legacy. One instance per field, used by many threads.</summary>
internal abstract class ValueFormat
{
    /// <summary>False, with a reason free of values, when what stands there has no meaning.</summary>
    public abstract bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason);

    public abstract void Write(LegacyPlace place, LegacyCursor row, string field, object? value);
}

internal sealed class TextFormat : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        var isRead = place.TryText(row, out var text, out reason);
        value = text;
        return isRead;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value) =>
        place.SetText(row, field, Values.Expect<string>(field, value));
}

/// <param name="onlyOne">Whether nothing but 1 counts as true, as it does where programs ask <c>= 1</c>.</param>
internal sealed class FlagFormat(bool onlyOne) : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        var isRead = place.TryInteger(row, out var number, out reason);
        value = Values.Of(onlyOne ? number == 1 : number != 0);
        return isRead;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value) =>
        place.SetInteger(row, field, Values.Expect<bool>(field, value) ? 1 : 0);
}

internal sealed class IntegerFormat : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        var isRead = place.TryInteger(row, out var number, out reason);
        value = Values.Of(number);
        return isRead;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value) =>
        place.SetInteger(row, field, Values.Expect<long>(field, value));
}

/// <summary>The public id of another entity; 0 is none.</summary>
internal sealed class ReferenceFormat : ValueFormat
{
    private const string NoId = "is below 0, and ids begin at 1";

    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        var isRead = place.TryInteger(row, out var number, out reason);
        value = Values.Of(number);
        reason = isRead && number < 0 ? NoId : reason;
        return isRead && number >= 0;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        var number = Values.Expect<long>(field, value);
        if (number == 0 && place is ColumnPlace { TakesNull: true })
        {
            // A foreign key takes NULL for none, and no 0.
            place.Clear(row, field);
            return;
        }

        place.SetInteger(row, field, number >= 0 ? number : throw new CannotHoldException(field, NoId));
    }
}

/// <summary>An amount in euros as a decimal text.</summary>
internal sealed class EuroFormat(bool needsPoint) : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = null;
        if (!place.TryText(row, out var text, out reason))
        {
            return false;
        }

        if (!Numbers.TryEuro(text, needsPoint, out var cents))
        {
            reason = Numbers.NoAmount;
            return false;
        }

        value = Values.Of(cents);
        return true;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value) =>
        place.SetText(row, field, Numbers.Euro(field, Values.Expect<long>(field, value)));
}

/// <summary>An amount of which legacy keeps the euros and drops the cents: what has cents is refused, never cut.</summary>
internal sealed class WholeEurosFormat : ValueFormat
{
    private const long Cents = 100;

    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = null;
        if (!place.TryInteger(row, out var euros, out reason))
        {
            return false;
        }

        if (euros is < 0 or > long.MaxValue / Cents)
        {
            reason = "is no amount of 0 or more euros";
            return false;
        }

        value = Values.Of(euros * Cents);
        return true;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        var cents = Values.Expect<long>(field, value);
        if (cents < 0 || cents % Cents != 0)
        {
            throw new CannotHoldException(field, $"{place} holds whole euros only");
        }

        place.SetInteger(row, field, cents / Cents);
    }
}

/// <summary>A code by its list. Few codes: comparing them one by one beats hashing.</summary>
internal sealed class CodeFormat(string[] legacy, string[] english) : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = null;
        if (!place.TryText(row, out var text, out reason))
        {
            return false;
        }

        for (var i = 0; i < legacy.Length; i++)
        {
            if (string.Equals(legacy[i], text, StringComparison.Ordinal))
            {
                value = english[i];
                return true;
            }
        }

        reason = UnknownCode(text);
        return false;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        var at = Array.IndexOf(english, Values.Expect<string>(field, value));
        place.SetText(row, field, at >= 0 ? legacy[at] : throw new CannotHoldException(field, "not one of the field's codes"));
    }

    /// <summary>Names the code only if it is so short that it can be nothing but a code.</summary>
    public static string UnknownCode(string text) =>
        text.Length <= 3 && text.All(char.IsAsciiLetterOrDigit) ? $"unknown code '{text}'" : "unknown code";
}

/// <summary>A civil time <c>Y-m-d H:i:s</c>.</summary>
/// <param name="nothingUntil">Times up to here say "not at all": null for none but zero dates.</param>
internal sealed class TimestampFormat(DateTime? nothingUntil) : ValueFormat
{
    public const string NoTime = "is not a time between the years 1000 and 9999";

    public static bool TryRead(string text, DateTime? nothingUntil, out DateTime? value)
    {
        value = null;
        if (text.Length == 0 || text is "0000-00-00 00:00:00" or "0000-00-00")
        {
            return true;
        }

        if (!Values.TryDateTime(text, out var time))
        {
            return false;
        }

        value = time <= nothingUntil ? null : time;
        return true;
    }

    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = null;
        if (!place.TryText(row, out var text, out reason))
        {
            return false;
        }

        if (!TryRead(text, nothingUntil, out var time))
        {
            reason = NoTime;
            return false;
        }

        value = time;
        return true;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        var time = value is null ? (DateTime?)null : Values.Expect<DateTime>(field, value);
        if (time is null && place.ResetTo(row, text => TryRead(text, nothingUntil, out var none) && none is null))
        {
            return;
        }

        if (time <= nothingUntil)
        {
            throw new CannotHoldException(field, $"legacy reads times up to {Values.DateTimeText(field, nothingUntil.Value)} as none");
        }

        place.SetTimestamp(row, field, time);
    }
}

/// <summary>A whole number, or nothing.</summary>
internal sealed class CountFormat : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        var isRead = place.TryInteger(row, out var number, out reason);
        value = isRead && place.IsPresent(row) ? Values.Of(number) : null;
        return isRead;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        if (value is not null)
        {
            place.FillInteger(row, field, Values.Expect<long>(field, value));
        }
        else if (place.IsPresent(row))
        {
            place.Clear(row, field);
        }
    }
}

/// <summary>A number as FLOAT and DOUBLE hold it, or nothing.</summary>
internal sealed class RealFormat : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason) =>
        place.TryReal(row, out value, out reason);

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        if (value is not null)
        {
            place.SetReal(row, field, Values.Expect<double>(field, value));
        }
        else if (place.IsPresent(row))
        {
            place.Clear(row, field);
        }
    }
}

/// <summary>A day <c>Y-m-d</c>.</summary>
internal sealed class DateFormat : ValueFormat
{
    public override bool TryRead(LegacyPlace place, LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = null;
        if (!place.TryText(row, out var text, out reason))
        {
            return false;
        }

        if (text.Length == 0 || text == "0000-00-00")
        {
            return true;
        }

        if (!Values.TryDate(text, out var date))
        {
            reason = "is not a date between the years 1000 and 9999";
            return false;
        }

        value = date;
        return true;
    }

    public override void Write(LegacyPlace place, LegacyCursor row, string field, object? value)
    {
        if (value is not null)
        {
            place.SetText(row, field, Values.DateText(field, Values.Expect<DateOnly>(field, value)));
        }
        else if (place.IsPresent(row))
        {
            place.Clear(row, field);
        }
    }
}
