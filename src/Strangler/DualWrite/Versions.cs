using Strangler.Merging;

namespace Strangler.DualWrite;

/// <summary>One entity of a context by its public (legacy) id, the id that callers use in every stage.</summary>
/// <param name="Kind">The kind of entity within the context.</param>
/// <param name="Id">1 or more; 0 only for "not allotted yet".</param>
public readonly record struct EntityKey(string Kind, long Id)
{
    public override string ToString() => $"{Kind} {Id}";
}

/// <summary>
/// The version of an entity's state: the epoch in which DualWrite was last entered, then a counter that the wrapper's transaction raises
/// (PROTOCOL §1). So everything written after DualWrite was re-entered outranks what was accepted before.
/// </summary>
public readonly record struct EntityVersion(long Epoch, long Counter) : IComparable<EntityVersion>
{
    public int CompareTo(EntityVersion other) => (Epoch, Counter).CompareTo((other.Epoch, other.Counter));

    public static bool operator >(EntityVersion left, EntityVersion right) => left.CompareTo(right) > 0;

    public static bool operator <(EntityVersion left, EntityVersion right) => left.CompareTo(right) < 0;

    public static bool operator >=(EntityVersion left, EntityVersion right) => left.CompareTo(right) >= 0;

    public static bool operator <=(EntityVersion left, EntityVersion right) => left.CompareTo(right) <= 0;

    public EntityVersion Next() => this with { Counter = Counter + 1 };

    public override string ToString() => $"{Epoch}.{Counter}";
}

/// <summary>One side's <c>strangler_entity</c> row: the version of the state that this side's rows hold. A leading side's own version, a following side's accepted mark.</summary>
/// <param name="Version">As above.</param>
/// <param name="ForeignSeq">Raised by other programs' writes (triggers); 0 without capture.</param>
/// <param name="Tombstone">Whether the entity was deleted.</param>
/// <param name="FieldHashes">
/// Keyed hashes of the record's fields in the order of the schema, 8 bytes each; none for a tombstone. Of a state that this side itself wrote as lead what it
/// hides follows (<see cref="HiddenWishes"/>), then 7 random bytes, its signature: what was brought over has none, but 8 more bytes for each field that one of the
/// sides hides.
/// </param>
public sealed record EntityState(EntityVersion Version, long ForeignSeq, bool Tombstone, byte[] FieldHashes)
{
    private const int Signature = 7;

    /// <summary>
    /// Who made this version, for the timeline: set by the write that makes it, not read back; empty where a state is only accepted.
    /// </summary>
    public string Writer { get; init; } = "";

    /// <summary>
    /// New side only, set by a merge and not read back: the state that both sides agree on from here on. Any other write over an accepted
    /// state keeps that state's hashes as the one agreed on (<see cref="Merging.IMergeLog.BaseAsync"/>).
    /// </summary>
    public AcceptedBase? Base { get; init; }

    /// <summary>Whether this side wrote the state itself, as lead.</summary>
    public bool IsSigned => FieldHashes.Length % FieldHasher.Size == Signature;

    /// <summary>
    /// Two writers can make the same version of an entity, even with the same content: one whose COMMIT was lost and one who came after it, or two leads of which
    /// one was made lead by force. The signature tells their writes apart.
    /// </summary>
    internal static byte[] Sign(byte[] hashes, Random random)
    {
        var signed = new byte[hashes.Length + Signature];
        hashes.CopyTo(signed, 0);
        random.NextBytes(signed.AsSpan(hashes.Length));
        return signed;
    }
}
