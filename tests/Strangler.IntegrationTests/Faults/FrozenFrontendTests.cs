using System.Diagnostics;
using System.Globalization;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.LocalServers;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Case 10 with a real process: a frontend is stopped (SIGSTOP, as by a long collection or a paused machine) in the middle of its work, the
/// lead changes, and it wakes with everything it believed before: caches, open connections, perhaps an open transaction.
/// </summary>
[Category("Case10")]
[CancelAfter(180_000)]
public sealed class FrozenFrontendTests
{
    private const int Rounds = 2;

    [Test]
    public async Task A_frontend_that_slept_through_flips_writes_on_the_side_that_leads_now(CancellationToken cancellationToken)
    {
        await using var world = await DonationsWorld.CreateAsync();
        var ids = (await world.FillAsync(FrontendCrashTests.Rows)).Select(donation => donation.Id.ToString(CultureInfo.InvariantCulture));
        await world.MoveToAsync(Stage.ShadowRead);
        var folder = Path.GetDirectoryName(world.ConfigFile)!;
        var (memory, list) = (Path.Combine(folder, "memory.txt"), Path.Combine(folder, "existing.txt"));
        await File.WriteAllLinesAsync(list, ids, cancellationToken);
        using var frontend = FrontendCrashTests.Start(
            world, "demo", "frontend", "--memory", memory, "--existing", list, "--seed", "1", "--config", world.ConfigFile);
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                await UntilAcknowledgedAsync(memory, 20, frontend);
                Posix.Signal(frontend.Id, Posix.SigStop);
                var asleep = FrontendMemory.Acknowledged(memory);
                await FlipAsync(world);
                Assert.That(FrontendMemory.Acknowledged(memory), Is.EqualTo(asleep).Within(1), "it sleeps");
                Posix.Signal(frontend.Id, Posix.SigCont);
                await UntilAcknowledgedAsync(memory, 20, frontend);
            }
        }
        finally
        {
            Posix.Signal(frontend.Id, Posix.SigCont);
            frontend.StandardInput.Close();
            await frontend.WaitForExitAsync(CancellationToken.None);
        }

        Assert.That(frontend.ExitCode, Is.Zero);
        await FrontendCrashTests.FinishAsync(world, cancellationToken);
        await FrontendCrashTests.CheckAsync(world, [memory], "frozen");
    }

    // A frontend that was stopped within a transaction holds the fence until the server cuts its connection.
    private static async Task FlipAsync(DonationsWorld world)
    {
        var forward = (await world.Host.Cutover.StatusAsync(CancellationToken.None)).Stage == Stage.ShadowRead;
        var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
        while (true)
        {
            try
            {
                await (forward
                    ? world.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                    : world.Host.Cutover.BackAsync(request, null, CancellationToken.None));
                return;
            }
            catch (FenceBusyException)
            {
                // Once more: the lock ends with the server's own limit for a silent transaction.
            }
        }
    }

    private static Task UntilAcknowledgedAsync(string memory, int more, Process frontend)
    {
        var target = FrontendMemory.Acknowledged(memory) + more;
        return FaultWorld.UntilAsync($"{more} more writes of the frontend", () =>
        {
            Assert.That(frontend.HasExited, Is.False, "the frontend has ended by itself");
            return FrontendMemory.Acknowledged(memory) >= target;
        });
    }
}
