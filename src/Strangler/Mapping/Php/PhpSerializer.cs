using System.Diagnostics.CodeAnalysis;

namespace Strangler.Mapping.Php;

/// <summary>
/// PHP's <c>serialize()</c> and <c>unserialize()</c> for null, bool, int, float, string and array, exact to the byte: whatever
/// <see cref="Parse"/> accepts, <see cref="Serialize"/> writes back unchanged. Objects, enums and references are refused.
/// Format: https://www.php.net/manual/en/function.serialize.php, ext/standard/var.c.
/// </summary>
public static class PhpSerializer
{
    /// <summary>Reads exactly one value. The data is copied once; strings are slices of that copy.</summary>
    /// <exception cref="PhpFormatException">The data is no serialized value, holds what is refused, or is over a limit.</exception>
    public static PhpValue Parse(ReadOnlySpan<byte> data, PhpLimits? limits = null) =>
        TryParse(data, limits, out var value, out var error) ? value : throw error;

    /// <summary>As <see cref="Parse"/>, without the cost of an exception that is thrown.</summary>
    public static bool TryParse(
        ReadOnlySpan<byte> data,
        [NotNullWhen(true)] out PhpValue? value,
        [NotNullWhen(false)] out PhpFormatException? error) =>
        TryParse(data, null, out value, out error);

    /// <inheritdoc cref="TryParse(ReadOnlySpan{byte}, out PhpValue?, out PhpFormatException?)"/>
    public static bool TryParse(
        ReadOnlySpan<byte> data,
        PhpLimits? limits,
        [NotNullWhen(true)] out PhpValue? value,
        [NotNullWhen(false)] out PhpFormatException? error)
    {
        limits ??= PhpLimits.Default;
        if (data.Length <= limits.MaxBytes)
        {
            return TryParseOwned(data.ToArray(), limits, out value, out error);
        }

        value = null;
        error = TooLarge(limits);
        return false;
    }

    /// <summary>The bytes that PHP would write.</summary>
    /// <exception cref="ArgumentException">The value nests deeper than <see cref="PhpLimits.HighestDepth"/>, or is too large.</exception>
    public static byte[] Serialize(PhpValue value)
    {
        var bytes = new byte[PhpWriter.Measure(value)];
        new PhpWriter(bytes).Write(value);
        return bytes;
    }

    // The memory becomes part of the values.
    internal static bool TryParseOwned(
        ReadOnlyMemory<byte> data,
        PhpLimits limits,
        [NotNullWhen(true)] out PhpValue? value,
        [NotNullWhen(false)] out PhpFormatException? error)
    {
        if (data.Length > limits.MaxBytes)
        {
            value = null;
            error = TooLarge(limits);
            return false;
        }

        var reader = new PhpReader(data, limits.MaxDepth);
        value = reader.Read();
        error = reader.Error;
        return value is not null;
    }

    private static PhpFormatException TooLarge(PhpLimits limits) => new(limits.MaxBytes, "the data is longer than the limit");
}
