using Strangler.DualWrite;

namespace Strangler.Merging;

/// <summary>One field, or the existence, of an entity in conflict, with both versions of its value.</summary>
/// <param name="Field">Its name; <c>(existence)</c> where one side deleted what the other changed, or both created.</param>
/// <param name="Legacy">What legacy holds, encoded by <see cref="ConflictValues"/>; null: the entity is not there.</param>
/// <param name="New">The new side's, likewise.</param>
public sealed record ConflictField(string Field, string? Legacy, string? New);

/// <summary>
/// A key that both sides changed and nobody has decided about. Its values are personal data: shown masked, in no log and no report, gone
/// when it is resolved or erased.
/// </summary>
/// <param name="Key">Which.</param>
/// <param name="Version">The new side's version that was looked at.</param>
/// <param name="ForeignSeq">The other program's write that was looked at.</param>
/// <param name="Reason">Why it was not decided; empty: no owner is declared.</param>
/// <param name="Fields">What clashes.</param>
/// <param name="SinceUtc">When it was first found; set by the store.</param>
/// <param name="Writer">Who wrote to legacy, as the database calls them.</param>
public sealed record Conflict(
    EntityKey Key, EntityVersion Version, long ForeignSeq, string Reason, IReadOnlyList<ConflictField> Fields, DateTime SinceUtc, string Writer);

/// <summary>The state that the new side last took over from legacy, behind what it has written since.</summary>
/// <param name="Version">Its version; an older one than legacy has accepted from the new side does not count any more.</param>
/// <param name="Hashes">As in an entity row; empty: it was not there.</param>
public sealed record AcceptedBase(EntityVersion Version, byte[] Hashes);

/// <summary>What merging keeps, on the new side.</summary>
public interface IMergeLog
{
    /// <summary>
    /// Null when the new side has written the key without ever having accepted it. Call with the key's entity row locked.
    /// </summary>
    Task<AcceptedBase?> BaseAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>Lists a key, or brings what is listed up to date; the time of the first finding stays.</summary>
    Task PutAsync(Conflict conflict, CancellationToken cancellationToken);

    Task<Conflict?> FindAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>Longest in conflict first.</summary>
    Task<IReadOnlyList<Conflict>> ListAsync(int limit, CancellationToken cancellationToken);

    Task<long> CountAsync(CancellationToken cancellationToken);
}

/// <summary>
/// Both sides changed the same field and no owner is declared: an operator has to decide. Whatever either side writes next is looked at
/// again.
/// </summary>
public sealed class MergeConflictException(string context, EntityKey key, IReadOnlyList<string> fields, string reason)
    : Exception($"{key} was changed on both sides in {string.Join(", ", fields)}{(reason.Length > 0 ? $" ({reason})" : ", and no owner is declared")}; "
        + $"decide: strangler conflicts show {context} {key.Id}")
{
    public EntityKey Key { get; } = key;

    public IReadOnlyList<string> Fields { get; } = fields;
}
