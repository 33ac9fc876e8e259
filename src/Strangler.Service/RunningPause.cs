using Strangler.Reconciliation;

namespace Strangler.Service;

/// <summary>Why a reconciliation of a context that runs in this process pauses, scheduled or asked for; two never run at once.</summary>
public sealed class RunningPause
{
    private volatile string? _reason;

    /// <summary>Null: none runs here, or it does not pause.</summary>
    public string? Reason => _reason;

    internal void Is(string? reason) => _reason = reason;

    /// <summary>Takes the progress of one run; <paramref name="inner"/> gets it, too.</summary>
    internal IProgress<ReconciliationProgress> Watch(IProgress<ReconciliationProgress>? inner = null) => new Listener(this, inner);

    private sealed class Listener(RunningPause pause, IProgress<ReconciliationProgress>? inner) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value)
        {
            pause.Is(value.Waiting);
            inner?.Report(value);
        }
    }
}
