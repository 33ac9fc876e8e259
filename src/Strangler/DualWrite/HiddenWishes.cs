using System.Buffers.Binary;
using Strangler.Mapping;
using Strangler.Merging;

namespace Strangler.DualWrite;

/// <summary>
/// What callers wanted in fields that the leading side hides: legacy's row is the same, whether a payment was booked before the donation was
/// cancelled or not, so a follower that has not had the booking yet could not learn of it from there. Legacy's entity row tells, by keyed
/// hashes: of values that can be listed (flags, codes) the one that is meant, of all others whether the follower has it.
/// </summary>
/// <remarks>
/// Behind the fields' hashes of a state that the lead itself wrote, before its signature: 16 bytes a field, its ordinal, 6 bytes of the hash
/// and the counter of the version that brought it in. A follower that has accepted that version has had the value: what it holds now is as
/// new, or newer (another program can have changed it and hidden it again), and stays.
/// </remarks>
internal sealed class HiddenWishes
{
    private const int HashSize = FieldHasher.Size - AcceptedHashes.OrdinalSize;
    private const int EntrySize = FieldHasher.Size + sizeof(long);

    private readonly FieldHasher _hasher;
    private readonly RecordSchema _schema;
    private readonly EntityState _lead;
    private readonly EntityVersion? _accepted;

    private HiddenWishes(FieldHasher hasher, RecordSchema schema, EntityState lead, EntityVersion? accepted) =>
        (_hasher, _schema, _lead, _accepted) = (hasher, schema, lead, accepted);

    /// <summary>The entries of a new version; most have none.</summary>
    /// <param name="hasher">The context's.</param>
    /// <param name="was">The lead's entity row before.</param>
    /// <param name="before">What the lead showed before; null: nothing.</param>
    /// <param name="loaded">What the caller had before its eyes.</param>
    /// <param name="wanted">What it wants; null: it has no values of its own.</param>
    /// <param name="held">What the lead shows of it.</param>
    /// <param name="version">The new version.</param>
    public static byte[] Entries(
        FieldHasher hasher, EntityState? was, Record? before, LoadToken? loaded, Record? wanted, Record held, EntityVersion version)
    {
        List<byte> entries = [];
        Span<byte> entry = stackalloc byte[EntrySize];
        for (var i = 0; i < held.Values.Length; i++)
        {
            if (held.Values[i] is not Hidden hidden)
            {
                continue;
            }

            var wish = wanted is null || wanted.Values[i] is Hidden ? hidden.Derived : wanted.Values[i];
            if (IsAsBefore(before?.Values[i], hidden, wish) && !IsChange(loaded, i, wish))
            {
                entries.AddRange(Find(was, held.Schema, i, version.Epoch));
                continue;
            }

            AcceptedHashes.Entry(hasher, held.Schema, i, wish, entry);
            BinaryPrimitives.WriteInt64BigEndian(entry[FieldHasher.Size..], version.Counter);
            entries.AddRange(entry);
        }

        return [.. entries];
    }

    private static bool IsAsBefore(object? before, Hidden now, object? wish) =>
        before is Hidden known && Record.ValuesEqual(known, now) && Record.ValuesEqual(wish, now.Derived);

    // To what legacy derives anyway, by a caller who may have seen another value: when the other side led, which shows what it holds (the
    // save is not stale, so it holds it still), or in its own instance.
    private static bool IsChange(LoadToken? loaded, int ordinal, object? wish) => loaded?.Given is { } given
        ? !Record.ValuesEqual(AcceptedHashes.Seen(given.Values[ordinal]), wish)
        : loaded?.Side == SideName.New;

    /// <summary>Null: this state of the lead does not tell.</summary>
    /// <param name="hasher">The context's.</param>
    /// <param name="schema">The kind's.</param>
    /// <param name="lead">The lead's entity row.</param>
    /// <param name="version">The version of the state that is brought over.</param>
    /// <param name="accepted">What the follower has accepted.</param>
    public static HiddenWishes? Of(FieldHasher hasher, RecordSchema schema, EntityState? lead, EntityVersion version, EntityVersion? accepted) =>
        lead is { IsSigned: true, Tombstone: false } && lead.Version == version && lead.FieldHashes.Length >= schema.Fields.Count * FieldHasher.Size
            ? new HiddenWishes(hasher, schema, lead, accepted)
            : null;

    /// <summary>As <see cref="HiddenKnowledge"/>.</summary>
    public bool TryFind(int ordinal, object? present, object? derived, out object? value)
    {
        var entry = Find(_lead, _schema, ordinal, _lead.Version.Epoch);

        // Without one the field was shown by that version, and its hash stands with the others; another program has hidden it since.
        var since = entry.IsEmpty ? _lead.Version : _lead.Version with { Counter = BinaryPrimitives.ReadInt64BigEndian(entry[FieldHasher.Size..]) };
        var hash = entry.IsEmpty ? _lead.FieldHashes.AsSpan(ordinal * FieldHasher.Size, HashSize) : entry.Slice(AcceptedHashes.OrdinalSize, HashSize);
        value = null;
        if (_accepted >= since)
        {
            return false;
        }

        foreach (var candidate in (object?[])[present, derived, .. Listed(_schema.Fields[ordinal])])
        {
            if (Is(_hasher, _schema, ordinal, candidate, hash))
            {
                value = candidate;
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<object> Listed(RecordField field) => field.Type switch
    {
        FieldType.Boolean => [false, true],
        FieldType.Code => field.Codes,
        _ => [],
    };

    private static bool Is(FieldHasher hasher, RecordSchema schema, int ordinal, object? value, ReadOnlySpan<byte> hash)
    {
        Span<byte> now = stackalloc byte[FieldHasher.Size];
        hasher.Hash(schema, ordinal, value, now);
        return now[..HashSize].SequenceEqual(hash);
    }

    // Of an earlier dual epoch nothing is known any more: nobody counted in between.
    private static ReadOnlySpan<byte> Find(EntityState? state, RecordSchema schema, int ordinal, long epoch)
    {
        if (state is not { IsSigned: true } || state.Version.Epoch != epoch)
        {
            return [];
        }

        for (var at = schema.Fields.Count * FieldHasher.Size; at + EntrySize <= state.FieldHashes.Length; at += EntrySize)
        {
            var entry = state.FieldHashes.AsSpan(at, EntrySize);
            if (BinaryPrimitives.ReadUInt16BigEndian(entry) == ordinal)
            {
                return entry;
            }
        }

        return [];
    }
}
