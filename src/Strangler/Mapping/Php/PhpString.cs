using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Strangler.Mapping.Php;

/// <summary>
/// <c>s:5:"bytes";</c>. A PHP string is bytes: usually UTF-8, not always. The length in the serialized form counts bytes.
/// A string that was parsed is a slice of the parsed data and keeps all of it in memory.
/// </summary>
public sealed class PhpString : PhpValue
{
    internal static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private PhpString(ReadOnlyMemory<byte> bytes) => Bytes = bytes;

    public static PhpString Empty { get; } = new(ReadOnlyMemory<byte>.Empty);

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The bytes as strict UTF-8.</summary>
    /// <exception cref="PhpFormatException">They are no UTF-8; the offset counts from the start of this string.</exception>
    public string Text => TryGetText(out var text) ? text : throw new PhpFormatException(ValidUtf8Prefix(), "the string is not UTF-8");

    /// <summary>The caller must not change the memory afterwards.</summary>
    public static PhpString Of(ReadOnlyMemory<byte> bytes) => bytes.IsEmpty ? Empty : new PhpString(bytes);

    /// <summary>The text as UTF-8.</summary>
    /// <exception cref="ArgumentException">The text holds half a surrogate pair, which no UTF-8 can hold.</exception>
    public static PhpString Of(string text) => text.Length == 0 ? Empty : new PhpString(StrictUtf8.GetBytes(text));

    public bool TryGetText([NotNullWhen(true)] out string? text)
    {
        var isUtf8 = System.Text.Unicode.Utf8.IsValid(Bytes.Span);
        text = isUtf8 ? Encoding.UTF8.GetString(Bytes.Span) : null;
        return isUtf8;
    }

    private int ValidUtf8Prefix()
    {
        var rest = Bytes.Span;
        while (Rune.DecodeFromUtf8(rest, out _, out var length) == System.Buffers.OperationStatus.Done)
        {
            rest = rest[length..];
        }

        return Bytes.Length - rest.Length;
    }
}
