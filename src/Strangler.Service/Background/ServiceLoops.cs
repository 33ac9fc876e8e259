using Microsoft.Extensions.Hosting;

namespace Strangler.Service.Background;

/// <summary>
/// What a service runs in the background of one or several contexts. Without a web host <see cref="RunAsync"/> runs it; a host that has one
/// of its own takes the loops over as hosted services.
/// </summary>
public static class ServiceLoops
{
    /// <summary>The loops of one context: its relay with all that belongs to it, and its scheduled reconciliations, as soon as it has any.</summary>
    public static IReadOnlyList<BackgroundService> Of(ContextHost host) =>
    [
        new RelayLoop(host.Runtime, host.Relay),
        new ScheduledReconciliation(host.Runtime, () => host.ReconciliationOptions, host.WatchSchedules, host.Pause),
    ];

    /// <summary>Runs loops until the token fires, then waits for them to end. Throws what one of them throws, once all have ended.</summary>
    /// <param name="loops">Started in this order.</param>
    /// <param name="started">Is told when all have been started.</param>
    /// <param name="leave">What is done before they are told to end, while all of them still run.</param>
    /// <param name="cancellationToken">Ends them.</param>
    public static async Task RunAsync(IReadOnlyList<BackgroundService> loops, Action started, Func<Task> leave, CancellationToken cancellationToken)
    {
        foreach (var loop in loops)
        {
            await loop.StartAsync(CancellationToken.None).ConfigureAwait(false);
        }

        started();
        var all = loops.Select(loop => loop.ExecuteTask!).ToList();
        var stop = new TaskCompletionSource();
        await using (cancellationToken.Register(stop.SetResult))
        {
            await Task.WhenAny([stop.Task, .. all]).ConfigureAwait(false);
        }

        await leave().ConfigureAwait(false);
        await Task.WhenAll(loops.Select(loop => loop.StopAsync(CancellationToken.None))).ConfigureAwait(false);
        foreach (var loop in all)
        {
            await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (all.FirstOrDefault(loop => loop.IsFaulted) is { } failed)
        {
            await failed.ConfigureAwait(false);
        }
    }
}
