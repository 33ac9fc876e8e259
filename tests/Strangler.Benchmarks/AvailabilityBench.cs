using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>
/// What a caller's write costs while the follower hangs (SIGSTOP) and the breaker is open, against the same load with a sound follower. An
/// open loop: writes come by the clock at 30 % of what eight writers without pauses get done, and each is timed from when it was due, so
/// that a hold-up is not hidden by the writes that it keeps from being made. Probes of the half-open breaker are among the timed writes.
/// </summary>
internal static class AvailabilityBench
{
    private const int Writers = 8;
    private const double Share = 0.3;
    private static readonly TimeSpan Saturating = TimeSpan.FromSeconds(2);

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld unused, BenchOptions options, CancellationToken cancellationToken)
    {
        var (rounds, seconds) = options.Quick ? (2, 4) : (5, 8);
        await using var world = await TwoServerWorld.StartAsync(cancellationToken);
        await SaturateAsync(world, cancellationToken);
        var rate = Share * await SaturateAsync(world, cancellationToken);
        var (middle, high) = (new Turns(), new Turns());
        for (var round = 0; round < rounds; round++)
        {
            await world.DrainAsync(SideName.Legacy, cancellationToken);
            var sound = await LoadAsync(world, rate, seconds, cancellationToken);
            await world.New.FreezeAsync(cancellationToken);
            while (!world.Host.Runtime.BreakerIsOpen)
            {
                await Task.WhenAll(Enumerable.Range(0, Writers).Select(i => WriteAsync(world, i, cancellationToken)));
            }

            var frozen = await LoadAsync(world, rate, seconds, cancellationToken);
            await world.New.ThawAsync(cancellationToken);
            while (world.Host.Runtime.BreakerIsOpen)
            {
                await WriteAsync(world, round, cancellationToken);
            }

            middle.Add(At(frozen, 0.5), At(sound, 0.5));
            high.Add(At(frozen, 0.99), At(sound, 0.99));
        }

        var at = string.Create(CultureInfo.InvariantCulture, $", {rate:0} writes/s");
        return
        [
            BenchLine.AtMost("write p50: follower hangs, breaker open / sound", 1.2, middle, middle.Microseconds + at),
            BenchLine.AtMost("write p99: follower hangs, breaker open / sound", 1.2, high, high.Microseconds + at),
        ];
    }

    /// <summary>A value such that so great a share lies below it.</summary>
    internal static double At(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        return sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(share * sorted.Length) - 1)];
    }

    private static async Task<double> SaturateAsync(TwoServerWorld world, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            var count = 0;
            for (; Stopwatch.GetElapsedTime(began) < Saturating; count++)
            {
                await WriteAsync(world, (writer * 100_000) + count, cancellationToken);
            }

            return count;
        }));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<IReadOnlyCollection<double>> LoadAsync(
        TwoServerWorld world, double rate, int seconds, CancellationToken cancellationToken)
    {
        var took = new ConcurrentBag<double>();
        List<Task> writes = [];
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < rate * seconds; i++)
        {
            var due = TimeSpan.FromSeconds(i / rate);
            var early = due - Stopwatch.GetElapsedTime(began);
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, cancellationToken);
            }

            var number = i;
            writes.Add(Task.Run(
                async () =>
                {
                    await WriteAsync(world, number, cancellationToken);
                    took.Add((Stopwatch.GetElapsedTime(began) - due).TotalSeconds);
                },
                cancellationToken));
        }

        await Task.WhenAll(writes);
        return took;
    }

    private static Task WriteAsync(TwoServerWorld world, int number, CancellationToken cancellationToken) =>
        world.Donations.StoreAsync(DualWriteBench.Donation(number), cancellationToken);
}
