using Microsoft.Extensions.Logging;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>What an apply came to.</summary>
public enum ApplyResult
{
    /// <summary>The follower has the lead's state now.</summary>
    Applied,

    /// <summary>It had it already.</summary>
    Superseded,

    /// <summary>The side that was to follow does not follow (any more); nothing was written.</summary>
    NotFollower,

    /// <summary>A repair only: since it looked, a write came in on either side. Nothing was written.</summary>
    ChangedMeanwhile,

    /// <summary>An inline apply only: legacy has another program's write that must be merged first. Nothing was written.</summary>
    ForeignNews,
}

/// <summary>
/// The write that an inline apply comes from: its version and request key, so that the request need not be looked up, and whether it allotted the id: then nothing
/// can be known of it from before.
/// </summary>
internal sealed record CarriedWrite(EntityVersion Version, string? RequestKey, bool Created = false);

/// <summary>What a repair saw on both sides: it applies only where that still stands, and then although nothing is newer.</summary>
internal sealed record SeenStates(bool LeadHasRow, EntityState? Lead, EntityState? Follower)
{
    public bool StandIn(SideState lead, SideState follower) =>
        lead.Row is not null == LeadHasRow && Same(lead.Entity, Lead) && Same(follower.Entity, Follower);

    private static bool Same(EntityState? now, EntityState? seen) =>
        (now?.Version, now?.ForeignSeq, now?.Tombstone) == (seen?.Version, seen?.ForeignSeq, seen?.Tombstone);
}

/// <summary>
/// Brings the follower to the lead's present state of one key (PROTOCOL §2 step 4): inline, by the relay, by a repair. Idempotent; runs of
/// one key take turns on the follower's entity row, and each reads the lead only after it has that lock, so an older state is never written
/// over a newer one.
/// </summary>
/// <remarks>
/// Why a flip cannot slip in between: the follower's fence is held shared from the first statement to the commit. The follower becomes lead
/// only after its fence was set to prepared, which waits for this transaction; and the lead stops being the lead only after that.
/// <para>
/// A follower whose fence lags behind (its dual epoch, or its epoch after a move that kept the lead, or a prepared row that an aborted flip
/// left) is brought up by a compare-and-set of its own, outside of the apply's transaction, and only while the lead's fence says lead or
/// switching with a higher epoch: a prepared row of a lower epoch can never be promoted, so nothing is taken from anyone. While the lead is
/// switching, a plain follower's epoch is left to the flipper, whose compare-and-set would otherwise fail for nothing.
/// </para>
/// </remarks>
public sealed class FollowerApplier(ContextRuntime runtime)
{
    private const int MaxRaises = 3;
    private const int MaxMerges = 3;

    private readonly ILogger _log = runtime.Loggers.CreateLogger<FollowerApplier>();
    private readonly ForeignMerge _merge = new(runtime);

    /// <summary>
    /// Throws <see cref="UnreadableException"/> (after listing the key in quarantine) and <see cref="CannotHoldException"/>,
    /// <see cref="RegressionException"/>,
    /// <see cref="MergeConflictException"/>: those do not pass by themselves. Other programs' writes to a following legacy side are
    /// merged first. The follower is the side that does not lead, unless given.
    /// </summary>
    public async Task<ApplyResult> ApplyAsync(EntityKey key, CancellationToken cancellationToken, SideName? follower = null) =>
        await ApplyAsync(
            key, follower ?? Stages.Other((await runtime.Stage.GetAsync(cancellationToken)).Lead), carried: null, cancellationToken);

    /// <summary>The same for a repair: also where the versions are equal and only the rows differ.</summary>
    internal Task<ApplyResult> RepairAsync(EntityKey key, SideName follower, SeenStates seen, CancellationToken cancellationToken) =>
        ApplyAsync(key, follower, carried: null, seen, cancellationToken);

    internal Task<ApplyResult> ApplyAsync(EntityKey key, SideName follower, CarriedWrite? carried, CancellationToken cancellationToken) =>
        ApplyAsync(key, follower, carried, seen: null, cancellationToken);

    private async Task<ApplyResult> ApplyAsync(
        EntityKey key, SideName follower, CarriedWrite? carried, SeenStates? seen, CancellationToken cancellationToken)
    {
        using var span = EngineTrace.Begin("strangler.apply", runtime.Context, key.Kind);
        span?.SetTag("strangler.side", follower.ToString());
        span?.SetTag("strangler.by", seen is not null ? "repair" : carried is not null ? "inline" : "relay");
        try
        {
            var result = await CarryAsync(key, follower, carried, seen, cancellationToken);
            span.EndsAs(result.ToString());
            return result;
        }
        catch (Exception exception)
        {
            span.EndsAs(exception.GetType().Name, isError: true);
            throw;
        }
    }

    private async Task<ApplyResult> CarryAsync(
        EntityKey key, SideName follower, CarriedWrite? carried, SeenStates? seen, CancellationToken cancellationToken)
    {
        for (var (raises, merges) = (0, 0); ; raises++)
        {
            var turn = new ApplyTurn(runtime, key, follower, carried, seen);
            var result = await turn.RunAsync(cancellationToken);
            if (result is ApplyResult.ForeignNews && carried is null)
            {
                // Whoever writes to it without end must not hold the other keys up.
                if (merges++ == MaxMerges)
                {
                    throw new ForeignChangeException(key);
                }

                await _merge.MergeAsync(key, seen: null, cancellationToken);
                continue;
            }

            if (result is ApplyResult.ChangedMeanwhile or ApplyResult.ForeignNews)
            {
                return result.Value;
            }

            if (result is { } done)
            {
                await SettleAsync(turn, cancellationToken);
                return done;
            }

            if (raises == MaxRaises || !await RaiseAsync(follower, turn, cancellationToken))
            {
                return ApplyResult.NotFollower;
            }
        }
    }

    private async Task SettleAsync(ApplyTurn turn, CancellationToken cancellationToken)
    {
        await runtime.Sides.Of(Stages.Other(turn.Follower)).Journal.SettleAsync(
            turn.Key, turn.Accepted.Version, turn.Accepted.ForeignSeq, cancellationToken);
        await runtime.ReachAsync(HookPoint.ApplySettled, Stages.Other(turn.Follower));
    }

    private async Task<bool> RaiseAsync(SideName follower, ApplyTurn turn, CancellationToken cancellationToken)
    {
        if (turn.FollowerFence is not { } behind || turn.LeadFence is not { } lead || !MustBeRaised(behind, lead))
        {
            return false;
        }

        var next = new FenceRow(FenceRole.Follower, lead.Stage, lead.Epoch, lead.DualEpoch);
        await runtime.Sides.Of(follower).Fence.CompareAndSetAsync(behind, next, runtime.Options.FenceLockTimeout, cancellationToken);
        _log.FollowerRaised(runtime.Context, follower, behind.Epoch, lead.Epoch);
        return true;
    }

    /// <summary>Whether the follower's fence must first be brought up to the lead's.</summary>
    internal static bool MustBeRaised(FenceRow follower, FenceRow lead) =>
        lead.AnswersReads && Stages.IsDual(lead.Stage) && follower.Epoch < lead.Epoch
        && (follower.Role == FenceRole.Prepared
            || (follower.Role == FenceRole.Follower && (lead.Role == FenceRole.Lead || follower.DualEpoch != lead.DualEpoch)));
}

/// <summary>One transaction of an apply.</summary>
internal sealed class ApplyTurn(ContextRuntime runtime, EntityKey key, SideName follower, CarriedWrite? carried, SeenStates? seen = null)
{
    private readonly EntityKind _kind = runtime.Kind(key.Kind);
    private readonly SideName _leadSide = Stages.Other(follower);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<FollowerApplier>();

    public EntityKey Key => key;

    public SideName Follower => follower;

    public FenceRow? FollowerFence { get; private set; }

    public FenceRow? LeadFence { get; private set; }

    /// <summary>What the follower has accepted, after a result.</summary>
    public EntityState Accepted { get; private set; } = new(default, 0, false, []);

    private ISideStore LeadStore => runtime.Sides.Of(_leadSide).Store;

    /// <summary>Null: the fences do not allow it as they are.</summary>
    public async Task<ApplyResult?> RunAsync(CancellationToken cancellationToken)
    {
        await runtime.ReachAsync(HookPoint.ApplyBeforeBegin, follower);
        await using var transaction = await runtime.Sides.Of(follower).Store.BeginAsync(new WriteIntent(key), cancellationToken);
        await runtime.ReachAsync(HookPoint.ApplyBegun, follower);
        var was = transaction.State;
        var lead = await LeadStore.ReadAsync(key, cancellationToken);
        await runtime.ReachAsync(HookPoint.ApplyLeadRead, follower);
        (FollowerFence, LeadFence) = (was.Fence, lead.Fence);
        if (was.Fence.Role != FenceRole.Follower || !lead.Fence.AnswersReads || !Stages.IsDual(lead.Fence.Stage)
            || was.Fence.Epoch > lead.Fence.Epoch || FollowerApplier.MustBeRaised(was.Fence, lead.Fence))
        {
            return null;
        }

        if (seen is not null && !seen.StandIn(lead, was))
        {
            return ApplyResult.ChangedMeanwhile;
        }

        var version = lead.Version(lead.Fence.DualEpoch);
        var foreignSeq = lead.Entity?.ForeignSeq ?? 0;
        if (was.Entity is { } accepted && IsAccepted(accepted, lead.Entity, version, foreignSeq) && seen is null)
        {
            Accepted = accepted;
            if (await LiftQuarantineAsync(transaction, cancellationToken))
            {
                await transaction.CommitAsync(CancellationToken.None);
            }
            else
            {
                // The lead's journal rows go on the strength of it.
                await transaction.ConfirmAsync(cancellationToken);
            }

            return ApplyResult.Superseded;
        }

        if (follower == SideName.Legacy && was.Entity?.ForeignSeq > foreignSeq)
        {
            return await MeetForeignChangeAsync(transaction, lead, version, cancellationToken);
        }

        if (follower == SideName.Legacy && seen is null && await new UncapturedCheck(runtime, key).FindAsync(was, cancellationToken) is { } fields)
        {
            return await CaptureAsync(transaction, fields, cancellationToken);
        }

        await ApplyAsync(transaction, lead, version, foreignSeq, cancellationToken);
        return ApplyResult.Applied;
    }

    // What a trigger would have done, had one been there. Then it is merged like any other.
    private async Task<ApplyResult> CaptureAsync(ISideTransaction transaction, IReadOnlyList<string> fields, CancellationToken cancellationToken)
    {
        const string Writer = "uncaptured";
        var was = transaction.State.Entity!;
        await transaction.SetEntityAsync(key, was with { ForeignSeq = was.ForeignSeq + 1, Writer = Writer }, cancellationToken);
        await transaction.AppendJournalAsync(key, was.Version, Writer, cancellationToken, was.ForeignSeq + 1);
        await transaction.CommitAsync(CancellationToken.None);
        _log.UncapturedFound(runtime.Context, key.Kind, key.Id, string.Join(", ", fields));
        return ApplyResult.ForeignNews;
    }

    // Never overwritten unseen. A lead that is being switched takes no merge: then what it owes goes around the change, which is legacy's
    // own news when that leads.
    private async Task<ApplyResult> MeetForeignChangeAsync(
        ISideTransaction transaction, SideState lead, EntityVersion version, CancellationToken cancellationToken)
    {
        if (seen is not null)
        {
            throw new ForeignChangeException(key);
        }

        if (lead.Fence.Role == FenceRole.Lead)
        {
            return ApplyResult.ForeignNews;
        }

        var states = new MergeStates(runtime, key);
        var outcome = await states.DecideAsync(lead, transaction.State, decision: null, cancellationToken);
        if (outcome.Conflicts.Count > 0)
        {
            throw await states.ListAsync(outcome, _log, cancellationToken);
        }

        await states.TellAsync(outcome, _log, cancellationToken);
        var update = new FollowerUpdate(runtime, key, follower, carried);
        Accepted = await update.WriteAroundAsync(transaction, outcome.Record, states.New, version, cancellationToken);
        await CommitAsync(transaction);
        return ApplyResult.Applied;
    }

    // The lead was read under the follower's lock, as was everything accepted before: in a sound system the mark cannot be ahead of the
    // lead, nor can both sides have written one version themselves.
    private bool IsAccepted(EntityState accepted, EntityState? lead, EntityVersion version, long foreignSeq)
    {
        var wereTwo = accepted.Version == version && accepted.IsSigned && lead is { IsSigned: true } && lead.Version == version;
        if (accepted.Version > version || (wereTwo && seen is null))
        {
            throw new RegressionException(key, version, accepted.Version);
        }

        return accepted.Version == version && accepted.ForeignSeq >= foreignSeq;
    }

    private async Task ApplyAsync(
        ISideTransaction transaction, SideState lead, EntityVersion version, long foreignSeq, CancellationToken cancellationToken)
    {
        var was = transaction.State.Entity;
        var update = new FollowerUpdate(runtime, key, follower, carried);
        Accepted = await update.WriteAsync(transaction, await ReadLeadAsync(lead, cancellationToken), version, foreignSeq, lead.Entity, cancellationToken);
        if (!update.IsNext(was, version, foreignSeq))
        {
            // Else the follower had accepted the state just before, and that was readable.
            await LiftQuarantineAsync(transaction, cancellationToken);
        }

        await CommitAsync(transaction);
    }

    private async Task CommitAsync(ISideTransaction transaction)
    {
        await runtime.ReachAsync(HookPoint.ApplyBeforeCommit, follower);
        await transaction.CommitAsync(CancellationToken.None);
        await runtime.ReachAsync(HookPoint.ApplyCommitted, follower);
    }

    // In the apply's own transaction, that is under the key's lock, as the entry is made under it: afterwards, it could be the entry of a
    // later state that is taken away.
    private async Task<bool> LiftQuarantineAsync(ISideTransaction transaction, CancellationToken cancellationToken)
    {
        if (_leadSide != SideName.Legacy)
        {
            return false;
        }

        await transaction.LiftQuarantineAsync(key, cancellationToken);
        return true;
    }

    private async Task<Record?> ReadLeadAsync(SideState lead, CancellationToken cancellationToken) => _leadSide == SideName.Legacy
        ? await LegacyRows.ReadAsync(runtime, key, lead.Row, cancellationToken)
        : DualWriter.Decode(_kind.New.Lens, key, lead.Row);
}
