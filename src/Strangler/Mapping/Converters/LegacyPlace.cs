using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Strangler.Mapping.Lenses;
using Strangler.Mapping.Php;

namespace Strangler.Mapping.Converters;

/// <summary>
/// A legacy column, or a key in a legacy LOB. NULL, "", a missing key and a missing companion row all read as "" and 0; setting that
/// where nothing is creates nothing.
/// </summary>
public abstract class LegacyPlace
{
    private protected LegacyPlace(string name, string extraName)
    {
        Name = name;
        ExtraName = extraName;
    }

    /// <summary><c>spenden.status</c> or <c>spenden.data/vorname</c>.</summary>
    public string Name { get; }

    /// <summary>Its name in the list of extras: <c>source</c>, <c>data/phone</c>.</summary>
    internal string ExtraName { get; }

    /// <summary>Whether there is something: not NULL, not a missing key. "" is something.</summary>
    public abstract bool IsPresent(LegacyCursor row);

    /// <summary>The scalar as text. False, with a reason free of values, for what is no scalar or no UTF-8.</summary>
    public abstract bool TryText(LegacyCursor row, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out string? reason);

    /// <summary>The scalar as an integer; decimal digits in text will do.</summary>
    public abstract bool TryInteger(LegacyCursor row, out long number, [NotNullWhen(false)] out string? reason);

    /// <summary>Writes a text, in the kind (string or integer) that stands there.</summary>
    /// <exception cref="CannotHoldException">The place cannot hold it; names the field.</exception>
    public abstract void SetText(LegacyCursor row, string field, string text);

    /// <inheritdoc cref="SetText"/>
    public abstract void SetInteger(LegacyCursor row, string field, long number);

    /// <summary>NULL, or no key.</summary>
    /// <exception cref="CannotHoldException">The column takes no NULL.</exception>
    public abstract void Clear(LegacyCursor row, string field);

    /// <summary>Writes an integer where 0 says something else than nothing: beside NULL, <see cref="SetInteger"/> would leave NULL.</summary>
    /// <exception cref="CannotHoldException">The place cannot hold it; names the field.</exception>
    public abstract void FillInteger(LegacyCursor row, string field, long number);

    /// <summary>Writes a text where "" says something else than nothing: beside NULL, <see cref="SetText"/> would leave NULL.</summary>
    /// <exception cref="CannotHoldException">The place cannot hold it; names the field.</exception>
    public abstract void FillText(LegacyCursor row, string field, string text);

    /// <summary>The number of a FLOAT or DOUBLE column, null for NULL.</summary>
    internal virtual bool TryReal(LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        (value, reason) = (null, Numbers.NoReal);
        return false;
    }

    /// <summary>Writes a number that the column holds exactly.</summary>
    internal virtual void SetReal(LegacyCursor row, string field, double number) => throw new CannotHoldException(field, Numbers.NoReal);

    /// <summary>The bytes of a binary column, of a text its UTF-8; null for NULL.</summary>
    /// <exception cref="NotSupportedException">It is no column of bytes or text.</exception>
    public virtual byte[]? Bytes(LegacyCursor row) => throw NoBytes();

    /// <summary>Writes bytes; nothing beside NULL stays NULL.</summary>
    /// <exception cref="CannotHoldException">The column cannot hold them; names the field.</exception>
    /// <exception cref="NotSupportedException">It is no column of bytes or text.</exception>
    public virtual void SetBytes(LegacyCursor row, string field, byte[] bytes) => throw NoBytes();

    /// <summary>Of a map in a LOB those entries that are texts, in order; of anything else nothing.</summary>
    public virtual IReadOnlyList<(string Key, string Text)> Entries(LegacyCursor row) => [];

    /// <summary>The scalar as text.</summary>
    /// <exception cref="UnreadableException">It is no scalar, or no UTF-8.</exception>
    public string Text(LegacyCursor row) => TryText(row, out var text, out var reason) ? text : throw new UnreadableException(Name, reason);

    /// <summary>Whether nothing is there, or "".</summary>
    public virtual bool IsEmpty(LegacyCursor row) => TryText(row, out var text, out _) && text.Length == 0;

    /// <summary>A civil time written <c>Y-m-d H:i:s</c>; null for nothing, "" and zero dates.</summary>
    /// <exception cref="UnreadableException">There is something, and it is no time.</exception>
    public DateTime? Timestamp(LegacyCursor row) =>
        TimestampFormat.TryRead(Text(row), null, out var value) ? value : throw new UnreadableException(Name, TimestampFormat.NoTime);

    /// <summary>To be thrown for a code that the converter does not know. Names the code only if it can be nothing but a code.</summary>
    public UnreadableException UnknownCode(LegacyCursor row) => new(Name, CodeFormat.UnknownCode(Text(row)));

    /// <summary>Writes a civil time, or takes it away.</summary>
    public void SetTimestamp(LegacyCursor row, string field, DateTime? value)
    {
        if (value is { } time)
        {
            SetText(row, field, Values.DateTimeText(field, time));
        }
        else if (IsPresent(row))
        {
            Clear(row, field);
        }
    }

    /// <summary>What it holds, to be kept as an extra.</summary>
    internal abstract byte[] Raw(LegacyCursor row);

    internal abstract void SetRaw(LegacyCursor row, string field, byte[] content);

    /// <summary>"" in its place, whatever kind of value stands there.</summary>
    internal virtual void Empty(LegacyCursor row, string field) => SetText(row, field, "");

    /// <summary>Back to what an insert would have there.</summary>
    internal abstract void Reset(LegacyCursor row, string field);

    /// <summary>Where the place takes no NULL: back to what an insert leaves there, if that says nothing. False: nothing was done.</summary>
    internal virtual bool ResetTo(LegacyCursor row, Func<string, bool> saysNothing) => false;

    public override string ToString() => Name;

    private protected NotSupportedException NoBytes() => new($"{Name} is no column of bytes or text.");
}

/// <summary>A column.</summary>
internal sealed class ColumnPlace(
    string name, string extraName, int table, int column, ColumnLayout layout, object? @default, bool dropsTrailingBlanks)
    : LegacyPlace(name, extraName)
{
    private readonly object? _default = @default;

    public int Table => table;

    public int Column => column;

    public bool TakesNull => layout.Nullable;

    public override bool IsPresent(LegacyCursor row) => row.Value(table, column) is not null;

    /// <summary>Whether it holds anything but what an insert would put there.</summary>
    public bool IsDefault(LegacyCursor row) => !row.HasRow(table) || Record.ValuesEqual(row.Value(table, column), _default);

    public override bool TryText(LegacyCursor row, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out string? reason)
    {
        text = row.Value(table, column) switch
        {
            null => "",
            string value => value,
            byte[] bytes => System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null,
            var value => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        };
        reason = text is null ? "is not UTF-8" : null;
        return text is not null;
    }

    public override bool IsEmpty(LegacyCursor row) =>
        row.Value(table, column) is byte[] bytes ? bytes.Length == 0 : base.IsEmpty(row);

    public override bool TryInteger(LegacyCursor row, out long number, [NotNullWhen(false)] out string? reason)
    {
        reason = null;
        switch (row.Value(table, column))
        {
            case null:
                number = 0;
                return true;
            case long value:
                number = value;
                return true;
            case string text when Numbers.TryInteger(text, out number):
                return true;
            default:
                number = 0;
                reason = Numbers.NoInteger;
                return false;
        }
    }

    public override void SetText(LegacyCursor row, string field, string text)
    {
        if (layout.Type == ColumnType.Integer)
        {
            var isNumber = Numbers.TryInteger(text, out var number);
            SetInteger(row, field, isNumber ? number : throw new CannotHoldException(field, $"{Name} holds integers only"));
            return;
        }

        if (layout.Type == ColumnType.Binary)
        {
            SetBytes(
                row, field,
                TextLimits.IsWellFormed(text)
                    ? Encoding.UTF8.GetBytes(text)
                    : throw new CannotHoldException(field, "half a surrogate pair is no character"));
            return;
        }

        if (text.Length > 0 || IsPresent(row))
        {
            TextLimits.Check(field, text, layout, dropsTrailingBlanks);
            row.SetValue(table, column, text, field);
        }
    }

    public override void SetInteger(LegacyCursor row, string field, long number)
    {
        if (layout.Type != ColumnType.Integer)
        {
            SetText(row, field, number.ToString(CultureInfo.InvariantCulture));
            return;
        }

        if (number < layout.MinValue || number > layout.MaxValue)
        {
            throw new CannotHoldException(field, $"outside {layout.MinValue} to {layout.MaxValue}, the range of {Name}");
        }

        if (number != 0 || IsPresent(row))
        {
            row.SetValue(table, column, Values.Of(number), field);
        }
    }

    public override void FillInteger(LegacyCursor row, string field, long number)
    {
        if (number == 0 && !IsPresent(row))
        {
            row.SetValue(table, column, layout.Type == ColumnType.Integer ? Values.Of(0L) : "0", field);
            return;
        }

        SetInteger(row, field, number);
    }

    public override void FillText(LegacyCursor row, string field, string text)
    {
        if (text.Length == 0 && !IsPresent(row) && layout.Type == ColumnType.Text)
        {
            row.SetValue(table, column, "", field);
            return;
        }

        SetText(row, field, text);
    }

    internal override bool TryReal(LegacyCursor row, out object? value, [NotNullWhen(false)] out string? reason)
    {
        value = row.Value(table, column);
        reason = value is null or double ? null : Numbers.NoReal;
        return reason is null;
    }

    internal override void SetReal(LegacyCursor row, string field, double number) =>
        row.SetValue(table, column, Numbers.Real(field, number, layout), field);

    public override byte[]? Bytes(LegacyCursor row) => row.Value(table, column) switch
    {
        null => null,
        byte[] bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        _ => throw NoBytes(),
    };

    public override void SetBytes(LegacyCursor row, string field, byte[] bytes)
    {
        if (layout.Type == ColumnType.Text)
        {
            if (!System.Text.Unicode.Utf8.IsValid(bytes))
            {
                throw new CannotHoldException(field, $"{Name} holds text, and these bytes are none");
            }

            SetText(row, field, Encoding.UTF8.GetString(bytes));
            return;
        }

        if (layout.Type != ColumnType.Binary)
        {
            throw NoBytes();
        }

        if (layout.MaxBytes > 0 && bytes.Length > layout.MaxBytes)
        {
            throw new CannotHoldException(field, $"longer than the {layout.MaxBytes} bytes of {Name}");
        }

        if (bytes.Length > 0 || IsPresent(row))
        {
            row.SetValue(table, column, bytes, field);
        }
    }

    public override void Clear(LegacyCursor row, string field)
    {
        if (!layout.Nullable)
        {
            throw new CannotHoldException(field, $"{Name} must be set");
        }

        if (row.HasRow(table))
        {
            row.SetValue(table, column, null, field);
        }
    }

    internal override byte[] Raw(LegacyCursor row) => row.Value(table, column) switch
    {
        byte[] bytes => bytes,
        _ => Encoding.UTF8.GetBytes(Text(row)),
    };

    internal override void SetRaw(LegacyCursor row, string field, byte[] content)
    {
        if (layout.Type == ColumnType.Binary)
        {
            if (content.Length == 0)
            {
                // No bytes beside NULL: setting them would leave NULL as it is.
                row.SetValue(table, column, content, field);
            }

            SetBytes(row, field, content);
            return;
        }

        if (!System.Text.Unicode.Utf8.IsValid(content))
        {
            throw new CannotHoldException(field, $"the content for {Name} is not UTF-8");
        }

        var text = Encoding.UTF8.GetString(content);
        if (layout.Type == ColumnType.DateTime && text.Length is not (10 or 19))
        {
            throw new CannotHoldException(field, $"the content for {Name} is no date");
        }

        if (layout.Type != ColumnType.Integer && text.Length == 0)
        {
            // "" beside NULL: setting a text would leave NULL as it is.
            row.SetValue(table, column, text, field);
        }

        SetText(row, field, text);
    }

    internal override void Reset(LegacyCursor row, string field)
    {
        if (row.HasRow(table))
        {
            row.SetValue(table, column, _default, field);
        }
    }

    internal override bool ResetTo(LegacyCursor row, Func<string, bool> saysNothing)
    {
        if (layout.Nullable || _default is not string text || !saysNothing(text))
        {
            return false;
        }

        Reset(row, Name);
        return true;
    }
}

/// <summary>A key in a LOB.</summary>
internal sealed class LobPlace(string name, string extraName, int lob, int slot, string key) : LegacyPlace(name, extraName)
{
    private const string NoScalar = "is an array where a scalar is expected";

    private readonly PhpKey _key = PhpKey.Of(key);

    public PhpValue? Value(LegacyCursor row) => row.Slot(slot);

    public void SetValue(LegacyCursor row, string field, PhpValue? value) => row.SetSlot(lob, slot, _key, value, field);

    public override bool IsPresent(LegacyCursor row) => row.Slot(slot) is not (null or PhpNull);

    public override IReadOnlyList<(string Key, string Text)> Entries(LegacyCursor row)
    {
        if (row.Slot(slot) is not PhpArray { Count: > 0 } array)
        {
            return [];
        }

        List<(string, string)> entries = new(array.Count);
        foreach (var (entry, value) in array)
        {
            if (!entry.IsInt && value is PhpString text && text.TryGetText(out var read) && System.Text.Unicode.Utf8.IsValid(entry.Bytes.Span))
            {
                entries.Add((Encoding.UTF8.GetString(entry.Bytes.Span), read));
            }
        }

        return entries;
    }

    public override bool IsEmpty(LegacyCursor row) =>
        row.Slot(slot) is null or PhpNull or PhpString { Bytes.IsEmpty: true } or PhpArray { Count: 0 };

    public override bool TryText(LegacyCursor row, [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out string? reason)
    {
        reason = null;
        switch (row.Slot(slot))
        {
            case PhpString value:
                if (value.TryGetText(out text))
                {
                    return true;
                }

                reason = "is not UTF-8";
                return false;
            case null or PhpNull:
                text = "";
                return true;
            case PhpInt value:
                text = value.Value.ToString(CultureInfo.InvariantCulture);
                return true;
            case PhpBool value:
                text = value.Value ? "1" : "";
                return true;
            case PhpFloat value:
                text = Encoding.ASCII.GetString(value.Raw.Span);
                return true;
            default:
                text = null;
                reason = NoScalar;
                return false;
        }
    }

    public override bool TryInteger(LegacyCursor row, out long number, [NotNullWhen(false)] out string? reason)
    {
        reason = null;
        number = 0;
        switch (row.Slot(slot))
        {
            case null or PhpNull or PhpString { Bytes.IsEmpty: true }:
                return true;
            case PhpInt value:
                number = value.Value;
                return true;
            case PhpBool value:
                number = value.Value ? 1 : 0;
                return true;
            case PhpString value when value.TryGetText(out var text) && Numbers.TryInteger(text, out number):
                return true;
            case PhpArray:
                reason = NoScalar;
                return false;
            default:
                reason = Numbers.NoInteger;
                return false;
        }
    }

    public override void SetText(LegacyCursor row, string field, string text)
    {
        if (text.Length == 0 && !IsPresent(row))
        {
            return;
        }

        if (!TextLimits.IsWellFormed(text))
        {
            throw new CannotHoldException(field, "half a surrogate pair is no character");
        }

        var keepsInteger = row.Slot(slot) is PhpInt && PhpKey.Of(text) is { IsInt: true };
        SetValue(row, field, keepsInteger ? PhpInt.Of(PhpKey.Of(text).Number) : PhpString.Of(text));
    }

    public override void SetInteger(LegacyCursor row, string field, long number)
    {
        if (number != 0 || IsPresent(row))
        {
            SetValue(
                row, field, row.Slot(slot) is PhpString ? PhpString.Of(number.ToString(CultureInfo.InvariantCulture)) : PhpInt.Of(number));
        }
    }

    public override void FillText(LegacyCursor row, string field, string text)
    {
        if (text.Length == 0 && !IsPresent(row))
        {
            SetValue(row, field, PhpString.Of(text));
            return;
        }

        SetText(row, field, text);
    }

    public override void FillInteger(LegacyCursor row, string field, long number)
    {
        if (number == 0 && !IsPresent(row))
        {
            SetValue(row, field, PhpInt.Of(0));
            return;
        }

        SetInteger(row, field, number);
    }

    public override void Clear(LegacyCursor row, string field)
    {
        if (row.Slot(slot) is not null)
        {
            SetValue(row, field, null);
        }
    }

    internal override byte[] Raw(LegacyCursor row) => PhpSerializer.Serialize(row.Slot(slot) ?? PhpNull.Instance);

    internal override void SetRaw(LegacyCursor row, string field, byte[] content)
    {
        if (!PhpSerializer.TryParse(content, out var value, out _))
        {
            throw new CannotHoldException(field, $"the content for {Name} is no serialized PHP value");
        }

        SetValue(row, field, value);
    }

    internal override void Empty(LegacyCursor row, string field) => SetValue(row, field, PhpString.Empty);

    internal override void Reset(LegacyCursor row, string field) => Clear(row, field);
}
