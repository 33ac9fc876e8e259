using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

/// <summary>The process dies at its n-th step, for every n; others go on.</summary>
public sealed class CrashTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case1")]
    [Category("Case2")]
    [Category("Case3")]
    [Category("Case4")]
    public void A_write_that_dies_at_any_step_is_there_once_or_not_at_all(
        [Values(Stage.LegacyOnly, Stage.DualWrite, Stage.NewLeads, Stage.NewOnly)] Stage stage,
        [Values("create", "update", "delete")] string what) => Run(async () =>
    {
        for (var step = 1; ; step++)
        {
            var process = TestProcess.In(stage, _time);
            var id = (await process.AddAsync("old", 1)).Id;
            var victim = process.Another(2);
            await victim.FindAsync(id);
            var died = await DieAsync(victim, step, () => WriteAsync(victim, what, id));
            var lead = Stages.LeadOf(stage);
            if (died is null)
            {
                Assert.That(step, Is.GreaterThan(6));
                return;
            }

            // The caller's retry, with the same request key, through another process.
            await WriteAsync(process, what, id);
            await Task.Delay(TimeSpan.FromMinutes(1), _time);
            await process.Relay.DrainAsync(default);
            var rows = process.Memory.Of(lead).Rows;
            Assert.That(rows, Has.Count.EqualTo(what switch { "create" => 2, "delete" => 0, _ => 1 }), $"died at step {step}");
            Assert.That(what != "update" || (await process.FindAsync(id)).Amount == 2, $"died at step {step}");
            if (Stages.IsDual(stage))
            {
                process.AssertBothSidesAgree();
            }
        }
    });

    [Test]
    [Category("Case21")]
    public void A_flip_that_dies_at_any_step_is_finished_or_ended_by_whoever_comes(
        [Values] bool back, [Values("writer", "reader", "resume", "abort", "relay")] string who) => Run(async () =>
    {
        for (var step = 1; ; step++)
        {
            var process = TestProcess.In(back ? Stage.NewLeads : Stage.ShadowRead, _time);
            var id = (await process.AddAsync("a", 1)).Id;
            await process.BackfillOnPaperAsync();
            var pending = process.Another(4);
            pending.Memory.Fault = DualWrite.WriteTests.Down(back ? "legacy." : "new.");
            await Hammer.IncrementAsync(pending, id);

            var victim = process.Another(2);
            var died = await DieAsync(victim, step, back ? victim.BackAsync : victim.AdvanceAsync);
            AssertNeverTwoLeads(process);
            if (died is null)
            {
                Assert.That(step, Is.GreaterThan(30));
                return;
            }

            var other = process.Another(3, options => options.PauseBudget = TimeSpan.FromMinutes(2));
            await RecoverAsync(other, who, id);
            CutoverTests.AssertOneLead(process);
            await Hammer.IncrementAsync(other, id);
            await Task.Delay(TimeSpan.FromMinutes(1), _time);
            await other.Relay.DrainAsync(default);
            Assert.That((await other.FindAsync(id)).Amount, Is.EqualTo(3), $"died at step {step}");
            process.AssertBothSidesAgree();
        }
    });

    [Test]
    [Category("Case30")]
    public void After_a_flip_that_died_anywhere_and_was_aborted_the_next_one_goes_through([Values] bool back) => Run(async () =>
    {
        for (var step = 1; ; step++)
        {
            var process = TestProcess.In(back ? Stage.NewLeads : Stage.ShadowRead, _time);
            var id = (await process.AddAsync("a", 1)).Id;
            await process.BackfillOnPaperAsync();
            var victim = process.Another(2);
            if (await DieAsync(victim, step, back ? victim.BackAsync : victim.AdvanceAsync) is null)
            {
                return;
            }

            var other = process.Another(3);
            await CutoverTests.TryAsync(() => other.Cutover.AbortAsync(other.Request(), default));
            var stage = (await other.Cutover.StatusAsync(default)).Stage;
            if (stage == (back ? Stage.NewLeads : Stage.ShadowRead))
            {
                await Hammer.IncrementAsync(other, id);
                await other.ReconcileAsync("clean");
                await (back ? other.BackAsync() : other.AdvanceAsync());
            }

            await Hammer.IncrementAsync(other, id);
            process.AssertBothSidesAgree();
        }
    });

    private static async Task WriteAsync(TestProcess process, string what, long id)
    {
        switch (what)
        {
            case "create":
                await process.AddAsync("new", 1, "request");
                break;
            case "update" when (await process.FindAsync(id)).Amount == 1:
                await Hammer.IncrementAsync(process, id);
                break;
            case "delete":
                await process.Notes.DeleteAsync(id, default);
                break;
        }
    }

    private static async Task<Exception?> DieAsync(TestProcess victim, int atStep, Func<Task> act)
    {
        var steps = 0;
        victim.Memory.Fault = _ =>
        {
            if (++steps == atStep)
            {
                victim.Memory.Kill();
            }

            return Task.CompletedTask;
        };
        var thrown = await CutoverTests.TryAsync(act);
        return victim.Memory.Dead ? thrown ?? new CrashException() : thrown is null ? null : throw thrown;
    }

    private async Task RecoverAsync(TestProcess other, string who, long id)
    {
        switch (who)
        {
            case "writer":
                var note = await other.FindAsync(id);
                await other.Notes.StoreAsync(note, default);
                break;
            case "reader":
                await other.FindAsync(id);
                await Task.Delay(other.Runtime.Options.FlipDeadline * 2, _time);
                await other.Runtime.Stage.RefreshAsync(default);
                break;
            case "resume":
                // Told so when the deadline came first: the dead flipper's claims have to run out before the journal can be drained.
                var told = await CutoverTests.TryAsync(() => other.Cutover.ResumeAsync(other.Request(), null, default));
                Assert.That(told, Is.Null.Or.TypeOf<Strangler.Cutover.CutoverException>());
                break;
            case "abort":
                await CutoverTests.TryAsync(() => other.Cutover.AbortAsync(other.Request(), default));
                break;
            case "relay":
                using (var stop = new CancellationTokenSource())
                {
                    var run = other.Relay.RunAsync(stop.Token);
                    await Task.Delay(TimeSpan.FromMinutes(2), _time);
                    Simulation.Cancel(stop);
                    await run;
                }

                break;
        }
    }

    private static void AssertNeverTwoLeads(TestProcess process) => Assert.That(
        Enum.GetValues<SideName>().Count(side => process.Memory.Of(side).Fence!.AnswersReads), Is.LessThanOrEqualTo(1));

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario, TimeSpan.FromDays(30));
}
