namespace Strangler.DualWrite;

/// <summary>The version of a leading side's state (PROTOCOL §1).</summary>
internal static class LeadVersion
{
    /// <summary>
    /// The entity row's version, but never below (dual epoch, 0). A row of an earlier dual epoch says nothing of what was written in
    /// LegacyOnly since, when
    /// nobody counted: it must not look equal to what the follower accepted then.
    /// </summary>
    public static EntityVersion Of(EntityState? entity, long dualEpoch)
    {
        var floor = new EntityVersion(dualEpoch, 0);
        return entity is not null && entity.Version > floor ? entity.Version : floor;
    }

    /// <summary>Whether state (version, seq) is news to a follower that has accepted <paramref name="accepted"/>: it is newer if either
    /// rises.</summary>
    public static bool IsNewsTo(EntityState? accepted, EntityVersion version, long foreignSeq) =>
        accepted is null || version > accepted.Version || (version == accepted.Version && foreignSeq > accepted.ForeignSeq);
}
