using System.Text;

namespace Strangler.Mapping;

/// <summary>
/// The public id of a row whose key is a short text: its UTF-8 bytes read as one number, the first byte the highest. Reversible for texts of 1 to
/// <see cref="MostBytes"/> bytes that do not begin with the character 0; 'K1A' is 4,927,809 (hexadecimal 4B 31 41).
/// </summary>
public static class TextKey
{
    /// <summary>As many as a positive 64-bit number holds.</summary>
    public const int MostBytes = 7;

    /// <summary>0 where the text can be no key.</summary>
    public static long IdOf(string text)
    {
        if (text.Length is 0 or > MostBytes || text[0] == '\0' || Encoding.UTF8.GetByteCount(text) > MostBytes)
        {
            return 0;
        }

        var id = 0L;
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            id = (id << 8) | value;
        }

        return id;
    }

    /// <summary>The text of an id; null for a number that is the id of none.</summary>
    public static string? TextOf(long id)
    {
        if (id < 1 || id >> (8 * MostBytes) != 0)
        {
            return null;
        }

        var bytes = new List<byte>(MostBytes);
        for (var shift = 8 * (MostBytes - 1); shift >= 0; shift -= 8)
        {
            if ((byte)(id >> shift) is var value && (value != 0 || bytes.Count > 0))
            {
                bytes.Add(value);
            }
        }

        return System.Text.Unicode.Utf8.IsValid(bytes.ToArray()) ? Encoding.UTF8.GetString([.. bytes]) : null;
    }
}
