using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>
/// The frontends' routes under load. Requests a second at saturation, by wrk, of each route in every stage, as a ratio to a bare endpoint that
/// runs the same SQL; and what comparing every read with the follower adds to p99, in an open loop at 30 % of saturation. The machine's cores
/// are shared by the load generator, the servers and whoever answers.
/// </summary>
internal static partial class RoutesBench
{
    public const string Name = "routes";

    private const double Share = 0.3;
    private const int Connections = 8;

    private static readonly Stage[] _stages = [Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead, Stage.NewLeads, Stage.NewOnly];

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        await using var world = await RoutesWorld.StartAsync(options.Rows, cancellationToken);
        var ours = await world.ServeAsync(shadowReads: 0, cancellationToken);
        var bare = new Dictionary<SideName, Uri>
        {
            [SideName.Legacy] = await world.ServeBareAsync(SideName.Legacy, cancellationToken),
            [SideName.New] = await world.ServeBareAsync(SideName.New, cancellationToken),
        };
        var postcode = (await world.PostcodesAsync(1, cancellationToken)).Single();
        (string Route, string Path)[] routes =
            [("/health-regions/{id}", "/health-regions/3551"), ("/fsa/{id}", $"/fsa/{postcode}"), ("/health-regions", "/health-regions")];
        List<BenchLine> lines = [];
        foreach (var stage in _stages)
        {
            if (stage == Stage.NewLeads)
            {
                lines.AddRange(await ShadowAsync(world, options, cancellationToken));
            }

            await world.MoveToAsync(stage, cancellationToken);
            foreach (var (route, path) in routes)
            {
                lines.Add(await RatioAsync($"{route}, {stage}", new Uri(ours, path), new Uri(bare[Stages.LeadOf(stage)], path), options, cancellationToken));
            }
        }

        return lines;
    }

    private static async Task<BenchLine> RatioAsync(string what, Uri ours, Uri bare, BenchOptions options, CancellationToken cancellationToken)
    {
        await AssertAlikeAsync(ours, bare, cancellationToken);
        var (rate, high) = (new Turns(), new Turns());
        var (rounds, seconds) = options.Quick ? (3, 2) : (5, 4);
        for (var round = -1; round < rounds; round++)
        {
            var one = await WrkAsync(ours, seconds, cancellationToken);
            var other = await WrkAsync(bare, seconds, cancellationToken);
            if (round >= 0)
            {
                rate.Add(one.Rate, other.Rate);
                high.Add(one.P99, other.P99);
            }
        }

        return BenchLine.AtLeast($"{what}: requests/s, ours / bare", 0.85, rate, string.Create(
            CultureInfo.InvariantCulture,
            $"{rate.Ours:N0} / {rate.Bare:N0} a second; p99 {high.Ours * 1000:0.0} / {high.Bare * 1000:0.0} ms ({high.Ratio:0.00})"));
    }

    // Two ways of the same work must come to the same; of a list, whose order is ours to choose, to as many.
    private static async Task AssertAlikeAsync(Uri ours, Uri bare, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        var (one, other) = (await AnswerAsync(ours), await AnswerAsync(bare));
        var isAlike = one is JsonArray rows ? other is JsonArray others && rows.Count == others.Count : JsonNode.DeepEquals(one, other);
        if (!isAlike)
        {
            throw new InvalidOperationException($"{ours.AbsolutePath}: the bare endpoint answers {other}, ours {one}.");
        }

        async Task<JsonNode?> AnswerAsync(Uri at) => JsonNode.Parse(await client.GetStringAsync(at, cancellationToken));
    }

    /// <summary>One service that compares every read, one that compares none, in turns; both are there all the time.</summary>
    private static async Task<IReadOnlyList<BenchLine>> ShadowAsync(RoutesWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        var (all, none) = (await world.ServeAsync(shadowReads: 1, cancellationToken), await world.ServeAsync(shadowReads: 0, cancellationToken));
        var postcodes = await world.PostcodesAsync(500, cancellationToken);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 });
        var (with, without) = (LoadOf(all), LoadOf(none));
        await with.SaturateAsync(cancellationToken);
        var rate = Share * await without.SaturateAsync(cancellationToken);
        var (middle, high) = (new Turns(), new Turns());
        var (rounds, seconds) = options.Quick ? (5, 4) : (11, 8);
        for (var round = -1; round < rounds; round++)
        {
            var plain = await without.RunAsync(rate, seconds, cancellationToken);
            var compared = await with.RunAsync(rate, seconds, cancellationToken);
            if (round >= 0)
            {
                middle.Add(OpenLoad.At(compared, 0.5), OpenLoad.At(plain, 0.5));
                high.Add(OpenLoad.At(compared, 0.99), OpenLoad.At(plain, 0.99));
            }
        }

        var at = string.Create(CultureInfo.InvariantCulture, $", {rate:0} requests/s of {postcodes.Count} postcodes");
        return
        [
            BenchLine.Shown("/fsa/{id}, ShadowRead, p50: every read compared / none", middle, middle.Microseconds + at),
            BenchLine.AtMost("/fsa/{id}, ShadowRead, p99: every read compared / none", 1.03, high, high.Microseconds + at),
        ];

        OpenLoad LoadOf(Uri service) => new(async (number, token) =>
        {
            using var answer = await client.GetAsync(new Uri(service, $"/fsa/{postcodes[number % postcodes.Count]}"), token);
            answer.EnsureSuccessStatusCode();
            await answer.Content.ReadAsByteArrayAsync(token);
        });
    }

    private static async Task<(double Rate, double P99)> WrkAsync(Uri at, int seconds, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true };
        foreach (var argument in new[] { "-t1", $"-c{Connections}", $"-d{seconds}s", "--latency", at.ToString() })
        {
            start.ArgumentList.Add(argument);
        }

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException("The load generator wrk is not installed; install it: apt-get install wrk", exception);
        }

        using (process)
        {
            var said = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return Failed().IsMatch(said)
                ? throw new InvalidOperationException($"Requests to {at} failed: {said}")
                : (Number(RatePattern().Match(said)), Seconds(HighPattern().Match(said)));
        }
    }

    private static double Number(Match match) =>
        match.Success ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : throw new InvalidOperationException("wrk does not say what is looked for.");

    private static double Seconds(Match match) => Number(match) * match.Groups[2].Value switch { "us" => 1e-6, "ms" => 1e-3, _ => 1 };

    [GeneratedRegex(@"Requests/sec:\s+([0-9.]+)", RegexOptions.CultureInvariant)]
    private static partial Regex RatePattern();

    [GeneratedRegex(@"99%\s+([0-9.]+)(us|ms|s)", RegexOptions.CultureInvariant)]
    private static partial Regex HighPattern();

    [GeneratedRegex("Non-2xx|Socket errors", RegexOptions.CultureInvariant)]
    private static partial Regex Failed();
}
