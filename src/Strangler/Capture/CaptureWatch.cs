using Microsoft.Extensions.Logging;
using Strangler.DualWrite;
using Strangler.Telemetry;

namespace Strangler.Capture;

/// <summary>
/// Looks, in the background, whether capture is still as it was installed: tools that swap a table take its triggers away, and then other
/// programs' writes go unnoted without anyone's noticing.
/// </summary>
internal sealed class CaptureWatch(ContextRuntime runtime)
{
    private readonly ILogger _log = runtime.Loggers.CreateLogger<CaptureWatch>();
    private string? _fault;
    private bool _wasComplete;

    /// <summary>Runs until cancelled; idle where nothing is to be captured.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var background = Lane.EnterBackground();
        while (true)
        {
            await Task.Delay(runtime.Options.CaptureCheckInterval, runtime.Time, cancellationToken);
            if (!runtime.Options.ForeignWritersNone && runtime.Sides.Capture is not null && runtime.Stage.Current is { } hint && Stages.IsDual(hint.Stage))
            {
                await TryLookAsync(cancellationToken);
            }
        }
    }

    private async Task TryLookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await JudgeAsync(await CaptureService.FaultAsync(runtime, cancellationToken), cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // A legacy side that does not answer tells nothing; the next look does.
            _log.CaptureNotSeen(runtime.Context, Failures.Describe(exception), exception);
        }
    }

    // What was never complete is no loss: then the gates have not let anybody rest on it.
    private async Task JudgeAsync(string? fault, CancellationToken cancellationToken)
    {
        EngineMeter.CaptureIs(runtime.Context, fault is null);
        if (fault is not null && fault != _fault)
        {
            _log.CaptureBroken(runtime.Context, fault);
        }

        if (fault is not null && _wasComplete)
        {
            await runtime.Sides.Reconciliations.DisturbAsync($"capture found broken: {fault}", cancellationToken);
        }

        (_wasComplete, _fault) = (fault is null, fault);
    }
}
