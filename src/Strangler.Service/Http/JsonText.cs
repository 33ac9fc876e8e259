using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Strangler.Service.Http;

/// <summary>
/// JSON to the byte as JavaScript's JSON.stringify writes it, since clients have seen no other: no blanks, keys in the order in which they are written,
/// nothing escaped that need not be, numbers as the shortest text that leads back to them.
/// </summary>
/// <remarks>ECMAScript 2025, JSON.stringify (QuoteJSONString) and Number::toString.</remarks>
internal sealed class JsonText
{
    private static readonly SearchValues<char> ToEscape = SearchValues.Create(['"', '\\', .. Enumerable.Range(0, ' ').Select(code => (char)code)]);

    // Not cleared, neither at first nor as it grows: only what is written is read.
    private byte[] _bytes = GC.AllocateUninitializedArray<byte>(2048);
    private int _length;
    private bool _isFirst = true;

    public JsonText Object(Action<JsonText> members) => Bracketed('{', members, '}');

    public JsonText Array<T>(IEnumerable<T> items, Action<JsonText, T> item) => Bracketed('[', array =>
    {
        foreach (var one in items)
        {
            array.Separate();
            item(array, one);
            array._isFirst = false;
        }
    }, ']');

    public JsonText Text(string key, string? value)
    {
        Key(key);
        return value is null ? Null() : Quoted(value);
    }

    public JsonText Number(string key, long? value)
    {
        Key(key);
        return value is { } number ? Whole(number) : Null();
    }

    public JsonText Real(string key, double? value)
    {
        Key(key);
        return value is { } number ? Ascii(Number(number)) : Null();
    }

    public JsonText Member(string key, Action<JsonText>? value)
    {
        Key(key);
        if (value is null)
        {
            return Null();
        }

        value(this);
        _isFirst = false;
        return this;
    }

    public JsonText Null() => Raw("null"u8);

    /// <summary>What was written so far, in UTF-8; until more is written.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    public override string ToString() => Encoding.UTF8.GetString(Bytes.Span);

    /// <summary>Number::toString: decimal from 1e-6 up to below 1e21, else with an exponent.</summary>
    internal static string Number(double value)
    {
        if (!double.IsFinite(value))
        {
            return "null";
        }

        if (value == 0)
        {
            return "0";
        }

        var (digits, point) = DigitsOf(Math.Abs(value).ToString("R", CultureInfo.InvariantCulture));
        var text = point is > 0 and <= 21 ? point >= digits.Length ? digits.PadRight(point, '0') : $"{digits[..point]}.{digits[point..]}"
            : point is > -6 and <= 0 ? $"0.{new string('0', -point)}{digits}"
            : $"{digits[0]}{(digits.Length > 1 ? $".{digits[1..]}" : "")}e{(point > 0 ? "+" : "-")}{Math.Abs(point - 1).ToString(CultureInfo.InvariantCulture)}";
        return value < 0 ? "-" + text : text;
    }

    // The significant digits, and where the decimal point stands behind the first of them: 0.00123 is (123, -2).
    private static (string Digits, int Point) DigitsOf(string text)
    {
        var exponent = 0;
        if (text.IndexOf('E', StringComparison.Ordinal) is var at and >= 0)
        {
            exponent = int.Parse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..at];
        }

        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var whole = dot < 0 ? text : text[..dot];
        var all = whole + (dot < 0 ? "" : text[(dot + 1)..]);
        var leading = all.Length - all.TrimStart('0').Length;
        return (all.Trim('0'), whole.Length - leading + exponent);
    }

    private JsonText Bracketed(char open, Action<JsonText> content, char close)
    {
        Byte((byte)open);
        _isFirst = true;
        content(this);
        Byte((byte)close);
        _isFirst = false;
        return this;
    }

    private void Key(string key)
    {
        Separate();
        Quoted(key);
        Byte((byte)':');
    }

    private void Separate()
    {
        if (!_isFirst)
        {
            Byte((byte)',');
        }

        _isFirst = false;
    }

    private JsonText Raw(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        _length += text.Length;
        _isFirst = false;
        return this;
    }

    private JsonText Whole(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out var length);
        _length += length;
        _isFirst = false;
        return this;
    }

    private JsonText Ascii(string text)
    {
        Chars(text);
        _isFirst = false;
        return this;
    }

    private JsonText Quoted(string value)
    {
        Byte((byte)'"');
        if (value.AsSpan().ContainsAny(ToEscape) || value.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            Escaped(value);
        }
        else
        {
            Chars(value);
        }

        return Raw("\""u8);
    }

    private void Escaped(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            var isPair = char.IsHighSurrogate(value[i]) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]);
            if (isPair)
            {
                Chars(value.AsSpan(i++, 2));
            }
            else
            {
                Escaped(value, i);
            }
        }
    }

    private void Escaped(string value, int at)
    {
        switch (value[at])
        {
            case '"': Chars("\\\""); break;
            case '\\': Chars("\\\\"); break;
            case '\b': Chars("\\b"); break;
            case '\f': Chars("\\f"); break;
            case '\n': Chars("\\n"); break;
            case '\r': Chars("\\r"); break;
            case '\t': Chars("\\t"); break;
            case < ' ' or (>= '\uD800' and <= '\uDFFF'):
                Chars(string.Create(CultureInfo.InvariantCulture, $"\\u{(int)value[at]:x4}"));
                break;
            default: Chars(value.AsSpan(at, 1)); break;
        }
    }

    // A char is three bytes at most; those of a pair four together.
    private void Chars(ReadOnlySpan<char> text) => _length += Encoding.UTF8.GetBytes(text, Room(3 * text.Length));

    private void Byte(byte one)
    {
        Room(1)[0] = one;
        _length++;
    }

    private Span<byte> Room(int count)
    {
        if (_bytes.Length - _length < count)
        {
            var more = GC.AllocateUninitializedArray<byte>(Math.Max(2 * _bytes.Length, _length + count));
            _bytes.AsSpan(0, _length).CopyTo(more);
            _bytes = more;
        }

        return _bytes.AsSpan(_length);
    }
}
