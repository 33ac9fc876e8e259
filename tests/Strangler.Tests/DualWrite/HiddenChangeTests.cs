using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

/// <summary>
/// Legacy's letter says nothing of the payment of a cancelled note: while it leads, a change to that would be acknowledged and be nowhere.
/// </summary>
public sealed class HiddenChangeTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_change_that_the_lead_would_hide_is_refused_by_its_name_and_is_nowhere(
        [Values(Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead)] Stage stage, [Values] bool isCancelledBefore) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        var id = await AddAsync(process, cancelled: isCancelledBefore, paid: false);
        var note = await process.FindAsync(id);
        var (version, amount) = (process.Notes.TokenOf(note)!.Version, note.Amount);
        (note.Cancelled, note.Paid, note.Amount) = (true, true, 9);
        Assert.That(await RefusedFieldAsync(process, note), Is.EqualTo("paid"));
        var now = await process.FindAsync(id);
        Assert.That((now.Cancelled, now.Amount, process.Notes.TokenOf(now)!.Version), Is.EqualTo((isCancelledBefore, amount, version)));
        Assert.That(process.New(id) is { } @new && @new.Boolean("paid"), Is.False);
    });

    [Test]
    public void A_new_entity_that_the_lead_would_hide_a_part_of_is_refused_and_gets_no_id() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var note = new TestEntity { Name = "a", Cancelled = true, Paid = true };
        Assert.That(await RefusedFieldAsync(process, note), Is.EqualTo("paid"));
        Assert.That((note.Id, process.Memory.LegacyDatabase.Rows.Count, process.Memory.NewDatabase.Rows.Count), Is.EqualTo((0L, 0, 0)));
        await process.Relay.DrainAsync(default);
    });

    [Test]
    public void What_another_change_hides_stays_on_the_new_side() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var id = await AddAsync(process, cancelled: false, paid: true);
        var note = await process.FindAsync(id);
        note.Cancelled = true;
        await process.Notes.StoreAsync(note, default);
        note.Amount++;
        await process.Notes.StoreAsync(note, default);
        Assert.That((process.New(id)!.Boolean("cancelled"), process.New(id)!.Boolean("paid"), process.New(id)!.Integer("amount")), Is.EqualTo((true, true, 1L)));
    });

    [Test]
    public void What_is_saved_unchanged_is_taken_in_every_stage([Values] Stage stage, [Values] bool cancelled, [Values] bool paid) => Run(async () =>
    {
        if (Stages.LeadOf(stage) == SideName.Legacy && cancelled && paid)
        {
            return;
        }

        var process = TestProcess.In(stage, _time);
        var id = await AddAsync(process, cancelled, paid);
        var note = await process.FindAsync(id);
        await process.Notes.StoreAsync(note, default);
        await process.Notes.StoreAsync(note, default);
        Assert.That((note.Cancelled, note.Paid), Is.EqualTo((cancelled, paid)));
        Assert.That(await process.FindAsync(id) is { } now && now.Cancelled == cancelled, Is.True);
    });

    /// <summary>Loaded while the new side led, which shows all of it; saved while legacy leads, which does not.</summary>
    [Test]
    public void What_was_loaded_before_the_way_back_can_be_saved_after_it_and_nothing_is_lost([Values] bool byTag) => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var id = await AddAsync(process, cancelled: true, paid: true);
        var note = await process.FindAsync(id);
        var tag = process.Notes.TokenOf(note)!.ToTag();
        await process.BackAsync();
        if (byTag)
        {
            note = new TestEntity { Id = id, Name = note.Name, Amount = note.Amount, Cancelled = true, Paid = true };
            process.Notes.Attach(note, LoadToken.FromTag(tag)!);
        }

        await process.Notes.StoreAsync(note, default);
        note.Amount = 5;
        await process.Notes.StoreAsync(note, default);
        await process.Relay.DrainAsync(default);
        Assert.That((process.New(id)!.Boolean("paid"), process.New(id)!.Integer("amount")), Is.EqualTo((true, 5L)));
        Assert.That(process.Legacy(id)!.Integer("amount"), Is.EqualTo(5));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void What_was_loaded_before_the_way_back_and_changed_where_legacy_hides_it_is_refused([Values] bool byTag) => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var id = await AddAsync(process, cancelled: true, paid: false);
        var note = await process.FindAsync(id);
        var tag = process.Notes.TokenOf(note)!.ToTag();
        await process.BackAsync();
        if (byTag)
        {
            note = new TestEntity { Id = id, Name = note.Name, Amount = note.Amount, Cancelled = true };
            process.Notes.Attach(note, LoadToken.FromTag(tag)!);
        }

        note.Paid = true;
        Assert.That(await RefusedFieldAsync(process, note), Is.EqualTo("paid"));
        note.Paid = false;
        await process.Notes.StoreAsync(note, default);
        process.AssertBothSidesAgree();
    });

    /// <summary>Legacy's letter is the same, whether the payment was changed before it was hidden or not.</summary>
    [Test]
    public void What_one_write_changes_and_hides_reaches_the_new_side([Values] bool paidBefore, [Values] bool joint) => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.OneTransaction = joint);
        var id = await AddAsync(process, cancelled: false, paidBefore);
        var note = await process.FindAsync(id);
        (note.Cancelled, note.Paid) = (true, false);
        await process.Notes.StoreAsync(note, default);
        Assert.That((process.New(id)!.Boolean("cancelled"), process.New(id)!.Boolean("paid")), Is.EqualTo((true, false)));
    });

    [Test]
    [Category("Case34")]
    public void What_is_hidden_before_the_follower_had_it_reaches_it_all_the_same(
        [Values] bool paid, [Values] bool byBackfill, [Values] bool isSavedAgain) => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var id = await AddAsync(process, cancelled: false, !paid);
        process.Memory.Fault = step => step.StartsWith("new.", StringComparison.Ordinal)
            ? throw new SideUnavailableException(SideName.New, "down", isTransient: true, new IOException("down"))
            : Task.CompletedTask;
        var note = await process.FindAsync(id);
        note.Paid = paid;
        await process.Notes.StoreAsync(note, default);
        note.Cancelled = true;
        await process.Notes.StoreAsync(note, default);
        if (isSavedAgain)
        {
            note = await process.FindAsync(id);
            note.Amount = 7;
            await process.Notes.StoreAsync(note, default);
        }

        process.Memory.Fault = null;
        if (byBackfill)
        {
            await new BackfillJob(process.Runtime, new BackfillOptions()).RunAsync(TestLens.Kind, null, default);
        }

        await process.Relay.DrainAsync(default);
        Assert.That((process.New(id)!.Boolean("cancelled"), process.New(id)!.Boolean("paid")), Is.EqualTo((true, paid)));
        process.AssertBothSidesAgree();
    });

    /// <summary>What the follower has had since is newer than what a write wanted before: it is not brought back.</summary>
    [Test]
    public void What_another_program_has_changed_since_is_not_taken_back() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.ForeignWritersNone = false);
        var id = await AddAsync(process, cancelled: false, paid: true);
        var note = await process.FindAsync(id);
        note.Cancelled = true;
        await process.Notes.StoreAsync(note, default);
        foreach (var letter in new[] { "O", "C" })
        {
            process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 0, letter), captured: true);
            await process.Relay.DrainAsync(default);
        }

        note = await process.FindAsync(id);
        note.Amount = 7;
        await process.Notes.StoreAsync(note, default);
        Assert.That((process.New(id)!.Integer("amount"), process.New(id)!.Boolean("cancelled"), process.New(id)!.Boolean("paid")), Is.EqualTo((7L, true, false)));
    });

    /// <summary>What was accepted before another program's write is not what the caller has seen: to bring it back is a change (seed 64831).</summary>
    [Test]
    public void What_was_accepted_before_another_program_wrote_is_no_excuse() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time, options => options.ForeignWritersNone = false);
        var id = await AddAsync(process, cancelled: true, paid: true);
        await process.BackAsync();
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("a", 0, "O"), captured: true);
        var note = await process.FindAsync(id);
        Assert.That((note.Cancelled, note.Paid), Is.EqualTo((false, false)), "what legacy, which leads, shows");
        (note.Cancelled, note.Paid) = (true, true);
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<CannotHoldException>().With.Message.Contains("paid"));
    });

    /// <summary>The other way round: legacy derives what the caller changes it to, and the new side had another value.</summary>
    [Test]
    public void What_was_loaded_before_the_way_back_and_changed_to_what_legacy_derives_reaches_the_new_side(
        [Values] bool byTag, [Values] bool isSavedBefore) => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var id = await AddAsync(process, cancelled: true, paid: true);
        var note = await process.FindAsync(id);
        var tag = process.Notes.TokenOf(note)!.ToTag();
        await process.BackAsync();
        if (byTag)
        {
            note = new TestEntity { Id = id, Name = note.Name, Amount = note.Amount, Cancelled = true, Paid = true };
            process.Notes.Attach(note, LoadToken.FromTag(tag)!);
        }

        if (isSavedBefore)
        {
            await process.Notes.StoreAsync(note, default);
        }

        note.Paid = false;
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.New(id)!.Boolean("paid"), Is.False);
        note = await process.FindAsync(id);
        note.Amount++;
        await process.Notes.StoreAsync(note, default);
        Assert.That((process.New(id)!.Boolean("paid"), process.New(id)!.Integer("amount")), Is.EqualTo((false, 1L)));
    });

    /// <summary>The same of a state that legacy itself wrote, and that the new side led without writing to it.</summary>
    [Test]
    public void What_was_loaded_while_the_new_side_led_legacys_own_state_and_changed_reaches_it() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = await AddAsync(process, cancelled: false, paid: true);
        var note = await process.FindAsync(id);
        note.Cancelled = true;
        await process.Notes.StoreAsync(note, default);
        await process.BackfillOnPaperAsync();
        await process.AdvanceAsync();
        note = await process.FindAsync(id);
        Assert.That(note.Paid, Is.True);
        await process.BackAsync();
        note.Paid = false;
        await process.Notes.StoreAsync(note, default);
        Assert.That(process.New(id)!.Boolean("paid"), Is.False);
        process.AssertBothSidesAgree();
    });

    private static async Task<long> AddAsync(TestProcess process, bool cancelled, bool paid)
    {
        var note = new TestEntity { Name = "a", Cancelled = cancelled, Paid = paid };
        await process.Notes.StoreAsync(note, default);
        return note.Id;
    }

    private static async Task<string?> RefusedFieldAsync(TestProcess process, TestEntity note)
    {
        try
        {
            await process.Notes.StoreAsync(note, default);
            return null;
        }
        catch (CannotHoldException exception)
        {
            return exception.Field;
        }
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
