using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;

namespace Strangler.Service.Reconciling;

/// <summary>
/// Reconciliations that operators start over HTTP. They run in the process that was asked; that one was started, wanted cancelled and ended stands in the
/// context's audit trail, so that every replica knows of it, and a cancellation reaches
/// whichever process runs it. That two never run at once is the lease's business.
/// </summary>
public sealed class ReconciliationJobs : BackgroundService
{
    private const string Started = "reconcile";
    private const string Finished = "reconciled";
    private const string Cancel = "cancel";
    private const int Remembered = 200;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly IReadOnlyList<ContextHost> _hosts;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, ReconciliationJob> _jobs = new(StringComparer.Ordinal);

    public ReconciliationJobs(IReadOnlyList<ContextHost> hosts, TimeProvider time, ILoggerFactory loggers) =>
        (_hosts, _time, _log) = (hosts, time, loggers.CreateLogger<ReconciliationJobs>());

    /// <summary>
    /// Starts one. Throws what keeps it from beginning (<see cref="AlreadyRunningException"/>, <see cref="WrongStageException"/> …), as far as that shows
    /// within a few seconds.
    /// </summary>
    /// <param name="host">The context.</param>
    /// <param name="request">What to compare; checked here.</param>
    /// <param name="actor">Who.</param>
    /// <param name="cancellationToken">Ends the waiting, not what was started.</param>
    public async Task<JobView> StartAsync(ContextHost host, ReconciliationRequest request, string actor, CancellationToken cancellationToken)
    {
        request.Check(host);
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        await AuditDesk.AppendAsync(host, actor, Started, host.Runtime.Replica, $"job {id}: {request}", cancellationToken).ConfigureAwait(false);
        var job = Begin(host, request, actor, id);
        await FirstNewsAsync(job, cancellationToken).ConfigureAwait(false);
        return job.Failure is { } failure ? throw failure : job.View;
    }

    /// <summary>One by its name, wherever it runs or ran; null when nobody knows of it (any more).</summary>
    public async Task<JobView?> FindAsync(ContextHost host, string id, CancellationToken cancellationToken) =>
        _jobs.TryGetValue(id, out var job) ? job.View.Context == host.Name ? job.View : null
        : (await FromTrailAsync(host, $"job {id}:", 1, cancellationToken).ConfigureAwait(false)).FirstOrDefault(view => view.Id == id);

    /// <summary>Those of a context, newest first.</summary>
    public async Task<IReadOnlyList<JobView>> ListAsync(ContextHost host, int limit, CancellationToken cancellationToken)
    {
        var trail = await FromTrailAsync(host, "job ", limit, cancellationToken).ConfigureAwait(false);
        return [.. trail.Select(view => _jobs.TryGetValue(view.Id, out var job) ? job.View : view)];
    }

    /// <summary>Asks for an end; what runs elsewhere hears of it within a few seconds. Null: there is none of that name.</summary>
    public async Task<JobView?> CancelAsync(ContextHost host, string id, string actor, CancellationToken cancellationToken)
    {
        var view = await FindAsync(host, id, cancellationToken).ConfigureAwait(false);
        if (view is not { State: JobState.Running })
        {
            return view;
        }

        await AuditDesk.AppendAsync(host, actor, Cancel, "", $"job {id}", cancellationToken).ConfigureAwait(false);
        if (!_jobs.TryGetValue(id, out var job))
        {
            return view;
        }

        job.Cancel();
        await Task.WhenAny(job.Work, Task.Delay(Patience, _time, cancellationToken)).ConfigureAwait(false);
        return job.View;
    }

    /// <summary>Each new state of one that runs here, and the last; of one that runs elsewhere what the trail says, every few seconds.</summary>
    internal async IAsyncEnumerable<JobView> WatchAsync(
        ContextHost host, JobView first, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        var view = first;
        while (!either.IsCancellationRequested)
        {
            var changed = Task.Delay(LookEvery, _time, either.Token);
            if (_jobs.TryGetValue(first.Id, out var job))
            {
                (view, var next) = job.Watch();
                changed = Task.WhenAny(next, Task.Delay(Heartbeat, _time, either.Token));
            }

            yield return view;
            if (view.State != JobState.Running)
            {
                yield break;
            }

            await changed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            view = job is not null ? view : await FindAsync(host, first.Id, cancellationToken).ConfigureAwait(false) ?? view;
        }
    }

    /// <summary>At most so long nothing is said to whoever watches.</summary>
    internal static TimeSpan Heartbeat { get; } = TimeSpan.FromSeconds(10);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_jobs.Values.Select(job => job.Work)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (var job in _jobs.Values)
        {
            job.Dispose();
        }

        _stopping.Dispose();
    }

    /// <summary>Hears of cancellations that another replica was asked for.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(LookEvery, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            foreach (var job in _jobs.Values.Where(job => job.View.State == JobState.Running))
            {
                await HearAsync(job, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    private async Task HearAsync(ReconciliationJob job, CancellationToken cancellationToken)
    {
        try
        {
            var host = _hosts.First(host => host.Name == job.View.Context);
            if ((await host.Cutover.HistoryOfAsync(Cancel, $"job {job.View.Id}", 1, cancellationToken).ConfigureAwait(false)).Count > 0)
            {
                job.Cancel();
            }
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            _log.CannotHear(job.View.Context, exception.GetType().Name);
        }
    }

    private ReconciliationJob Begin(ContextHost host, ReconciliationRequest request, string actor, string id)
    {
        Forget();
        var job = new ReconciliationJob(
            new JobView(id, host.Name, JobState.Running, actor, request.ToString(), _time.GetUtcNow().UtcDateTime) { Here = true }, _stopping.Token);
        job.Work = Task.Run(() => RunAsync(host, request, actor, job), CancellationToken.None);
        _jobs[id] = job;
        return job;
    }

    // The trail knows those that were forgotten.
    private void Forget()
    {
        foreach (var old in _jobs.Values.Where(job => job.View.State != JobState.Running).OrderByDescending(job => job.View.StartedUtc).Skip(Remembered).ToList())
        {
            if (_jobs.TryRemove(old.View.Id, out var job))
            {
                job.Dispose();
            }
        }
    }

    private async Task RunAsync(ContextHost host, ReconciliationRequest request, string actor, ReconciliationJob job)
    {
        List<ReconciliationOutcome> outcomes = [];
        try
        {
            foreach (var kind in request.Kind is { } one ? [one] : host.Runtime.Kinds.Keys.Order(StringComparer.Ordinal).ToArray())
            {
                await RunAsync(host, request, actor, job, kind, outcomes).ConfigureAwait(false);
            }

            job.Change(view => view with { State = JobState.Ended, Waiting = null, SecondsLeft = null });
        }
        catch (OperationCanceledException) when (job.Token.IsCancellationRequested)
        {
            job.Change(view => view with { State = JobState.Cancelled, Waiting = null, SecondsLeft = null });
        }
        catch (Exception exception)
        {
            job.Failure = exception;
            job.Change(view => view with { State = JobState.Failed, Error = Words(exception), Waiting = null, SecondsLeft = null });
        }

        host.Pause.Is(null);
        await TellAsync(host, actor, job.View).ConfigureAwait(false);
    }

    private static async Task RunAsync(ContextHost host, ReconciliationRequest request, string actor, ReconciliationJob job, string kind, List<ReconciliationOutcome> outcomes)
    {
        var options = host.ReconciliationOptions;
        options.Actor = actor;
        var reconciler = host.Reconciler(options);
        var progress = host.Pause.Watch(new ReconciliationJob.Progress(job, kind));
        if (request.Resume && host.Runtime.Kinds.Count > 1 && await reconciler.InterruptedAsync(kind, job.Token).ConfigureAwait(false) is null)
        {
            return;
        }

        var report = request.Resume
            ? await reconciler.ResumeAsync(kind, progress, job.Token).ConfigureAwait(false)
            : await reconciler.RunAsync(await request.ScopeAsync(host, kind, job.Token).ConfigureAwait(false), progress, job.Token).ConfigureAwait(false);
        outcomes.Add(report.Outcome);
        job.Change(view => view with
        {
            Runs = [.. view.Runs, report.RunId], Done = report.Entities, Total = report.Entities, Waiting = null,
            Outcome = OutcomeRules.Name(OutcomeRules.Worst(outcomes)),
        });
    }

    // It has ended, whether that can be written down or not: the report is stored.
    private async Task TellAsync(ContextHost host, string actor, JobView view)
    {
        var what = view.State switch
        {
            JobState.Ended => string.Create(CultureInfo.InvariantCulture, $"ended {view.Outcome ?? "with nothing to resume"}, runs {string.Join(' ', view.Runs)}"),
            JobState.Cancelled => "cancelled",
            _ => $"failed: {view.Error}",
        };
        try
        {
            await AuditDesk.AppendAsync(host, actor, Finished, "", $"job {view.Id}: {what}", CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _log.NotTold(host.Name, view.Id, exception.GetType().Name);
        }
    }

    private async Task FirstNewsAsync(ReconciliationJob job, CancellationToken cancellationToken)
    {
        var (view, changed) = job.Watch();
        if (view.State == JobState.Running && view.Done is null)
        {
            await Task.WhenAny(changed, Task.Delay(Patience, _time, cancellationToken)).ConfigureAwait(false);
        }
    }

    private async Task<List<JobView>> FromTrailAsync(ContextHost host, string about, int limit, CancellationToken cancellationToken)
    {
        var begun = await host.Cutover.HistoryOfAsync(Started, about, limit, cancellationToken).ConfigureAwait(false);
        var ends = EndsById(await host.Cutover.HistoryOfAsync(Finished, about, begun.Count, cancellationToken).ConfigureAwait(false));
        List<JobView> views = [];
        IReadOnlySet<string>? live = null;
        foreach (var entry in begun)
        {
            if (entry.Detail["job ".Length..].Split(": ", 2) is not [var id, var scope])
            {
                continue;
            }

            var view = new JobView(id, host.Name, JobState.Running, entry.Actor, scope, entry.AtUtc);
            view = Ended(view, ends.GetValueOrDefault(id) ?? await EndAsync(host, id, cancellationToken).ConfigureAwait(false));
            if (view.State == JobState.Running && !_jobs.ContainsKey(id) && _time.GetUtcNow().UtcDateTime - entry.AtUtc > host.Runtime.Options.ReplicaLiveness)
            {
                live ??= await LiveAsync(host, cancellationToken).ConfigureAwait(false);
                view = live?.Contains(entry.Reason) == false ? Left(view) : view;
            }

            views.Add(view);
        }

        return views;
    }

    private static Dictionary<string, string> EndsById(IReadOnlyList<AuditEntry> entries) => entries
        .Select(entry => entry.Detail["job ".Length..].Split(": ", 2)).Where(parts => parts.Length == 2)
        .DistinctBy(parts => parts[0]).ToDictionary(parts => parts[0], parts => parts[1], StringComparer.Ordinal);

    // Those that ended last need not be those that were begun last: then this one is asked for by its name. While it runs here there is none.
    private async Task<string?> EndAsync(ContextHost host, string id, CancellationToken cancellationToken) =>
        _jobs.TryGetValue(id, out var job) && job.View.State == JobState.Running ? null
        : EndsById(await host.Cutover.HistoryOfAsync(Finished, $"job {id}:", 1, cancellationToken).ConfigureAwait(false)).GetValueOrDefault(id);

    // The reason of an entry that begins one is the process that runs it; whoever has just begun may not have shown up yet.
    private static JobView Left(JobView view) => view with { State = JobState.Failed, Error = "the process that ran it has gone; start one with \"resume\": true" };

    // Null: it cannot be told.
    private static async Task<IReadOnlySet<string>?> LiveAsync(ContextHost host, CancellationToken cancellationToken)
    {
        try
        {
            return (await host.Sides.Replicas.LiveAsync(host.Runtime.Options.ReplicaLiveness, cancellationToken).ConfigureAwait(false)).Select(replica => replica.Name).ToHashSet();
        }
        catch (SideUnavailableException)
        {
            return null;
        }
    }

    private static JobView Ended(JobView view, string? what)
    {
        if (what?.Split(", runs ", 2) is ["cancelled"])
        {
            return view with { State = JobState.Cancelled };
        }

        return what?.Split(", runs ", 2) switch
        {
            null => view,
            [var ended, var runs] => view with
            {
                State = JobState.Ended, Outcome = ended["ended ".Length..],
                Runs = [.. runs.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(run => long.Parse(run, CultureInfo.InvariantCulture))],
            },
            _ => view with { State = JobState.Failed, Error = what },
        };
    }

    // Of what is not known to be free of values only the kind.
    private static string Words(Exception exception) =>
        Http.Admin.ApiHandler.Translate(exception) is { } known ? known.Message : exception is LeaseLostException ? exception.Message : exception.GetType().Name;
}
