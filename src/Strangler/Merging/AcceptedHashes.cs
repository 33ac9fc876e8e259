using System.Buffers.Binary;
using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Merging;

/// <summary>
/// The keyed hashes of an accepted state: 8 bytes a field of the record that was brought over, then 8 bytes for each field that one of
/// the two sides hides (ordinal, 6 bytes of the hash): what the accepting side holds there, or derives. Without these nobody could tell
/// later whether that side has moved.
/// </summary>
internal static class AcceptedHashes
{
    private const int OrdinalSize = 2;

    /// <param name="hasher">The context's.</param>
    /// <param name="accepted">The other side's record.</param>
    /// <param name="held">What the accepting side shows of it.</param>
    public static byte[] Of(FieldHasher hasher, Record accepted, Record? held)
    {
        var hashes = hasher.Hash(accepted);
        if (held is null)
        {
            return hashes;
        }

        List<byte> all = [];
        Span<byte> entry = stackalloc byte[FieldHasher.Size];
        for (var i = 0; i < accepted.Values.Length; i++)
        {
            if (accepted.Values[i] is Hidden != held.Values[i] is Hidden)
            {
                Entry(hasher, accepted.Schema, i, Seen(held.Values[i]), entry);
                all.AddRange(entry);
            }
        }

        return all.Count == 0 ? hashes : [.. hashes, .. all];
    }

    /// <summary>
    /// Whether the new side's own entity row says that it holds the value in a field that legacy hides; null: it does not say.
    /// </summary>
    public static bool? Holds(FieldHasher hasher, RecordSchema schema, EntityState entity, int ordinal, object? value)
    {
        ReadOnlySpan<byte> hashes = entity.FieldHashes;
        var fields = schema.Fields.Count * FieldHasher.Size;
        Span<byte> now = stackalloc byte[FieldHasher.Size];
        if (entity.IsSigned)
        {
            if (hashes.Length < fields)
            {
                return null;
            }

            hasher.Hash(schema, ordinal, value, now);
            return now.SequenceEqual(hashes.Slice(ordinal * FieldHasher.Size, FieldHasher.Size));
        }

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

    private MergeBase(FieldHasher hasher, RecordSchema schema, byte[] hashes, SideName acceptedBy)
    {
        (_hasher, _schema, _hashes, _acceptedBy) = (hasher, schema, hashes, acceptedBy);
        for (var at = schema.Fields.Count * FieldHasher.Size; at + FieldHasher.Size <= hashes.Length; at += FieldHasher.Size)
        {
            _entries[BinaryPrimitives.ReadUInt16BigEndian(hashes.AsSpan(at))] = hashes.AsSpan(at, FieldHasher.Size).ToArray();
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

    private bool IsOriginal(SideName side, int ordinal, object? value)
    {
        if (side == _acceptedBy && _entries.TryGetValue(ordinal, out var entry))
        {
            // Where the accepting side hid it, or the other did: in both cases the entry is about what the accepting side shows.
            Span<byte> now = stackalloc byte[FieldHasher.Size];
            AcceptedHashes.Entry(_hasher, _schema, ordinal, AcceptedHashes.Seen(value), now);
            return value is Hidden == WasHidden(side, ordinal) && now.SequenceEqual(entry);
        }

        Span<byte> hash = stackalloc byte[FieldHasher.Size];
        _hasher.Hash(_schema, ordinal, value, hash);
        return hash.SequenceEqual(_hashes.AsSpan(ordinal * FieldHasher.Size, FieldHasher.Size));
    }

    // Only legacy hides: an entry means that it did.
    private bool WasHidden(SideName side, int ordinal) => side == SideName.Legacy && _entries.ContainsKey(ordinal);
}
