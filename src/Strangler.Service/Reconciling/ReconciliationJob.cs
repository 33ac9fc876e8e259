using Strangler.Reconciliation;

namespace Strangler.Service.Reconciling;

/// <summary>Where a started reconciliation stands.</summary>
public enum JobState
{
    Running,
    Ended,

    /// <summary>It can be resumed.</summary>
    Cancelled,
    Failed,
}

/// <summary>A started reconciliation at one moment.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Context">The context.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Actor">Who started it.</param>
/// <param name="Scope">What it compares, in words.</param>
/// <param name="StartedUtc">When.</param>
public sealed record JobView(string Id, string Context, JobState State, string Actor, string Scope, DateTime StartedUtc)
{
    /// <summary>The kind that is compared now.</summary>
    public string? Kind { get; init; }

    public long? Done { get; init; }

    /// <summary>An estimate.</summary>
    public long? Total { get; init; }

    public double? PerSecond { get; init; }

    public double? SecondsLeft { get; init; }

    /// <summary>Why it pauses.</summary>
    public string? Waiting { get; init; }

    /// <summary>The worst outcome of what has ended.</summary>
    public string? Outcome { get; init; }

    /// <summary>Stored runs, one a kind.</summary>
    public IReadOnlyList<long> Runs { get; init; } = [];

    /// <summary>Why it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Whether it runs in the process that was asked; only there its progress is known.</summary>
    public bool Here { get; init; }
}

/// <summary>One that runs, or ran, in this process.</summary>
internal sealed class ReconciliationJob(JobView view, CancellationToken stopping) : IDisposable
{
    private readonly CancellationTokenSource _cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);
    private readonly Lock _lock = new();
    private JobView _view = view;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JobView View
    {
        get
        {
            lock (_lock)
            {
                return _view;
            }
        }
    }

    /// <summary>Its work; set once, before anybody can find it.</summary>
    public Task Work { get; set; } = Task.CompletedTask;

    public CancellationToken Token => _cancel.Token;

    /// <summary>What failed, for whoever started it.</summary>
    public Exception? Failure { get; set; }

    public void Cancel() => _cancel.Cancel();

    public void Change(Func<JobView, JobView> change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            _view = change(_view);
            (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.SetResult();
    }

    /// <summary>The view, and what ends when it is no longer the present one.</summary>
    public (JobView View, Task Changed) Watch()
    {
        lock (_lock)
        {
            return (_view, _changed.Task);
        }
    }

    public void Dispose() => _cancel.Dispose();

    /// <summary>Progress of one kind.</summary>
    public sealed class Progress(ReconciliationJob job, string kind) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value) => job.Change(view => view with
        {
            Kind = kind, Done = value.Done, Total = value.Total, PerSecond = value.RowsPerSecond, SecondsLeft = value.Left?.TotalSeconds, Waiting = value.Waiting,
        });
    }
}
