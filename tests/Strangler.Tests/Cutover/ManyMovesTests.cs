using NUnit.Framework;
using Strangler.Backfill;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Cutover;

/// <summary>To and fro, often; and what is left behind or was never brought along.</summary>
public sealed class ManyMovesTests
{
    private readonly TestTimeProvider _time = new();

    /// <summary>I5: the sleeper's cache learns of flips only from the reads themselves, and sleeps through up to five at a time.</summary>
    [Test]
    [Category("Case10")]
    [Category("Case26")]
    public void Over_a_thousand_flips_a_replica_with_a_frozen_cache_reads_what_is_current() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var sleeper = process.Another(2);
        var id = (await process.AddAsync("a")).Id;
        await process.BackfillOnPaperAsync();
        var random = new Random(1);
        for (var flips = 1; flips <= 1000; flips++)
        {
            await process.ReconcileAsync("clean");
            await (flips % 2 == 1 ? process.AdvanceAsync() : process.BackAsync());
            await Hammer.IncrementAsync(process, id);
            if (random.Next(5) == 0 || flips == 1000)
            {
                Assert.That((await sleeper.FindAsync(id)).Amount, Is.EqualTo(flips), $"after {flips} flips");
            }
        }

        process.AssertBothSidesAgree();
    });

    /// <summary>Nothing was counted in LegacyOnly; all of it outranks what the new side had accepted before.</summary>
    [Test]
    [Category("Case20")]
    public void What_was_changed_in_LegacyOnly_outranks_all_that_was_accepted_before() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var (changed, deleted, kept) = (await process.AddAsync("a", 1), await process.AddAsync("b", 1), await process.AddAsync("c", 1));
        for (var i = 0; i < 5; i++)
        {
            await Hammer.IncrementAsync(process, changed.Id);
        }

        await process.BackAsync();
        await Hammer.IncrementAsync(process, changed.Id);
        await process.Notes.DeleteAsync(deleted.Id, default);
        var born = await process.AddAsync("d", 4);
        await process.AdvanceAsync();
        var backfill = await new BackfillJob(process.Runtime, new BackfillOptions()).RunAsync(TestLens.Kind, null, default);
        Assert.That(backfill.AlreadyComplete, Is.False);
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
        Assert.That(process.New(changed.Id)!.Integer("amount"), Is.EqualTo(7));
        Assert.That((process.New(deleted.Id), process.New(born.Id)?.Integer("amount")), Is.EqualTo(((Strangler.Mapping.Record?)null, (long?)4)));
        var accepted = process.Memory.NewDatabase.Entities;
        Assert.That(accepted[TestProcess.Key(kept.Id)].Version.Epoch, Is.EqualTo(process.Memory.LegacyDatabase.Fence!.DualEpoch));
    });

    /// <summary>
    /// What legacy accepted before, its row has outgrown in LegacyOnly, where nothing is hashed: the next apply to it must not take our own write for another
    /// program's that no trigger saw.
    /// </summary>
    [Test]
    [Category("Case20")]
    public void What_was_changed_in_LegacyOnly_is_nobody_else_s_when_new_leads_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time, options => options.ForeignWritersNone = false);
        var note = await process.AddAsync("a", 1);
        await process.Relay.DrainAsync(default);
        for (var stage = Stage.NewLeads; stage > Stage.LegacyOnly; stage--)
        {
            await process.BackAsync();
        }

        await Hammer.IncrementAsync(process, note.Id);
        await process.AdvanceAsync();
        await process.BackfillAsync();
        await process.ReconcileAsync("clean");
        await process.AdvanceAsync();
        await process.ReconcileAsync("clean");
        await process.AdvanceAsync();
        await Hammer.IncrementAsync(process, note.Id);
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
        Assert.That(process.Legacy(note.Id)!.Integer("amount"), Is.EqualTo(3));
        Assert.That(process.Memory.LegacyDatabase.Entities[TestProcess.Key(note.Id)].ForeignSeq, Is.Zero);
    });

    /// <summary>
    /// Legacy led to version 2 and could not bring it over; made lead by force, the new side makes a version 2 of its own. Taken for the same, the two would differ
    /// for good, unlisted, and the way back would lose the newer one.
    /// </summary>
    [Test]
    [Category("Case40")]
    public void Two_leads_versions_of_the_same_number_are_never_taken_for_one([Values] bool delete) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time, options => options.MaxAttempts = 1);
        var note = await process.AddAsync("a", 1);
        await process.BackfillOnPaperAsync();
        var poisoned = process.Another(2, options => options.MaxAttempts = 1);
        poisoned.Memory.Fault = step => step == "new.entity.before" ? throw new InvalidOperationException("poison") : Task.CompletedTask;
        if (delete)
        {
            await poisoned.Notes.DeleteAsync(note.Id, default);
        }
        else
        {
            await Hammer.IncrementAsync(poisoned, note.Id);
        }

        await poisoned.Relay.DrainAsync(default);
        await process.Cutover.AdvanceAsync(process.Request(force: true), null, default);
        await Hammer.IncrementAsync(process, note.Id);
        await process.Relay.DrainAsync(default);

        var parked = (await process.Runtime.Sides.New.Journal.ParkedAsync(10, default)).Single();
        Assert.That(parked.LastError, Does.Contain("each side wrote it itself"));
        await Assert.ThatAsync(process.BackAsync, Throws.TypeOf<GateException>());
        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(2));
    });

    [Test]
    [Category("Case22")]
    public void A_flip_whose_first_reply_is_lost_goes_on() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        await process.AddAsync("a");
        await process.BackfillOnPaperAsync();
        var lost = false;
        process.Memory.Fault = step =>
        {
            if (step == "legacy.fence-cas.after" && !lost)
            {
                lost = true;
                throw new SideUnavailableException(SideName.Legacy, "the reply was lost", true, new InvalidOperationException());
            }

            return Task.CompletedTask;
        };
        Assert.That((await process.AdvanceAsync()).Stage, Is.EqualTo(Stage.NewLeads));
        Assert.That(lost, Is.True);
    });

    /// <summary>A lower journal id that is committed after a higher one was relayed is relayed, too.</summary>
    [Test]
    [Category("Case13")]
    public void A_journal_id_that_is_committed_late_is_not_passed_over() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var (slow, quick) = (await process.AddAsync("a", 1), await process.AddAsync("b", 1));
        var late = process.Another(2);
        var goOn = new TaskCompletionSource();
        late.Memory.Fault = step => step == "legacy.commit.before" ? goOn.Task
            : step.StartsWith("new.", StringComparison.Ordinal) ? DualWrite.WriteTests.Down("new.")(step) : Task.CompletedTask;
        var slowly = Hammer.IncrementAsync(late, slow.Id);
        await Task.Delay(TimeSpan.FromMilliseconds(10), _time);
        await Hammer.IncrementAsync(process, quick.Id);
        await process.Relay.DrainAsync(default);
        goOn.SetResult();
        await slowly;
        var seqs = process.Memory.LegacyDatabase.Journal.Select(row => row.Seq).ToList();
        Assert.That(seqs, Is.EqualTo(new[] { process.Memory.LegacyDatabase.JournalIncrement - 1 }), "the late row has the lower id");
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
        Assert.That(process.New(slow.Id)!.Integer("amount"), Is.EqualTo(2));
    });

    [Test]
    [Category("Case25")]
    public void A_replica_whose_build_does_not_know_the_target_closes_the_gate_until_it_is_gone() => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        await process.BackfillOnPaperAsync();
        await process.Runtime.Sides.Replicas.BeatAsync("old", "0.1", Stage.ShadowRead, default);
        var refused = await CutoverTests.TryAsync(process.AdvanceAsync);
        Assert.That(refused, Is.TypeOf<GateException>().With.Message.Contains("old"));
        await Task.Delay(process.Runtime.Options.ReplicaLiveness * 2, _time);
        await process.ReconcileAsync("clean");
        Assert.That((await process.AdvanceAsync()).Stage, Is.EqualTo(Stage.NewLeads));
    });

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario, TimeSpan.FromDays(30));
}
