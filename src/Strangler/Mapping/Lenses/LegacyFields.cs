using Strangler.Mapping.Converters;
using Strangler.Mapping.Php;

namespace Strangler.Mapping.Lenses;

/// <summary>One field of the record on the legacy side.</summary>
internal abstract class LegacyField(int ordinal, string name)
{
    public int Ordinal { get; } = ordinal;

    public string Name { get; } = name;

    public abstract object? Read(LegacyCursor row);

    /// <summary>Called only when the value differs from what the row shows.</summary>
    public abstract void Write(LegacyCursor row, object? value);
}

/// <summary>A field that stands in one place.</summary>
/// <param name="keptAsExtra">Whether a value without meaning is kept as an extra, the field reading as its default, instead of making the
/// row unreadable.</param>
internal sealed class PlaceField(int ordinal, string name, LegacyPlace place, ValueFormat format, object? @default, bool keptAsExtra)
    : LegacyField(ordinal, name)
{
    public override object? Read(LegacyCursor row)
    {
        if (format.TryRead(place, row, out var value, out var reason))
        {
            return value;
        }

        if (!keptAsExtra)
        {
            throw new UnreadableException(place.Name, reason);
        }

        row.Extras.Add(new Extra(place.ExtraName, place.Raw(row)));
        return @default;
    }

    public override void Write(LegacyCursor row, object? value) => format.Write(place, row, Name, value);
}

/// <summary>A code in a column of a companion row that may be missing: then it reads as the default.</summary>
internal sealed class CompanionField(LegacyField inner, int table, object? @default) : LegacyField(inner.Ordinal, inner.Name)
{
    public override object? Read(LegacyCursor row) => row.HasRow(table) ? inner.Read(row) : @default;

    public override void Write(LegacyCursor row, object? value) => inner.Write(row, value);
}

/// <summary>
/// A text that legacy keeps twice. The copy is written along as long as it says the same; a copy that says something else is an extra.
/// </summary>
/// <param name="fillsIn">Whether the copy is the value where the first place has nothing at all.</param>
internal sealed class MirroredField(int ordinal, string name, LegacyPlace place, LegacyPlace mirror, bool fillsIn)
    : LegacyField(ordinal, name)
{
    public override object? Read(LegacyCursor row)
    {
        if (IsFilledIn(row))
        {
            return mirror.Text(row);
        }

        var value = place.Text(row);
        if (!mirror.TryText(row, out var copy, out _) || (copy.Length > 0 && !string.Equals(copy, value, StringComparison.Ordinal)))
        {
            row.Extras.Add(new Extra(mirror.ExtraName, mirror.Raw(row)));
        }

        return value;
    }

    public override void Write(LegacyCursor row, object? value)
    {
        var text = Values.Expect<string>(Name, value);
        var agrees = !row.IsPinned(mirror)
            && (IsFilledIn(row)
                || (mirror.TryText(row, out var copy, out _) && string.Equals(copy, place.Text(row), StringComparison.Ordinal)));
        place.SetText(row, Name, text);
        if (agrees)
        {
            mirror.SetText(row, Name, text);
        }
    }

    private bool IsFilledIn(LegacyCursor row) => fillsIn && !place.IsPresent(row);
}

/// <summary>A boolean that is the existence of companion rows.</summary>
/// <param name="tables">The first is looked at; all are created and removed.</param>
internal sealed class RowField(int ordinal, string name, int[] tables) : LegacyField(ordinal, name)
{
    public override object? Read(LegacyCursor row) => Values.Of(row.HasRow(tables[0]));

    public override void Write(LegacyCursor row, object? value)
    {
        var isThere = Values.Expect<bool>(Name, value);
        foreach (var table in tables)
        {
            if (isThere)
            {
                row.EnsureRow(table);
            }
            else
            {
                row.RemoveRow(table);
            }
        }
    }
}

/// <summary>A field that legacy does not have.</summary>
internal sealed class HiddenField(int ordinal, string name, object? @default) : LegacyField(ordinal, name)
{
    private readonly Hidden _hidden = new(@default);

    public override object Read(LegacyCursor row) => _hidden;

    public override void Write(LegacyCursor row, object? value)
    {
    }
}

/// <summary>
/// A PHP map in a LOB as a list: key and value are the two items of a row. A map in which one entry fits not is no list: all of it is an
/// extra then.
/// </summary>
internal sealed class MapField(int ordinal, string name, LobPlace place, bool hasTimeKeys, bool hasIntegerValues, bool keyIsFirst)
    : LegacyField(ordinal, name)
{
    public override object Read(LegacyCursor row)
    {
        var raw = place.Value(row);
        if (raw is null or PhpNull or PhpString { Bytes.IsEmpty: true } or PhpArray { Count: 0 })
        {
            return RecordList.Empty;
        }

        if (raw is PhpArray array && TryList(array) is { } list)
        {
            return list;
        }

        row.Extras.Add(new Extra(place.ExtraName, place.Raw(row)));
        return RecordList.Empty;
    }

    public override void Write(LegacyCursor row, object? value)
    {
        var list = Values.Expect<RecordList>(Name, value);
        var was = place.Value(row) as PhpArray;
        var now = new PhpArray(list.Count);
        foreach (var entry in list.Rows)
        {
            var key = KeyOf(keyIsFirst ? entry[0] : entry[1]);
            if (now.ContainsKey(key))
            {
                throw new CannotHoldException(Name, hasTimeKeys ? "two entries in the same second" : "two entries with the same key");
            }

            var wanted = ValueOf(keyIsFirst ? entry[1] : entry[0]);
            now.Set(key, was is not null && was.TryGet(key, out var kept) && SameValue(kept, wanted) ? kept : wanted);
        }

        if (list.Count > 0 || place.IsPresent(row))
        {
            place.SetValue(row, Name, now);
        }
    }

    private RecordList? TryList(PhpArray array)
    {
        if (array.Count > 1 && array.HasDuplicateKeys)
        {
            return null;
        }

        var rows = new object?[array.Count][];
        for (var i = 0; i < rows.Length; i++)
        {
            var (key, value) = array[i];
            if (!TryKey(key, out var readKey) || !TryValue(value, out var readValue))
            {
                return null;
            }

            rows[i] = keyIsFirst ? [readKey, readValue] : [readValue, readKey];
        }

        return new RecordList(rows);
    }

    private bool TryKey(PhpKey key, out object? value)
    {
        value = null;
        if (hasTimeKeys)
        {
            Span<char> text = stackalloc char[19];
            var isTime = key.Bytes.Length == 19 && System.Text.Encoding.ASCII.TryGetChars(key.Bytes.Span, text, out _)
                && Values.TryDateTime(text, out var time)
                && (value = time) is not null;
            return isTime;
        }

        if (!key.IsInt && !System.Text.Unicode.Utf8.IsValid(key.Bytes.Span))
        {
            return false;
        }

        value = key.IsInt
            ? key.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)
            : System.Text.Encoding.UTF8.GetString(key.Bytes.Span);
        return true;
    }

    private bool TryValue(PhpValue raw, out object? value)
    {
        value = null;
        if (!hasIntegerValues)
        {
            var isText = raw is PhpString text && text.TryGetText(out var read) && (value = read) is not null;
            return isText;
        }

        if (raw is PhpInt number || (raw is PhpString digits && PhpKey.Of(digits.Bytes) is { IsInt: true }))
        {
            value = Values.Of(raw is PhpInt integer ? integer.Value : PhpKey.Of(((PhpString)raw).Bytes).Number);
            return true;
        }

        return false;
    }

    private PhpKey KeyOf(object? value)
    {
        if (hasTimeKeys)
        {
            return value is DateTime time
                ? PhpKey.Of(Values.DateTimeText(Name, time))
                : throw new CannotHoldException(Name, "each entry needs its time");
        }

        return PhpKey.Of(WellFormed(Values.Expect<string>(Name, value)));
    }

    private PhpValue ValueOf(object? value) =>
        hasIntegerValues ? PhpInt.Of(Values.Expect<long>(Name, value)) : PhpString.Of(WellFormed(Values.Expect<string>(Name, value)));

    private string WellFormed(string text) =>
        TextLimits.IsWellFormed(text) ? text : throw new CannotHoldException(Name, "half a surrogate pair is no character");

    private bool SameValue(PhpValue kept, PhpValue wanted) =>
        TryValue(kept, out var left) && TryValue(wanted, out var right) && Record.ValuesEqual(left, right);
}
