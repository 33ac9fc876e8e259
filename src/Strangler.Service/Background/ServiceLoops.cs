using Microsoft.Extensions.Hosting;

namespace Strangler.Service.Background;

/// <summary>
/// What a service runs in the background of one or several contexts. Without a web host <see cref="RunAsync"/> runs it; a host that has one
/// of its own takes the loops over as hosted services.
/// </summary>
public static class ServiceLoops
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>The loops of one context: its relay with all that belongs to it, and its scheduled reconciliations, if it has any.</summary>
    public static IReadOnlyList<BackgroundService> Of(ContextHost host)
    {
        var relay = new RelayLoop(host.Runtime, host.Relay);
        return host.Schedules.Count == 0
            ? [relay]
            : [relay, new ScheduledReconciliation(host.Runtime, () => host.ReconciliationOptions, host.Schedules, host.Pause)];
    }

    /// <summary>Runs loops until the token fires, then waits for them to end. Throws what one of them throws, once all have ended.</summary>
    /// <param name="loops">Started in this order.</param>
    /// <param name="started">Is told when all have been started.</param>
    /// <param name="leave">What is done before they are told to end, while all of them still run.</param>
    /// <param name="waiting">Is told from time to time what has not ended yet, once that takes long.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends them.</param>
    public static async Task RunAsync(
        IReadOnlyList<BackgroundService> loops, Action started, Func<Task> leave, Action<string> waiting, TimeProvider time, CancellationToken cancellationToken)
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

        await EndAsync(loops, leave, waiting, time).ConfigureAwait(false);
        foreach (var loop in all)
        {
            await loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (all.FirstOrDefault(loop => loop.IsFaulted) is { } failed)
        {
            await failed.ConfigureAwait(false);
        }
    }

    // Whoever stopped it and sees nothing happen must be able to tell what it waits for before it is killed.
    private static async Task EndAsync(IReadOnlyList<BackgroundService> loops, Func<Task> leave, Action<string> waiting, TimeProvider time)
    {
        var left = leave();
        await TellingAsync(left, () => "what was asked over HTTP", waiting, time).ConfigureAwait(false);
        var ended = Task.WhenAll(loops.Select(loop => loop.StopAsync(CancellationToken.None)));
        await TellingAsync(
            ended, () => string.Join(", ", loops.Where(loop => loop.ExecuteTask is { IsCompleted: false }).Select(loop => loop.ToString())), waiting, time).ConfigureAwait(false);
    }

    private static async Task TellingAsync(Task work, Func<string> what, Action<string> waiting, TimeProvider time)
    {
        while (await Task.WhenAny(work, Task.Delay(Patience, time)).ConfigureAwait(false) != work)
        {
            waiting(what());
        }

        await work.ConfigureAwait(false);
    }
}
