using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Strangler.Telemetry;

namespace Strangler.DualWrite;

/// <summary>
/// The follower's turn right after a commit: short deadline, circuit breaker, and never the caller's failure: the journal row stands, the
/// relay brings it over.
/// </summary>
internal sealed class InlineApply
{
    // Not a share of the last half minute's applies: a busy follower that hangs would have to cost as many callers their time-out as it
    // had served before.
    private const int FailuresInARow = 4;

    private readonly ContextRuntime _runtime;
    private readonly FollowerApplier _applier;
    private readonly ResiliencePipeline _breaker;
    private readonly CircuitBreakerStateProvider _state = new();
    private readonly ILogger _log;
    private int _failures;

    public InlineApply(ContextRuntime runtime)
    {
        _runtime = runtime;
        _applier = new FollowerApplier(runtime);
        _log = runtime.Loggers.CreateLogger<InlineApply>();
        _breaker = new ResiliencePipelineBuilder { TimeProvider = runtime.Time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                // Any failure that is handled opens it: a sick follower's, and only the last of several in a row. A record that it cannot
                // hold says nothing about its health.
                FailureRatio = 0,
                MinimumThroughput = 2,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = TimeSpan.FromSeconds(5),
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is SideUnavailableException && Volatile.Read(ref _failures) >= FailuresInARow),
                StateProvider = _state,
            })
            .Build();
    }

    public bool IsOpen => _state.CircuitState == CircuitState.Open;

    /// <summary>Neither open nor trying whether the follower answers again.</summary>
    public bool IsClosed => _state.CircuitState == CircuitState.Closed;

    /// <summary>By another way than an inline apply: failures from before are no longer in a row.</summary>
    public void FollowerAnswered() => Volatile.Write(ref _failures, 0);

    /// <summary>Throws nothing, whatever happens.</summary>
    public async Task RunAsync(EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        if (_runtime.Schema.IsKnownWrong)
        {
            // It would fail, or bring over what the mapping misreads; the relay does it when the tables fit again.
            EngineMeter.AppliedInline(_runtime.Context, "skipped");
            return;
        }

        var outcome = "failed";
        var wasOpen = IsOpen;
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: true, cancellationToken);
        try
        {
            var result = await _breaker.ExecuteAsync(
                static async (resilience, call) =>
                    await call.Self.CountAsync(call.Key, call.Follower, call.Carried, resilience.CancellationToken),
                context,
                (Self: this, Key: key, Follower: follower, Carried: carried));
            outcome = result switch
            {
                ApplyResult.Applied => "applied",
                ApplyResult.Superseded => "superseded",
                ApplyResult.ForeignNews => "foreign",
                _ => "not_follower",
            };
        }
        catch (BrokenCircuitException)
        {
            outcome = "skipped";
        }
        catch (Exception exception)
        {
            _log.InlineApplyFailed(_runtime.Context, key.Kind, key.Id, Failures.Describe(exception), exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }

        ReportBreaker(wasOpen);
        EngineMeter.AppliedInline(_runtime.Context, outcome);
        if (outcome is not ("applied" or "superseded"))
        {
            _runtime.Wake();
        }
    }

    private async Task<ApplyResult> CountAsync(
        EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        try
        {
            var result = await ApplyInTimeAsync(key, follower, carried, cancellationToken);
            Volatile.Write(ref _failures, 0);
            return result;
        }
        catch (SideUnavailableException)
        {
            Interlocked.Increment(ref _failures);
            throw;
        }
    }

    // The caller does not wait for the end of an apply that is given up: the driver may need seconds for it, and a COMMIT that has been
    // sent is not taken back at all. It ends by the store's own deadlines, as harmless as any other apply that comes late.
    private async Task<ApplyResult> ApplyInTimeAsync(
        EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        var apply = ApplyAsync(key, follower, carried, cancellationToken);
        try
        {
            return await apply.WaitAsync(_runtime.Options.InlineApplyTimeout, _runtime.Time, cancellationToken);
        }
        catch (Exception exception) when (!apply.IsCompleted && exception is TimeoutException or OperationCanceledException)
        {
            _ = EndLateAsync(apply, key);
            throw exception is OperationCanceledException ? exception : TooLate(follower, exception);
        }
    }

    private async Task<ApplyResult> ApplyAsync(
        EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_runtime.Options.InlineApplyTimeout, _runtime.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await _applier.ApplyAsync(key, follower, carried, either.Token);
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw TooLate(follower, exception);
        }
    }

    private async Task EndLateAsync(Task apply, EntityKey key)
    {
        try
        {
            await apply;
        }
        catch (Exception exception)
        {
            _log.InlineApplyFailed(_runtime.Context, key.Kind, key.Id, Failures.Describe(exception), exception);
        }
    }

    private SideUnavailableException TooLate(SideName follower, Exception cause) => new(
        follower, $"no answer within {_runtime.Options.InlineApplyTimeout.TotalSeconds:0.###} s", isTransient: true, cause);

    // Not by the breaker's own events: those run on the thread pool, apart from the call.
    private void ReportBreaker(bool wasOpen)
    {
        if (IsOpen != wasOpen)
        {
            EngineMeter.BreakerIs(_runtime.Context, !wasOpen);
            _log.BreakerChanged(_runtime.Context, wasOpen ? "closed" : "open: inline applies are skipped");
        }
    }
}
