using System.Text;

namespace Strangler.Mapping.Lenses;

/// <summary>
/// The keys of a LOB that the mapping knows, each with its slot. A row's entries are looked up here, one pass a row: cheaper than looking
/// up
/// each field among the row's entries.
/// </summary>
internal sealed class KeyIndex
{
    private readonly (byte[] Key, int Slot)[] _buckets;
    private readonly int _mask;

    public KeyIndex(IEnumerable<(string Key, int Slot)> keys)
    {
        var entries = keys.Select(entry => (Key: Encoding.UTF8.GetBytes(entry.Key), entry.Slot)).ToArray();
        var size = 16;
        while (size < entries.Length * 4)
        {
            size *= 2;
        }

        _mask = size - 1;
        _buckets = new (byte[] Key, int Slot)[size];
        foreach (var entry in entries)
        {
            var at = Hash(entry.Key) & _mask;
            while (_buckets[at].Key is not null)
            {
                at = (at + 1) & _mask;
            }

            _buckets[at] = entry;
        }
    }

    /// <summary>The slot of a key, or -1.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        for (var at = Hash(key) & _mask; _buckets[at].Key is { } candidate; at = (at + 1) & _mask)
        {
            if (key.SequenceEqual(candidate))
            {
                return _buckets[at].Slot;
            }
        }

        return -1;
    }

    // Length, first, last and middle byte tell the keys of a LOB apart well enough.
    private static int Hash(ReadOnlySpan<byte> key)
    {
        if (key.IsEmpty)
        {
            return 0;
        }

        var mix = (uint)key.Length + ((uint)key[0] << 5) + ((uint)key[^1] << 11) + ((uint)key[key.Length / 2] << 17);
        return (int)(mix * 2654435761u >> 12);
    }
}
