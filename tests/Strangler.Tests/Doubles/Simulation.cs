namespace Strangler.Tests.Doubles;

/// <summary>
/// Runs asynchronous code on one thread and lets a seed choose which continuation is next; when nothing is left to do, the clock jumps to
/// the next timer. The same seed gives the same interleaving, so that a failure can be repeated. After FoundationDB's simulator, in small.
/// </summary>
internal sealed class Simulation : SynchronizationContext
{
    private readonly Lock _gate = new();
    private readonly List<(SendOrPostCallback Callback, object? State)> _ready = [];
    private readonly Random _random;
    private readonly TestTimeProvider _time;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private string? _escaped;

    private Simulation(int seed, TestTimeProvider time)
    {
        _random = new Random(seed);
        _time = time;
    }

    /// <summary>
    /// Runs to the end; throws what the scenario throws. Simulated time is bounded, so that a livelock fails instead of hanging.
    /// </summary>
    public static void Run(int seed, TestTimeProvider time, Func<Task> scenario, TimeSpan? atMost = null)
    {
        var before = Current;
        var simulation = new Simulation(seed, time);
        SetSynchronizationContext(simulation);
        try
        {
            simulation.Pump(scenario(), time.GetUtcNow() + (atMost ?? TimeSpan.FromHours(2)));
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <summary>Cancels on this thread: <see cref="CancellationTokenSource.CancelAsync"/> would leave for the thread pool.</summary>
    public static void Cancel(CancellationTokenSource source) => source.Cancel();

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            _escaped ??= Environment.StackTrace;
        }

        lock (_gate)
        {
            _ready.Add((d, state));
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    private void Pump(Task scenario, DateTimeOffset until)
    {
        while (!scenario.IsCompleted)
        {
            if (_escaped is not null)
            {
                throw new InvalidOperationException($"Work escaped to another thread; the run would not be repeatable: {_escaped}");
            }

            if (Take() is { } work)
            {
                work.Callback(work.State);
                continue;
            }

            var due = _time.NextDue ?? throw new InvalidOperationException(
                "Deadlock: nothing is ready, no timer is armed, and the scenario is not over.");
            if (due > until)
            {
                throw new TimeoutException("The scenario does not end.");
            }

            _time.Advance(due > _time.GetUtcNow() ? due - _time.GetUtcNow() : TimeSpan.Zero);
        }

        scenario.GetAwaiter().GetResult();
    }

    private (SendOrPostCallback Callback, object? State)? Take()
    {
        lock (_gate)
        {
            if (_ready.Count == 0)
            {
                return null;
            }

            var index = _random.Next(_ready.Count);
            var work = _ready[index];
            _ready[index] = _ready[^1];
            _ready.RemoveAt(_ready.Count - 1);
            return work;
        }
    }
}
