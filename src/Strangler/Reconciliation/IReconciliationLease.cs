namespace Strangler.Reconciliation;

/// <summary>Who reconciles a context, and since when.</summary>
/// <param name="Token">Random; names this holding and no other.</param>
/// <param name="Scope">What is compared, in words.</param>
/// <param name="Actor">Who started it.</param>
/// <param name="Process">Where it runs.</param>
/// <param name="SinceUtc">By the new side's clock; set by the store.</param>
/// <param name="UntilUtc">When the lease ends unless it is renewed; set by the store.</param>
public sealed record LeaseHolder(
    string Token, string Scope, string Actor, ProcessIdentity Process, DateTime SinceUtc = default, DateTime UntilUtc = default);

/// <summary>How far an unfinished run has come.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Kind">What it compares.</param>
/// <param name="BeganUtc">When the run began, by the new side's clock.</param>
/// <param name="SavedUtc">When this was stored, by the same clock; set by the store.</param>
/// <param name="State">Written and read by the engine.</param>
public sealed record RunCheckpoint(long RunId, string Kind, DateTime BeganUtc, DateTime SavedUtc, string State);

/// <summary>
/// One reconciliation at a time a context, and what is left of one whose process died; on the new side, by its clock. A holder that was
/// taken for dead and was not finds it out at its next renewal or checkpoint, before anything it has counted is stored.
/// </summary>
public interface IReconciliationLease
{
    /// <summary>Takes the lease for <paramref name="length"/> if it is free, has run out, or is held under the token <paramref
    /// name="insteadOf"/>.
    /// Atomic. Returns the holder: the one given, or who was before.</summary>
    Task<LeaseHolder> AcquireAsync(LeaseHolder holder, string? insteadOf, TimeSpan length, CancellationToken cancellationToken);

    /// <summary>Holds on for <paramref name="length"/> from now. False: it is another's.</summary>
    Task<bool> RenewAsync(string token, TimeSpan length, CancellationToken cancellationToken);

    /// <summary>Gives it back; nothing when it is another's.</summary>
    Task ReleaseAsync(string token, CancellationToken cancellationToken);

    /// <summary>Stores how far a run has come, in place of what was stored before. False, and nothing is stored: the lease is
    /// another's.</summary>
    Task<bool> SaveAsync(string token, RunCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>The checkpoint of the newest unfinished run of a kind that has one.</summary>
    Task<RunCheckpoint?> LatestAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Forgets a finished run's checkpoint; with <paramref name="older"/> those of all runs of its kind before it, too.</summary>
    Task ForgetAsync(string kind, long run, bool older, CancellationToken cancellationToken);
}
