using System.Diagnostics;
using System.Globalization;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Everything at once: writers in several replicas and in processes that are killed, other programs that write to legacy, flips forward and
/// back, servers that are killed and frozen, connections that are cut, and a reconciliation that runs all the while and must never report
/// drift. One minute, or STRANGLER_SOAK_MINUTES; STRANGLER_SOAK_SEED repeats the choices (not their timing).
/// </summary>
[Category("Soak")]
[NonParallelizable]
public sealed class SoakTests
{
    private const int Writers = 4;

    private static readonly TimeSpan Length = TimeSpan.FromMinutes(Setting("STRANGLER_SOAK_MINUTES", 1));

    private readonly int _seed = (int)Setting("STRANGLER_SOAK_SEED", Random.Shared.Next(1_000_000));
    private readonly Dictionary<string, int> _counts = [];
    private readonly List<string> _memories = [];
    private readonly long _began = Stopwatch.GetTimestamp();

    [Test]
    [Category("Case59")]
    public async Task Everything_at_once_loses_nothing_doubles_nothing_and_never_cries_wolf()
    {
        TestContext.Progress.WriteLine($"soak of {Length.TotalMinutes:0.#} min, seed {_seed}");
        await using var world = await FaultWorld.CreateAsync(Stage.ShadowRead, hasForeignWriters: true);
        await world.KeepChronicleAsync();
        await using var proxies = new Proxies(world);
        await using var load = FaultLoad.Start(
            Writers, world.WithRelay(world.Open()), world.WithRelay(world.Open(proxies.Legacy, proxies.New)), world.WithRelay(world.Open()));
        await using var others = ForeignWriters.Start(world);
        var folder = Directory.CreateTempSubdirectory("strangler-soak-").FullName;
        try
        {
            using var stop = new CancellationTokenSource();
            var reconciling = ReconcileAsync(world, stop.Token);
            await DisturbAsync(world, proxies, folder);
            await stop.CancelAsync();
            await reconciling;
            await others.StopAsync();
            await EndAsync(world, proxies, load);
            await others.AssertNothingLostAsync(load.Ledger);
            _counts["donations written by other programs"] = others.Written;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        TestContext.Progress.WriteLine(Summary(load));
    }

    // One disturbance after the other, with load before and after each; that they overlap with flips is up to the processes of frontends,
    // whose deaths nobody waits for.
    private async Task DisturbAsync(FaultWorld world, Proxies proxies, string folder)
    {
        var random = new Random(_seed);
        Process? frontend = null;
        try
        {
            while (Stopwatch.GetElapsedTime(_began) < Length)
            {
                frontend = frontend is { HasExited: false } && random.Next(3) > 0 ? frontend : Replace(frontend, world, folder, random.Next(1000));
                await DisturbOnceAsync(world, proxies, random);
                var (acknowledged, memory) = (FrontendMemory.Acknowledged(_memories[^1]), _memories[^1]);
                await FaultWorld.UntilAsync(
                    "the frontend is acknowledged three more writes",
                    () => FrontendMemory.Acknowledged(memory) >= acknowledged + 3 || frontend.HasExited);
            }
        }
        finally
        {
            frontend?.Kill();
            await (frontend?.WaitForExitAsync() ?? Task.CompletedTask);
        }
    }

    private async Task DisturbOnceAsync(FaultWorld world, Proxies proxies, Random random)
    {
        var side = world.ServerOf((SideName)random.Next(2));
        switch (random.Next(10))
        {
            case 0:
                Count("servers killed");
                await side.Process.KillAsync(CancellationToken.None);
                await side.Process.RestartAsync(CancellationToken.None);
                break;
            case 1:
                Count("servers frozen");
                await side.Process.FreezeAsync(CancellationToken.None);
                await Task.Delay(random.Next(100, 1500));
                await side.Process.ThawAsync(CancellationToken.None);
                break;
            case 2 or 3:
                Count("replicas cut off");
                proxies.CutOff(random);
                await Task.Delay(random.Next(100, 1500));
                proxies.Pass();
                break;
            default:
                await FlipAsync(world, random);
                break;
        }
    }

    private async Task FlipAsync(FaultWorld world, Random random)
    {
        try
        {
            var view = await world.Operator.Cutover.StatusAsync(CancellationToken.None);
            // Not as far back as LegacyOnly: nothing could be compared until the next backfill.
            var forward = view.Stage == Stage.DualWrite || (view.Stage == Stage.ShadowRead && random.Next(4) > 0);
            var request = new CutoverRequest { Actor = "soak", Reason = "soak", Force = forward };
            await (forward
                ? world.Operator.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                : world.Operator.Cutover.BackAsync(request, null, CancellationToken.None));
            Count(forward ? "steps forward" : "steps back");
        }
        catch (Exception exception) when (exception is CutoverException or GateException or FenceBusyException or SideUnavailableException)
        {
            // A gate that no force opens is shut as long as a side does not answer in time; a fence is busy as long as a transaction stands
            // that nobody ends.
            Count("steps refused or aborted");
        }
    }

    // Of each run that comes to its end: no drift, for none was planted; what is in flight may stay open.
    private async Task ReconcileAsync(FaultWorld world, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var report = await world.ReconcileAsync();
                Count($"reconciliations {OutcomeRules.Name(report.Outcome)}");
                Assert.That(report.Outcome, Is.Not.EqualTo(ReconciliationOutcome.Drift), () => string.Join('\n', ReportText.Render(report)));
            }
            catch (Exception exception) when (exception is SideUnavailableException or WrongStageException or SwitchingException
                or LeaseLostException)
            {
                Count("reconciliations broken off");
            }
        }
    }

    private async Task EndAsync(FaultWorld world, Proxies proxies, FaultLoad load)
    {
        proxies.Pass();
        await FaultWorld.UntilAsync(
            "no flip is on", async () => !(await world.Operator.Cutover.StatusAsync(CancellationToken.None)).Switching);
        var memories = _memories.Where(File.Exists).Select(FrontendMemory.Read).ToList();
        await world.AssertNothingLostAsync(load, IsFromAProcess);
        var created = 0;
        var ids = await world.IdsAsync(SideName.Legacy);
        Assert.That(memories.SelectMany(memory => memory.Last.Keys).Except(ids), Is.Empty, "acknowledged to a process, and gone");
        foreach (var id in ids)
        {
            var donation = (await world.Operator.Donations.FindAsync(id, CancellationToken.None))!;
            created += IsFromAProcess(donation) ? 1 : 0;
            foreach (var entry in memories.Select(memory => memory.Last.GetValueOrDefault(id)).OfType<FrontendMemory.Entry>())
            {
                // One more change may have happened whose answer the process did not live to see.
                Assert.That(donation.Log, Has.Count.InRange(entry.Lines, entry.Lines + 1), $"{id}");
                if (donation.Log.Count == entry.Lines)
                {
                    Assert.That((donation.AmountInCents, donation.IsCancelled), Is.EqualTo((entry.Amount, entry.Cancelled)), $"{id}");
                }
            }
        }

        var (told, open) = (memories.Sum(memory => memory.Creates), memories.Sum(memory => memory.OpenCreates));
        Assert.That(created, Is.InRange(told, told + open), "creates of the processes");
        _counts["writes of processes acknowledged"] = memories.Sum(memory => memory.Last.Count);
    }

    private Process Replace(Process? old, FaultWorld world, string folder, int seed)
    {
        if (old is { HasExited: false })
        {
            Count("frontends killed");
            old.Kill();
        }

        old?.WaitForExit();
        var memory = Path.Combine(folder, $"{_memories.Count}.txt");
        File.WriteAllText(Path.ChangeExtension(memory, ".ids"), "");
        File.WriteAllText(memory, "");
        _memories.Add(memory);
        return FrontendCrashTests.Start(
            world.Environment, "demo", "frontend", "--memory", memory, "--existing", Path.ChangeExtension(memory, ".ids"),
            "--seed", seed.ToString(CultureInfo.InvariantCulture));
    }

    private static bool IsFromAProcess(Donation donation) =>
        donation.Donor is PersonDonor person && person.Email.StartsWith("erika", StringComparison.Ordinal);

    private string Summary(FaultLoad load)
    {
        var counts = _counts.OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => $"{count.Value} {count.Key}");
        return $"soak: {Stopwatch.GetElapsedTime(_began).TotalSeconds:0} s, {load.Acknowledged} writes acknowledged, {load.Refused} refused, "
            + $"{load.Unknown} of unknown outcome; {string.Join(", ", counts)}";
    }

    private void Count(string what)
    {
        lock (_counts)
        {
            _counts[what] = _counts.GetValueOrDefault(what) + 1;
        }
    }

    private static double Setting(string name, double otherwise) =>
        double.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    /// <summary>One replica's ways to both sides.</summary>
    private sealed class Proxies(FaultWorld world) : IAsyncDisposable
    {
        public FaultProxy Legacy { get; } = FaultProxy.Before(world.Legacy.Process.Port);

        public FaultProxy New { get; } = FaultProxy.Before(world.New.Process.Port);

        public void CutOff(Random random)
        {
            var proxy = random.Next(2) == 0 ? Legacy : New;
            switch (random.Next(4))
            {
                case 0:
                    proxy.Refuse();
                    break;
                case 1:
                    proxy.FallSilent();
                    break;
                case 2:
                    proxy.CutCommits((CommitCut)random.Next(4), new Random(random.Next()), share: 0.2);
                    break;
                default:
                    proxy.CutAnywhere(new Random(random.Next()), 20_000);
                    break;
            }
        }

        public void Pass()
        {
            Legacy.Pass();
            New.Pass();
        }

        public async ValueTask DisposeAsync()
        {
            await Legacy.DisposeAsync();
            await New.DisposeAsync();
        }
    }
}
