using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Telemetry;

namespace Strangler.Cutover;

/// <summary>
/// Moves a context from stage to stage, forward and back, and finishes what a dead process left behind. What it shows is read from the
/// fences each time.
/// </summary>
public sealed class CutoverService
{
    private static readonly TimeSpan MoveAtMost = TimeSpan.FromSeconds(5);

    private readonly ContextRuntime _runtime;
    private readonly GateKeeper _gates;
    private readonly FlipRecovery _recovery;
    private readonly StepRequests _requests;
    private readonly ILogger _log;

    /// <param name="runtime">The context.</param>
    public CutoverService(ContextRuntime runtime)
    {
        _runtime = runtime;
        _gates = new GateKeeper(runtime);
        _recovery = new FlipRecovery(runtime.Sides, runtime.Options, runtime.Loggers);
        _requests = new StepRequests(runtime);
        _log = runtime.Loggers.CreateLogger<CutoverService>();
    }

    private ContextSides Sides => _runtime.Sides;

    /// <summary>
    /// From both fences, now. A side that does not answer is null in it; throws when neither does, or when the one that does cannot tell.
    /// </summary>
    public async Task<StageView> StatusAsync(CancellationToken cancellationToken)
    {
        var (legacy, legacyFault) = await TryReadAsync(SideName.Legacy, cancellationToken);
        var (@new, newFault) = await TryReadAsync(SideName.New, cancellationToken);
        foreach (var (side, row) in new[] { (SideName.Legacy, legacy), (SideName.New, @new) })
        {
            if (row is { AnswersReads: true })
            {
                return new StageView(row.Stage, side, row.Epoch, legacy, @new, row.Role == FenceRole.Switching);
            }
        }

        foreach (var (side, row, other) in new[] { (SideName.Legacy, legacy, @new), (SideName.New, @new, legacy) })
        {
            if (row?.Role == FenceRole.Prepared && other?.Role == FenceRole.Follower && row.Epoch == other.Epoch)
            {
                return new StageView(row.Stage, side, row.Epoch, legacy, @new, Switching: true);
            }
        }

        throw legacyFault ?? newFault ?? new CutoverException(
            $"Neither fence of {_runtime.Context} leads, and none is about to: legacy {legacy}, new {@new}. "
            + "Were they restored from backups of different times?");
    }

    /// <summary>The gates of the step to a neighbouring stage. Throws <see cref="CutoverException"/> when the target is none.</summary>
    public async Task<IReadOnlyList<Gate>> GatesAsync(Stage target, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        return await _gates.LookAsync(MoveTo(status, target), status.Lead, status.Of(status.Lead)!, cancellationToken);
    }

    /// <summary>
    /// One stage forward. Throws <see cref="GateException"/> when refused; a lost race or a flip that aborted is a
    /// <see cref="CutoverException"/>.
    /// </summary>
    public Task<StageView> AdvanceAsync(CutoverRequest request, IProgress<string>? progress, CancellationToken cancellationToken) =>
        StepAsync("advance", StageTable.Forward, request, progress, cancellationToken);

    /// <summary>One stage back; otherwise as <see cref="AdvanceAsync"/>.</summary>
    public Task<StageView> BackAsync(CutoverRequest request, IProgress<string>? progress, CancellationToken cancellationToken) =>
        StepAsync("back", StageTable.Back, request, progress, cancellationToken);

    /// <summary>The step that waits for a second person; null: there is none, or the context's steps need no second one.</summary>
    public async Task<AskedStep?> AskedAsync(StageView view, CancellationToken cancellationToken) =>
        _runtime.Options.SecondApprover && !view.Switching ? await _requests.FindAsync(view, cancellationToken) : null;

    /// <summary>
    /// Asks for the step to <see cref="CutoverRequest.Target"/>, which another person has to approve. Its gates are looked at now and once more then; throws
    /// <see cref="GateException"/> when they are closed, <see cref="CutoverException"/> when there is no such step or another one waits already.
    /// </summary>
    public async Task<AskedStep> AskAsync(CutoverRequest request, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        RequireUnmoved(status, request);
        var move = MoveTo(status, request.Target ?? throw new ArgumentException("Say which stage is wanted.", nameof(request)));
        if (await _requests.FindAsync(status, cancellationToken) is { } other)
        {
            throw new CutoverException(
                $"{other.AskedBy} has asked for the step to {other.To} already; approve or withdraw request {other.Id}, it is void from {other.UntilUtc:yyyy-MM-dd HH:mm:ss} UTC on.");
        }

        var failed = await LookAtGatesAsync(move, status, request, null, cancellationToken);
        return await _requests.AskAsync(status, move, request, failed, cancellationToken);
    }

    /// <summary>
    /// Takes back a request for a step, one's own or another's. Throws <see cref="CutoverException"/> when none waits, another than the one that was looked at,
    /// or it was approved meanwhile.
    /// </summary>
    /// <param name="id">Which; null: whichever waits.</param>
    /// <param name="actor">Who.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<AskedStep> WithdrawAsync(string? id, string actor, string reason, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        var asked = await AskedAsync(status, cancellationToken) ?? throw new CutoverException($"Nobody waits for a second person to move {_runtime.Context}.");
        if (id is not null && id != asked.Id)
        {
            throw new CutoverException($"Request {id} is void; {asked.Id} of {asked.AskedBy} waits, for the step to {asked.To}. Look again.");
        }

        await _requests.WithdrawAsync(status, actor, reason, cancellationToken);
        return asked;
    }

    /// <summary>
    /// Finishes a flip whose process died: promotes when it was decided, else carries on until its deadline. Nothing to resume: nothing
    /// happens.
    /// </summary>
    public async Task<StageView> ResumeAsync(CutoverRequest request, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        if (!status.Switching || request.DryRun)
        {
            return status;
        }

        var row = status.Of(status.Lead)!;
        if (row.Role == FenceRole.Prepared)
        {
            var old = Stages.Other(status.Lead);
            await _recovery.RollForwardAsync(old, status.Of(old)!, row, cancellationToken);
            await AuditAsync(old, Entry("resume", request, "", row.Stage, row.Epoch, forced: false, "promoted"));
        }
        else
        {
            var move = StageTable.FlipFrom(row.Stage);
            await FlipAsync(status, move, "resume", request, [], progress, resume: true, cancellationToken);
        }

        return await SettledAsync(cancellationToken);
    }

    /// <summary>
    /// Ends a flip that is not decided yet; needs the old lead only. Throws <see cref="CutoverException"/> when it is decided: then it has
    /// been finished.
    /// </summary>
    public async Task<StageView> AbortAsync(CutoverRequest request, CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        if (!status.Switching || request.DryRun)
        {
            return status;
        }

        var row = status.Of(status.Lead)!;
        if (row.Role == FenceRole.Switching && await _recovery.AbortAsync(status.Lead, row, cancellationToken) is { } aborted)
        {
            await AuditAsync(status.Lead, Entry("abort", request, row.Stage.ToString(), aborted.Stage, aborted.Epoch, forced: false, ""));
            return await SettledAsync(cancellationToken);
        }

        await ResumeAsync(request, null, cancellationToken);
        throw new CutoverException(
            $"The flip of {_runtime.Context} was decided already, and has been finished; "
            + $"to undo it: strangler cutover back {_runtime.Context}");
    }

    /// <summary>Both sides' audit trails, newest first; of the side that answers when the other does not.</summary>
    public Task<IReadOnlyList<AuditEntry>> HistoryAsync(int limit, CancellationToken cancellationToken) =>
        OfBothAsync(audit => audit.ListAsync(limit, cancellationToken), limit);

    /// <summary>Likewise those of one action whose detail begins with a text.</summary>
    public Task<IReadOnlyList<AuditEntry>> HistoryOfAsync(string action, string about, int limit, CancellationToken cancellationToken) =>
        OfBothAsync(audit => audit.OfActionAsync(action, about, limit, cancellationToken), limit);

    private async Task<IReadOnlyList<AuditEntry>> OfBothAsync(Func<IAudit, Task<IReadOnlyList<AuditEntry>>> read, int limit)
    {
        List<AuditEntry> entries = [];
        Exception? fault = null;
        var answers = 0;
        foreach (var side in Enum.GetValues<SideName>())
        {
            try
            {
                entries.AddRange(await read(Sides.Of(side).Audit));
                answers++;
            }
            catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
            {
                fault = exception;
            }
        }

        return answers > 0 ? [.. entries.OrderByDescending(entry => entry.AtUtc).Take(limit)] : throw fault!;
    }

    private async Task<StageView> StepAsync(
        string action,
        Func<Stage, StageMove?> next,
        CutoverRequest request,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var status = await StatusAsync(cancellationToken);
        if (request.Target == status.Stage && !status.Switching && (request.Epoch ?? status.Epoch) == status.Epoch)
        {
            return status;
        }

        RequireUnmoved(status, request);

        var move = next(status.Stage) ?? throw new CutoverException(
            $"{_runtime.Context} is in {status.Stage}; there is no way {(action == "back" ? "back" : "on")} from there.");
        if (request.Target is { } target && target != move.To)
        {
            throw new CutoverException(
                $"{_runtime.Context} is in {status.Stage}; the step {action} leads to {move.To}, not to {target}. One step at a time.");
        }

        if (request.ApprovalOf is not null && !_runtime.Options.SecondApprover)
        {
            throw new CutoverException(
                $"Request {request.ApprovalOf} is void: contexts.{_runtime.Context}.options.secondApprover is false here, and one person makes a step.");
        }

        if (_runtime.Options.SecondApprover && !request.DryRun)
        {
            var asked = await _requests.RequireAsync(status, move, request, cancellationToken);
            request = request with { Force = asked.Force, Approved = asked };
        }

        if (move is { To: Stage.NewLeads, IsForward: true } && !_runtime.Options.ForeignWritersNone)
        {
            progress?.Report($"Other programs: {GateKeeper.ForeignWritesWhileNewLeads}.");
        }

        var failed = await PassGatesAsync(move, status, request, progress, cancellationToken);
        if (request.DryRun)
        {
            return status;
        }

        if (request.Approved is { } approved)
        {
            await _requests.ApproveAsync(status, approved, request, cancellationToken);
        }

        if (move.Kind == MoveKind.Flip)
        {
            await FlipAsync(status, move, action, request, failed, progress, resume: false, cancellationToken);
        }
        else
        {
            await KeepLeadAsync(status, move, action, request, failed, cancellationToken);
        }

        return await SettledAsync(cancellationToken);
    }

    private void RequireUnmoved(StageView status, CutoverRequest request)
    {
        if (request.Epoch is { } seen && seen != status.Epoch)
        {
            throw CutoverException.LostRace(_runtime.Context);
        }

        if (status.Switching)
        {
            throw new CutoverException(
                $"A flip of {_runtime.Context} is on; finish it with: strangler cutover resume {_runtime.Context}, "
                + $"or end it with: strangler cutover abort {_runtime.Context}");
        }
    }

    private async Task<IReadOnlyList<Gate>> PassGatesAsync(
        StageMove move, StageView status, CutoverRequest request, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var failed = await LookAtGatesAsync(move, status, request, progress, cancellationToken);
        if (failed.Count > 0 && !request.DryRun)
        {
            // Before the step, not after it: if the process dies in between, a reconciliation too many is asked for, never one too few.
            await Sides.Reconciliations.DisturbAsync($"forced step to {move.To}", cancellationToken);
        }

        return failed;
    }

    // Those that are closed; throws where they may not be passed by.
    private async Task<IReadOnlyList<Gate>> LookAtGatesAsync(
        StageMove move, StageView status, CutoverRequest request, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        if (move.To == Stage.NewLeads && !request.DryRun)
        {
            await ReserveIdsAsync(cancellationToken);
        }

        var gates = await _gates.LookAsync(move, status.Lead, status.Of(status.Lead)!, cancellationToken);
        if (move.To == Stage.NewOnly)
        {
            gates = [.. gates, GateKeeper.Confirmation(_runtime.Context, request.TypedConfirmation)];
        }

        foreach (var gate in gates)
        {
            var cure = gate.Passed || gate.Cure.Length == 0 ? "" : $"  Cure: {gate.Cure}";
            progress?.Report($"{(gate.Passed ? "open  " : "CLOSED")}  {gate.Name}: {gate.Value} (required: {gate.Required}){cure}");
        }

        var failed = gates.Where(gate => !gate.Passed).ToList();
        if (failed.Count == 0 || request.DryRun)
        {
            return failed;
        }

        var isNew = request.Approved is { } approved && failed.Exists(gate => !approved.Overrides(gate));
        if (!request.Force || isNew || string.IsNullOrWhiteSpace(request.Reason) || failed.Any(gate => gate.Unforceable))
        {
            if (request.Force && string.IsNullOrWhiteSpace(request.Reason))
            {
                failed.Add(new Gate("reason", false, "none", "one, as the step is forced", "--reason \"…\""));
            }

            EngineMeter.Moved(_runtime.Context, "refused");
            throw new GateException(_runtime.Context, move.To, failed);
        }

        return failed;
    }

    private async Task ReserveIdsAsync(CancellationToken cancellationToken)
    {
        foreach (var kind in _runtime.Kinds.Keys.Where(Sides.PublicIds.Allots))
        {
            // Where legacy would allot reserved ids again, the gate says so.
            if (await Sides.PublicIds.LeftAsync(kind, cancellationToken) < _runtime.Options.IdBlock
                && await Sides.PublicIds.OverlapAsync(kind, cancellationToken) == 0)
            {
                await _runtime.ReachAsync(HookPoint.IdsBeforeReserve, SideName.Legacy);
                await Sides.PublicIds.ReserveAsync(kind, _runtime.Options.IdBlock, cancellationToken);
                await _runtime.ReachAsync(HookPoint.IdsReserved, SideName.New);
            }
        }
    }

    private async Task KeepLeadAsync(
        StageView status,
        StageMove move,
        string action,
        CutoverRequest request,
        IReadOnlyList<Gate> failed,
        CancellationToken cancellationToken)
    {
        var lead = status.Of(status.Lead)!;
        var next = StageTable.After(move, lead);
        var fence = Sides.Of(status.Lead).Fence;
        await _runtime.ReachAsync(HookPoint.MoveBeforeSet, status.Lead);
        if (!await fence.SetForSureAsync(_runtime, lead, next, MoveAtMost, cancellationToken))
        {
            throw CutoverException.LostRace(_runtime.Context);
        }

        await _runtime.ReachAsync(HookPoint.MoveSet, status.Lead);
        await AuditAsync(
            status.Lead, Entry(action, request, move.From.ToString(), move.To, next.Epoch, failed.Count > 0, Detail(failed, [])));
        EngineMeter.Moved(_runtime.Context, "done");
        await BringFollowerAsync(Stages.Other(status.Lead), next);
    }

    // Only for show and for the next flip; an apply does the same when it finds the follower's fence behind.
    private async Task BringFollowerAsync(SideName side, FenceRow lead)
    {
        try
        {
            var fence = Sides.Of(side).Fence;
            var behind = await fence.ReadAsync(CancellationToken.None);
            if (behind.Epoch < lead.Epoch && !behind.AnswersReads)
            {
                var next = lead with { Role = FenceRole.Follower };
                await fence.CompareAndSetAsync(behind, next, _runtime.Options.FenceLockTimeout, CancellationToken.None);
            }
        }
        catch (Exception exception) when (exception is SideUnavailableException or FenceBusyException or NotMigratedException)
        {
            _log.FollowerNotRaised(_runtime.Context, side, exception);
        }
    }

    private async Task FlipAsync(
        StageView status, StageMove move, string action, CutoverRequest request, IReadOnlyList<Gate> failed,
        IProgress<string>? progress, bool resume, CancellationToken cancellationToken)
    {
        var (from, row, follower) = (status.Lead, status.Of(status.Lead)!, status.Of(Stages.Other(status.Lead)));
        var parked = request.Force ? await Sides.Of(from).Journal.ParkedAsync(100, cancellationToken) : [];
        var flip = new Flip(_runtime, _recovery);
        using var span = EngineTrace.Begin("strangler.flip", _runtime.Context);
        span?.SetTag("strangler.from", move.From.ToString());
        span?.SetTag("strangler.to", move.To.ToString());
        try
        {
            if (from == SideName.New && !resume && !_runtime.Options.ForeignWritersNone)
            {
                // While it still leads: what other programs wrote is merged now, and clashes come to light before anybody has to wait.
                await new Relay(_runtime).CatchUpAsync(_runtime.Options.FlipDeadline, cancellationToken);
            }

            var lead = resume
                ? await flip.ContinueAsync(from, row, follower, move.To, request.Force, progress, cancellationToken)
                : await flip.RunAsync(from, row, follower, move.To, request.Force, progress, cancellationToken);
            var detail = Detail(failed, [.. parked.Select(key => key.Key)]);
            await AuditAsync(from, Entry(action, request, move.From.ToString(), move.To, lead.Epoch, failed.Count > 0, detail));
            span.EndsAs("done");
            EngineMeter.Moved(_runtime.Context, "done");
        }
        catch (Exception exception)
        {
            var isUnknown = exception is CutoverException { IsOutcomeUnknown: true };
            span.EndsAs(isUnknown ? "unknown" : "aborted", isError: true);
            EngineMeter.Moved(_runtime.Context, isUnknown ? "unknown" : "aborted");
            await AuditAsync(from, Entry(
                action, request, move.From.ToString(), isUnknown ? move.To : move.From, row.Epoch + 1, false,
                $"{(isUnknown ? "not known whether it happened" : "failed")}: {Describe(exception)}"));
            throw;
        }
    }

    // Messages of ours hold no values.
    private static string Describe(Exception exception) =>
        exception is not CutoverException ? Failures.Describe(exception)
        : exception.InnerException is { } cause ? $"{exception.Message} ({Failures.Describe(cause)})"
        : exception.Message;

    private async Task<StageView> SettledAsync(CancellationToken cancellationToken)
    {
        await _runtime.Stage.RefreshAsync(cancellationToken);
        _runtime.Wake();
        return await StatusAsync(cancellationToken);
    }

    private StageMove MoveTo(StageView status, Stage target) =>
        StageTable.Between(status.Stage, target)
        ?? throw new CutoverException($"{_runtime.Context} is in {status.Stage}; no step leads from there to {target}.");

    private async Task<(FenceRow? Row, Exception? Fault)> TryReadAsync(SideName side, CancellationToken cancellationToken)
    {
        try
        {
            return (await Sides.Of(side).Fence.ReadAsync(cancellationToken), null);
        }
        catch (Exception exception) when (exception is SideUnavailableException or NotMigratedException)
        {
            return (null, exception);
        }
    }

    // The move has happened; a trail that cannot be written is no reason to report that it has not. Where the side that ought to have it
    // does not answer, the other's trail takes it: a history is both together.
    private async Task AuditAsync(SideName side, AuditEntry entry)
    {
        if (!await TryAuditAsync(side, entry))
        {
            await TryAuditAsync(Stages.Other(side), entry);
        }
    }

    private async Task<bool> TryAuditAsync(SideName side, AuditEntry entry)
    {
        try
        {
            await Sides.Of(side).Audit.AppendAsync(entry, CancellationToken.None);
            return true;
        }
        catch (Exception exception)
        {
            _log.AuditFailed(_runtime.Context, side, entry.Action, entry.Actor, entry.To, entry.Epoch, exception);
            return false;
        }
    }

    private AuditEntry Entry(string action, CutoverRequest request, string from, Stage to, long epoch, bool forced, string detail) =>
        new(_runtime.Time.GetUtcNow().UtcDateTime, request.Actor, action, from, to.ToString(), epoch, forced, request.Reason,
            request.Approved is { } asked ? $"{detail}{(detail.Length > 0 ? "; " : "")}{StepRequests.Describe(asked)}" : detail);

    private static string Detail(IReadOnlyList<Gate> failed, IReadOnlyList<EntityKey> parked) =>
        string.Join("; ", failed.Select(gate => $"{gate.Name}: {gate.Value}"))
        + (parked.Count == 0 ? "" : $"; left behind: {string.Join(", ", parked)}");
}
