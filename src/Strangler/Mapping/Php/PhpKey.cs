using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace Strangler.Mapping.Php;

/// <summary>
/// The key of an array entry: an integer or a byte string. Two keys are equal when PHP takes them for the same key,
/// so <c>"12"</c> equals <c>12</c>, and <c>"012"</c> equals neither.
/// </summary>
public readonly struct PhpKey : IEquatable<PhpKey>
{
    private readonly ReadOnlyMemory<byte> _text;
    private readonly long _number;
    private readonly Form _form;

    private PhpKey(ReadOnlyMemory<byte> text, long number, Form form)
    {
        _text = text;
        _number = number;
        _form = form;
    }

    private enum Form : byte
    {
        Text,
        Number,
        NumberWrittenAsText,
    }

    /// <summary>Whether PHP takes the key for an integer.</summary>
    public bool IsInt => _form != Form.Text;

    /// <summary>The integer, when <see cref="IsInt"/>; else 0.</summary>
    public long Number => _number;

    /// <summary>The bytes, when not <see cref="IsInt"/>; else empty.</summary>
    public ReadOnlyMemory<byte> Bytes => _text;

    // An integer that a foreign writer has put down as s:2:"12"; and that has to be written the same way again.
    internal bool IsWrittenAsText => _form == Form.NumberWrittenAsText;

    public static PhpKey Of(long number) => new(default, number, Form.Number);

    /// <summary>The key that PHP makes of this name: an integer if the name is the canonical decimal form of one.</summary>
    /// <exception cref="ArgumentException">The name holds half a surrogate pair.</exception>
    public static PhpKey Of(string name) => Of(PhpString.StrictUtf8.GetBytes(name));

    /// <inheritdoc cref="Of(string)"/>
    public static PhpKey Of(ReadOnlyMemory<byte> name) =>
        TryGetNumber(name.Span, out var number) ? Of(number) : new PhpKey(name, 0, Form.Text);

    public static bool operator ==(PhpKey left, PhpKey right) => left.Equals(right);

    public static bool operator !=(PhpKey left, PhpKey right) => !left.Equals(right);

    public bool Equals(PhpKey other) =>
        IsInt == other.IsInt && _number == other._number && _text.Span.SequenceEqual(other._text.Span);

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is PhpKey other && Equals(other);

    public override int GetHashCode()
    {
        if (IsInt)
        {
            return _number.GetHashCode();
        }

        HashCode hash = default;
        hash.AddBytes(_text.Span);
        return hash.ToHashCode();
    }

    // As it stood in the data: an integer-like string stays a string when it is written again.
    internal static PhpKey Verbatim(ReadOnlyMemory<byte> name) =>
        TryGetNumber(name.Span, out var number)
            ? new PhpKey(default, number, Form.NumberWrittenAsText)
            : new PhpKey(name, 0, Form.Text);

    // zend_handle_numeric_str: no plus, no leading zero, no "-0", must fit 64 bits.
    internal static bool TryGetNumber(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        if (text.IsEmpty || text.Length > 20)
        {
            return false;
        }

        var digits = text[0] == '-' ? text[1..] : text;
        if (digits.IsEmpty || !char.IsAsciiDigit((char)digits[0]) || (digits[0] == '0' && text.Length > 1))
        {
            return false;
        }

        return Utf8Parser.TryParse(text, out number, out var consumed) && consumed == text.Length;
    }
}
