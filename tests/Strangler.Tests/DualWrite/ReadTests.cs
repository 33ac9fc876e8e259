using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class ReadTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case10")]
    [TestCase(Stage.ShadowRead, Stage.NewLeads)]
    [TestCase(Stage.NewLeads, Stage.ShadowRead)]
    public void A_replica_that_slept_through_a_flip_reads_and_writes_on_the_other_side(Stage before, Stage after) => Run(async () =>
    {
        var process = TestProcess.In(before, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var sleeper = process.Another(2);
        await sleeper.FindAsync(id);
        await (after > before ? process.Cutover.AdvanceAsync(process.Request(force: true), null, default) : process.BackAsync());
        var note = await process.FindAsync(id);
        note.Amount = 2;
        process.Memory.Fault = WriteTests.Down(after == Stage.NewLeads ? "legacy." : "new.");
        await process.Notes.StoreAsync(note, default);

        Assert.That(sleeper.Runtime.Stage.Current!.Stage, Is.EqualTo(before));
        var read = await sleeper.FindAsync(id);
        Assert.That(read.Amount, Is.EqualTo(2), "never a state older than the caller's own last write");
        read.Amount = 3;
        sleeper.Runtime.Stage.Learn(Stages.LeadOf(before), new FenceRow(FenceRole.Lead, before, 99, 2));
        await sleeper.Notes.StoreAsync(read, default);
        Assert.That((await process.FindAsync(id)).Amount, Is.EqualTo(3));
    });

    [Test]
    [Category("Case26")]
    public void A_replica_that_believes_legacy_leads_finds_the_new_lead_while_legacy_is_down() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var sleeper = process.Another(2);
        await sleeper.FindAsync(id);
        await process.Cutover.AdvanceAsync(process.Request(force: true), null, default);
        sleeper.Memory.Fault = WriteTests.Down("legacy.");
        var note = await sleeper.FindAsync(id);
        await sleeper.Notes.StoreAsync(note, default);
        await sleeper.AddAsync("b");
    });

    [Test]
    public void What_legacy_made_unreadable_is_not_answered_with_what_the_new_side_had_taken_over_before() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        await process.BackAsync();
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("b", 2, "?"), captured: false);
        await process.AdvanceAsync();
        await new BackfillJob(process.Runtime, new BackfillOptions()).RunAsync(TestLens.Kind, null, default);
        await process.Memory.Sides.Quarantine.SignOffAsync(TestLens.Kind, null, "test", "known", default);
        while ((await process.Cutover.StatusAsync(default)).Stage != Stage.NewLeads)
        {
            await process.ReconcileAsync("clean");
            await process.AdvanceAsync();
        }

        await Assert.ThatAsync(() => process.FindAsync(id), Throws.TypeOf<QuarantinedException>());
    });

    [Test]
    public void Reads_go_on_while_the_lead_is_switching_and_writes_wait_up_to_the_pause_budget() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var fence = process.Memory.LegacyDatabase.Fence!;
        process.Memory.LegacyDatabase.Fence =
            fence with { Role = FenceRole.Switching, Epoch = 6, Deadline = process.Memory.LegacyDatabase.UtcNow.AddMinutes(1) };
        var note = await process.FindAsync(id);
        Assert.That(await process.Another(2).FindAsync(id), Is.Not.Null);
        var began = _time.GetTimestamp();
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<SwitchingException>());
        Assert.That(_time.GetElapsedTime(began), Is.EqualTo(process.Runtime.Options.PauseBudget));

        var waiting = process.Notes.StoreAsync(note, default);
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        process.Memory.LegacyDatabase.Fence = fence with { Epoch = 7 };
        await waiting;
    });

    [Test]
    public void An_id_in_quarantine_is_never_not_found() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        process.Memory.NewDatabase.Quarantine[TestProcess.Key(7)] = new QuarantineEntry(7, "notizen.status", "unknown letter", default);
        await Assert.ThatAsync(() => process.Notes.FindAsync(7, default), Throws.TypeOf<QuarantinedException>());
        Assert.That(await process.Notes.FindAsync(8, default), Is.Null);
    });

    [Test]
    public void An_id_in_quarantine_is_neither_written_over_nor_said_to_be_deleted_nor_shown_as_it_was() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var note = await process.FindAsync((await process.AddAsync("a", 1)).Id);
        var key = TestProcess.Key(note.Id);
        process.Memory.NewDatabase.Quarantine[key] = new QuarantineEntry(note.Id, "notizen.status", "unknown letter", default);
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<QuarantinedException>());
        await Assert.ThatAsync(() => process.Notes.DeleteAsync(note.Id, default), Throws.TypeOf<QuarantinedException>());
        await Assert.ThatAsync(() => process.Notes.FindAsync(note.Id, default), Throws.TypeOf<QuarantinedException>());
    });

    [Test]
    public void A_row_that_cannot_be_read_is_named_with_its_id([Values(Stage.LegacyOnly, Stage.DualWrite)] Stage stage) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        process.Memory.PlantLegacy(7, "a", 1, "?");
        await Assert.ThatAsync(
            () => process.Notes.FindAsync(7, default),
            Throws.TypeOf<UnreadableException>().With.Property(nameof(UnreadableException.Id)).EqualTo(7));
    });

    [Test]
    public void A_side_that_is_not_migrated_is_named() => Run(async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        process.Memory.LegacyDatabase.Fence = null;
        await Assert.ThatAsync(() => process.Notes.FindAsync(7, default), Throws.TypeOf<NotMigratedException>());
    });

    /// <summary>The data, the fence and the quarantine's reason alike; each may be lost once.</summary>
    [Test]
    public void A_read_whose_connection_had_been_cut_is_asked_once_more(
        [Values] SideName lead, [Values("read", "fence", "quarantine-find")] string what) => Run(async () =>
    {
        var process = TestProcess.In(lead == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        process.Memory.NewDatabase.Quarantine[TestProcess.Key(7)] = new QuarantineEntry(7, "notizen.status", "unknown letter", default);
        var fresh = process.Another(2);
        var side = what == "quarantine-find" ? "new" : $"{lead}".ToLowerInvariant();
        var asked = 0;
        fresh.Memory.Fault = step => step == $"{side}.{what}.before" && ++asked == 1 ? throw Cut(lead) : Task.CompletedTask;
        Assert.That((await fresh.FindAsync(id)).Amount, Is.EqualTo(1));
        if (what == "quarantine-find" && lead == SideName.New)
        {
            await Assert.ThatAsync(() => fresh.Notes.FindAsync(7, default), Throws.TypeOf<QuarantinedException>());
        }

        Assert.That(asked, what == "quarantine-find" && lead == SideName.Legacy ? Is.Zero : Is.EqualTo(2));
    });

    [Test]
    public void A_read_is_not_asked_again_when_it_is_lost_twice_or_the_side_did_not_answer_in_time_or_at_all(
        [Values] SideName lead, [Values(true, false)] bool cut) => Run(async () =>
    {
        var process = TestProcess.In(lead == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var asked = 0;
        process.Memory.Fault = step => step.Equals($"{lead}.read.before", StringComparison.OrdinalIgnoreCase) && ++asked > 0
            ? throw Cut(lead, cut)
            : Task.CompletedTask;
        await Assert.ThatAsync(() => process.FindAsync(id), Throws.TypeOf<SideUnavailableException>());
        Assert.That(asked, Is.EqualTo(cut ? 2 : 1));
    });

    internal static SideUnavailableException Cut(SideName side, bool cut = true) =>
        new(side, cut ? "the connection was lost" : "no answer in time", isTransient: true, new IOException("hook"))
        {
            IsConnectionLost = cut,
        };

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
