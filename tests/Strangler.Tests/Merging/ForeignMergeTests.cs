using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.Mapping;
using Strangler.Merging;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Merging;

/// <summary>What other programs write to legacy while the new side leads. Owners as in <see cref="TestLens.Rules"/>.</summary>
[Category("Case43")]
public sealed class ForeignMergeTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_change_of_one_side_is_taken_and_legacy_is_written_once() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        var applies = CountApplies(process);
        Foreign(process, note.Id, "theirs", 1, "O");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("theirs", 1L, false, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
        Assert.That(applies, Is.EqualTo(new[] { SideName.Legacy }));
        await process.Relay.DrainAsync(default);
        Assert.That(applies, Has.Count.EqualTo(1), "no ping-pong");
    });

    [Test]
    public void Different_fields_of_both_sides_are_both_taken() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await BothAsync(process, note.Id, ("theirs", 1, "O"), one => one.Amount = 7);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("theirs", 7L, false, false)));
        AssertNothingIsOpen(process);
        process.AssertBothSidesAgree();
    });

    [Test]
    public void The_same_field_goes_by_its_owner_and_the_trail_says_so_without_values() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await BothAsync(process, note.Id, ("a", 5, "C"), one => one.Amount = 7);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 7L, true, false)), "the amount is the new side's; cancelled was changed by legacy alone");
        var entry = process.Memory.NewDatabase.Audit.Single(entry => entry.Action == "merge");
        Assert.That(entry.Detail, Is.EqualTo(
            $"{TestProcess.Key(note.Id)}: amount = new; the new side's writes after 2.1 up to 2.2, other programs' after 0 up to 1"));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void The_same_change_on_both_sides_is_no_clash() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await BothAsync(process, note.Id, ("same", 1, "O"), one => one.Name = "same");
        Assert.That(Seen(process, note.Id), Is.EqualTo(("same", 1L, false, false)));
        AssertNothingIsOpen(process);
    });

    /// <summary>By the ages that each server tells: what the clocks say of each other decides nothing.</summary>
    [Test]
    public void Newest_takes_the_later_write_whatever_the_clocks_say(
        [Values(-3600, 0, 3600)] int newSideIsAhead, [Values("theirs", "ours")] string later) => Run(async () =>
    {
        var process = NewLeads(Newest);
        process.Memory.NewDatabase.Skew = TimeSpan.FromSeconds(newSideIsAhead);
        var note = await process.AddAsync("a", 1);
        foreach (var write in later == "ours" ? ["theirs", "ours"] : (string[])["ours", "theirs"])
        {
            await WriteAsync(process, note.Id, write);
        }

        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id).Name, Is.EqualTo(later));
        AssertNothingIsOpen(process);
        Assert.That(process.Memory.NewDatabase.Audit.Count(entry => entry.Action == "merge"), Is.EqualTo(1), "the other's is lost, and it is told");
    });

    [TestCase("ours", "theirs", "ours")]
    [TestCase("theirs", "ours", "theirs")]
    public void Newest_asks_when_they_went_to_and_fro(params string[] writes) => Run(async () =>
    {
        var process = NewLeads(Newest);
        var note = await process.AddAsync("a", 1);
        foreach (var (write, number) in writes.Zip(Enumerable.Range(1, 9)))
        {
            await WriteAsync(process, note.Id, write, number);
        }

        await DrainLaterAsync(process);
        Assert.That(process.Memory.NewDatabase.Conflicts, Has.Count.EqualTo(1), "which of them was the name's, nobody knows");
    });

    [TestCase(false, TestName = "Newest_asks_when_both_are_of_one_moment")]
    [TestCase(true, TestName = "Newest_asks_when_the_new_sides_row_is_gone")]
    public void Newest_asks(bool isDropped) => Run(async () =>
    {
        var process = NewLeads(Newest);
        var note = await process.AddAsync("a", 1);
        await StartBothAsync(process, note.Id, ("theirs", 1, "O"), one => one.Name = "ours");
        if (isDropped)
        {
            process.Memory.NewDatabase.Journal.Clear();
        }

        await DrainLaterAsync(process);
        Assert.That(process.Memory.NewDatabase.Conflicts, Has.Count.EqualTo(1));
    });

    private static MergeRules Newest => new([FieldOwner.Newest], FieldOwner.Newest, null);

    // Before legacy has heard of it, and a while after whatever was before.
    private async Task WriteAsync(TestProcess process, long id, string who, int amount = 1)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        if (who == "theirs")
        {
            Foreign(process, id, who, 1, "O");
            return;
        }

        process.Memory.Fault = step => step.StartsWith("legacy.begin", StringComparison.Ordinal) ? throw Down(SideName.Legacy) : Task.CompletedTask;
        var note = await process.FindAsync(id);
        (note.Name, note.Amount) = (who, amount);
        await process.Notes.StoreAsync(note, default);
        process.Memory.Fault = null;
    }

    [Test]
    public void Without_an_owner_the_key_is_in_conflict_and_everything_else_goes_on() => Run(async () =>
    {
        var process = NewLeads();
        var (note, other) = (await process.AddAsync("a", 1), await process.AddAsync("b", 1));
        await BothAsync(process, note.Id, ("theirs", 5, "O"), one => one.Name = "ours");
        Foreign(process, other.Id, "c", 1, "O");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, other.Id).Name, Is.EqualTo("c"));
        var conflict = process.Memory.NewDatabase.Conflicts.Values.Single();
        Assert.That((conflict.Key, conflict.Writer, conflict.Fields.Single()), Is.EqualTo((TestProcess.Key(note.Id), "foreign", new ConflictField("name", "\"theirs\"", "\"ours\""))));
        Assert.That((process.New(note.Id)!.Text("name"), process.Legacy(note.Id)!.Text("name")), Is.EqualTo(("ours", "theirs")), "neither is overwritten");
        Assert.That(process.Memory.NewDatabase.Journal.Concat(process.Memory.LegacyDatabase.Journal).Select(row => (row.Key, row.Parked)),
            Is.EqualTo(new[] { (TestProcess.Key(note.Id), true), (TestProcess.Key(note.Id), true) }));
        var gates = await process.Cutover.GatesAsync(Stage.ShadowRead, default);
        Assert.That(gates.Where(gate => !gate.Passed).Select(gate => gate.Name), Is.EqualTo(new[] { "parked keys", "conflicts", "merges" }));
        Assert.That(process.Memory.NewDatabase.Journal.Select(row => row.LastError), Has.All.Not.Contains("theirs").And.All.Not.Contains("ours"));
    });

    [Test]
    public void A_conflict_ends_when_the_other_program_gives_in() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await BothAsync(process, note.Id, ("theirs", 1, "O"), one => one.Name = "ours");
        Foreign(process, note.Id, "ours", 1, "O");
        await process.Relay.DrainAsync(default);
        AssertNothingIsOpen(process);
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_second_foreign_change_after_a_merge_is_no_clash_with_the_first() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await process.AddAsync("b", 1);
        process.Hook = (point, side) => point == HookPoint.MergeSettled ? throw Down(SideName.Legacy) : default;
        Foreign(process, note.Id, "one", 1, "O");
        await process.Relay.DrainAsync(default);
        process.Hook = null;
        Foreign(process, note.Id, "two", 1, "O");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, note.Id).Name, Is.EqualTo("two"));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    /// <summary>Case45: triggers off, a cascade. The next write of the new side must not write over it as if it were not there.</summary>
    [TestCase(false)]
    [TestCase(true, TestName = "What_no_trigger_saw_is_not_written_over: after a merge that legacy has not accepted yet")]
    [Category("Case45")]
    public void What_no_trigger_saw_is_not_written_over(bool afterMerge) => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        if (afterMerge)
        {
            process.Hook = (point, side) => point == HookPoint.ApplyBeforeBegin && side == SideName.Legacy ? throw Down(side) : default;
            Foreign(process, note.Id, "a", 1, "C");
            await process.Relay.DrainAsync(default);
            process.Hook = null;
        }

        process.Memory.WriteForeign(TestProcess.Key(note.Id), TestLens.LegacyRow("theirs", 1, afterMerge ? "C" : "O"), captured: false);
        note = await process.FindAsync(note.Id);
        note.Amount = 7;
        await process.Notes.StoreAsync(note, default);
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("theirs", 7L, afterMerge, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    /// <summary>Emptied past the triggers, legacy gets back what the lead has, and nothing is deleted for it.</summary>
    [Test]
    [Category("Case45")]
    public void A_row_that_is_gone_unseen_is_given_back() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        process.Memory.WriteForeign(TestProcess.Key(note.Id), null, captured: false);
        note = await process.FindAsync(note.Id);
        note.Amount = 7;
        await process.Notes.StoreAsync(note, default);
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 7L, false, false)));
        process.AssertBothSidesAgree();
    });

    /// <summary>Legacy's letter C hides paid: what it no longer shows is no change, and what the new side knows stays.</summary>
    [Test]
    public void What_legacy_hides_keeps_the_new_sides_value() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        note.Paid = true;
        await process.Notes.StoreAsync(note, default);
        Foreign(process, note.Id, "a", 1, "C");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 1L, true, true)));
        await BothAsync(process, note.Id, ("theirs", 1, "C"), one => one.Amount = 3);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("theirs", 3L, true, true)));
        process.AssertBothSidesAgree();
    });

    /// <summary>
    /// An entity of the backfill has no hashes in legacy; the new side keeps those of what it accepted beneath its own write.
    /// </summary>
    [Test]
    public void What_only_the_backfill_brought_over_is_merged_as_well() => Run(async () =>
    {
        var process = await BackfilledAsync();
        await BothAsync(process, 1, ("theirs", 10, "O"), one => one.Amount = 7);
        Assert.That(Seen(process, 1), Is.EqualTo(("theirs", 7L, false, false)));
        AssertNothingIsOpen(process);
        process.AssertBothSidesAgree();
    });

    [TestCase(1, 2, TestName = "Hashes_of_another_mapping_version_ask")]
    [TestCase(2, 1, TestName = "Hashes_of_another_key_ask")]
    public void Unknown_hashes_ask(int key, int version) => Run(async () =>
    {
        var process = await BackfilledAsync();
        var known = process.Memory.NewDatabase.Entities[TestProcess.Key(1)];
        var other = new FieldHasher([.. Enumerable.Repeat((byte)key, 16)], version);
        process.Memory.NewDatabase.Entities[TestProcess.Key(1)] = known with { FieldHashes = other.Hash(process.New(1)!) };
        await BothAsync(process, 1, ("theirs", 10, "O"), one => one.Amount = 7);
        var conflict = process.Memory.NewDatabase.Conflicts.Values.Single();
        Assert.That(conflict.Fields.Select(field => field.Field), Is.EqualTo(new[] { "name", "amount" }));
        Assert.That(conflict.Reason, Does.Contain("hashes"));
    });

    [Test]
    public void Missing_hashes_ask() => Run(async () =>
    {
        var process = await BackfilledAsync();
        process.Memory.NewDatabase.Entities[TestProcess.Key(1)] = process.Memory.NewDatabase.Entities[TestProcess.Key(1)] with { FieldHashes = new byte[8] };
        await BothAsync(process, 1, ("theirs", 10, "O"), one => one.Amount = 7);
        Assert.That(process.Memory.NewDatabase.Conflicts.Values.Single().Reason, Does.Contain("hashes"));
    });

    [Test]
    public void An_insert_is_born_on_the_new_side_with_its_pair() => Run(async () =>
    {
        var process = NewLeads();
        Foreign(process, 77, "born", 3, "P");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, 77), Is.EqualTo(("born", 3L, false, true)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    [Test]
    public void Two_births_with_one_id_are_a_conflict_and_never_mixed() => Run(async () =>
    {
        var process = NewLeads();
        process.Memory.Fault = step => step.StartsWith("legacy.begin", StringComparison.Ordinal) ? throw Down(SideName.Legacy) : Task.CompletedTask;
        var note = await process.AddAsync("ours", 1);
        process.Memory.Fault = null;
        Foreign(process, note.Id, "theirs", 2, "O");
        await DrainLaterAsync(process);
        Assert.That(process.Memory.NewDatabase.Conflicts.Values.Single().Fields.Single().Field, Is.EqualTo(FieldMerge.Existence));
        Assert.That((process.New(note.Id)!.Text("name"), process.Legacy(note.Id)!.Text("name")), Is.EqualTo(("ours", "theirs")));
    });

    [Test]
    public void A_delete_is_taken_when_the_new_side_did_not_change_the_entity() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        process.Memory.WriteForeign(TestProcess.Key(note.Id), null);
        await process.Relay.DrainAsync(default);
        Assert.That(process.New(note.Id), Is.Null);
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
        Foreign(process, note.Id, "again", 4, "O");
        await process.Relay.DrainAsync(default);
        Assert.That(Seen(process, note.Id).Name, Is.EqualTo("again"));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_delete_against_a_change_asks() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await StartBothAsync(process, note.Id, null, one => one.Amount = 3);
        await DrainLaterAsync(process);
        var conflict = process.Memory.NewDatabase.Conflicts.Values.Single();
        Assert.That((conflict.Fields.Single().Field, conflict.Fields.Single().Legacy), Is.EqualTo((FieldMerge.Existence, (string?)null)));
    });

    [Test]
    public void A_deleted_entity_that_legacys_owner_brings_back_is_as_legacy_had_it_and_the_trail_says_what_is_gone() => Run(async () =>
    {
        var process = NewLeads(TestLens.RulesWith(FieldOwner.Legacy));
        var note = await process.AddAsync("a", 1);
        await StartBothAsync(process, note.Id, ("a", 1, "C"), one => one.Amount = 3);
        await process.Notes.DeleteAsync(note.Id, default);
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 1L, true, false)), "no image is kept of what only the new side had");
        Assert.That(process.Memory.NewDatabase.Audit.Single(entry => entry.Action == "merge").Detail, Is.EqualTo(
            $"{TestProcess.Key(note.Id)}: (existence) = legacy; the new side's writes after 2.1 up to 2.3, other programs' after 0 up to 1"));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    [TestCase(FieldOwner.New, true)]
    [TestCase(FieldOwner.Legacy, false)]
    public void What_legacy_hides_is_no_less_the_new_sides_change_after_a_merge(FieldOwner owner, bool paid) => Run(async () =>
    {
        var process = NewLeads(new MergeRules([FieldOwner.Ask, FieldOwner.Ask, FieldOwner.Legacy, owner], FieldOwner.Ask, null));
        var note = await process.AddAsync("a", 1);
        await StartBothAsync(process, note.Id, ("a", 1, "C"), one => one.Paid = true);
        await new ForeignMerge(process.Runtime).MergeAsync(TestProcess.Key(note.Id), seen: null, default);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 1L, true, true)), "a cancelled row says nothing of payment");
        Foreign(process, note.Id, "a", 1, "O");
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("a", 1L, false, paid)));
        Assert.That(process.Memory.NewDatabase.Audit.Single(entry => entry.Action == "merge").Detail, Does.Contain($"paid = {owner.ToString().ToLowerInvariant()};"));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    [Test]
    public void A_row_that_cannot_be_read_is_in_quarantine_and_comes_over_when_it_is_mended() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        Foreign(process, note.Id, "a", 1, "?");
        await process.Relay.DrainAsync(default);
        Assert.That(process.Memory.NewDatabase.Quarantine.ContainsKey(TestProcess.Key(note.Id)), Is.True);
        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(1), "not forgotten");
        Foreign(process, note.Id, "mended", 1, "O");
        await process.Relay.DrainAsync(default);
        Assert.That(process.Memory.NewDatabase.Quarantine, Is.Empty);
        Assert.That(Seen(process, note.Id).Name, Is.EqualTo("mended"));
        AssertNothingIsOpen(process);
    });

    [Test]
    [Category("Case12")]
    public void Whoever_loaded_before_a_merge_is_refused() => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.FindAsync((await process.AddAsync("a", 1)).Id);
        Foreign(process, note.Id, "theirs", 1, "O");
        await process.Relay.DrainAsync(default);
        note.Amount = 9;
        await Assert.ThatAsync(() => process.Notes.StoreAsync(note, default), Throws.TypeOf<ConflictException>());
    });

    [Test]
    public void Killed_at_any_point_of_a_merge_another_relay_finishes_it([ValueSource(nameof(Points))] HookPoint point) => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        await StartBothAsync(process, note.Id, (point == HookPoint.MergeConflictListed ? "theirs" : "a", 5, "C"), one => one.Name = "ours");
        process.Hook = (reached, _) =>
        {
            if (reached == point)
            {
                process.Memory.Kill();
            }

            return default;
        };
        await Assert.ThatAsync(() => process.Relay.DrainAsync(default), Throws.InstanceOf<Exception>());
        Assert.That(process.Memory.Dead, Is.True, "the point is reached");
        var another = process.Another(2, options => options.ForeignWritersNone = false);
        await DrainLaterAsync(another);
        if (point == HookPoint.MergeConflictListed)
        {
            Assert.That(process.Memory.NewDatabase.Conflicts, Has.Count.EqualTo(1));
            return;
        }

        Assert.That(Seen(process, note.Id), Is.EqualTo(("ours", 5L, true, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    /// <summary>
    /// On the way back: what comes in while nobody writes any more is legacy's own news once it leads, and what the new side owed goes
    /// around it.
    /// </summary>
    [TestCase(HookPoint.FlipDenied)]
    [TestCase(HookPoint.FlipBeforeWatermark)]
    [TestCase(HookPoint.FlipDrained)]
    [TestCase(HookPoint.FlipDecided)]
    [Category("Case44")]
    public void A_foreign_write_during_a_flip_back_is_not_lost(HookPoint point) => Run(async () =>
    {
        var process = NewLeads();
        var (note, other) = (await process.AddAsync("a", 1), await process.AddAsync("b", 1));
        await StartBothAsync(process, note.Id, ("theirs", 1, "O"), one => one.Amount = 7);
        process.Hook = (reached, _) =>
        {
            if (reached == point)
            {
                process.Hook = null;
                Change(process, note.Id, "later", "C");
                Foreign(process, other.Id, "b2", 2, "O");
            }

            return default;
        };
        await process.BackAsync();
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("later", 7L, true, false)));
        Assert.That(Seen(process, other.Id), Is.EqualTo(("b2", 2L, false, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    [Test]
    [Category("Case44")]
    public void A_write_that_is_owed_goes_around_a_foreign_change_while_the_lead_is_switched_and_an_abort_forgets_neither([Values] bool aborted) => Run(async () =>
    {
        var process = NewLeads();
        var note = await process.AddAsync("a", 1);
        process.Hook = (point, _) =>
        {
            if (point == HookPoint.FlipDenied)
            {
                // Between the drain before the flip and the one within it.
                Foreign(process, note.Id, "theirs", 1, "O");
            }

            return aborted && point == HookPoint.FlipBeforePrepare ? throw Down(SideName.Legacy) : default;
        };
        process.Memory.Fault = step => step.StartsWith("legacy.begin", StringComparison.Ordinal) ? throw Down(SideName.Legacy) : Task.CompletedTask;
        note = await process.FindAsync(note.Id);
        note.Amount = 7;
        await process.Notes.StoreAsync(note, default);
        process.Memory.Fault = null;
        process.Memory.NewDatabase.Journal.ForEach(row => row.DueUtc = process.Memory.NewDatabase.UtcNow + TimeSpan.FromSeconds(1));
        if (aborted)
        {
            await Assert.ThatAsync(process.BackAsync, Throws.TypeOf<CutoverException>());
            Assert.That((process.Legacy(note.Id)!.Text("name"), process.Legacy(note.Id)!.Integer("amount")), Is.EqualTo(("theirs", 7L)), "around it");
        }
        else
        {
            await process.BackAsync();
        }

        process.Hook = null;
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("theirs", 7L, false, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    [TestCase(HookPoint.FlipDenied)]
    [TestCase(HookPoint.FlipDrained)]
    [TestCase(HookPoint.FlipDecided)]
    [Category("Case44")]
    public void A_foreign_write_during_a_flip_to_the_new_side_is_not_lost(HookPoint point) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time, options => options.ForeignWritersNone = false);
        var note = await process.AddAsync("a", 1);
        await process.BackfillOnPaperAsync();
        process.Hook = (reached, _) =>
        {
            if (reached == point)
            {
                Foreign(process, note.Id, "later", 1, "C");
            }

            return default;
        };
        await process.AdvanceAsync();
        process.Hook = null;
        await DrainLaterAsync(process);
        Assert.That(Seen(process, note.Id), Is.EqualTo(("later", 1L, true, false)));
        process.AssertBothSidesAgree();
        AssertNothingIsOpen(process);
    });

    /// <summary>What is due is merged before writers are denied; while they write, something always is.</summary>
    [Test]
    [Category("Case44")]
    public void Writers_who_never_pause_do_not_keep_a_flip_back_from_beginning() => Run(async () =>
    {
        var process = NewLeads();
        var writer = process.Another(2, options => options.ForeignWritersNone = false);
        writer.Memory.Fault = step => step == "legacy.begin.before" && process.Memory.LegacyDatabase.FenceRow.Role == FenceRole.Follower
            ? throw Down(SideName.Legacy)
            : Task.CompletedTask;
        process.Memory.Fault = step => step == "legacy.begin.before" ? Task.Delay(TimeSpan.FromMilliseconds(20), _time) : Task.CompletedTask;
        var stop = false;
        var writing = WriteAsync();
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        await process.BackAsync().WaitAsync(TimeSpan.FromMinutes(1), _time);
        stop = true;
        await writing;
        writer.Memory.Fault = process.Memory.Fault = null;
        await DrainLaterAsync(process);
        process.AssertBothSidesAgree();

        async Task WriteAsync()
        {
            List<TestEntity> notes = [];
            for (var i = 0; !stop; i++)
            {
                var note = i < 20 ? new TestEntity { Name = "a" } : notes[i % notes.Count];
                note.Amount++;
                await writer.Notes.StoreAsync(note, default);
                notes.Add(note);
                await Task.Delay(TimeSpan.FromMilliseconds(10), _time);
            }
        }
    });

    private static IEnumerable<HookPoint> Points() => Enum.GetValues<HookPoint>().Where(point => point.ToString().StartsWith("Merge", StringComparison.Ordinal));

    private TestProcess NewLeads(MergeRules? rules = null) => TestProcess.In(Stage.NewLeads, _time, options => options.ForeignWritersNone = false, rules);

    private async Task<TestProcess> BackfilledAsync()
    {
        var process = TestProcess.In(Stage.ShadowRead, _time, options => options.ForeignWritersNone = false);
        process.Memory.PlantLegacy(1, "planted", 10);
        await process.BackfillAsync();
        await process.AdvanceAsync();
        return process;
    }

    private static void Foreign(TestProcess process, long id, string name, long amount, string status) =>
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow(name, amount, status));

    // As an UPDATE of two columns.
    private static void Change(TestProcess process, long id, string name, string status)
    {
        var row = process.Memory.LegacyDatabase.RowOf(TestProcess.Key(id))!;
        (row.Root[0], row.Root[2]) = (name, status);
        process.Memory.WriteForeign(TestProcess.Key(id), row);
    }

    // The foreign write comes after ours is committed and before legacy has it.
    private static async Task StartBothAsync(TestProcess process, long id, (string Name, long Amount, string Status)? theirs, Action<TestEntity> ours)
    {
        process.Memory.Fault = step => step.StartsWith("legacy.begin", StringComparison.Ordinal) ? throw Down(SideName.Legacy) : Task.CompletedTask;
        var note = await process.FindAsync(id);
        ours(note);
        await process.Notes.StoreAsync(note, default);
        process.Memory.Fault = null;
        process.Memory.WriteForeign(TestProcess.Key(id), theirs is { } row ? TestLens.LegacyRow(row.Name, row.Amount, row.Status) : null);
    }

    private static async Task BothAsync(TestProcess process, long id, (string Name, long Amount, string Status) theirs, Action<TestEntity> ours)
    {
        await StartBothAsync(process, id, theirs, ours);
        await DrainLaterAsync(process);
    }

    private static async Task DrainLaterAsync(TestProcess process)
    {
        for (var rounds = 0; rounds < 4; rounds++)
        {
            await process.Relay.DrainAsync(default);
            process.Memory.Time.Advance(TimeSpan.FromMinutes(2));
        }
    }

    private static List<SideName> CountApplies(TestProcess process)
    {
        List<SideName> applies = [];
        process.Hook = (point, side) =>
        {
            if (point == HookPoint.ApplyCommitted)
            {
                applies.Add(side);
            }

            return default;
        };
        return applies;
    }

    private static (string Name, long Amount, bool Cancelled, bool Paid) Seen(TestProcess process, long id)
    {
        var record = process.New(id)!;
        return (record.Text("name"), record.Integer("amount"), record.Boolean("cancelled"), record.Boolean("paid"));
    }

    private static void AssertNothingIsOpen(TestProcess process)
    {
        Assert.That(process.Memory.NewDatabase.Journal, Is.Empty, "the new side's journal");
        Assert.That(process.Memory.LegacyDatabase.Journal, Is.Empty, "legacy's journal");
        Assert.That(process.Memory.NewDatabase.Conflicts, Is.Empty);
    }

    private static SideUnavailableException Down(SideName side) => new(side, "down", isTransient: true, new InvalidOperationException("down"));

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
