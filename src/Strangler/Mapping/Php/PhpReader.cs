using System.Globalization;

namespace Strangler.Mapping.Php;

/// <summary>
/// Reads one value. Nothing that PHP's <c>serialize()</c> would not have written itself is accepted (an integer with a
/// plus, a length with a leading zero), so that writing it again gives the same bytes. Failing throws nothing:
/// a run over millions of rows meets many unreadable ones.
/// </summary>
internal ref struct PhpReader(ReadOnlyMemory<byte> data, int maxDepth)
{
    // i:0;N;
    private const int ShortestEntry = 6;
    private const int LongestFloat = 512;
    private const int FirstCapacity = 64;

    private readonly ReadOnlyMemory<byte> _data = data;
    private readonly ReadOnlySpan<byte> _bytes = data.Span;
    private int _at;

    public PhpFormatException? Error { get; private set; }

    public PhpValue? Read()
    {
        var value = ReadValue(0);
        if (value is not null && _at < _bytes.Length)
        {
            return Fail(_at, "bytes follow after the value");
        }

        return value;
    }

    private PhpValue? ReadValue(int depth)
    {
        if (_at >= _bytes.Length)
        {
            return Fail(_at, "the data ends where a value should begin");
        }

        return _bytes[_at] switch
        {
            (byte)'s' => ReadString(out var text) ? PhpString.Of(text) : null,
            (byte)'i' => ReadHead() && ReadInteger(';', signed: true, out var number) ? PhpInt.Of(number) : null,
            (byte)'a' => ReadArray(depth + 1),
            (byte)'N' => Expect("N;"u8, "null must be written N;") ? PhpNull.Instance : null,
            (byte)'b' => ReadBool(),
            (byte)'d' => ReadFloat(),
            (byte)'O' => Fail(_at, "an object (O:) is not accepted"),
            (byte)'C' => Fail(_at, "an object with its own serialization (C:) is not accepted"),
            (byte)'E' => Fail(_at, "an enum case (E:) is not accepted"),
            (byte)'r' => Fail(_at, "a reference to an object (r:) is not accepted"),
            (byte)'R' => Fail(_at, "a reference (R:) is not accepted"),
            (byte)'S' => Fail(_at, "an escaped string (S:) is not accepted"),
            _ => Fail(_at, "no type of PHP begins like this"),
        };
    }

    private PhpArray? ReadArray(int depth)
    {
        var start = _at;
        if (depth > maxDepth)
        {
            return (PhpArray?)Fail(start, "arrays are nested too deep");
        }

        if (!ReadHead() || !ReadInteger(':', signed: false, out var count) || !Expect("{"u8, "an array must open with a brace"))
        {
            return null;
        }

        if (count > (_bytes.Length - _at) / ShortestEntry)
        {
            return (PhpArray?)Fail(start, "the array claims more entries than the data can hold");
        }

        // The count is only a claim until the entries have been read: nested claims must not add up to memory.
        var array = new PhpArray((int)Math.Min(count, FirstCapacity));
        for (; count > 0; count--)
        {
            if (!ReadKey(out var key) || ReadValue(depth) is not { } value)
            {
                return null;
            }

            array.Append(key, value);
        }

        return Expect("}"u8, "an array must close with a brace after its last entry") ? array : null;
    }

    private bool ReadKey(out PhpKey key)
    {
        key = default;
        var type = _at < _bytes.Length ? _bytes[_at] : (byte)0;
        if (type == 's')
        {
            var isRead = ReadString(out var name);
            key = isRead ? PhpKey.Verbatim(name) : default;
            return isRead;
        }

        if (type == 'i')
        {
            var isRead = ReadHead() && ReadInteger(';', signed: true, out var number) && SetKey(number, out key);
            return isRead;
        }

        Fail(_at, _at < _bytes.Length ? "an array key must be an integer or a string" : "the data ends where a key should begin");
        return false;
    }

    private static bool SetKey(long number, out PhpKey key)
    {
        key = PhpKey.Of(number);
        return true;
    }

    private bool ReadString(out ReadOnlyMemory<byte> text)
    {
        text = default;
        var start = _at;
        if (!ReadHead() || !ReadInteger(':', signed: false, out var length) || !Expect("\""u8, "a string must open with a quote"))
        {
            return false;
        }

        if (length > _bytes.Length - _at)
        {
            Fail(start, "the string claims to be longer than the data");
            return false;
        }

        text = _data.Slice(_at, (int)length);
        _at += (int)length;
        return Expect("\";"u8, "a string must end with a quote and a semicolon where its length says");
    }

    private PhpBool? ReadBool()
    {
        if (!ReadHead())
        {
            return null;
        }

        var digit = _at < _bytes.Length ? _bytes[_at] : (byte)0;
        if (digit is not ((byte)'0' or (byte)'1'))
        {
            return (PhpBool?)Fail(_at, "a bool must be 0 or 1");
        }

        _at++;
        return Expect(";"u8, "a bool must end with a semicolon") ? PhpBool.Of(digit == '1') : null;
    }

    private PhpFloat? ReadFloat()
    {
        if (!ReadHead())
        {
            return null;
        }

        var rest = _bytes.Slice(_at, Math.Min(LongestFloat, _bytes.Length - _at));
        var length = rest.IndexOf((byte)';');
        if (length < 0 || !TryGetDouble(rest[..length], out var value))
        {
            return (PhpFloat?)Fail(_at, "a float must be a decimal number, INF, -INF or NAN, and end with a semicolon");
        }

        var raw = _data.Slice(_at, length);
        _at += length + 1;
        return new PhpFloat(value, raw);
    }

    private static bool TryGetDouble(ReadOnlySpan<byte> text, out double value)
    {
        value = text.SequenceEqual("NAN"u8) ? double.NaN
            : text.SequenceEqual("INF"u8) ? double.PositiveInfinity
            : text.SequenceEqual("-INF"u8) ? double.NegativeInfinity
            : 0;
        return value != 0 || (IsDecimal(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value));
    }

    // -?digits(.digits)?(E[+-]?digits)?
    private static bool IsDecimal(ReadOnlySpan<byte> text)
    {
        var at = text is [(byte)'-', ..] ? 1 : 0;
        if (!SkipDigits(text, ref at))
        {
            return false;
        }

        if (at < text.Length && text[at] == '.')
        {
            at++;
            if (!SkipDigits(text, ref at))
            {
                return false;
            }
        }

        if (at < text.Length && text[at] is (byte)'E' or (byte)'e')
        {
            at++;
            at += at < text.Length && text[at] is (byte)'+' or (byte)'-' ? 1 : 0;
            return SkipDigits(text, ref at) && at == text.Length;
        }

        return at == text.Length;
    }

    private static bool SkipDigits(ReadOnlySpan<byte> text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit((char)text[at]))
        {
            at++;
        }

        return at > start;
    }

    // The type's letter has been looked at already; the colon has not.
    private bool ReadHead()
    {
        _at++;
        return Expect(":"u8, "a colon must follow the type");
    }

    private bool ReadInteger(char terminator, bool signed, out long number)
    {
        number = 0;
        const int LongestNumber = 20;
        var rest = _bytes.Slice(_at, Math.Min(LongestNumber + 1, _bytes.Length - _at));
        var length = rest.IndexOf((byte)terminator);
        if (length < 0 || !PhpKey.TryGetNumber(rest[..length], out number) || (!signed && number < 0))
        {
            Fail(_at, signed
                ? "an integer must be written as PHP does, fit 64 bits and end with a semicolon"
                : "a length must be written as PHP does and end with a colon");
            return false;
        }

        _at += length + 1;
        return true;
    }

    private bool Expect(ReadOnlySpan<byte> text, string reason)
    {
        var rest = _bytes[_at..];
        if (rest.StartsWith(text))
        {
            _at += text.Length;
            return true;
        }

        Fail(_at, rest.Length < text.Length && text.StartsWith(rest) ? "the data ends too early" : reason);
        return false;
    }

    private PhpValue? Fail(int offset, string reason)
    {
        Error ??= new PhpFormatException(offset, reason);
        return null;
    }
}
