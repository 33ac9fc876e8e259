using NUnit.Framework;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

public sealed class CutoverTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void Stages_follow_one_another_and_only_NewOnly_has_no_way_back()
    {
        Assert.That(StageTable.Forward(Stage.NewOnly), Is.Null);
        Assert.That(StageTable.Back(Stage.NewOnly), Is.Null);
        Assert.That(StageTable.Back(Stage.LegacyOnly), Is.Null);
        for (var stage = Stage.LegacyOnly; stage < Stage.NewOnly; stage++)
        {
            var move = StageTable.Forward(stage)!;
            Assert.That(move.To, Is.EqualTo(stage + 1));
            Assert.That(move.Kind == MoveKind.Flip, Is.EqualTo(Stages.LeadOf(stage) != Stages.LeadOf(stage + 1)));
        }
    }

    [Test]
    public void The_way_forward_and_back_and_forward_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        process.Memory.PlantLegacy(7, "old", 1);
        await ForwardToNewLeadsAsync(process);
        for (var stage = Stage.NewLeads; stage > Stage.LegacyOnly; stage--)
        {
            Assert.That((await process.BackAsync()).Stage, Is.EqualTo(stage - 1));
        }

        await ForwardToNewLeadsAsync(process);
        await process.ReconcileAsync("clean");
        Assert.That((await process.AdvanceAsync()).Stage, Is.EqualTo(Stage.NewOnly));
        await Assert.ThatAsync(process.BackAsync, Throws.TypeOf<CutoverException>());
        Assert.That((await process.FindAsync(7)).Name, Is.EqualTo("old"));
        var history = await process.Cutover.HistoryAsync(100, default);
        Assert.That(history.Select(entry => entry.Epoch), Is.Unique);
        Assert.That(history[0].To, Is.EqualTo("NewOnly"));
    });

    [Test]
    public void Each_gate_refuses_alone_with_its_value_and_its_cure([Values(
        "migrations", "parked keys", "journal lag", "capture", "backfill of note", "quarantine of note", "unmapped note",
        "full reconciliation of note", "shadow reads", "shadow mismatches", "replicas")] string name) => Run(async () =>
    {
        var process = await ReadyForNewLeadsAsync(options =>
        {
            options.ShadowReadMinimum = name == "shadow reads" ? 10 : 0;
            options.ForeignWritersNone = name != "capture";
        });
        var (legacy, @new) = (process.Memory.LegacyDatabase, process.Memory.NewDatabase);
        switch (name)
        {
            case "migrations":
                @new.Fence = null;
                break;
            case "capture":
                legacy.CaptureFault = "not installed";
                break;
            case "parked keys" or "journal lag":
                process.Memory.WriteForeign(TestProcess.Key(7), TestLens.LegacyRow("b", 1, "O"));
                legacy.Journal[0].Parked = name == "parked keys";
                _time.Advance(TimeSpan.FromMinutes(1));
                break;
            case "backfill of note":
                @new.Checkpoints[TestLens.Kind] = @new.Checkpoints[TestLens.Kind] with { Phase = BackfillPhase.Removing };
                break;
            case "quarantine of note":
                @new.Quarantine[TestProcess.Key(8)] = new QuarantineEntry(8, "place", "reason", default);
                break;
            case "unmapped note":
                @new.Rows[TestProcess.Key(77)] = TestLens.NewRow("x", 1, false, false);
                break;
            case "full reconciliation of note":
                await process.ReconcileAsync("drift");
                break;
            case "shadow mismatches":
                await process.Memory.Sides.ShadowLog.AddAsync(
                    legacy.Fence!.Epoch, 1, [new ShadowMismatch(7, ["name"])], default);
                break;
            case "replicas":
                await process.Memory.Sides.Replicas.BeatAsync("old", "0", Stage.ShadowRead, default);
                break;
        }

        var gates = await process.Cutover.GatesAsync(Stage.NewLeads, default);
        var failed = gates.Where(gate => !gate.Passed && !gate.Name.StartsWith("reserved", StringComparison.Ordinal)).ToList();
        Assert.That(failed.Select(gate => gate.Name), Is.EqualTo(new[] { name }));
        Assert.That(failed[0].Cure, Is.Not.Empty);
        var before = (legacy.Fence, @new.Fence);
        await Assert.ThatAsync(process.AdvanceAsync, Throws.TypeOf<GateException>());
        Assert.That((legacy.Fence, @new.Fence), Is.EqualTo(before));
    });

    [Test]
    [TestCase("never")]
    [TestCase("too old")]
    [TestCase("disturbed")]
    [TestCase("inconclusive")]
    [TestCase("a later partial run does not count")]
    public void Only_a_full_clean_fresh_undisturbed_reconciliation_opens_the_gate(string how) => Run(async () =>
    {
        var process = await ReadyForNewLeadsAsync();
        var runs = process.Memory.NewDatabase.Runs;
        switch (how)
        {
            case "never":
                runs.Clear();
                break;
            case "too old":
                _time.Advance(TimeSpan.FromHours(25));
                break;
            case "disturbed":
                await process.Memory.Sides.Reconciliations.DisturbAsync("repair", default);
                break;
            case "inconclusive":
                await process.ReconcileAsync("inconclusive");
                break;
            default:
                await process.ReconcileAsync("drift");
                var id = await process.Memory.Sides.Reconciliations.BeginAsync(false, "", default);
                await process.Memory.Sides.Reconciliations.EndAsync(id, "clean", "", default);
                break;
        }

        await Assert.ThatAsync(process.AdvanceAsync, Throws.TypeOf<GateException>());
        await process.ReconcileAsync("clean");
        await process.AdvanceAsync();
    });

    [Test]
    public void A_forced_step_needs_a_reason_is_audited_and_asks_for_a_new_reconciliation() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        await Assert.ThatAsync(
            () => process.Cutover.AdvanceAsync(process.Request(reason: " ", force: true), null, default), Throws.TypeOf<GateException>());
        await process.Cutover.AdvanceAsync(process.Request(reason: "because", force: true), null, default);
        var entry = (await process.Cutover.HistoryAsync(1, default)).Single();
        Assert.That((entry.Forced, entry.Reason, entry.Actor), Is.EqualTo((true, "because", "replica-1")));
        Assert.That(entry.Detail, Does.Contain("backfill"));
        Assert.That(process.Memory.NewDatabase.LastDisturbance, Is.Not.Null);
    });

    [Test]
    public void Not_even_force_leads_to_NewOnly_without_the_typed_name() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var request = new CutoverRequest { Actor = "a", Reason = "b", Force = true, TypedConfirmation = "donations" };
        await Assert.ThatAsync(() => process.Cutover.AdvanceAsync(request, null, default), Throws.TypeOf<GateException>());
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.NewLeads));
    });

    [Test]
    public void A_dry_run_shows_the_gates_and_changes_nothing() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.NewDatabase.IdBlocks.Clear();
        List<string> lines = [];
        var request = new CutoverRequest { Actor = "a", DryRun = true };
        await process.Cutover.AdvanceAsync(request, new Immediate(lines.Add), default);
        Assert.That(lines, Has.Some.StartsWith("CLOSED  backfill of note: not begun"));
        Assert.That(process.Memory.LegacyDatabase.Fence!.Epoch, Is.EqualTo(5));
        Assert.That(process.Memory.LegacyDatabase.Audit, Is.Empty);
        Assert.That(process.Memory.LegacyDatabase.AutoIncrement, Is.Empty);
    });

    [Test]
    [Category("Case6")]
    public void The_new_side_does_not_lead_while_legacy_would_allot_reserved_ids_again_not_even_by_force() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.NewDatabase.IdBlocks.Clear();
        await process.Memory.Sides.PublicIds.ReserveAsync(TestLens.Kind, 200, default);
        process.Memory.LegacyDatabase.AutoIncrement[TestLens.Kind] = 10;
        await Assert.ThatAsync(
            () => process.Cutover.AdvanceAsync(process.Request(force: true), null, default),
            Throws.TypeOf<GateException>().With.Message.Contains("190 reserved ids"));
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.ShadowRead));

        process.Memory.LegacyDatabase.AutoIncrement[TestLens.Kind] = 200;
        await process.Cutover.AdvanceAsync(process.Request(force: true), null, default);
    });

    [Test]
    public void Before_the_new_side_leads_ids_are_reserved() => Run(async () =>
    {
        var process = await ReadyForNewLeadsAsync();
        process.Memory.NewDatabase.IdBlocks.Clear();
        await process.AdvanceAsync();
        Assert.That(await process.Memory.Sides.PublicIds.LeftAsync(TestLens.Kind, default), Is.EqualTo(100));
        Assert.That((await process.AddAsync("b")).Id, Is.EqualTo(8));
    });

    [Test]
    [Category("Case22")]
    public void Of_two_operators_one_moves_the_context_and_the_other_is_told([Range(1, 30)] int seed) =>
        Simulation.Run(seed, _time, async () =>
    {
        var process = await ReadyForNewLeadsAsync();
        process.Memory.NewDatabase.IdBlocks[TestLens.Kind] = new Queue<long>(Enumerable.Range(500, 100).Select(id => (long)id));
        var other = process.Another(2);
        var forward = TryAsync(process.AdvanceAsync);
        var back = TryAsync(seed % 2 == 0 ? other.BackAsync : other.AdvanceAsync);
        var outcomes = await Task.WhenAll(forward, back);
        Assert.That(outcomes.Count(exception => exception is null), Is.GreaterThanOrEqualTo(1));
        Assert.That(outcomes.Where(exception => exception is not null), Is.All.TypeOf<CutoverException>().Or.TypeOf<GateException>());
        AssertOneLead(process);
        Assert.That((await process.Cutover.StatusAsync(default)).Switching, Is.False);
    });

    [Test]
    [Category("Case22")]
    public void A_step_to_the_stage_that_is_reached_is_harmless() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var request = new CutoverRequest { Actor = "a", Target = Stage.NewLeads };
        Assert.That((await process.Cutover.AdvanceAsync(request, null, default)).Epoch, Is.EqualTo(5));
        var tooFar = new CutoverRequest { Actor = "a", Target = Stage.LegacyOnly };
        await Assert.ThatAsync(() => process.Cutover.BackAsync(tooFar, null, default), Throws.TypeOf<CutoverException>());
    });

    [Test]
    [Category("Case23")]
    public void A_flip_that_cannot_drain_aborts_at_its_deadline_and_writers_go_on() => Run(async () =>
    {
        var process = await ReadyForNewLeadsAsync(options => options.FlipDeadline = TimeSpan.FromSeconds(3));
        process.Memory.Fault = DualWrite.WriteTests.Down("new.begin");
        await process.AddAsync("b");
        var writer = process.Another(2);
        var flip = TryAsync(process.AdvanceAsync);
        await Task.Delay(TimeSpan.FromMilliseconds(500), _time);
        var write = writer.AddAsync("c");
        Assert.That(await flip, Is.TypeOf<CutoverException>());
        await write;
        var status = await process.Cutover.StatusAsync(default);
        Assert.That(
            (status.Stage, status.Lead, status.Switching, status.Epoch > 6), Is.EqualTo((Stage.ShadowRead, SideName.Legacy, false, true)));
        process.Memory.Fault = null;
        await Task.Delay(TimeSpan.FromMinutes(1), _time);
        await process.Relay.DrainAsync(default);
        await process.ReconcileAsync("clean");
        await process.AdvanceAsync();
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case11")]
    [Category("Case32")]
    public void A_long_transaction_makes_the_flip_wait_or_give_up_and_writers_are_held_up_only_briefly() => Run(async () =>
    {
        var process = await ReadyForNewLeadsAsync();
        var other = process.Another(2);
        await using var open = await other.Memory.Sides.Legacy.Store.BeginAsync(new WriteIntent(TestProcess.Key(99)), default);
        var flip = TryAsync(process.AdvanceAsync);
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        var began = _time.GetTimestamp();
        await other.AddAsync("b");
        Assert.That(_time.GetElapsedTime(began), Is.LessThanOrEqualTo(process.Runtime.Options.FenceLockTimeout));
        Assert.That(await flip, Is.TypeOf<FenceBusyException>());
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.ShadowRead));
    });

    [Test]
    public void Resume_and_abort_with_nothing_to_do_do_nothing() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        Assert.That((await process.Cutover.ResumeAsync(process.Request(), null, default)).Epoch, Is.EqualTo(5));
        Assert.That((await process.Cutover.AbortAsync(process.Request(), default)).Epoch, Is.EqualTo(5));
    });

    [Test]
    public void Back_to_LegacyOnly_works_while_the_new_side_is_down() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.Fault = DualWrite.WriteTests.Down("new.");
        await process.BackAsync();
        Assert.That((await process.BackAsync()).Stage, Is.EqualTo(Stage.LegacyOnly));
        await process.AddAsync("a");
    });

    [Test]
    [Category("Case31")]
    public void Status_comes_from_the_fences_not_from_a_cache() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        await process.Cutover.StatusAsync(default);
        process.Memory.SetStage(Stage.NewLeads, 9, 2);
        Assert.That((await process.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.NewLeads));
        process.Memory.Fault = DualWrite.WriteTests.Down("legacy.");
        var view = await process.Cutover.StatusAsync(default);
        Assert.That((view.Stage, view.Legacy), Is.EqualTo((Stage.NewLeads, (FenceRow?)null)));
    });

    [Test]
    [Category("Case29")]
    public void Rolled_back_by_force_over_what_legacy_cannot_hold_the_richer_state_stays_and_the_list_is_kept() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var rich = await process.AddTooRichForLegacyAsync();
        await process.Relay.DrainAsync(default);
        var refused = await TryAsync(process.BackAsync);
        Assert.That(((GateException)refused!).Failed.Select(gate => gate.Name), Is.EqualTo(new[] { "parked keys" }));
        await process.Cutover.BackAsync(process.Request("we must", force: true), null, default);
        Assert.That(process.New(rich.Id)!.Text("name"), Has.Length.EqualTo(30));
        Assert.That((await process.Cutover.HistoryAsync(1, default)).Single().Detail, Does.Contain($"note {rich.Id}"));
    });

    [Test]
    [Category("Case40")]
    public void A_key_that_is_parked_while_the_journal_is_drained_ends_the_flip() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        await process.AddTooRichForLegacyAsync();
        Assert.That((await process.Cutover.GatesAsync(Stage.ShadowRead, default)).All(gate => gate.Passed), Is.True, "open, not parked yet");
        Assert.That(await TryAsync(process.BackAsync), Is.TypeOf<CutoverException>());
        Assert.That((await process.Cutover.StatusAsync(default)).Lead, Is.EqualTo(SideName.New));
        await process.AddAsync("b");
    });

    [Test]
    [Category("Case30")]
    public void Fences_of_different_flips_are_never_rolled_forward_and_reads_and_writes_are_refused([Values] bool newIsPrepared)
        => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var follower = new FenceRow(FenceRole.Follower, Stage.NewLeads, 6, 2);
        var prepared = new FenceRow(FenceRole.Prepared, Stage.NewLeads, 4, 2);
        process.Memory.LegacyDatabase.Fence = newIsPrepared ? follower : prepared;
        process.Memory.NewDatabase.Fence = newIsPrepared ? prepared : follower;
        Assert.That(await TryAsync(() => process.FindAsync(1)), Is.TypeOf<SwitchingException>());
        Assert.That(await TryAsync(() => process.AddAsync("a")), Is.TypeOf<SwitchingException>());
        Assert.That(await TryAsync(() => process.Cutover.StatusAsync(default)), Is.TypeOf<CutoverException>());
    });

    internal static void AssertOneLead(TestProcess process)
    {
        var leads = Enum.GetValues<SideName>().Count(side => process.Memory.Of(side).Fence!.Role == FenceRole.Lead);
        Assert.That(leads, Is.EqualTo(1));
    }

    internal static async Task<Exception?> TryAsync(Func<Task> act)
    {
        try
        {
            await act();
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private static async Task ForwardToNewLeadsAsync(TestProcess process)
    {
        await process.AdvanceAsync();
        await process.BackfillAsync();
        await process.AdvanceAsync();
        await process.ReconcileAsync("clean");
        Assert.That((await process.AdvanceAsync()).Stage, Is.EqualTo(Stage.NewLeads));
        process.AssertBothSidesAgree();
    }

    private async Task<TestProcess> ReadyForNewLeadsAsync(Action<ContextOptions>? configure = null)
    {
        var process = TestProcess.In(Stage.ShadowRead, _time, configure);
        process.Memory.PlantLegacy(7, "a", 1);
        await process.BackfillAsync();
        return process;
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);

    private sealed class Immediate(Action<string> report) : IProgress<string>
    {
        public void Report(string value) => report(value);
    }
}
