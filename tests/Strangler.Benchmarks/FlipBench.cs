using System.Diagnostics;
using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>
/// What writers feel of a flip: eight writers without pauses, the lead goes forth and back. Denied is the time from the commit that stops
/// writers on one side to the one that lets them in on the other. The pause is, for each writer and each flip, the longest time that one of its
/// writes took which overlaps the flip; an ordinary write's own time, at full load, is in it.
/// <para>
/// Then the same eight at 30 % of what they got done, by the clock: the pause is the longest time from when a write was due to its
/// acknowledgement, of those that overlap the flip. At full load most of a pause is waiting for the processor, whatever the flip does.
/// </para>
/// </summary>
internal static class FlipBench
{
    private const int Writers = 8;
    private const double Share = 0.3;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(400);

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld unused, BenchOptions options, CancellationToken cancellationToken)
    {
        await using var world = await TwoServerWorld.StartAsync(cancellationToken);
        await world.StepAsync(forward: true, cancellationToken);
        var full = await RunAsync(world, options, null, cancellationToken);
        var pace = TimeSpan.FromSeconds(Writers / (Share * full.Rate));
        var paced = await RunAsync(world, options, pace, cancellationToken);
        return [.. full.Lines("8 writers without pauses"), .. paced.Lines("8 writers at 30 %")];
    }

    private static async Task<Result> RunAsync(TwoServerWorld world, BenchOptions options, TimeSpan? pace, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writers = Enumerable.Range(0, Writers).Select(number => new Writer(world, number, pace)).ToList();
        var began = Stopwatch.GetTimestamp();
        var running = writers.Select(writer => Task.Run(() => writer.RunAsync(stop.Token), CancellationToken.None)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
        var rate = writers.Sum(writer => writer.Acknowledged) / Stopwatch.GetElapsedTime(began).TotalSeconds;
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
        return new Result(rate, flips, steps, writers);
    }

    private static BenchLine Line(string what, string target, IReadOnlyList<double> values, double share, double limit, string detail) =>
        new(what, target, value => value <= limit, OpenLoad.At(values, share), values.Min(), values.Max(), detail);

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;

    private sealed record Result(double Rate, List<(long From, long To)> Flips, Steps Steps, List<Writer> Of)
    {
        public IReadOnlyList<BenchLine> Lines(string who)
        {
            var pauses = Flips.SelectMany(flip => Of.Select(writer => writer.LongestPause(flip.From, flip.To)).OfType<double>()).ToList();
            var took = Flips.Select(flip => Milliseconds(flip.To - flip.From)).ToList();
            var ordinary = OpenLoad.At(Of.SelectMany(writer => writer.Took), 0.5);
            var detail = string.Create(
                CultureInfo.InvariantCulture,
                $"ms, {Flips.Count} flips, {Of.Sum(writer => writer.Acknowledged):N0} writes; flip with gates p50 {OpenLoad.At(took, 0.5):0} ms, ")
                + string.Create(CultureInfo.InvariantCulture, $"ordinary write p50 {ordinary:0.0} ms");
            var errors = string.Join("; ", Of.SelectMany(writer => writer.Errors).Distinct().Take(3));
            return
            [
                Line($"flip, {who}: writers denied, p50", "≤ 50", Steps.Denied, 0.5, 50, "ms; p50 of the steps: " + Steps),
                Line($"flip, {who}: writers denied, p99", "≤ 500", Steps.Denied, 0.99, 500, "ms"),
                Line($"flip, {who}: longest pause of a writer, p50", "≤ 50", pauses, 0.5, 50, detail),
                Line($"flip, {who}: longest pause of a writer, p99", "≤ 500", pauses, 0.99, 500, "ms"),
                new(
                    $"flip, {who}: longest pause of a writer / an ordinary write, p50", "", null, OpenLoad.At(pauses, 0.5) / ordinary, null, null,
                    "how many writes long it is: on a busy machine that tells more than milliseconds"),
                new($"flip, {who}: failed requests", "0", value => value == 0, Of.Sum(writer => writer.Failed), null, null, errors),
            ];
        }
    }

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

    /// <param name="world">Where it writes.</param>
    /// <param name="number">Which.</param>
    /// <param name="pace">How far apart its writes are due; null: each when the one before is acknowledged.</param>
    private sealed class Writer(TwoServerWorld world, int number, TimeSpan? pace)
    {
        private readonly List<(long Due, long Acknowledged)> _writes = [];
        private readonly List<string> _errors = [];

        public int Acknowledged => _writes.Count;

        public int Failed => _errors.Count;

        public IReadOnlyList<string> Errors => _errors;

        public IEnumerable<double> Took => _writes.Select(write => Milliseconds(write.Acknowledged - write.Due));

        public async Task RunAsync(CancellationToken stop)
        {
            // Not all at once.
            var due = Stopwatch.GetTimestamp() + (long)((pace ?? TimeSpan.Zero).TotalSeconds * Stopwatch.Frequency * number / Writers);
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                due = pace is { } apart ? due + (long)(apart.TotalSeconds * Stopwatch.Frequency) : Stopwatch.GetTimestamp();
                if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due) is var early && early > TimeSpan.Zero)
                {
                    await Task.Delay(early, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                try
                {
                    await world.Donations.StoreAsync(DualWriteBench.Donation((number * 1_000_000) + i), CancellationToken.None);
                    _writes.Add((due, Stopwatch.GetTimestamp()));
                }
                catch (Exception exception) when (exception is SwitchingException or SideUnavailableException or IdsExhaustedException)
                {
                    _errors.Add(exception.Message);
                }
            }
        }

        /// <summary>Null: it had nothing to write then.</summary>
        public double? LongestPause(long from, long to) => _writes.Where(write => write.Acknowledged >= from && write.Due <= to)
            .Select(write => (double?)Milliseconds(write.Acknowledged - write.Due)).Max();
    }
}
