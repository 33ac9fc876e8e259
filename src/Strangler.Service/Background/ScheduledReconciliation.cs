using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Schemas;

namespace Strangler.Service.Background;

/// <summary>
/// Reconciles one context whenever its schedule says so, for as long as the service runs. Of several services one gets an occurrence; a run
/// that somebody has begun by hand is not disturbed, and what fails is told and tried again at the next occurrence. A run whose service
/// died is taken up by whoever is left, or comes back. Occurrences that nobody was there for are left out.
/// </summary>
/// <remarks>
/// Times are the new side's: services whose clocks differ agree on what is due. In LegacyOnly that database is not asked, and nothing is
/// due.
/// </remarks>
public sealed class ScheduledReconciliation : BackgroundService
{
    /// <summary>How often a service says that it is there, and looks whether another one's run was left behind.</summary>
    internal static readonly TimeSpan Beat = TimeSpan.FromSeconds(5);

    private readonly ContextRuntime _runtime;
    private readonly Func<ReconciliationOptions> _options;
    private readonly IReadOnlyList<ReconciliationSchedule> _schedules;
    private readonly RunningPause _pause;
    private readonly ILogger _log;
    private TimeSpan _offset;

    /// <param name="runtime">The context.</param>
    /// <param name="options">How it is reconciled; asked for each run.</param>
    /// <param name="schedules">When.</param>
    /// <param name="pause">Is told why a run pauses; null: nobody is.</param>
    public ScheduledReconciliation(
        ContextRuntime runtime, Func<ReconciliationOptions> options, IReadOnlyList<ReconciliationSchedule> schedules, RunningPause? pause = null)
    {
        (_runtime, _options, _schedules, _pause) = (runtime, options, schedules, pause ?? new RunningPause());
        _log = runtime.Loggers.CreateLogger<ScheduledReconciliation>();
    }

    private string Actor => $"schedule ({_runtime.Replica})";

    /// <summary>What it is, for whoever waits for its end.</summary>
    public override string ToString() => $"the scheduled reconciliation of {_runtime.Context}";

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(_schedules.Select(schedule => RunAsync(schedule, stoppingToken)));

    private async Task RunAsync(ReconciliationSchedule schedule, CancellationToken cancellationToken)
    {
        // The host that starts it goes on at the first wait.
        await Task.Yield();
        var now = await NowAsync(cancellationToken).ConfigureAwait(false);
        while (schedule.Next(now) is { } next)
        {
            _log.DueNext(_runtime.Context, schedule.Name, next);
            now = await WaitAsync(schedule, next, cancellationToken).ConfigureAwait(false);
            if (await IsDualAsync(cancellationToken).ConfigureAwait(false))
            {
                await RunOnceAsync(schedule, next, cancellationToken).ConfigureAwait(false);
                now = await NowAsync(cancellationToken).ConfigureAwait(false);
            }

            now = now > next ? now : next;
        }

        await SayAsync(schedule, null, cancellationToken).ConfigureAwait(false);
    }

    private async Task<DateTime> WaitAsync(ReconciliationSchedule schedule, DateTime next, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await IsDualAsync(cancellationToken).ConfigureAwait(false))
            {
                await SayAsync(schedule, next, cancellationToken).ConfigureAwait(false);
                await TakeUpAsync(schedule, cancellationToken).ConfigureAwait(false);
            }

            var now = await NowAsync(cancellationToken).ConfigureAwait(false);
            if (now >= next)
            {
                return now;
            }

            var left = next - now;
            await Task.Delay(left < Beat ? left : Beat, _runtime.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task RunOnceAsync(ReconciliationSchedule schedule, DateTime due, CancellationToken cancellationToken)
    {
        try
        {
            if (_runtime.Sides.Schedules is { } shared
                && !await shared.TakeAsync(schedule.Name, due, _runtime.Replica, cancellationToken).ConfigureAwait(false))
            {
                _log.TakenByAnother(_runtime.Context, schedule.Name, due);
                return;
            }
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            _log.CouldNotRun(_runtime.Context, schedule.Name, Reason(exception));
            return;
        }

        await RunAsync(schedule, due, resume: false, cancellationToken).ConfigureAwait(false);
    }

    // Its process died, or this one did before it was started again. While it lives it holds the lease, and this comes to nothing.
    private async Task TakeUpAsync(ReconciliationSchedule schedule, CancellationToken cancellationToken)
    {
        try
        {
            if (_runtime.Sides.Schedules is { } shared
                && (await shared.ListAsync(cancellationToken).ConfigureAwait(false)).FirstOrDefault(state => state.Name == schedule.Name)
                    is { IsOpen: true, DueUtc: { } due })
            {
                await RunAsync(schedule, due, resume: true, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            _log.CouldNotRun(_runtime.Context, schedule.Name, Reason(exception));
        }
    }

    private async Task RunAsync(ReconciliationSchedule schedule, DateTime due, bool resume, CancellationToken cancellationToken)
    {
        List<ReconciliationReport> reports = [];
        try
        {
            foreach (var kind in _runtime.Kinds.Keys.Order(StringComparer.Ordinal))
            {
                if (!await IsBackfilledAsync(kind, cancellationToken).ConfigureAwait(false))
                {
                    var why = $"not run: the backfill of {kind} is not complete";
                    _log.CouldNotRun(_runtime.Context, schedule.Name, why);
                    await EndAsync(schedule, due, 0, why, cancellationToken).ConfigureAwait(false);
                    return;
                }

                if (await RunAsync(schedule, kind, resume, cancellationToken).ConfigureAwait(false) is { } report)
                {
                    reports.Add(report);
                }
            }
        }
        catch (AlreadyRunningException) when (resume)
        {
            return;
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            _log.CouldNotRun(_runtime.Context, schedule.Name, Reason(exception));
            await EndAsync(schedule, due, 0, $"could not run: {Reason(exception)}", cancellationToken).ConfigureAwait(false);
            return;
        }

        var worst = reports.Count == 0 ? null : reports.MaxBy(report => OutcomeRules.Severity(OutcomeRules.ExitCode(report.Outcome)));
        await EndAsync(
            schedule, due, worst?.RunId ?? 0, worst is null ? "did not end, and left nothing to go on with" : OutcomeRules.Name(worst.Outcome),
            cancellationToken).ConfigureAwait(false);
    }

    // Before, all that it has not reached yet would be missing in new, every night.
    private async Task<bool> IsBackfilledAsync(string kind, CancellationToken cancellationToken) =>
        await _runtime.Sides.BackfillTarget.ReadCheckpointAsync(kind, cancellationToken).ConfigureAwait(false) is { } checkpoint
            && _runtime.Stage.Current is { } hint && checkpoint.IsComplete(hint.Fence.DualEpoch);

    private async Task<ReconciliationReport?> RunAsync(
        ReconciliationSchedule schedule, string kind, bool resume, CancellationToken cancellationToken)
    {
        var options = _options();
        options.Actor = Actor;
        var reconciler = new Reconciler(_runtime, options);
        if (resume && await reconciler.InterruptedAsync(kind, cancellationToken).ConfigureAwait(false) is null)
        {
            return null;
        }

        ReconciliationReport report;
        try
        {
            report = resume
                ? await reconciler.ResumeAsync(kind, _pause.Watch(), cancellationToken).ConfigureAwait(false)
                : await reconciler.RunAsync(
                    new ReconciliationScope { Kind = kind, Incremental = schedule.Incremental }, _pause.Watch(), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pause.Is(null);
        }

        _log.Ended(_runtime.Context, schedule.Name, report.RunId, OutcomeRules.Name(report.Outcome));
        if (report.Outcome == ReconciliationOutcome.Drift)
        {
            _log.FoundDrift(_runtime.Context, schedule.Name, report.RunId, OutcomeRules.Drifting(report.Counts, report.SignedOff));
        }

        return report;
    }

    private async Task<bool> IsDualAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _runtime.Stage.RefreshAsync(cancellationToken).ConfigureAwait(false) is { } hint && Stages.IsDual(hint.Stage);
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            return _runtime.Stage.Current is { } hint && Stages.IsDual(hint.Stage);
        }
    }

    // While the new side is not asked or does not answer, by this process's clock, as it stood to the other when that was last seen.
    private async Task<DateTime> NowAsync(CancellationToken cancellationToken)
    {
        var own = _runtime.Time.GetUtcNow().UtcDateTime;
        try
        {
            if (await IsDualAsync(cancellationToken).ConfigureAwait(false))
            {
                var now = await _runtime.Sides.Reconciliations.UtcNowAsync(cancellationToken).ConfigureAwait(false);
                _offset = now - own;
                return now;
            }
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            // The next look may succeed.
        }

        return own + _offset;
    }

    private Task SayAsync(ReconciliationSchedule schedule, DateTime? next, CancellationToken cancellationToken) =>
        StoreAsync(schedule, shared => shared.SayAsync(schedule.Name, next, _runtime.Replica, cancellationToken), cancellationToken);

    private Task EndAsync(ReconciliationSchedule schedule, DateTime due, long run, string outcome, CancellationToken cancellationToken) =>
        StoreAsync(schedule, shared => shared.EndAsync(schedule.Name, due, run, outcome, cancellationToken), cancellationToken);

    private async Task StoreAsync(ReconciliationSchedule schedule, Func<ISchedules, Task> store, CancellationToken cancellationToken)
    {
        if (_runtime.Sides.Schedules is not { } shared)
        {
            return;
        }

        try
        {
            await store(shared).ConfigureAwait(false);
        }
        catch (Exception exception) when (Goes(exception, cancellationToken))
        {
            _log.NotStored(_runtime.Context, schedule.Name, Reason(exception));
        }
    }

    // Whatever it is: a schedule that ended with its first failure would be no schedule.
    private static bool Goes(Exception exception, CancellationToken cancellationToken) =>
        exception is not OutOfMemoryException && !cancellationToken.IsCancellationRequested;

    // Of what is not known to be free of values only the kind.
    private static string Reason(Exception exception) => exception is AlreadyRunningException or LeaseLostException or CannotResumeException
        or WrongStageException or SwitchingException or ReplicaException or SchemaMismatchException or SideUnavailableException
        or NotMigratedException or CommitOutcomeUnknownException or TimeoutException
        ? exception.Message
        : exception.GetType().Name;
}
