using System.Diagnostics;
using System.Globalization;
using Strangler.Reconciliation;
using Strangler.Service;

namespace Strangler.Benchmarks;

/// <summary>
/// What a caller's write costs while a reconciliation with default settings runs in a process of its own, against the same load without
/// one: an open loop at 30 % of saturation. The machine's cores are shared by the callers, the servers and the reconciliation, which has
/// been running for a while: its code is compiled by then, as it is for all but the first seconds of a run over a large table.
/// </summary>
internal static class ReconcileLoadBench
{
    public const string Verb = "--reconcile-loop";

    private const double Share = 0.3;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(15);

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        var (rounds, seconds) = options.Quick ? (3, 5) : (7, 8);
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var load = new OpenLoad((number, token) => world.Donations.Donations.StoreAsync(DualWriteBench.Donation(number), token));
        await load.SaturateAsync(cancellationToken);
        var rate = Share * await load.SaturateAsync(cancellationToken);
        var (middle, high) = (new Turns(), new Turns());
        var told = "";
        for (var round = 0; round < rounds; round++)
        {
            var alone = await load.RunAsync(rate, seconds, cancellationToken);
            await using var reconciling = await Reconciling.StartAsync(world, cancellationToken);
            var beside = await load.RunAsync(rate, seconds, cancellationToken);
            told = await reconciling.StopAsync(cancellationToken);
            middle.Add(OpenLoad.At(beside, 0.5), OpenLoad.At(alone, 0.5));
            high.Add(OpenLoad.At(beside, 0.99), OpenLoad.At(alone, 0.99));
        }

        var at = string.Create(CultureInfo.InvariantCulture, $", {rate:0} writes/s; {told}");
        return
        [
            BenchLine.Shown("write p50: beside a reconciliation / alone", middle, middle.Microseconds + at),
            BenchLine.AtMost("write p99: beside a reconciliation / alone", 1.1, high, high.Microseconds + at),
        ];
    }

    /// <summary>In the child: reconciles over and over until standard input ends, and says how fast it was.</summary>
    public static async Task<int> RunChildAsync()
    {
        // As the command does.
        OwnPriority.YieldToOthers();
        await using var host = ReconcileMemoryBench.OpenChild();
        using var stop = new CancellationTokenSource();
        var ended = Task.Run(async () =>
        {
            await Console.In.ReadToEndAsync();
            await stop.CancelAsync();
        });
        var (done, before, first) = (0L, 0L, 0L);
        var (started, began, processor) = (Stopwatch.GetTimestamp(), 0L, TimeSpan.Zero);
        var why = "";
        try
        {
            while (true)
            {
                await host.Reconciler().RunAsync(
                    new ReconciliationScope { Kind = BenchWorld.Kind }, new Told(progress =>
                    {
                        done = before + progress.Done;
                        if (began == 0 && Stopwatch.GetElapsedTime(started) > WarmUp)
                        {
                            (began, processor, first) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, done);
                            Console.WriteLine("running");
                        }

                        why = progress.Waiting ?? why;
                    }),
                    stop.Token);
                before = done;
            }
        }
        catch (OperationCanceledException)
        {
            await ended;
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(done - first) / seconds:N0} entities/s compared, {(done - first) / (Environment.CpuUsage.TotalTime - processor).TotalSeconds:N0} a second of its processor time{(why.Length > 0 ? $" ({why})" : "")}"));
        return 0;
    }

    private sealed class Told(Action<ReconciliationProgress> tell) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value) => tell(value);
    }

    private sealed class Reconciling(Process process) : IAsyncDisposable
    {
        public static async Task<Reconciling> StartAsync(BenchWorld world, CancellationToken cancellationToken)
        {
            var started = new Reconciling(Child.Start(world.Settings, [typeof(ReconcileLoadBench).Assembly.Location, Verb]));
            await started.Line(cancellationToken);
            return started;
        }

        public async Task<string> StopAsync(CancellationToken cancellationToken)
        {
            process.StandardInput.Close();
            return await Line(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
        }

        private async Task<string> Line(CancellationToken cancellationToken) =>
            await process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The reconciling process has ended.");
    }
}
