using System.Diagnostics;
using System.Globalization;

namespace Strangler.Benchmarks;

/// <summary>
/// Two ways of the same work, in turns: what else the machine does hits both alike. Of each round the medians are compared, of the rounds' ratios the median
/// is the result, lowest and highest the spread.
/// </summary>
internal sealed class Turns
{
    private readonly List<(double Ours, double Bare)> _rounds = [];

    public double Ratio => Median(_rounds.Select(round => round.Ours / round.Bare));

    public double Low => _rounds.Min(round => round.Ours / round.Bare);

    public double High => _rounds.Max(round => round.Ours / round.Bare);

    /// <summary>Seconds.</summary>
    public double Ours => Median(_rounds.Select(round => round.Ours));

    /// <summary>Seconds.</summary>
    public double Bare => Median(_rounds.Select(round => round.Bare));

    public string Microseconds => string.Create(CultureInfo.InvariantCulture, $"{Ours * 1e6:N0} / {Bare * 1e6:N0} µs");

    /// <summary>Rates instead of times: the ratio is turned round.</summary>
    public Turns Inverted()
    {
        var inverted = new Turns();
        inverted._rounds.AddRange(_rounds.Select(round => (1 / round.Ours, 1 / round.Bare)));
        return inverted;
    }

    public void Add(double ours, double bare) => _rounds.Add((ours, bare));

    /// <summary>Rounds of single operations, ours first in the list, and one result for each of the others. Each times itself, so that preparation stays out; who comes first alternates.</summary>
    public static async Task<IReadOnlyList<Turns>> OfOperationsAsync(
        BenchOptions options, Func<int, Task<long>>[] all, CancellationToken cancellationToken)
    {
        var (rounds, operations) = options.Single;
        var results = all.Skip(1).Select(_ => new Turns()).ToList();
        var number = 0;
        for (var round = -1; round < rounds; round++)
        {
            // The first round warms up.
            var times = all.Select(_ => new List<double>(operations)).ToArray();
            for (var i = 0; i < operations; i++, number++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var turn = 0; turn < all.Length; turn++)
                {
                    var side = (turn + number) % all.Length;
                    times[side].Add((double)await all[side](number) / Stopwatch.Frequency);
                }
            }

            for (var other = 0; other < results.Count && round >= 0; other++)
            {
                results[other].Add(Median(times[0]), Median(times[other + 1]));
            }
        }

        return results;
    }

    public static async Task<long> TimeAsync(Func<Task> work)
    {
        var began = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetTimestamp() - began;
    }

    public static async Task<double> SecondsAsync(Func<Task> work) => (double)await TimeAsync(work) / Stopwatch.Frequency;

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
