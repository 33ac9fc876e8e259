using Strangler.DualWrite;

namespace Strangler.Timeline;

/// <summary>What sort of thing happened to an entity.</summary>
public enum TraceKind
{
    /// <summary>A write on the side that led.</summary>
    Write,

    /// <summary>The side accepted the other's state.</summary>
    Apply,

    /// <summary>The entity was deleted.</summary>
    Delete,

    /// <summary>A write of another program.</summary>
    Foreign,

    /// <summary>A write that the other side still lacks.</summary>
    Waiting,

    /// <summary>Its apply keeps failing.</summary>
    Parked,

    /// <summary>The follower was found behind without a journal row.</summary>
    LostObligation,

    /// <summary>A reconciliation looked at it.</summary>
    Check,

    /// <summary>A shadow read differed.</summary>
    ShadowRead,

    Repair,

    /// <summary>Its row cannot be read.</summary>
    Quarantine,

    SignOff,

    /// <summary>Clear values were shown to someone.</summary>
    Reveal,

    /// <summary>Its personal data was erased.</summary>
    Erased,

    /// <summary>Any other act of an operator.</summary>
    Audit,
}

/// <summary>One thing that happened to an entity. Never values.</summary>
/// <param name="AtUtc">When, by the clock of the database that wrote it down; null when that was not stored.</param>
/// <param name="Side">Where it stands; null for what concerns both.</param>
/// <param name="Kind">What sort of thing.</param>
/// <param name="Version">The version that it concerns; null when there is none.</param>
/// <param name="By">By whom, as far as that was stored; empty otherwise.</param>
/// <param name="What">In words.</param>
public sealed record Trace(DateTime? AtUtc, SideName? Side, TraceKind Kind, EntityVersion? Version, string By, string What);

/// <summary>What one side's own tables tell of one entity: its entity row, journal, requests, audit and findings.</summary>
public interface IEntityTraces
{
    /// <summary>In no order.</summary>
    Task<IReadOnlyList<Trace>> ReadAsync(EntityKey key, CancellationToken cancellationToken);
}
