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
/// Keyed hashes of the record's fields in the order of the schema, 8 bytes each; empty for a tombstone. Of a state that this side wrote as lead 8 random bytes
/// follow: they tell the write from any other that made the same.
/// </param>
public sealed record EntityState(EntityVersion Version, long ForeignSeq, bool Tombstone, byte[] FieldHashes)
{
    /// <summary>Who made this version, for the timeline: set by the write that makes it, not read back; empty where a state is only accepted.</summary>
    public string Writer { get; init; } = "";
}
