using Strangler.DualWrite;

namespace Strangler.Journal;

/// <summary>How far the search for lost obligations of one kind has come.</summary>
/// <param name="Epoch">The leading fence's epoch; another one starts anew.</param>
/// <param name="After">The last id of the present walk; 0: at its beginning.</param>
/// <param name="Checked">Keys of the present walk so far.</param>
public sealed record ObligationWalk(long Epoch, long After, long Checked);

/// <summary>A turn at the search.</summary>
/// <param name="Walk">Where to go on; null: another replica is at it, or it is not due.</param>
/// <param name="Wait">Then: how long until it is worth asking again.</param>
public sealed record ObligationTurn(ObligationWalk? Walk, TimeSpan Wait);

/// <summary>The last walk over all keys of a kind that came to its end.</summary>
/// <param name="CompletedUtc">By the new side's clock.</param>
/// <param name="Checked">Keys.</param>
public sealed record CompletedWalk(DateTime CompletedUtc, long Checked);

/// <summary>
/// The search for lost obligations, on the new side: replicas take turns at one walk, which survives them; what it has found stays listed until it is mended.
/// Keys only, never values.
/// </summary>
public interface IObligationLog
{
    /// <summary>Takes the next turn, for at most <paramref name="lease"/>: of several replicas, one gets it.</summary>
    Task<ObligationTurn> TakeTurnAsync(string kind, string owner, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Ends the turn; the next is due after <paramref name="pause"/>. Ignored when the lease was lost.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="owner">As it took the turn.</param>
    /// <param name="walk">How far it has come.</param>
    /// <param name="completed">Whether that was the last key: the next turn begins anew.</param>
    /// <param name="pause">At least this long.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task EndTurnAsync(
        string kind, string owner, ObligationWalk walk, bool completed, TimeSpan pause, CancellationToken cancellationToken);

    /// <summary>Null: none yet.</summary>
    Task<CompletedWalk?> LastWalkAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Lists a key. False: it was listed.</summary>
    Task<bool> AddAsync(EntityKey key, CancellationToken cancellationToken);

    /// <summary>Takes keys that are mended off the list.</summary>
    Task RemoveAsync(string kind, IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>Listed ids in ascending order, at most <paramref name="limit"/>.</summary>
    Task<IReadOnlyList<long>> ListAsync(string kind, int limit, CancellationToken cancellationToken);
}
