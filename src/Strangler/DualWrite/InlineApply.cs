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
    private readonly ContextRuntime _runtime;
    private readonly FollowerApplier _applier;
    private readonly ResiliencePipeline _breaker;
    private readonly CircuitBreakerStateProvider _state = new();
    private readonly ILogger _log;

    public InlineApply(ContextRuntime runtime)
    {
        _runtime = runtime;
        _applier = new FollowerApplier(runtime);
        _log = runtime.Loggers.CreateLogger<InlineApply>();
        _breaker = new ResiliencePipelineBuilder { TimeProvider = runtime.Time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = 0.5,
                MinimumThroughput = 4,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = TimeSpan.FromSeconds(5),

                // Only a sick follower; a record that it cannot hold says nothing about its health.
                ShouldHandle = new PredicateBuilder().Handle<SideUnavailableException>(),
                StateProvider = _state,
            })
            .Build();
    }

    public bool IsOpen => _state.CircuitState == CircuitState.Open;

    /// <summary>Throws nothing, whatever happens.</summary>
    public async Task RunAsync(EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        var outcome = "failed";
        var wasOpen = IsOpen;
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: true, cancellationToken);
        try
        {
            var result = await _breaker.ExecuteAsync(
                static async (resilience, call) =>
                    await call.Self.ApplyInTimeAsync(call.Key, call.Follower, call.Carried, resilience.CancellationToken),
                context,
                (Self: this, Key: key, Follower: follower, Carried: carried));
            outcome = result switch
            {
                ApplyResult.Applied => "applied",
                ApplyResult.Superseded => "superseded",
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

    private async Task<ApplyResult> ApplyInTimeAsync(
        EntityKey key, SideName follower, CarriedWrite carried, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_runtime.Options.InlineApplyTimeout, _runtime.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await _applier.ApplyAsync(key, follower, carried, either.Token);
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested)
        {
            var waited = _runtime.Options.InlineApplyTimeout.TotalSeconds;
            throw new SideUnavailableException(follower, $"no answer within {waited:0.###} s", isTransient: true, exception);
        }
    }

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
