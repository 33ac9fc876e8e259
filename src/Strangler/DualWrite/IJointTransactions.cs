using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>
/// The follower's part of a write within the lead's own transaction, where one server holds both databases (PROTOCOL §2, last point). It
/// stands behind a savepoint:
/// what fails in it is rolled back to there and leaves the lead's part as it was.
/// </summary>
public interface IJointTransactions
{
    /// <summary>
    /// What forbids it, in words for an operator; null when nothing does. To be asked before the first use: with two servers, the part
    /// would end in a database that
    /// nobody follows. Writes nothing. Throws <see cref="SideUnavailableException"/> when it cannot be found out at present.
    /// </summary>
    Task<string?> ProblemAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Sends what the lead's transaction has to write, sets the savepoint, and begins the follower's part: shared lock on its fence, then
    /// the key's entity row and
    /// aggregate FOR UPDATE, as <see cref="ISideStore.BeginAsync"/> does. Throws <see cref="FollowerPartException"/> when only the part
    /// failed; whatever else it
    /// throws is the lead's own failure, as its commit would have thrown it, and ends the lead's transaction. So for all operations of the
    /// part:
    /// <see cref="SideUnavailableException"/> in the lead's name means that the whole transaction is gone, anything else that the part can
    /// be disposed of.
    /// </summary>
    Task<JointPart> BeginFollowerAsync(ISideTransaction lead, WriteIntent intent, CancellationToken cancellationToken);
}

/// <summary>The follower's part of a lead's transaction.</summary>
/// <param name="Follower">
/// Its commit only joins it to the lead's, which may write nothing more then: its own commit ends both, or throws
/// <see cref="FollowerPartException"/> and the
/// transaction is open as before the part. Disposed of
/// without a commit, it is rolled back to the savepoint.
/// </param>
/// <param name="LeadRow">The entity's rows on the lead as its transaction leaves them, read back: what the server itself made of them is
/// in it. Null: deleted.</param>
public sealed record JointPart(ISideTransaction Follower, AggregateRow? LeadRow);

/// <summary>The follower's part of a joint transaction failed and was rolled back; the lead's transaction is open, without it.</summary>
public sealed class FollowerPartException(SideName follower, Exception cause)
    : Exception($"The {follower.ToString().ToLowerInvariant()} side's part of the transaction failed and was rolled back: {cause.Message}", cause)
{
    public SideName Follower { get; } = follower;
}
