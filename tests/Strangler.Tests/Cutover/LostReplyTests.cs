using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

/// <summary>
/// A compare-and-set of a flip whose reply is lost, after it happened or before: the flipper asks the fence what came of it, goes on, and
/// the
/// audit trail says what happened.
/// </summary>
[Category("Case21")]
public sealed class LostReplyTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_flip_whose_decision_loses_its_reply_goes_on(
        [Values] SideName from, [Values] bool happened, [Values(1, 4)] int times) => Run(async () =>
    {
        var process = await ReadyAsync(from);
        LoseFrom(process, HookPoint.FlipBeforeDecide, from, happened ? "fence-cas.after" : "fence-cas.before", times);
        Assert.That((await FlipAsync(process, from)).Stage, Is.EqualTo(TargetOf(from)));
        CutoverTests.AssertOneLead(process);
        var entry = (await process.Cutover.HistoryAsync(10, default)).Single();
        Assert.That((entry.To, entry.Epoch, entry.Detail), Is.EqualTo(($"{TargetOf(from)}", 6L, "")));
    });

    [Test]
    public void A_flip_that_loses_its_old_lead_while_it_decides_says_that_it_does_not_know_and_the_trail_says_how_it_ended(
        [Values] SideName from, [Values] bool happened) => Run(async () =>
    {
        var process = await ReadyAsync(from);
        LoseFrom(process, HookPoint.FlipBeforeDecide, from, happened ? "fence-cas.after" : "fence-cas.before", 1, thenDown: true);
        var began = _time.GetTimestamp();
        var told = await CutoverTests.TryAsync(() => FlipAsync(process, from)) as CutoverException;
        Assert.That(told?.IsOutcomeUnknown, Is.True, () => $"{told}");
        var deadline = process.Runtime.Options.FlipDeadline;
        Assert.That(_time.GetElapsedTime(began), Is.InRange(deadline, deadline * 1.2));

        process.Memory.Fault = null;
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        await process.Another(3).Runtime.Stage.RefreshAsync(default);
        Assert.That((await process.Cutover.StatusAsync(default)).Lead, Is.EqualTo(happened ? Stages.Other(from) : from));
        var history = await process.Cutover.HistoryAsync(10, default);
        Assert.That(history, Has.Count.EqualTo(2));
        var (last, first) = (history[0], history[1]);
        Assert.That(first.Detail, Does.StartWith("not known whether it happened"));
        Assert.That((last.Actor, last.Action), Is.EqualTo(("strangler", happened ? "promote" : "abort")));
    });

    [Test]
    public void A_flip_whose_denial_loses_its_reply_goes_on_also_when_the_fence_cannot_be_read_at_once(
        [Values] bool happened) => Run(async () =>
    {
        var process = await ReadyAsync(SideName.Legacy);
        LoseFrom(process, HookPoint.FlipBeforeDeny, SideName.Legacy, happened ? "fence-cas.after" : "fence-cas.before", 3);
        Assert.That((await FlipAsync(process, SideName.Legacy)).Stage, Is.EqualTo(Stage.NewLeads));
        Assert.That((await process.Cutover.HistoryAsync(10, default)).Single().Detail, Is.Empty);
    });

    [Test]
    public void A_move_that_keeps_the_lead_and_loses_its_reply_is_done_once_and_audited([Values] bool happened) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        LoseFrom(process, HookPoint.MoveBeforeSet, SideName.Legacy, happened ? "fence-cas.after" : "fence-cas.before", 1);
        var view = await process.BackAsync();
        Assert.That((view.Stage, view.Epoch), Is.EqualTo((Stage.DualWrite, 6L)));
        Assert.That((await process.Cutover.HistoryAsync(10, default)).Single().Action, Is.EqualTo("back"));
    });

    [Test]
    public void A_flip_whose_abort_loses_its_reply_says_that_it_was_aborted([Values] bool happened) => Run(async () =>
    {
        var process = await ReadyAsync(SideName.Legacy);
        var step = happened ? "fence-cas.after" : "fence-cas.before";
        LoseFrom(process, HookPoint.FlipBeforeAbort, SideName.Legacy, step, 1, failsAtPrepare: true);
        await Assert.ThatAsync(
            () => FlipAsync(process, SideName.Legacy), Throws.TypeOf<CutoverException>().With.Message.Contains("was aborted"));
        CutoverTests.AssertOneLead(process);
        var entry = (await process.Cutover.HistoryAsync(10, default)).Single();
        Assert.That(entry.Detail, Does.StartWith("failed: The flip of notes was aborted"));
    });

    private static Stage TargetOf(SideName from) => from == SideName.Legacy ? Stage.NewLeads : Stage.ShadowRead;

    private static Task<StageView> FlipAsync(TestProcess process, SideName from) =>
        from == SideName.Legacy ? process.AdvanceAsync() : process.BackAsync();

    // From the point on, so many times; then, if asked, nothing of that side answers any more.
    private static void LoseFrom(
        TestProcess process, HookPoint point, SideName side, string step, int times, bool thenDown = false, bool failsAtPrepare = false)
    {
        var prefix = $"{side}.".ToLowerInvariant();
        var (on, lost) = (false, 0);
        process.Hook = (reached, at) =>
        {
            on |= reached == point;
            return failsAtPrepare && reached == HookPoint.FlipBeforePrepare ? throw Lost(at) : default;
        };
        process.Memory.Fault = reached => on && ((reached == prefix + step && lost++ < times)
            || (thenDown && lost > 0 && reached.StartsWith(prefix, StringComparison.Ordinal)))
            ? throw Lost(side)
            : Task.CompletedTask;
    }

    private static SideUnavailableException Lost(SideName side) =>
        new(side, "the reply was lost", isTransient: true, new IOException("hook")) { IsConnectionLost = true };

    private async Task<TestProcess> ReadyAsync(SideName from)
    {
        var process = TestProcess.In(from == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads, _time);
        await process.AddAsync("a", 1);
        await process.BackfillOnPaperAsync();
        return process;
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
