using System.Diagnostics;
using System.Globalization;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Faults;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Donations;

/// <summary>
/// Case 2 to 4 and 21 with real processes: frontends and flippers are killed with SIGKILL at moments that a seed chooses, under load, while
/// the lead changes. Afterwards both sides are identical, and what each frontend remembers in a file of its own is there, once.
/// STRANGLER_CRASHES: how many rounds.
/// </summary>
[CancelAfter(3_600_000)]
public sealed class FrontendCrashTests
{
    internal const int Rows = 200;

    private static readonly int Rounds =
        int.TryParse(Environment.GetEnvironmentVariable("STRANGLER_CRASHES"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 2;

    [Test]
    public async Task Killed_anywhere_in_a_flip_under_load_nothing_acknowledged_is_missing_and_nothing_is_doubled(
        CancellationToken cancellationToken)
    {
        await using var world = await DonationsWorld.CreateAsync();
        var existing = (await world.FillAsync(Rows)).Select(donation => (long)donation.Id).ToList();
        await world.MoveToAsync(Stage.ShadowRead);
        var folder = Directory.CreateTempSubdirectory("strangler-crash-").FullName;
        var memories = new List<string>();
        var random = new Random(Environment.TickCount);
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                var ids = existing.Where(id => id % Rounds == round % Rounds).ToList();
                var seed = random.Next(1_000_000);
                memories.Add(Path.Combine(folder, $"{round}.txt"));
                await RoundAsync(world, memories[^1], ids, new Random(seed), cancellationToken);
                await CheckAsync(world, memories, $"round {round}, seed {seed}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RoundAsync(
        DonationsWorld world, string memory, List<long> ids, Random random, CancellationToken cancellationToken)
    {
        var list = Path.ChangeExtension(memory, ".ids");
        await File.WriteAllLinesAsync(list, ids.Select(id => id.ToString(CultureInfo.InvariantCulture)), cancellationToken);
        using var frontend = Start(
            world, "demo", "frontend", "--memory", memory, "--existing", list, "--seed", $"{random.Next(1000)}", "--config", world.ConfigFile);
        using var relayStop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var relay = world.Host.Relay.RunAsync(relayStop.Token);
        try
        {
            await UntilAsync(world, () => FrontendMemory.Acknowledged(memory) >= 20 || frontend.HasExited, cancellationToken);
            Assert.That(frontend.HasExited, Is.False, "the frontend has ended by itself");
            await FlipAndKillAsync(world, frontend, random, cancellationToken);
        }
        finally
        {
            frontend.Kill();
            await frontend.WaitForExitAsync(CancellationToken.None);
        }

        await FinishAsync(world, cancellationToken);
        await relayStop.CancelAsync();
        await relay.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // The fence read between two looks is the clock: a few thousandths of a second each.
    private static async Task FlipAndKillAsync(
        DonationsWorld world, Process frontend, Random random, CancellationToken cancellationToken)
    {
        var stage = (await world.Host.Cutover.StatusAsync(cancellationToken)).Stage;
        using var flipper = stage == Stage.NewLeads
            ? Start(world, "cutover", "back", "donations", "--reason", "test", "--config", world.ConfigFile)
            : Start(world, "cutover", "advance", "donations", "--force", "--reason", "test", "--config", world.ConfigFile);
        var (killsFlipper, killsFrontend) = (random.Next(3) > 0, random.Next(3) > 0);
        var epoch = (await world.Host.Cutover.StatusAsync(cancellationToken)).Epoch;
        await UntilAsync(
            world,
            async () => flipper.HasExited || (await world.Host.Cutover.StatusAsync(cancellationToken)).Epoch > epoch,
            cancellationToken);
        var looks = (Flipper: random.Next(30), Frontend: random.Next(30));
        for (var look = 0; look < 30; look++)
        {
            if (killsFlipper && look == looks.Flipper)
            {
                flipper.Kill();
            }

            if (killsFrontend && look == looks.Frontend)
            {
                frontend.Kill();
            }

            await world.Host.Sides.Legacy.Fence.ReadAsync(cancellationToken);
        }

        await flipper.WaitForExitAsync(cancellationToken);
    }

    internal static async Task FinishAsync(DonationsWorld world, CancellationToken cancellationToken)
    {
        try
        {
            await world.Host.Cutover.ResumeAsync(
                new CutoverRequest { Actor = "test", Reason = "test" }, null, cancellationToken);
        }
        catch (CutoverException)
        {
            // Aborted: as good an end.
        }

        await UntilAsync(
            world, async () => !(await world.Host.Cutover.StatusAsync(cancellationToken)).Switching, cancellationToken);
        var lead = (await world.Host.Cutover.StatusAsync(cancellationToken)).Lead;
        await UntilAsync(
            world, async () => await world.Host.Sides.Of(lead).Journal.DepthAsync(cancellationToken) is { Open: 0 }, cancellationToken);
    }

    internal static async Task CheckAsync(DonationsWorld world, List<string> memories, string round)
    {
        var lead = (await world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead;
        var depth = await world.Host.Sides.Of(lead).Journal.DepthAsync(CancellationToken.None);
        Assert.That((depth.Open, depth.Parked), Is.EqualTo((0, 0)), round);
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => $"{round}\n{string.Join('\n', ReportText.Render(report))}");
        var (creates, unknown) = (0, 0);
        foreach (var memory in memories)
        {
            var log = FrontendMemory.Read(memory);
            creates += log.Creates;
            unknown += log.OpenCreates;
            foreach (var (id, (amount, cancelled, lines)) in log.Last)
            {
                var donation = await world.Donations.Donations.FindAsync(id, CancellationToken.None);
                Assert.That(donation, Is.Not.Null, $"{round}: {id} was acknowledged and is absent");
                Assert.That(donation!.Log, Has.Count.InRange(lines, lines + 1), $"{round}: {id}");
                if (donation.Log.Count == lines)
                {
                    Assert.That((donation.AmountInCents, donation.IsCancelled), Is.EqualTo((amount, cancelled)), $"{round}: {id}");
                }
            }
        }

        await using var connection = await world.LegacyDatabase.OpenAsync();
        var rows = await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden");
        Assert.That(rows, Is.InRange(Rows + creates, Rows + creates + unknown), $"{round}: creates");
    }

    private static Task UntilAsync(DonationsWorld world, Func<bool> condition, CancellationToken cancellationToken) =>
        UntilAsync(world, () => Task.FromResult(condition()), cancellationToken);

    private static async Task UntilAsync(DonationsWorld world, Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
        {
            await world.Host.Sides.New.Fence.ReadAsync(cancellationToken);
        }
    }

    internal static Process Start(DonationsWorld world, params string[] arguments) => Start(world.Environment, arguments);

    /// <summary>
    /// The command line in a process of its own, killed like any other; what it prints goes to where this process prints.
    /// </summary>
    internal static Process Start(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "strangler.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
