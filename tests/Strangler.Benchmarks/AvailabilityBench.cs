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
    private const double Share = 0.3;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld unused, BenchOptions options, CancellationToken cancellationToken)
    {
        var (rounds, seconds) = options.Quick ? (2, 4) : (5, 8);
        await using var world = await TwoServerWorld.StartAsync(cancellationToken);
        var load = new OpenLoad((number, token) => WriteAsync(world, number, token));
        await load.SaturateAsync(cancellationToken);
        var rate = Share * await load.SaturateAsync(cancellationToken);
        var (middle, high) = (new Turns(), new Turns());
        for (var round = 0; round < rounds; round++)
        {
            await world.DrainAsync(SideName.Legacy, cancellationToken);
            var sound = await load.RunAsync(rate, seconds, cancellationToken);
            await world.New.FreezeAsync(cancellationToken);
            while (!world.Host.Runtime.BreakerIsOpen)
            {
                await Task.WhenAll(Enumerable.Range(0, OpenLoad.Writers).Select(i => WriteAsync(world, i, cancellationToken)));
            }

            var frozen = await load.RunAsync(rate, seconds, cancellationToken);
            await world.New.ThawAsync(cancellationToken);
            while (world.Host.Runtime.BreakerIsOpen)
            {
                await WriteAsync(world, round, cancellationToken);
            }

            middle.Add(OpenLoad.At(frozen, 0.5), OpenLoad.At(sound, 0.5));
            high.Add(OpenLoad.At(frozen, 0.99), OpenLoad.At(sound, 0.99));
        }

        var at = string.Create(CultureInfo.InvariantCulture, $", {rate:0} writes/s");
        return
        [
            BenchLine.AtMost("write p50: follower hangs, breaker open / sound", 1.2, middle, middle.Microseconds + at),
            BenchLine.AtMost("write p99: follower hangs, breaker open / sound", 1.2, high, high.Microseconds + at),
        ];
    }

    private static Task WriteAsync(TwoServerWorld world, int number, CancellationToken cancellationToken) =>
        world.Donations.StoreAsync(DualWriteBench.Donation(number), cancellationToken);
}
