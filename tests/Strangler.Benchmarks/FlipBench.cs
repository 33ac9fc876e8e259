using System.Diagnostics;
using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>
/// What writers feel of a flip: eight writers without pauses, the lead goes forth and back. Denied is the time from the commit that stops
/// writers on one side to the one that lets them in on the other. The pause is, for each writer and each flip, the longest time between two
/// of
/// its acknowledgements that overlaps the flip; an ordinary write's own time, at full load, is in it.
/// </summary>
internal static class FlipBench
{
    private const int Writers = 8;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(400);

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld unused, BenchOptions options, CancellationToken cancellationToken)
    {
        await using var world = await TwoServerWorld.StartAsync(cancellationToken);
        await world.StepAsync(forward: true, cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writers = Enumerable.Range(0, Writers).Select(number => new Writer(world, number)).ToList();
        var running = writers.Select(writer => Task.Run(() => writer.RunAsync(stop.Token), CancellationToken.None)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
        List<(long From, long To)> flips = [];
        var steps = new Steps();
        for (var flip = 0; flip < (options.Quick ? 10 : 40); flip++)
        {
            var from = Stopwatch.GetTimestamp();
            steps.Begin();
            await world.StepAsync(forward: flip % 2 == 0, cancellationToken, steps);
            flips.Add((from, Stopwatch.GetTimestamp()));
            await Task.Delay(Between, cancellationToken);
        }

        await stop.CancelAsync();
        await Task.WhenAll(running);
        var pauses = flips.SelectMany(flip => writers.Select(writer => writer.LongestGap(flip.From, flip.To))).ToList();
        var took = flips.Select(flip => Milliseconds(flip.To - flip.From)).ToList();
        var failed = writers.Sum(writer => writer.Failed);
        var ordinary = OpenLoad.At(writers.SelectMany(writer => writer.Gaps), 0.5);
        var detail = string.Create(
            CultureInfo.InvariantCulture,
            $"ms, {flips.Count} flips, {writers.Sum(writer => writer.Acknowledged):N0} writes; flip with gates p50 {OpenLoad.At(took, 0.5):0} ms, ")
            + string.Create(CultureInfo.InvariantCulture, $"ordinary write p50 {ordinary:0.0} ms");
        var errors = string.Join("; ", writers.SelectMany(writer => writer.Errors).Distinct().Take(3));
        return
        [
            Line("flip: writers denied, p50", "≤ 50", steps.Denied, 0.5, 50, "ms; p50 of the steps: " + steps),
            Line("flip: writers denied, p99", "≤ 500", steps.Denied, 0.99, 500, "ms"),
            Line("flip: longest pause of a writer, p50", "≤ 50", pauses, 0.5, 50, detail),
            Line("flip: longest pause of a writer, p99", "≤ 500", pauses, 0.99, 500, "ms"),
            new(
                "flip: longest pause of a writer / an ordinary write, p50", "", null, OpenLoad.At(pauses, 0.5) / ordinary, null, null,
                "how many writes long it is: on a busy machine that tells more than milliseconds"),
            new("flip: failed requests", "0", value => value == 0, failed, null, null, errors),
        ];
    }

    private static BenchLine Line(string what, string target, IReadOnlyList<double> values, double share, double limit, string detail) =>
        new(what, target, value => value <= limit, OpenLoad.At(values, share), values.Min(), values.Max(), detail);

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;

    /// <summary>How long each step of the flips took, by what the flip says when it is done.</summary>
    private sealed class Steps : IProgress<string>
    {
        private static readonly string[] Names = ["writers wait", "drained", "prepared", "decided", "leads"];

        private readonly List<double>[] _took = [.. Names.Select(_ => new List<double>())];
        private long _last;

        public void Begin() => _last = Stopwatch.GetTimestamp();

        public void Report(string value)
        {
            var (at, step) = (Stopwatch.GetTimestamp(), Array.FindIndex(Names, name => value.Contains(name, StringComparison.Ordinal)));
            if (step >= 0)
            {
                _took[step].Add(Milliseconds(at - _last));
            }

            _last = at;
        }

        /// <summary>From the commit that denies writers to the one that lets them in on the other side.</summary>
        public IReadOnlyList<double> Denied => [.. Enumerable.Range(0, _took[0].Count).Select(flip => _took[1..].Sum(took => took[flip]))];

        public override string ToString() => string.Join(
            ", ", Names.Zip(_took, (name, took) => string.Create(CultureInfo.InvariantCulture, $"{name} {OpenLoad.At(took, 0.5):0.0} ms")));
    }

    private sealed class Writer(TwoServerWorld world, int number)
    {
        private readonly List<long> _acknowledged = [];
        private readonly List<string> _errors = [];

        public int Acknowledged => _acknowledged.Count;

        public int Failed => _errors.Count;

        public IReadOnlyList<string> Errors => _errors;

        public IEnumerable<double> Gaps => _acknowledged.Zip(_acknowledged.Skip(1), (left, right) => Milliseconds(right - left));

        public async Task RunAsync(CancellationToken stop)
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                try
                {
                    await world.Donations.StoreAsync(DualWriteBench.Donation((number * 1_000_000) + i), CancellationToken.None);
                    _acknowledged.Add(Stopwatch.GetTimestamp());
                }
                catch (Exception exception) when (exception is SwitchingException or SideUnavailableException or IdsExhaustedException)
                {
                    _errors.Add(exception.Message);
                }
            }
        }

        public double LongestGap(long from, long to) => _acknowledged.Zip(_acknowledged.Skip(1))
            .Where(gap => gap.Second >= from && gap.First <= to).Select(gap => Milliseconds(gap.Second - gap.First)).DefaultIfEmpty().Max();
    }
}
