using System.Buffers.Binary;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>
/// The keyed hashes of an accepted state: 8 bytes a field of the record that was brought over, then entries of 8 bytes (ordinal, 6 bytes of
/// the hash): one for each field that one of the two sides hides, about what the accepting side holds there, or derives; without these
/// nobody could tell later whether that side has moved. And one, its ordinal marked, for each element of the lists that are merged by
/// element.
/// </summary>
internal static class AcceptedHashes
{
    public const int OrdinalSize = 2;

    /// <summary>Marks the ordinal of an element's entry.</summary>
    public const int ElementMark = 0x8000;

    // Of all lists together, so that the entity row's column holds them: 2 KiB of its 4.
    private const int MaxElements = 256;

    /// <param name="hasher">The context's.</param>
    /// <param name="accepted">The other side's record.</param>
    /// <param name="held">What the accepting side shows of it.</param>
    /// <param name="before">
    /// After a merge: what both sides had agreed on before it. What the new side changed since, and legacy hides, is not agreed on by the
    /// merge; should legacy show another value later, it must still count as changed, or an acknowledged write would give way in silence.
    /// </param>
    public static byte[] Of(FieldHasher hasher, Record accepted, Record? held, MergeBase? before = null)
    {
        var hashes = hasher.Hash(accepted);
        List<byte> more = [];
        Span<byte> entry = stackalloc byte[FieldHasher.Size];
        for (var i = 0; held is not null && i < accepted.Values.Length; i++)
        {
            if (accepted.Values[i] is Hidden != held.Values[i] is Hidden)
            {
                if (before is null || before.IsUnchanged(SideName.New, i, held.Values[i]))
                {
                    Entry(hasher, accepted.Schema, i, Seen(held.Values[i]), entry);
                }
                else
                {
                    before.EntryOfNew(i, entry);
                }

                more.AddRange(entry);
            }
        }

        foreach (var (ordinal, row) in Elements(accepted).TakeLast(MaxElements))
        {
            Element(hasher, accepted.Schema, ordinal, row, entry);
            more.AddRange(entry);
        }

        return more.Count == 0 ? hashes : [.. hashes, .. more];
    }

    private static IEnumerable<(int Ordinal, object?[] Row)> Elements(Record record) =>
        record.Schema.MergedByElement.SelectMany(
            ordinal => (Seen(record.Values[ordinal]) as RecordList)?.Rows ?? [], (ordinal, row) => (ordinal, row));

    /// <summary>
    /// Whether the new side's own entity row says that it holds the value in a field that legacy hides; null: it does not say.
    /// </summary>
    public static bool? Holds(FieldHasher hasher, RecordSchema schema, EntityState entity, int ordinal, object? value)
    {
        ReadOnlySpan<byte> hashes = entity.FieldHashes;
        var fields = schema.Fields.Count * FieldHasher.Size;
        if (entity.IsSigned)
        {
            return hashes.Length < fields ? null : hasher.IsHashOf(hashes, schema, ordinal, value);
        }

        Span<byte> now = stackalloc byte[FieldHasher.Size];
        for (var at = fields; at + FieldHasher.Size <= hashes.Length; at += FieldHasher.Size)
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(hashes[at..]) == ordinal)
            {
                Entry(hasher, schema, ordinal, value, now);
                return now.SequenceEqual(hashes.Slice(at, FieldHasher.Size));
            }
        }

        return null;
    }

    /// <summary>Whether the new side's entity row has hashes that agree with nothing: they are of another mapping version, or key.</summary>
    public static bool IsStrangerTo(FieldHasher hasher, EntityState entity, Record legacy, Record @new)
    {
        var hashes = entity.IsSigned ? entity.FieldHashes[..(legacy.Values.Length * FieldHasher.Size)] : entity.FieldHashes;
        return MergeBase.Of(hasher, legacy.Schema, hashes, SideName.New) is not { } agreed || agreed.IsStrangerTo(legacy, @new);
    }

    /// <summary>What a side holds, or derives from what it holds.</summary>
    public static object? Seen(object? value) => value is Hidden hidden ? hidden.Derived : value;

    /// <summary>The entry of one element of a list.</summary>
    public static void Element(FieldHasher hasher, RecordSchema schema, int ordinal, object?[] row, Span<byte> target)
    {
        Entry(hasher, schema, ordinal, new RecordList([row]), target);
        BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)(ordinal | ElementMark));
    }

    public static void Entry(FieldHasher hasher, RecordSchema schema, int ordinal, object? value, Span<byte> target)
    {
        Span<byte> hash = stackalloc byte[FieldHasher.Size];
        hasher.Hash(schema, ordinal, value, hash);
        BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)ordinal);
        hash[..(FieldHasher.Size - OrdinalSize)].CopyTo(target[OrdinalSize..]);
    }
}

/// <summary>
/// The last state that both sides agreed on, as far as its hashes tell: which side has changed a field since?
/// </summary>
internal sealed class MergeBase
{
    private readonly FieldHasher _hasher;
    private readonly RecordSchema _schema;
    private readonly byte[] _hashes;
    private readonly SideName _acceptedBy;
    private readonly Dictionary<int, byte[]> _entries = [];
    private readonly HashSet<ulong> _elements = [];

    private MergeBase(FieldHasher hasher, RecordSchema schema, byte[] hashes, SideName acceptedBy)
    {
        (_hasher, _schema, _hashes, _acceptedBy) = (hasher, schema, hashes, acceptedBy);
        for (var at = schema.Fields.Count * FieldHasher.Size; at + FieldHasher.Size <= hashes.Length; at += FieldHasher.Size)
        {
            var entry = hashes.AsSpan(at, FieldHasher.Size);
            var ordinal = BinaryPrimitives.ReadUInt16BigEndian(entry);
            if ((ordinal & AcceptedHashes.ElementMark) != 0)
            {
                _elements.Add(BinaryPrimitives.ReadUInt64BigEndian(entry));
            }
            else
            {
                _entries[ordinal] = entry.ToArray();
            }
        }
    }

    /// <summary>Null: these are no hashes of this schema.</summary>
    public static MergeBase? Of(FieldHasher hasher, RecordSchema schema, byte[] hashes, SideName acceptedBy) =>
        hashes.Length >= schema.Fields.Count * FieldHasher.Size && hashes.Length % FieldHasher.Size == 0
            ? new MergeBase(hasher, schema, hashes, acceptedBy)
            : null;

    /// <summary>
    /// Whether no field at all is known to it. Hashes of another mapping version, or of another key, agree with nothing: then nobody can
    /// tell who has changed what.
    /// </summary>
    public bool IsStrangerTo(Record legacy, Record @new)
    {
        for (var i = 0; i < _schema.Fields.Count; i++)
        {
            if (IsOriginal(SideName.Legacy, i, legacy.Values[i]) || IsOriginal(SideName.New, i, @new.Values[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Whether the side shows in the field what it showed then. A value that it no longer shows is not taken for a change: it says
    /// nothing.
    /// </summary>
    public bool IsUnchanged(SideName side, int ordinal, object? value) =>
        IsOriginal(side, ordinal, value) || (value is Hidden && !WasHidden(side, ordinal));

    /// <summary>The entry of what the new side showed then.</summary>
    public void EntryOfNew(int ordinal, Span<byte> target)
    {
        if (_acceptedBy == SideName.New && _entries.TryGetValue(ordinal, out var entry))
        {
            entry.CopyTo(target);
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)ordinal);
        _hashes.AsSpan(ordinal * FieldHasher.Size, FieldHasher.Size - AcceptedHashes.OrdinalSize).CopyTo(target[AcceptedHashes.OrdinalSize..]);
    }

    /// <summary>Whether the list had this element then.</summary>
    public bool HadElement(int ordinal, object?[] row)
    {
        Span<byte> entry = stackalloc byte[FieldHasher.Size];
        AcceptedHashes.Element(_hasher, _schema, ordinal, row, entry);
        return _elements.Contains(BinaryPrimitives.ReadUInt64BigEndian(entry));
    }

    private bool IsOriginal(SideName side, int ordinal, object? value)
    {
        if (side == _acceptedBy && _entries.TryGetValue(ordinal, out var entry))
        {
            // Where the accepting side hid it, or the other did: in both cases the entry is about what the accepting side shows.
            Span<byte> now = stackalloc byte[FieldHasher.Size];
            AcceptedHashes.Entry(_hasher, _schema, ordinal, AcceptedHashes.Seen(value), now);
            return value is Hidden == WasHidden(side, ordinal) && now.SequenceEqual(entry);
        }

        return _hasher.IsHashOf(_hashes, _schema, ordinal, value);
    }

    // Only legacy hides: an entry means that it did.
    private bool WasHidden(SideName side, int ordinal) => side == SideName.Legacy && _entries.ContainsKey(ordinal);
}
