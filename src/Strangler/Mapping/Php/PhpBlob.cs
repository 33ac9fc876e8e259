using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Strangler.Mapping.Php;

/// <summary>The large-object column of the legacy tables: base64 around a serialized PHP array.</summary>
public static class PhpBlob
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    private static readonly SearchValues<char> _whiteSpace = SearchValues.Create(" \t\r\n\f\v");
    private static readonly SearchValues<char> _alphabet = SearchValues.Create(Alphabet);

    /// <summary>
    /// Never throws for what the text holds. Base64 that PHP reads, but would not have written (white space, missing padding,
    /// bits left over), is decoded and marked: see <see cref="PhpBlobContent.IsCanonical"/>.
    /// </summary>
    public static PhpBlobContent Decode(ReadOnlySpan<char> base64Text, PhpLimits? limits = null)
    {
        limits ??= PhpLimits.Default;
        if (base64Text.Length / 4 * 3L > limits.MaxBytes + 2L)
        {
            return new PhpBlobContent(PhpBlobError.NotPhp, new PhpFormatException(limits.MaxBytes, "the data is longer than the limit"));
        }

        if (base64Text.IsEmpty)
        {
            return new PhpBlobContent(PhpBlobError.Empty, new PhpFormatException(0, "the text is empty"));
        }

        var isCanonical = TryDecodeCanonical(base64Text, out var bytes);
        if (!isCanonical && !TryDecodeLoosely(base64Text, out bytes, out var badAt))
        {
            return new PhpBlobContent(PhpBlobError.NotBase64, new PhpFormatException(badAt, "the text is not base64"));
        }

        return ParseArray(bytes, isCanonical, limits);
    }

    /// <summary>The text that PHP's <c>base64_encode(serialize(…))</c> would write.</summary>
    public static string Encode(PhpValue value) => Convert.ToBase64String(PhpSerializer.Serialize(value));

    private static PhpBlobContent ParseArray(byte[] bytes, bool isCanonical, PhpLimits limits)
    {
        if (!PhpSerializer.TryParseOwned(bytes, limits, out var value, out var error))
        {
            return new PhpBlobContent(PhpBlobError.NotPhp, error);
        }

        return value is PhpArray array
            ? new PhpBlobContent(array, isCanonical)
            : new PhpBlobContent(PhpBlobError.NotAnArray, new PhpFormatException(0, "the value is not an array"));
    }

    // The framework's decoder takes white space and, in the last character, bits that decode to nothing. Neither
    // survives here: white space makes the result shorter than the length of the text says.
    private static bool TryDecodeCanonical(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = [];
        if (text.Length % 4 != 0)
        {
            return false;
        }

        var padding = text.EndsWith("==") ? 2 : text.EndsWith("=") ? 1 : 0;
        var spareBits = padding switch { 2 => 0b1111, 1 => 0b11, _ => 0 };
        if ((Alphabet.IndexOf(text[^(padding + 1)], StringComparison.Ordinal) & spareBits) != 0)
        {
            return false;
        }

        bytes = new byte[(text.Length / 4 * 3) - padding];
        return Convert.TryFromBase64Chars(text, bytes, out var written) && written == bytes.Length;
    }

    private static bool TryDecodeLoosely(ReadOnlySpan<char> text, out byte[] bytes, out int badAt)
    {
        bytes = [];
        var letters = new char[text.Length + 3];
        var count = 0;
        var end = text.TrimEnd("= \t\r\n\f\v").Length;
        for (badAt = 0; badAt < end; badAt++)
        {
            if (_alphabet.Contains(text[badAt]))
            {
                letters[count++] = text[badAt];
            }
            else if (!_whiteSpace.Contains(text[badAt]))
            {
                return false;
            }
        }

        if (count % 4 == 1)
        {
            return false;
        }

        ClearSpareBits(letters, count);
        var padding = (4 - (count % 4)) % 4;
        letters.AsSpan(count, padding).Fill('=');
        bytes = Convert.FromBase64CharArray(letters, 0, count + padding);
        return true;
    }

    private static void ClearSpareBits(char[] letters, int count)
    {
        var spareBits = (count % 4) switch { 2 => 0b1111, 3 => 0b11, _ => 0 };
        if (spareBits != 0)
        {
            letters[count - 1] = Alphabet[Alphabet.IndexOf(letters[count - 1], StringComparison.Ordinal) & ~spareBits];
        }
    }
}

/// <summary>What a blob holds: an array, or why there is none.</summary>
public sealed class PhpBlobContent
{
    internal PhpBlobContent(PhpArray array, bool isCanonical)
    {
        Array = array;
        IsCanonical = isCanonical;
    }

    internal PhpBlobContent(PhpBlobError error, PhpFormatException detail)
    {
        Error = error;
        Detail = detail;
    }

    /// <summary>The array, or null when <see cref="Error"/> says why not.</summary>
    public PhpArray? Array { get; }

    public PhpBlobError Error { get; }

    /// <summary>
    /// Place and reason of the error; null without one. The offset counts characters of the text for
    /// <see cref="PhpBlobError.NotBase64"/>, else bytes of the decoded data.
    /// </summary>
    public PhpFormatException? Detail { get; }

    /// <summary>Whether <c>Encode(Array)</c> gives back the very text that was decoded.</summary>
    public bool IsCanonical { get; }

    [MemberNotNullWhen(true, nameof(Array))]
    [MemberNotNullWhen(false, nameof(Detail))]
    public bool IsReadable => Error == PhpBlobError.None;
}

/// <summary>Why a blob holds no array.</summary>
public enum PhpBlobError
{
    None,
    Empty,
    NotBase64,
    NotPhp,
    NotAnArray,
}
