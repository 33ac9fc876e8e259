using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Journal;

/// <summary>
/// Another program makes a legacy row unreadable while legacy leads: the key is in quarantine, and not parked besides. Nothing of it is
/// lost,
/// and what is signed off keeps nothing shut.
/// </summary>
[Category("Case40")]
public sealed class QuarantinedKeyTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void Signed_off_it_opens_the_gates_and_cured_it_reaches_the_new_side() => Run(async () =>
    {
        var (process, id) = await UnreadableAsync();
        Assert.That(await ClosedAsync(process), Is.EqualTo(new[] { "quarantine of note" }));
        await process.Memory.Sides.Quarantine.SignOffAsync(TestLens.Kind, id, "test", "known", default);
        Assert.That(await ClosedAsync(process), Is.Empty);
        Assert.That((await process.AdvanceAsync()).Stage, Is.EqualTo(Stage.NewLeads));
        await Assert.ThatAsync(() => process.FindAsync(id), Throws.TypeOf<QuarantinedException>());
        await process.BackAsync();

        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 3, "O"));
        await process.Relay.DrainAsync(default);
        Assert.That(process.New(id)!.Integer("amount"), Is.EqualTo(3));
        Assert.That(process.Memory.NewDatabase.Quarantine, Is.Empty);
        process.AssertBothSidesAgree();
    });

    [Test]
    public void It_is_not_tried_again_by_itself_is_no_lost_obligation_and_can_be_brought_back_by_hand() => Run(async () =>
    {
        var (process, id) = await UnreadableAsync();
        Assert.That(await process.Relay.DrainAsync(default), Is.EqualTo(RelayPass.None));
        Assert.That((await new ObligationCheck(process.Runtime).CheckAllAsync(default)).Lost, Is.Empty);

        // As a mended mapping would: no write tells of it.
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 4, "O"), captured: false);
        Assert.That(await new ParkedKeys(process.Runtime).RetryAsync(null, default), Is.EqualTo(1));
        Assert.That((await process.Relay.DrainAsync(default)).Applied, Is.EqualTo(1));
        Assert.That(process.New(id)!.Integer("amount"), Is.EqualTo(4));
        Assert.That(process.Memory.NewDatabase.Quarantine, Is.Empty);
        process.AssertBothSidesAgree();
    });

    [Test]
    public void One_that_becomes_unreadable_while_the_journal_is_drained_ends_the_flip_unless_it_is_forced(
        [Values] bool force) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        await process.BackfillOnPaperAsync();
        process.Hook = (point, _) =>
        {
            if (point == HookPoint.FlipDenied)
            {
                process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 2, "?"));
            }

            return default;
        };
        var thrown = await Strangler.Tests.Cutover.CutoverTests.TryAsync(
            () => process.Cutover.AdvanceAsync(process.Request(force: force), null, default));
        Assert.That(thrown, force ? Is.Null : Is.TypeOf<CutoverException>().With.Message.Contains("quarantine"));
        Assert.That((await process.Cutover.StatusAsync(default)).Lead, Is.EqualTo(force ? SideName.New : SideName.Legacy));
    });

    /// <summary>
    /// The same and readable again, while an older apply is on its way: the entry is made and taken away under the key's lock.
    /// </summary>
    [Test]
    public void An_entry_of_a_later_state_is_never_taken_away_by_an_apply_of_an_earlier_one([Range(1, 40)] int seed) =>
        Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 2, "O"));
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 3, "O"));
        var early = process.Another(2).Relay.DrainAsync(default);
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 4, "?"));
        var late = process.Another(3).Applier.ApplyAsync(TestProcess.Key(id), default, SideName.New);
        await early;
        await Strangler.Tests.Cutover.CutoverTests.TryAsync(() => late);
        await process.Relay.DrainAsync(default);
        Assert.That(process.Memory.NewDatabase.Quarantine, Has.Count.EqualTo(1));
    });

    private static async Task<IReadOnlyList<string>> ClosedAsync(TestProcess process) =>
        [.. (await process.Cutover.GatesAsync(Stage.NewLeads, default)).Where(gate => !gate.Passed).Select(gate => gate.Name)];

    private async Task<(TestProcess Process, long Id)> UnreadableAsync()
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 2, "?"));
        var pass = await process.Relay.DrainAsync(default);
        var depth = await process.Memory.Sides.Legacy.Journal.DepthAsync(default);
        Assert.That((pass.Quarantined, pass.Parked, pass.Failed), Is.EqualTo((1, 0, 0)));
        Assert.That((depth.Open, depth.Parked, depth.Quarantined), Is.EqualTo((0, 0, 1)));
        await process.BackfillOnPaperAsync();
        await process.Memory.Sides.PublicIds.ReserveAsync(TestLens.Kind, 100, default);
        return (process, id);
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
