using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

/// <summary>
/// Forward, back, forward again, with writers hammering through every step. One assertion: nothing lost, nothing invented, both sides the
/// same. Half of the seeds run with the servers' clocks 20 minutes apart.
/// </summary>
/// <remarks>
/// Tried: with the journal drained before writers are denied (PROTOCOL §6, steps 1 and 2 swapped), or with writers that do not look at the
/// fence's role, nearly every seed fails; with an apply that reads the lead before it holds the follower's row, a few do.
/// </remarks>
public sealed class LifeCycleTests
{
    [Test]
    [Category("Case20")]
    [Category("Case24")]
    [Category("Case27")]
    [Category("Case59")]
    public void Through_every_step_forward_and_back_nothing_is_lost_and_nothing_invented([Range(1, 40)] int seed)
    {
        var time = new TestTimeProvider();
        Simulation.Run(seed, time, async () =>
        {
            var process = TestProcess.In(Stage.LegacyOnly, time, options => options.IdBlock = 100_000);
            process.Memory.LegacyDatabase.Skew = TimeSpan.FromMinutes(seed % 2 == 0 ? 10 : 0);
            process.Memory.NewDatabase.Skew = -process.Memory.LegacyDatabase.Skew;
            long[] shared = [1, 2, 3, 4];
            foreach (var id in shared)
            {
                process.Memory.PlantLegacy(id, $"old {id}", 0);
            }

            using var stop = new CancellationTokenSource();
            var hammer = new Hammer();
            var replicas = Enumerable.Range(2, 3).Select(i => Flaky(process.Another((seed * 10) + i), (seed * 10) + i)).ToList();
            var tasks = replicas.Concat(replicas).Select((replica, i) => hammer.RunAsync(replica, (seed * 10) + i, shared, stop.Token))
                .Concat(replicas.Take(2).Select(replica => replica.Relay.RunAsync(stop.Token))).ToList();

            await ForwardAsync(process, Stage.NewLeads);
            await BackAsync(process, Stage.LegacyOnly);
            await ForwardAsync(process, Stage.NewLeads);
            await BackAsync(process, Stage.ShadowRead);
            await ForwardAsync(process, Stage.NewLeads);

            Simulation.Cancel(stop);
            await Task.WhenAll(tasks);
            await Task.Delay(TimeSpan.FromMinutes(2), time);
            await process.Relay.DrainAsync(default);
            process.AssertBothSidesAgree();
            hammer.AssertKept(process, SideName.New);
            Assert.That(hammer.Writes, Is.GreaterThan(500));
        });
    }

    private static async Task ForwardAsync(TestProcess process, Stage to)
    {
        while ((await process.Cutover.StatusAsync(default)).Stage is var stage && stage < to)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300), process.Memory.Time);
            if (stage == Stage.DualWrite)
            {
                await process.BackfillAsync();
            }

            await process.ReconcileAsync("clean");
            await MoveAsync(process.AdvanceAsync);
        }
    }

    private static async Task BackAsync(TestProcess process, Stage to)
    {
        while ((await process.Cutover.StatusAsync(default)).Stage > to)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300), process.Memory.Time);
            await MoveAsync(process.BackAsync);
        }
    }

    // A flip may abort under this load; then it is simply tried again.
    private static async Task MoveAsync(Func<Task> move)
    {
        if (await CutoverTests.TryAsync(move) is { } exception && exception is not (
            Strangler.Cutover.CutoverException or FenceBusyException))
        {
            throw exception;
        }
    }

    // A follower that now and then fails, so that the relay has work in every stage.
    private static TestProcess Flaky(TestProcess process, int seed)
    {
        var random = new Random(seed);
        process.Memory.Fault = step =>
        {
            var lead = process.Runtime.Stage.Current?.Lead ?? SideName.Legacy;
            var follower = lead == SideName.Legacy ? "new." : "legacy.";
            var hit = step.StartsWith(follower, StringComparison.Ordinal)
                && !step.Contains("fence", StringComparison.Ordinal) && random.Next(40) == 0;
            return hit
                ? throw Failure(step, Stages.Other(lead))
                : random.Next(10) == 0 ? Task.Delay(TimeSpan.FromMilliseconds(random.Next(30)), process.Memory.Time) : Task.CompletedTask;
        };
        return process;
    }

    // A store never says that a commit failed which may have happened: the side may have led while the write committed, and follow now.
    private static Exception Failure(string step, SideName side) => step.EndsWith("commit.after", StringComparison.Ordinal)
        ? new CommitOutcomeUnknownException(side, new InvalidOperationException("flaky"))
        : new SideUnavailableException(side, "flaky", true, new InvalidOperationException());
}
