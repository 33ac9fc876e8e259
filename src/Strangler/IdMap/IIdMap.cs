namespace Strangler.IdMap;

/// <summary>The pairs (public id, new id) of one context on its new side. Written only by the transactions that write the new side's rows;
/// never deleted.</summary>
public interface IIdMap
{
    Task<long?> FindNewIdAsync(string kind, long publicId, CancellationToken cancellationToken);

    Task<long?> FindPublicIdAsync(string kind, long newId, CancellationToken cancellationToken);
}

/// <summary>
/// Public ids for creates while the new side leads: reserved ahead in legacy (so that legacy's own allotting never meets them), used up on
/// the new side (so that creates work while legacy is down). PROTOCOL §3.
/// </summary>
public interface IPublicIds
{
    /// <summary>Whether ids of the kind are allotted at all, and so reserved: a natural key is given by whoever makes the entity.</summary>
    bool Allots(string kind) => true;

    /// <summary>Reserves at least <paramref name="count"/> ids in legacy, durably, and hands them to the new side. Returns the number
    /// reserved.</summary>
    Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken);

    /// <summary>The next reserved id, from the new side alone. Throws <see cref="DualWrite.IdsExhaustedException"/>. Ids taken and not used
    /// become gaps.</summary>
    Task<long> TakeAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Ids reserved and not taken.</summary>
    Task<long> LeftAsync(string kind, CancellationToken cancellationToken);

    /// <summary>
    /// How many reserved ids legacy's own allotting would give out again; 0 in a sound system. More: its counter was set back (a restored
    /// backup, a table made anew), and the new side must not lead.
    /// </summary>
    Task<long> OverlapAsync(string kind, CancellationToken cancellationToken);
}
