using System.Collections.Concurrent;
using System.Diagnostics;

namespace Strangler.Benchmarks;

/// <summary>
/// An open loop: operations come by the clock, whatever becomes of those before, and each is timed from when it was due, so that a hold-up
/// is not hidden by the
/// operations that it keeps from being made.
/// </summary>
/// <param name="operation">Is given a number of its own.</param>
internal sealed class OpenLoad(Func<int, CancellationToken, Task> operation)
{
    public const int Writers = 8;

    private static readonly TimeSpan Saturating = TimeSpan.FromSeconds(2);

    /// <summary>A value such that so great a share lies below it.</summary>
    internal static double At(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        return sorted[Math.Min(sorted.Length - 1, (int)Math.Ceiling(share * sorted.Length) - 1)];
    }

    /// <summary>Operations a second that eight writers without pauses get done.</summary>
    public async Task<double> SaturateAsync(CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            var count = 0;
            for (; Stopwatch.GetElapsedTime(began) < Saturating; count++)
            {
                await operation((writer * 100_000) + count, cancellationToken);
            }

            return count;
        }));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>The seconds that each operation took.</summary>
    public async Task<IReadOnlyCollection<double>> RunAsync(double rate, int seconds, CancellationToken cancellationToken)
    {
        var took = new ConcurrentBag<double>();
        List<Task> running = [];
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
            running.Add(Task.Run(
                async () =>
                {
                    await operation(number, cancellationToken);
                    took.Add((Stopwatch.GetElapsedTime(began) - due).TotalSeconds);
                },
                cancellationToken));
        }

        await Task.WhenAll(running);
        return took;
    }
}
