using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class FollowerApplierTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case4")]
    public void What_was_applied_is_superseded_the_second_time_and_leaves_the_journal() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var crashed = process.Another(2);
        crashed.Memory.Fault = step =>
        {
            if (step == "legacy.settle.before")
            {
                crashed.Memory.Kill();
            }

            return Task.CompletedTask;
        };
        await crashed.AddAsync("a");
        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(1));
        Assert.That(await process.Relay.DrainAsync(default), Is.EqualTo(new Strangler.Journal.RelayPass(0, 1, 0, 0)));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case9")]
    public void Applied_in_any_order_the_follower_ends_at_the_highest_version([Range(1, 20)] int seed) =>
        Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var id = (await process.AddAsync("a")).Id;
        var others = Enumerable.Range(2, 3).Select(i => process.Another(i)).ToList();
        await Task.WhenAll(others.Select(async other =>
        {
            for (var i = 0; i < 5; i++)
            {
                await Hammer.IncrementAsync(other, id);
                await other.Applier.ApplyAsync(TestProcess.Key(id), default);
            }
        }));
        Assert.That((await process.FindAsync(id)).Amount, Is.EqualTo(15));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case53")]
    public void What_legacy_hides_keeps_the_followers_value_until_its_evidence_changes() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var note = await process.AddAsync("a");
        (note.Paid, note.Cancelled) = (true, true);
        await process.Notes.StoreAsync(note, default);
        await process.BackAsync();

        var loaded = await process.FindAsync(note.Id);
        loaded.Amount = 5;
        await process.Notes.StoreAsync(loaded, default);
        Assert.That(process.New(note.Id)!.Boolean("paid"), Is.True, "legacy's letter C does not say");
        Assert.That(process.New(note.Id)!.Integer("amount"), Is.EqualTo(5));

        loaded.Cancelled = false;
        await process.Notes.StoreAsync(loaded, default);
        Assert.That(process.New(note.Id)!.Boolean("paid"), Is.False, "letter O does say");
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_row_that_cannot_be_read_goes_to_quarantine_and_leaves_it_when_it_can() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var key = TestProcess.Key(7);
        process.Memory.WriteForeign(key, TestLens.LegacyRow("a", 1, "?"));
        Assert.That((await process.Relay.DrainAsync(default)).Quarantined, Is.EqualTo(1));
        Assert.That(process.Memory.NewDatabase.Quarantine[key].Place, Is.EqualTo("notizen.status"));
        Assert.That(process.New(7), Is.Null);

        process.Memory.WriteForeign(key, TestLens.LegacyRow("a", 1, "P"));
        await process.Relay.DrainAsync(default);
        Assert.That(process.Memory.NewDatabase.Quarantine, Is.Empty);
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_foreign_write_that_comes_between_the_snapshot_and_the_settling_keeps_its_journal_row() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var key = TestProcess.Key(7);
        process.Memory.WriteForeign(key, TestLens.LegacyRow("a", 1, "O"));
        process.Memory.Fault = step =>
        {
            if (step == "legacy.settle.before")
            {
                process.Memory.Fault = null;
                process.Memory.WriteForeign(key, TestLens.LegacyRow("b", 1, "O"));
            }

            return Task.CompletedTask;
        };
        await process.Applier.ApplyAsync(key, default);
        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(1));
        await process.Relay.DrainAsync(default);
        Assert.That(process.New(7)!.Text("name"), Is.EqualTo("b"));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case30")]
    public void A_prepared_row_that_an_aborted_flip_left_does_not_stop_applies() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.NewDatabase.Fence = new FenceRow(FenceRole.Prepared, Stage.NewLeads, 6, 2);
        process.Memory.LegacyDatabase.Fence = new FenceRow(FenceRole.Lead, Stage.ShadowRead, 7, 2);
        await process.AddAsync("a");
        Assert.That(process.Memory.NewDatabase.Fence, Is.EqualTo(new FenceRow(FenceRole.Follower, Stage.ShadowRead, 7, 2)));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case21")]
    public void A_prepared_row_of_the_present_flip_is_left_alone() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var prepared = new FenceRow(FenceRole.Prepared, Stage.NewLeads, 6, 2);
        process.Memory.NewDatabase.Fence = prepared;
        process.Memory.LegacyDatabase.Fence =
            new FenceRow(FenceRole.Switching, Stage.ShadowRead, 6, 2, process.Memory.LegacyDatabase.UtcNow.AddSeconds(30));
        Assert.That(await process.Applier.ApplyAsync(TestProcess.Key(1), default), Is.EqualTo(ApplyResult.NotFollower));
        Assert.That(process.Memory.NewDatabase.Fence, Is.EqualTo(prepared));
    });

    [Test]
    [Category("Case21")]
    public void Between_the_decision_and_the_promotion_nothing_is_applied_either_way() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        process.Memory.PlantLegacy(1, "a", 1);
        process.Memory.LegacyDatabase.Fence = new FenceRow(FenceRole.Follower, Stage.NewLeads, 6, 2);
        process.Memory.NewDatabase.Fence = new FenceRow(FenceRole.Prepared, Stage.NewLeads, 6, 2);
        foreach (var side in Enum.GetValues<SideName>())
        {
            Assert.That(await process.Applier.ApplyAsync(TestProcess.Key(1), default, side), Is.EqualTo(ApplyResult.NotFollower));
        }

        Assert.That(process.Legacy(1), Is.Not.Null);
        Assert.That(process.New(1), Is.Null);
    });

    [Test]
    [Category("Case10")]
    public void An_apply_that_comes_after_the_flip_is_refused_by_the_role() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        Assert.That(await process.Applier.ApplyAsync(TestProcess.Key(1), default, SideName.New), Is.EqualTo(ApplyResult.NotFollower));
    });

    [Test]
    [Category("Case35")]
    public void A_lead_that_has_gone_back_in_time_is_found_and_nothing_is_overwritten() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var note = await process.AddAsync("a");
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        var key = TestProcess.Key(note.Id);
        var entities = process.Memory.LegacyDatabase.Entities;
        entities[key] = entities[key] with { Version = new EntityVersion(2, 1) };
        process.Memory.LegacyDatabase.Rows[key] = TestLens.LegacyRow("a", 0, "O");
        await Assert.ThatAsync(() => process.Applier.ApplyAsync(key, default), Throws.TypeOf<RegressionException>());
        Assert.That(process.New(note.Id)!.Integer("amount"), Is.EqualTo(2));
    });

    [Test]
    [Category("Case43")]
    public void A_foreign_write_to_the_following_legacy_side_is_not_overwritten_unseen() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var note = await process.AddAsync("a");
        process.Memory.WriteForeign(TestProcess.Key(note.Id), TestLens.LegacyRow("foreign", 0, "O"));
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.Legacy(note.Id)!.Text("name"), Is.EqualTo("foreign"), "the caller does not wait for a merge");
        Assert.That((await process.Relay.DrainAsync(default)).Parked, Is.Zero);
        Assert.That((process.New(note.Id)!.Text("name"), process.New(note.Id)!.Integer("amount")), Is.EqualTo(("foreign", 2L)));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void What_LegacyOnly_wrote_between_two_periods_of_dual_writing_outranks_what_was_accepted_before() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var note = await process.AddAsync("a", 1);
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        await process.BackAsync();
        note = await process.FindAsync(note.Id);
        note.Amount = 3;
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.New(note.Id)!.Integer("amount"), Is.EqualTo(2));

        await process.AdvanceAsync();
        Assert.That(await process.Applier.ApplyAsync(TestProcess.Key(note.Id), default), Is.EqualTo(ApplyResult.Applied));
        process.AssertBothSidesAgree();
        note.Amount = 4;
        await process.Notes.StoreAsync(note, default);
        process.AssertBothSidesAgree();
    });

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
