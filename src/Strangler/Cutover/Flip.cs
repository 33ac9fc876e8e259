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
    private static readonly BackOff Waits = new(TimeSpan.FromMilliseconds(4), TimeSpan.FromMilliseconds(500));

    private readonly Relay _relay = new(runtime);
    private readonly ILogger _log = runtime.Loggers.CreateLogger<Flip>();

    private ContextSides Sides => runtime.Sides;

    /// <summary>
    /// From the lead's row to the new lead's. Whatever is thrown before the decision, the flip has been aborted, or will be at its
    /// deadline.
    /// </summary>
    public async Task<FenceRow> RunAsync(
        SideName from, FenceRow lead, Stage to, bool leaveParked, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var switching = await DenyAsync(from, lead, cancellationToken);
        progress?.Report($"writers wait ({from.ToString().ToLowerInvariant()} is switching, epoch {switching.Epoch})");
        return await ContinueAsync(from, switching, to, leaveParked, progress, cancellationToken);
    }

    /// <summary>Steps 2 to 6, also for a flip whose process died.</summary>
    public async Task<FenceRow> ContinueAsync(
        SideName from, FenceRow switching, Stage to, bool leaveParked, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        FenceRow prepared;
        try
        {
            await DrainAsync(from, switching, leaveParked, cancellationToken);
            progress?.Report("the journal is drained");
            prepared = await PrepareAsync(Stages.Other(from), switching, to, cancellationToken);
            progress?.Report($"{Stages.Other(from).ToString().ToLowerInvariant()} is prepared");
            await DecideAsync(from, switching, to, cancellationToken);
        }
        catch (Exception exception)
        {
            if (!await TryAbortAsync(from, switching, exception))
            {
                throw;
            }

            throw exception is OperationCanceledException or CutoverException
                ? exception
                : new CutoverException(
                    $"The flip of {runtime.Context} was aborted; {from.ToString().ToLowerInvariant()} leads on.", exception);
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
        try
        {
            if (!await fence.CompareAndSetPatientlyAsync(runtime, lead, switching, cancellationToken))
            {
                throw CutoverException.LostRace(runtime.Context);
            }
        }
        catch (SideUnavailableException exception) when (exception.IsTransient)
        {
            // The reply may be all that was lost; then writers wait already, and would until the deadline.
            if (await fence.ReadAsync(cancellationToken) != switching)
            {
                throw;
            }
        }

        await runtime.ReachAsync(HookPoint.FlipDenied, from);
        return switching;
    }

    // Steps 2 and 3. After step 1 no transaction of the old epoch is open and none begins, so an empty journal means: nothing committed is
    // not accepted. What other programs write meanwhile is journalled too; it need not be empty for ever, only once.
    private async Task DrainAsync(SideName from, FenceRow switching, bool leaveParked, CancellationToken cancellationToken)
    {
        for (var rounds = 1; ; rounds++)
        {
            await runtime.ReachAsync(HookPoint.FlipBeforeDrain, from);
            await _relay.DrainAsync(cancellationToken);
            await runtime.ReachAsync(HookPoint.FlipBeforeWatermark, from);
            var depth = await Sides.Of(from).Journal.DepthAsync(cancellationToken);
            if (depth.Open == 0 && (leaveParked || depth.Parked == 0))
            {
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

    // Step 4. Whatever row an earlier flip left there, its epoch is lower; someone who carries on the same flip may have been here before.
    private async Task<FenceRow> PrepareAsync(SideName to, FenceRow switching, Stage stage, CancellationToken cancellationToken)
    {
        var fence = Sides.Of(to).Fence;
        var prepared = new FenceRow(FenceRole.Prepared, stage, switching.Epoch, switching.DualEpoch);
        await runtime.ReachAsync(HookPoint.FlipBeforePrepare, to);
        while (true)
        {
            var present = await fence.ReadAsync(cancellationToken);
            if (present == prepared)
            {
                return prepared;
            }

            if (present.AnswersReads || present.Epoch > switching.Epoch)
            {
                throw new CutoverException(
                    $"The fence of the {to.ToString().ToLowerInvariant()} side says {present.Role}, epoch {present.Epoch}: "
                    + "this flip was ended meanwhile, by someone else or at its deadline.");
            }

            if (await fence.CompareAndSetPatientlyAsync(runtime, present, prepared, cancellationToken))
            {
                await runtime.ReachAsync(HookPoint.FlipPrepared, to);
                return prepared;
            }
        }
    }

    // Step 5.
    private async Task DecideAsync(SideName from, FenceRow switching, Stage to, CancellationToken cancellationToken)
    {
        var fence = Sides.Of(from).Fence;
        var decided = switching with { Role = FenceRole.Follower, Stage = to, Deadline = null };
        cancellationToken.ThrowIfCancellationRequested();
        await runtime.ReachAsync(HookPoint.FlipBeforeDecide, from);
        if (!await fence.CompareAndSetPatientlyAsync(runtime, switching, decided, CancellationToken.None)
            && await fence.ReadAsync(CancellationToken.None) != decided)
        {
            throw new CutoverException($"The flip of {runtime.Context} was aborted by someone else, or at its deadline.");
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

    // Needs the old lead's fence only. False: it was decided after all (the reply was lost), or cannot be told now; then the deadline
    // decides.
    private async Task<bool> TryAbortAsync(SideName from, FenceRow switching, Exception cause)
    {
        try
        {
            await runtime.ReachAsync(HookPoint.FlipBeforeAbort, from);
            var aborted = await recovery.AbortAsync(from, switching, CancellationToken.None) is not null
                || (await Sides.Of(from).Fence.ReadAsync(CancellationToken.None)).Role == FenceRole.Lead;
            if (aborted)
            {
                await runtime.ReachAsync(HookPoint.FlipAborted, from);
            }

            return aborted;
        }
        catch (Exception exception)
        {
            _log.AbortFailed(runtime.Context, Failures.Describe(cause), exception);
            return false;
        }
    }
}
