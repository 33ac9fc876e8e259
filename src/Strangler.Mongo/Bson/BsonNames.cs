using System.Globalization;
using System.Text;

namespace Strangler.Mongo.Bson;

/// <summary>Field names come again with every document; those that were met before are not made anew.</summary>
internal static class BsonNames
{
    private const int Size = 2048;
    private const int LongestKept = 40;
    private const int Indexes = 1000;

    // Races only lose an entry: a slot is read once and compared in full.
    private static readonly string?[] Known = new string?[Size];
    private static readonly byte[][] Utf8Indexes = [.. Enumerable.Range(0, Indexes)
        .Select(i => Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture)))];

    /// <param name="utf8">Valid UTF-8.</param>
    public static string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > LongestKept)
            return Encoding.UTF8.GetString(utf8);
        var slot = Hash(utf8) % Size;
        if (Known[slot] is { } known && Equals(utf8, known))
            return known;
        return Known[slot] = Encoding.UTF8.GetString(utf8);
    }

    /// <summary>The name of an array's value as it should be; written to <paramref name="buffer"/> where it is not at hand.</summary>
    public static ReadOnlySpan<byte> Index(int index, Span<byte> buffer)
    {
        if (index < Indexes)
            return Utf8Indexes[index];
        index.TryFormat(buffer, out var written, provider: CultureInfo.InvariantCulture);
        return buffer[..written];
    }

    private static uint Hash(ReadOnlySpan<byte> utf8)
    {
        var hash = 2166136261u;
        foreach (var b in utf8)
            hash = (hash ^ b) * 16777619u;
        return hash ^ (hash >> 15);
    }

    private static bool Equals(ReadOnlySpan<byte> utf8, string known)
    {
        if (known.Length != utf8.Length)
        {
            Span<byte> buffer = stackalloc byte[3 * LongestKept];
            return known.Length < utf8.Length && Encoding.UTF8.TryGetBytes(known, buffer, out var written)
                && buffer[..written].SequenceEqual(utf8);
        }
        return Ascii.Equals(utf8, known);
    }
}
