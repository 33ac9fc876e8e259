namespace Strangler.DualWrite;

/// <summary>A caller saved an instance that is not the present one. Load again, decide again.</summary>
public sealed class ConflictException(EntityKey key, string loaded, string present)
    : Exception($"{key} was loaded at version {loaded}, but its present version is {present}; load it again and repeat the change.")
{
    public EntityKey Key { get; } = key;

    public string Loaded { get; } = loaded;

    public string Present { get; } = present;
}

/// <summary>The context is being switched and the pause budget is used up. Retryable.</summary>
public sealed class SwitchingException(string context, TimeSpan waited)
    : Exception($"Context {context} is being switched; waited {waited.TotalSeconds:0.#} s. Nothing was written; try again.")
{
    public string Context { get; } = context;
}

/// <summary>
/// The request key was used before, for another entity: answering with that entity's result would lose this write in silence. Every request needs a key of its
/// own; not retryable.
/// </summary>
public sealed class RequestKeyException(EntityKey key, long known)
    : Exception($"The request key of this write of {key} was used before, for {key.Kind} {known}. Nothing was written; a request needs a key of its own.")
{
    public EntityKey Key { get; } = key;
}

/// <summary>The side's side tables or fence row are missing.</summary>
public sealed class NotMigratedException(string context, SideName side, Exception? cause = null)
    : Exception($"Context {context} is not migrated on its {side.ToString().ToLowerInvariant()} side; run: strangler migrate --context {context}", cause)
{
    public string Context { get; } = context;

    public SideName Side { get; } = side;
}

/// <summary>The fence row could not be locked in time: a long transaction holds it. Nothing changed.</summary>
public sealed class FenceBusyException(SideName side, TimeSpan waited, Exception? cause = null)
    : Exception($"The fence of the {side.ToString().ToLowerInvariant()} side was not free within {waited.TotalSeconds:0.#} s: a writer's transaction is still open.", cause)
{
    public SideName Side { get; } = side;
}

/// <summary>An insert met an existing row. Which row is known only to the database.</summary>
public sealed class DuplicateKeyException(EntityKey key, Exception cause) : Exception($"{key} exists already.", cause)
{
    public EntityKey Key { get; } = key;
}

/// <summary>The connection was lost while the COMMIT's reply was awaited: the write may or may not have happened. Look up the request key before any retry.</summary>
public sealed class CommitOutcomeUnknownException(SideName side, Exception cause)
    : Exception($"The connection to the {side.ToString().ToLowerInvariant()} side was lost during COMMIT; whether it happened is unknown.", cause)
{
    public SideName Side { get; } = side;
}

/// <summary>A side's database does not answer, or refuses; whether a retry can help is <see cref="IsTransient"/>.</summary>
public sealed class SideUnavailableException(SideName side, string reason, bool isTransient, Exception cause)
    : Exception($"The {side.ToString().ToLowerInvariant()} side: {reason}", cause)
{
    public SideName Side { get; } = side;

    public bool IsTransient { get; } = isTransient;

    /// <summary>Whether it hits every entity alike: no answer, no connection, no space, read-only. False for what a single row meets.</summary>
    public bool IsOutage { get; init; }

    /// <summary>
    /// An open connection broke while it was in use: it was cut, perhaps long before, as it lay in the pool. What was under way may have
    /// been carried out; a read may be repeated at once. False for time-outs and where no connection was to be had.
    /// </summary>
    public bool IsConnectionLost { get; init; }
}

/// <summary>New ids are used up; creates only. Retryable once a block has been reserved.</summary>
public sealed class IdsExhaustedException(string context, string kind)
    : Exception($"No reserved ids left for {context}/{kind}; run: strangler cutover reserve-ids {context}. Nothing was written.")
{
    public string Context { get; } = context;
}

/// <summary>The entity exists, but its legacy row cannot be read; it is in quarantine. Never to be taken for "not found".</summary>
public sealed class QuarantinedException(EntityKey key, string reason) : Exception($"{key} cannot be read: {reason}")
{
    public EntityKey Key { get; } = key;

    public string Reason { get; } = reason;
}

/// <summary>
/// The follower has accepted a newer version than the lead has, or wrote the same version itself: the lead was restored from a backup, failed over to a node that lacked its
/// last seconds, or was made lead by force while keys were parked. Never resolved by itself: either state may be the right one.
/// </summary>
public sealed class RegressionException(EntityKey key, EntityVersion lead, EntityVersion accepted)
    : Exception(
        lead == accepted
            ? $"{key} has version {lead} on both sides, but each side wrote it itself; was one made lead while the other still had news? "
                + "Decide which side is right; strangler repair brings over the lead's, anything else is to be done by hand."
            : $"{key} has version {lead} on the leading side, but the other side has accepted {accepted}; one of the two was restored from a backup? "
                + "Repair refuses it: decide which side is right, then bring the key to it by hand.")
{
    public EntityKey Key { get; } = key;
}

/// <summary>
/// Another program changed the legacy row while the new side leads, and that is not merged yet: an apply or a repair would overwrite it
/// unseen. Passes by itself.
/// </summary>
public sealed class ForeignChangeException(EntityKey key)
    : Exception($"{key} was changed in legacy by another program; a relay must merge that before legacy can be brought along.")
{
    public EntityKey Key { get; } = key;
}
