using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Strangler.Mapping.Php;

/// <summary>
/// PHP's array: a map that remembers the order of insertion. Data with the same key twice is kept as it is; the last
/// occurrence is the one that PHP would see, so that one is read and replaced. Several threads may read, one may write.
/// </summary>
public sealed class PhpArray : PhpValue, IReadOnlyList<KeyValuePair<PhpKey, PhpValue>>
{
    // Up to here comparing lengths and bytes one after the other beats a hash table, which would have to be built first.
    private const int ScanLimit = 48;
    private const int StackBytes = 128;

    private readonly List<KeyValuePair<PhpKey, PhpValue>> _entries;
    private Dictionary<PhpKey, int>? _index;

    public PhpArray()
        : this(0)
    {
    }

    public PhpArray(int capacity) => _entries = new List<KeyValuePair<PhpKey, PhpValue>>(capacity);

    public int Count => _entries.Count;

    /// <summary>Whether a foreign writer has put down a key twice.</summary>
    public bool HasDuplicateKeys
    {
        get
        {
            var seen = new HashSet<PhpKey>(Count);
            return !_entries.TrueForAll(entry => seen.Add(entry.Key));
        }
    }

    /// <summary>The entry at a position, counted from 0 in the order of insertion.</summary>
    public KeyValuePair<PhpKey, PhpValue> this[int index] => _entries[index];

    public bool TryGet(PhpKey key, [NotNullWhen(true)] out PhpValue? value)
    {
        var at = Find(key);
        value = at < 0 ? null : _entries[at].Value;
        return at >= 0;
    }

    /// <summary>As with a <see cref="PhpKey"/>; the name costs no allocation.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out PhpValue? value)
    {
        var at = Find(name);
        value = at < 0 ? null : _entries[at].Value;
        return at >= 0;
    }

    public bool ContainsKey(PhpKey key) => Find(key) >= 0;

    public bool ContainsKey(string name) => Find(name) >= 0;

    /// <summary>Replaces the value in its place, or appends it.</summary>
    public void Set(PhpKey key, PhpValue value)
    {
        var at = Find(key);
        if (at < 0)
        {
            Append(key, value);
        }
        else
        {
            _entries[at] = new KeyValuePair<PhpKey, PhpValue>(_entries[at].Key, value);
        }
    }

    /// <inheritdoc cref="Set(PhpKey, PhpValue)"/>
    public void Set(string name, PhpValue value) => Set(PhpKey.Of(name), value);

    /// <summary>Removes the occurrences of the key that PHP would not see. The one that counts stays where it is.</summary>
    public void RemoveShadowed(PhpKey key)
    {
        for (var at = Find(key) - 1; at >= 0; at--)
        {
            if (_entries[at].Key == key)
            {
                _index = null;
                _entries.RemoveAt(at);
            }
        }
    }

    /// <summary>Removes the key, each occurrence of it. The order of the others stays.</summary>
    public bool Remove(PhpKey key)
    {
        if (Find(key) < 0)
        {
            return false;
        }

        _index = null;
        return _entries.RemoveAll(entry => entry.Key == key) > 0;
    }

    /// <inheritdoc cref="Remove(PhpKey)"/>
    public bool Remove(string name) => Remove(PhpKey.Of(name));

    /// <summary>A copy that can be changed without changing this one, nested arrays included.</summary>
    public PhpArray Copy()
    {
        var copy = new PhpArray(Count);
        foreach (var (key, value) in _entries)
        {
            copy.Append(key, value is PhpArray nested ? nested.Copy() : value);
        }

        return copy;
    }

    public List<KeyValuePair<PhpKey, PhpValue>>.Enumerator GetEnumerator() => _entries.GetEnumerator();

    IEnumerator<KeyValuePair<PhpKey, PhpValue>> IEnumerable<KeyValuePair<PhpKey, PhpValue>>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    // Without looking whether the key is there: that is how duplicates of the data come through.
    internal void Append(PhpKey key, PhpValue value)
    {
        _index?.Add(key, Count);
        _entries.Add(new KeyValuePair<PhpKey, PhpValue>(key, value));
    }

    private int Find(string name)
    {
        if (Count > ScanLimit || name.Length > StackBytes)
        {
            return Find(PhpKey.Of(name));
        }

        Span<byte> buffer = stackalloc byte[StackBytes * 3];
        if (System.Text.Unicode.Utf8.FromUtf16(name, buffer, out _, out var length, replaceInvalidSequences: false) != OperationStatus.Done)
        {
            return -1;
        }

        var bytes = buffer[..length];
        return PhpKey.TryGetNumber(bytes, out var number) ? Scan(PhpKey.Of(number)) : Scan(bytes);
    }

    private int Find(PhpKey key)
    {
        if (Count <= ScanLimit)
        {
            return key.IsInt ? Scan(key) : Scan(key.Bytes.Span);
        }

        return (_index ??= BuildIndex()).GetValueOrDefault(key, -1);
    }

    private int Scan(PhpKey number)
    {
        var at = Count - 1;
        while (at >= 0 && !(_entries[at].Key.IsInt && _entries[at].Key.Number == number.Number))
        {
            at--;
        }

        return at;
    }

    private int Scan(ReadOnlySpan<byte> name)
    {
        var at = Count - 1;
        while (at >= 0 && !(!_entries[at].Key.IsInt && _entries[at].Key.Bytes.Span.SequenceEqual(name)))
        {
            at--;
        }

        return at;
    }

    private Dictionary<PhpKey, int> BuildIndex()
    {
        var index = new Dictionary<PhpKey, int>(Count);
        for (var at = 0; at < Count; at++)
        {
            index[_entries[at].Key] = at;
        }

        return index;
    }
}
