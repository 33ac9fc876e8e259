using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

/// <summary>Steps that need two people, as the engine keeps them.</summary>
[Category("Case65")]
public sealed class SecondPersonTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void Nobody_makes_a_step_alone_not_even_by_force_in_either_direction() => Run(async () =>
    {
        var process = Ready();
        Assert.That(GateOf(await RefusedAsync(() => process.AdvanceAsync())), Is.EqualTo(("second person", "nobody has approved")));
        Assert.That(GateOf(await RefusedAsync(() => process.Cutover.AdvanceAsync(process.Request(force: true), null, default))).Name, Is.EqualTo("second person"));
        Assert.That(GateOf(await RefusedAsync(() => process.BackAsync())).Name, Is.EqualTo("second person"));
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.DualWrite));
    });

    [Test]
    public void What_one_has_asked_for_another_process_makes_when_somebody_else_approves_and_both_stand_in_the_trail() => Run(async () =>
    {
        var process = Ready();
        await process.BackfillAsync();
        var asked = await AskAsync(process, "anna", Stage.ShadowRead);
        var other = process.Another(2, options => options.SecondApprover = true);
        Assert.That(await other.Cutover.AskedAsync(await other.Cutover.StatusAsync(default), default), Is.EqualTo(asked));
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(other, "anna", asked))).Value, Does.Contain("whoever asked"));

        Assert.That((await ApproveAsync(other, "ben", asked)).Stage, Is.EqualTo(Stage.ShadowRead));
        var trail = (await process.Cutover.HistoryAsync(3, default)).Select(entry => (entry.Actor, entry.Action)).Reverse();
        Assert.That(trail, Is.EqualTo(new[] { ("anna", "ask"), ("ben", "approve"), ("ben", "advance") }));
        Assert.That((await process.Cutover.HistoryAsync(1, default))[0].Detail, Is.EqualTo($"{asked.Id}, asked for by anna: anna's reason"));
    });

    [Test]
    public void A_request_is_void_when_it_is_too_old_withdrawn_for_another_step_or_the_context_has_moved() => Run(async () =>
    {
        var process = Ready();
        var old = await AskAsync(process, "anna", Stage.LegacyOnly);
        await Task.Delay(process.Runtime.Options.ApprovalWithin, _time);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", old))).Value, Does.Contain("is void"));

        var withdrawn = await AskAsync(process, "anna", Stage.LegacyOnly);
        await process.Cutover.WithdrawAsync(withdrawn.Id, "ben", "not today", default);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", withdrawn))).Value, Does.Contain("is void"));

        var back = await AskAsync(process, "anna", Stage.LegacyOnly);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", back with { To = Stage.ShadowRead }))).Value, Does.Contain("is void"), "it was for another step");
        await Assert.ThatAsync(() => AskAsync(process, "ben", Stage.LegacyOnly), Throws.TypeOf<CutoverException>().With.Message.Contains("anna has asked"));
        await ApproveAsync(process, "ben", back);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", back with { From = Stage.LegacyOnly, To = Stage.DualWrite }))).Value, Does.Contain("is void"), "a yes counts once");
    });

    [Test]
    public void A_request_whose_time_was_up_stays_void_when_others_may_wait_longer_and_ends_earlier_when_they_may_not() => Run(async () =>
    {
        var process = Ready();
        process.Runtime.Options.ApprovalWithin = TimeSpan.FromMinutes(1);
        var old = await AskAsync(process, "anna", Stage.LegacyOnly);
        Assert.That((old.UntilUtc - old.AskedUtc, old.Closed), Is.EqualTo((TimeSpan.FromMinutes(1), "")));
        await Task.Delay(TimeSpan.FromMinutes(2), _time);
        process.Runtime.Options.ApprovalWithin = TimeSpan.FromHours(1);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", old))).Value, Does.Contain("is void"));

        var next = await AskAsync(process, "anna", Stage.LegacyOnly);
        process.Runtime.Options.ApprovalWithin = TimeSpan.FromMinutes(3);
        Assert.That((await process.Cutover.AskedAsync(await process.Cutover.StatusAsync(default), default))!.UntilUtc, Is.EqualTo(next.AskedUtc.AddMinutes(3)));
        await Task.Delay(TimeSpan.FromMinutes(4), _time);
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", next))).Value, Does.Contain("is void"));
    });

    /// <summary>As an older build has written it.</summary>
    [Test]
    public void A_request_that_says_nothing_of_its_end_waits_as_long_as_is_set() => Run(async () =>
    {
        var process = Ready();
        var view = await process.Cutover.StatusAsync(default);
        await process.Memory.Sides.Legacy.Audit.AppendAsync(
            new AuditEntry(default, "anna", "ask", nameof(Stage.DualWrite), nameof(Stage.LegacyOnly), view.Epoch, false, "why not", "0123456789ab\na gate"), default);
        var asked = (await process.Cutover.AskedAsync(view, default))!;
        Assert.That((asked.Id, asked.Closed, asked.UntilUtc - asked.AskedUtc), Is.EqualTo(("0123456789ab", "a gate", process.Runtime.Options.ApprovalWithin)));
        Assert.That((await ApproveAsync(process, "ben", asked)).Stage, Is.EqualTo(Stage.LegacyOnly));
    });

    [Test]
    public void Gates_are_looked_at_when_it_is_asked_for_and_again_when_it_is_approved() => Run(async () =>
    {
        var process = Ready();
        Assert.That((await RefusedAsync(() => AskAsync(process, "anna", Stage.ShadowRead))).Failed.Select(gate => gate.Name), Has.Some.StartsWith("backfill"));
        Assert.That(await process.Cutover.AskedAsync(await process.Cutover.StatusAsync(default), default), Is.Null);
        await process.BackfillAsync();
        var asked = await AskAsync(process, "anna", Stage.ShadowRead);
        await process.ReconcileAsync("drift");
        Assert.That((await RefusedAsync(() => ApproveAsync(process, "ben", asked))).Failed.Select(gate => gate.Name), Is.EqualTo(new[] { "full reconciliation of note" }));
        await process.ReconcileAsync("clean");
        Assert.That((await ApproveAsync(process, "ben", asked)).Stage, Is.EqualTo(Stage.ShadowRead));
    });

    [Test]
    public void Force_is_the_first_ones_wish_and_the_seconds_yes_is_to_that() => Run(async () =>
    {
        var process = Ready();
        var asked = await process.Cutover.AskAsync(new CutoverRequest { Actor = "anna", Reason = "no other way", Target = Stage.ShadowRead, Force = true }, default);
        Assert.That(asked.Force, Is.True);
        Assert.That((await ApproveAsync(process, "ben", asked)).Stage, Is.EqualTo(Stage.ShadowRead));
        Assert.That((await process.Cutover.HistoryAsync(1, default))[0], Has.Property("Forced").True);
    });

    /// <summary>Only those that whoever asked and whoever approves have both seen closed.</summary>
    [Test]
    public void Force_overrides_the_gates_that_were_closed_when_it_was_asked_for_and_no_others() => Run(async () =>
    {
        var process = Ready();
        await process.ReconcileAsync("clean");
        var asked = await process.Cutover.AskAsync(new CutoverRequest { Actor = "anna", Reason = "it is explained", Target = Stage.ShadowRead, Force = true }, default);
        Assert.That(asked.Closed, Does.Contain("backfill").And.Not.Contain("reconciliation"));
        await process.ReconcileAsync("drift");
        Assert.That((await RefusedAsync(() => ApproveAsync(process, "ben", asked))).Failed.Select(gate => gate.Name), Has.Member("full reconciliation of note"));
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.DualWrite));
    });

    [Test]
    public void A_request_that_is_withdrawn_while_its_gates_are_looked_at_is_not_carried_out_and_a_yes_counts_once() => Run(async () =>
    {
        var process = Ready();
        var asked = await AskAsync(process, "anna", Stage.LegacyOnly);
        process.Memory.Fault = async step =>
        {
            if (step == "legacy.audit.before")
            {
                process.Memory.Fault = null;
                await process.Cutover.WithdrawAsync(asked.Id, "anna", "wait", default);
            }
        };
        Assert.That(GateOf(await RefusedAsync(() => ApproveAsync(process, "ben", asked))).Value, Does.Contain("was withdrawn"));
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.DualWrite));
    });

    [Test]
    public void A_withdrawal_names_what_was_looked_at_and_takes_back_all_that_wait() => Run(async () =>
    {
        var process = Ready();
        var asked = await AskAsync(process, "anna", Stage.LegacyOnly);
        await Assert.ThatAsync(() => process.Cutover.WithdrawAsync("another", "ben", "no", default), Throws.TypeOf<CutoverException>().With.Message.Contains(asked.Id));
        await process.Cutover.WithdrawAsync(null, "ben", "no", default);
        await Assert.ThatAsync(() => process.Cutover.WithdrawAsync(asked.Id, "ben", "no", default), Throws.TypeOf<CutoverException>());
    });

    /// <summary>A page that was open while the setting was changed: its button means the step that it names.</summary>
    [Test]
    public void A_yes_where_one_person_is_enough_makes_no_step() => Run(async () =>
    {
        var process = Ready();
        await process.BackfillAsync();
        await process.ReconcileAsync("clean");
        var asked = await AskAsync(process, "anna", Stage.ShadowRead);
        var other = process.Another(2, options => options.SecondApprover = false);
        await Assert.ThatAsync(() => ApproveAsync(other, "ben", asked), Throws.TypeOf<CutoverException>().With.Message.Contains("secondApprover is false"));
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.DualWrite));
    });

    private TestProcess Ready()
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.SecondApprover = true);
        process.Memory.PlantLegacy(7, "a", 1);
        return process;
    }

    private static Task<AskedStep> AskAsync(TestProcess process, string actor, Stage target) =>
        process.Cutover.AskAsync(new CutoverRequest { Actor = actor, Reason = $"{actor}'s reason", Target = target }, default);

    private static Task<StageView> ApproveAsync(TestProcess process, string actor, AskedStep asked)
    {
        var request = new CutoverRequest { Actor = actor, Reason = "yes", Target = asked.To, ApprovalOf = asked.Id };
        return asked.To > asked.From ? process.Cutover.AdvanceAsync(request, null, default) : process.Cutover.BackAsync(request, null, default);
    }

    private static async Task<GateException> RefusedAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (GateException exception)
        {
            return exception;
        }

        throw new AssertionException("It was not refused.");
    }

    private static (string Name, string Value) GateOf(GateException refused) => (refused.Failed.Single().Name, refused.Failed.Single().Value);

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
