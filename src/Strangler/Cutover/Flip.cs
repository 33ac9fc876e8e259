using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;

namespace Strangler.Cutover;

/// <summary>
/// Hands the lead to the other side (PROTOCOL §6): deny, drain, prepare, decide, promote. The order of the first two matters: a journal
/// that was seen empty before writers were denied says nothing about those who were still writing. The decision is one compare-and-set on
/// the old lead's fence; before it the flip can be aborted without the follower, after it only be finished.
/// </summary>
internal sealed class Flip(ContextRuntime runtime, FlipRecovery recovery)
{
    private const int AbortTries = 3;
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(4), TimeSpan.FromMilliseconds(500));

    // Other programs go on writing to legacy, and what they write is journalled, too: whether the deadline has passed is asked in between.
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);
    private const int MostInHand = 64;
    private const int IdleGlances = 4;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(2);

    // Longer, and writers would wait for a flip that has not even begun for sure.
    private static readonly TimeSpan DenyAtMost = TimeSpan.FromSeconds(5);

    private readonly Relay _relay = new(runtime);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<Flip>();

    private ContextSides Sides => runtime.Sides;

    /// <summary>
    /// From the lead's row to the new lead's. Whatever is thrown, the flip has been aborted, or will be at its deadline; but for a
    /// <see cref="CutoverException.IsOutcomeUnknown"/>, after which it may also be decided, and is then finished by whoever comes.
    /// </summary>
    public async Task<FenceRow> RunAsync(
        SideName from, FenceRow lead, FenceRow? follower, Stage to, bool leaveParked, IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var switching = await DenyAsync(from, lead, cancellationToken);
        progress?.Report($"writers wait ({from.ToString().ToLowerInvariant()} is switching, epoch {switching.Epoch})");
        return await ContinueAsync(from, switching, follower, to, leaveParked, progress, cancellationToken);
    }

    /// <summary>
    /// Steps 2 to 6, also for a flip whose process died. The follower's row is what was seen last, and spares a look where it still stands.
    /// </summary>
    public async Task<FenceRow> ContinueAsync(
        SideName from, FenceRow switching, FenceRow? follower, Stage to, bool leaveParked, IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var began = runtime.Time.GetTimestamp();
        var prepared = new FenceRow(FenceRole.Prepared, to, switching.Epoch, switching.DualEpoch);
        var decided = switching with { Role = FenceRole.Follower, Stage = to, Deadline = null };
        try
        {
            await DrainAsync(from, switching, leaveParked, cancellationToken);
            progress?.Report("the journal is drained");
            await PrepareAsync(Stages.Other(from), follower, prepared, cancellationToken);
            progress?.Report($"{Stages.Other(from).ToString().ToLowerInvariant()} is prepared");
            await DecideAsync(from, switching, decided, began, cancellationToken);
        }
        catch (Exception exception)
        {
            switch (await EndAsync(from, switching, decided, exception))
            {
                case FlipEnd.Decided:
                    _log.DecidedAfterAll(runtime.Context, from, exception);
                    break;
                case FlipEnd.Aborted:
                    throw exception is OperationCanceledException or CutoverException { IsOutcomeUnknown: false }
                        ? exception
                        : new CutoverException(
                            $"The flip of {runtime.Context} was aborted; {from.ToString().ToLowerInvariant()} leads on.", exception);
                default:
                    throw;
            }
        }

        progress?.Report("decided");
        var promoted = await PromoteAsync(Stages.Other(from), prepared);
        progress?.Report($"{Stages.Other(from).ToString().ToLowerInvariant()} leads, epoch {promoted.Epoch}");
        return promoted;
    }

    // Step 1.
    private async Task<FenceRow> DenyAsync(SideName from, FenceRow lead, CancellationToken cancellationToken)
    {
        var fence = Sides.Of(from).Fence;
        var deadline = await fence.UtcNowAsync(cancellationToken) + runtime.Options.FlipDeadline;
        var switching = lead with { Role = FenceRole.Switching, Epoch = lead.Epoch + 1, Deadline = deadline };
        await runtime.ReachAsync(HookPoint.FlipBeforeDeny, from);
        if (!await fence.SetForSureAsync(runtime, lead, switching, DenyAtMost, cancellationToken))
        {
            throw CutoverException.LostRace(runtime.Context);
        }

        await runtime.ReachAsync(HookPoint.FlipDenied, from);
        return switching;
    }

    // Steps 2 and 3. After step 1 no transaction of the old epoch is open and none begins, so an empty journal means: nothing committed is
    // not accepted. What other programs write meanwhile is journalled too; it need not be empty for ever, only once: on the way to the
    // new side the rest is merged by that, on the way to legacy it is legacy's own news, and whatever the new side still owes goes around
    // it (FollowerApplier). So legacy's rows of other programs need no position of their own; only what nobody has decided about must not
    // be there.
    private async Task DrainAsync(SideName from, FenceRow switching, bool leaveParked, CancellationToken cancellationToken)
    {
        for (var rounds = 1; ; rounds++)
        {
            await runtime.ReachAsync(HookPoint.FlipBeforeDrain, from);
            if (rounds > 1 || !await SettlesByItselfAsync(from, cancellationToken))
            {
                await _relay.CatchUpAsync(Round, cancellationToken);
            }

            await runtime.ReachAsync(HookPoint.FlipBeforeWatermark, from);
            var depth = await Sides.Of(from).Journal.DepthAsync(cancellationToken);
            if (depth.Open == 0 && (leaveParked || depth.Parked == 0))
            {
                await RefuseConflictsAsync(from, leaveParked, cancellationToken);
                await RefuseNewlyUnreadableAsync(from, depth, leaveParked, cancellationToken);
                await runtime.ReachAsync(HookPoint.FlipDrained, from);
                return;
            }

            if (depth.Open == 0)
            {
                throw new CutoverException(
                    $"{JournalDepth.Show(depth.Parked)} journal rows of {runtime.Context} were parked while it was drained; the flip was aborted.");
            }

            if (await Sides.Of(from).Fence.UtcNowAsync(cancellationToken) > switching.Deadline)
            {
                throw new CutoverException(
                    $"The journal of {runtime.Context} was not drained within {runtime.Options.FlipDeadline.TotalSeconds:0.#} s "
                    + $"({JournalDepth.Show(depth.Open)} open); the flip was aborted.");
            }

            await Task.Delay(Waits.After(rounds, runtime.Random.NextDouble()), runtime.Time, cancellationToken);
        }
    }

    // What was committed just before writers were denied, they are carrying over themselves, inline: whoever claims that, too, waits for the
    // same locks and does the work twice. Left alone as long as it becomes less.
    private async Task<bool> SettlesByItselfAsync(SideName from, CancellationToken cancellationToken)
    {
        var (before, idle) = (MostInHand + 1L, 0);
        while (true)
        {
            var open = (await Sides.Of(from).Journal.DepthAsync(cancellationToken)).Open;
            idle = open < before ? 0 : idle + 1;
            if (open == 0 || open > MostInHand || idle == IdleGlances)
            {
                return open == 0;
            }

            before = open;
            await Task.Delay(Glance, runtime.Time, cancellationToken);
        }
    }

    // A key in conflict that owes nothing has no row in the journal of the new side.
    private async Task RefuseConflictsAsync(SideName from, bool leaveParked, CancellationToken cancellationToken)
    {
        if (from == SideName.New && !leaveParked && !runtime.Options.ForeignWritersNone
            && await Sides.Merges.CountAsync(cancellationToken) is > 0 and var conflicts)
        {
            throw new CutoverException(
                $"{conflicts} entities of {runtime.Context} came into conflict with other programs' writes; the flip was aborted. "
                + $"Decide about them: strangler conflicts list {runtime.Context}");
        }
    }

    // What is set aside and signed off stays behind with everybody's knowledge. What became unreadable since the gates were looked at is as
    // good as parked.
    private async Task RefuseNewlyUnreadableAsync(SideName from, JournalDepth depth, bool leave, CancellationToken cancellationToken)
    {
        if (leave || depth.Quarantined == 0 || from == SideName.New)
        {
            return;
        }

        long open = 0;
        foreach (var kind in runtime.Kinds.Keys)
        {
            open += (await Sides.Quarantine.CountAsync(kind, cancellationToken)).Open;
        }

        if (open > 0)
        {
            throw new CutoverException(
                $"{open} legacy rows of {runtime.Context} are in quarantine and not signed off; the flip was aborted. "
                + $"Look: strangler quarantine list {runtime.Context}");
        }
    }

    // Step 4. Whatever row an earlier flip left there, its epoch is lower; someone who carries on the same flip may have been here before.
    private async Task PrepareAsync(SideName to, FenceRow? seen, FenceRow prepared, CancellationToken cancellationToken)
    {
        var fence = Sides.Of(to).Fence;
        await runtime.ReachAsync(HookPoint.FlipBeforePrepare, to);
        if (seen is { Role: FenceRole.Follower } && seen.Epoch < prepared.Epoch
            && await fence.CompareAndSetPatientlyAsync(runtime, seen, prepared, cancellationToken))
        {
            await runtime.ReachAsync(HookPoint.FlipPrepared, to);
            return;
        }

        while (true)
        {
            var present = await fence.ReadAsync(cancellationToken);
            if (present == prepared)
            {
                return;
            }

            if (present.AnswersReads || present.Epoch > prepared.Epoch)
            {
                throw new CutoverException(
                    $"The fence of the {to.ToString().ToLowerInvariant()} side says {present.Role}, epoch {present.Epoch}: "
                    + "this flip was ended meanwhile, by someone else or at its deadline.");
            }

            if (await fence.CompareAndSetPatientlyAsync(runtime, present, prepared, cancellationToken))
            {
                await runtime.ReachAsync(HookPoint.FlipPrepared, to);
                return;
            }
        }
    }

    // Step 5. A lost reply leaves open whether it is decided; only the old lead's fence can tell. So it is asked until it does, while the
    // deadline lasts: nobody gains by an answer that comes later, for then whoever comes ends or finishes the flip.
    private async Task DecideAsync(SideName from, FenceRow switching, FenceRow decided, long began, CancellationToken cancellationToken)
    {
        var fence = Sides.Of(from).Fence;
        cancellationToken.ThrowIfCancellationRequested();
        await runtime.ReachAsync(HookPoint.FlipBeforeDecide, from);
        var left = runtime.Options.FlipDeadline - runtime.Time.GetElapsedTime(began);
        try
        {
            if (!await fence.SetForSureAsync(runtime, switching, decided, left, CancellationToken.None)
                && await fence.ReadAsync(CancellationToken.None) != decided)
            {
                throw new CutoverException($"The flip of {runtime.Context} was aborted by someone else, or at its deadline.");
            }
        }
        catch (SideUnavailableException exception)
        {
            throw CutoverException.OutcomeUnknown(runtime.Context, from, exception);
        }

        await runtime.ReachAsync(HookPoint.FlipDecided, from);
    }

    // Step 6. If it cannot be done here and now, the next reader or writer does it.
    private async Task<FenceRow> PromoteAsync(SideName to, FenceRow prepared)
    {
        var promoted = prepared with { Role = FenceRole.Lead };
        try
        {
            await runtime.ReachAsync(HookPoint.FlipBeforePromote, to);
            await Sides.Of(to).Fence.CompareAndSetPatientlyAsync(runtime, prepared, promoted, CancellationToken.None);
            await runtime.ReachAsync(HookPoint.FlipPromoted, to);
        }
        catch (Exception exception) when (Failures.IsTransient(exception))
        {
            _log.PromotionLeft(runtime.Context, to, exception);
        }

        return promoted;
    }

    // Needs the old lead's fence only. If that cannot tell now, the deadline decides.
    private async Task<FlipEnd> EndAsync(SideName from, FenceRow switching, FenceRow decided, Exception cause)
    {
        try
        {
            await runtime.ReachAsync(HookPoint.FlipBeforeAbort, from);
            var end = await AbortAsync(from, switching, decided);
            if (end == FlipEnd.Aborted)
            {
                await runtime.ReachAsync(HookPoint.FlipAborted, from);
            }

            return end;
        }
        catch (Exception exception)
        {
            _log.AbortFailed(runtime.Context, Failures.Describe(cause), exception);
            return FlipEnd.Unknown;
        }
    }

    // The abort's own reply may be lost as well; what it left is seen then.
    private async Task<FlipEnd> AbortAsync(SideName from, FenceRow switching, FenceRow decided)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                if (await recovery.AbortAsync(from, switching, CancellationToken.None) is not null)
                {
                    return FlipEnd.Aborted;
                }

                var present = await Sides.Of(from).Fence.ReadAsync(CancellationToken.None);
                return present == decided ? FlipEnd.Decided : present.Role == FenceRole.Lead ? FlipEnd.Aborted : FlipEnd.Unknown;
            }
            catch (Exception exception) when (exception is SideUnavailableException { IsTransient: true } or FenceBusyException && tries < AbortTries)
            {
                await Task.Delay(Waits.After(tries, runtime.Random.NextDouble()), runtime.Time, CancellationToken.None);
            }
        }
    }

    /// <summary>What became of a flip that failed somewhere.</summary>
    private enum FlipEnd
    {
        /// <summary>The old lead leads.</summary>
        Aborted,

        /// <summary>It was decided after all: by a compare-and-set whose reply was lost, or by someone who carried it on.</summary>
        Decided,

        /// <summary>The old lead's fence cannot be asked.</summary>
        Unknown,
    }
}
