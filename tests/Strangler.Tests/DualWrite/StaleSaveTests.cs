using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

/// <summary>Read-modify-write with others in between: the second saver is told, in every stage and across every change of stage.</summary>
[Category("Case12")]
public sealed class StaleSaveTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void A_stale_save_is_refused_naming_both_versions([Values] Stage stage) => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        var stale = await process.FindAsync(note.Id);
        note.Amount = 2;
        await process.Notes.StoreAsync(note, default);
        stale.Name = "b";
        var exception = await CatchAsync<ConflictException>(() => process.Notes.StoreAsync(stale, default));
        Assert.That(exception.Loaded, Is.Not.EqualTo(exception.Present));
        Assert.That((await process.FindAsync(note.Id)).Name, Is.EqualTo("a"));
    });

    [Test]
    [Category("Case9")]
    public void Of_two_savers_at_the_same_time_one_wins_and_the_other_is_told(
        [Values] Stage stage, [Range(1, 10)] int seed) => Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(stage, _time);
        var other = process.Another(2);
        var id = (await process.AddAsync("a", 1)).Id;
        var (mine, theirs) = (await process.FindAsync(id), await other.FindAsync(id));
        (mine.Amount, theirs.Amount) = (10, 20);
        var outcomes = await Task.WhenAll(TryAsync(process, mine), TryAsync(other, theirs));
        Assert.That(outcomes, Is.EquivalentTo(new[] { true, false }));
        Assert.That((await process.FindAsync(id)).Amount, Is.EqualTo(outcomes[0] ? 10 : 20));
    });

    [Test]
    public void The_same_instance_can_be_stored_again_and_again([Values] Stage stage) => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        for (var i = 0; i < 5; i++)
        {
            note.Amount++;
            note.Cancelled = i % 2 == 0;
            await process.Notes.StoreAsync(note, default);
        }

        Assert.That((await process.FindAsync(note.Id)).Amount, Is.EqualTo(6));
    });

    [Test]
    public void A_new_instance_does_not_overwrite_what_has_its_id([Values] Stage stage) => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        await CatchAsync<ConflictException>(() => process.Notes.StoreAsync(new TestEntity { Id = note.Id, Name = "b" }, default));
    });

    [Test]
    public void While_legacy_leads_an_unseen_write_of_another_program_is_a_conflict_captured_or_not(
        [Values(Stage.LegacyOnly, Stage.DualWrite, Stage.ShadowRead)] Stage stage, [Values] bool captured)
        => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(stage, _time);
        var note = await process.AddAsync("a", 1);
        process.Memory.WriteForeign(TestProcess.Key(note.Id), TestLens.LegacyRow("foreign", 1, "O"), captured);
        note.Amount = 2;
        await CatchAsync<ConflictException>(() => process.Notes.StoreAsync(note, default));
        Assert.That(process.Legacy(note.Id)!.Text("name"), Is.EqualTo("foreign"));
    });

    [Test]
    public void Across_a_flip_a_save_that_is_not_stale_goes_through_and_a_stale_one_does_not([Values] bool stale, [Values] bool back) =>
        Simulation.Run(1, _time, async () =>
        {
            var process = TestProcess.In(back ? Stage.NewLeads : Stage.ShadowRead, _time);
            var id = (await process.AddAsync("a", 1)).Id;
            var loaded = await process.FindAsync(id);
            if (stale)
            {
                var other = await process.FindAsync(id);
                other.Amount = 5;
                await process.Notes.StoreAsync(other, default);
            }

            await (back ? process.BackAsync() : process.Cutover.AdvanceAsync(process.Request(force: true), null, default));
            loaded.Amount = 9;
            Assert.That(await TryAsync(process, loaded), Is.EqualTo(!stale));
            process.AssertBothSidesAgree();
        });

    [Test]
    public void Across_a_flip_a_foreign_write_that_was_brought_over_is_not_overwritten_unseen() => Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var loaded = await process.FindAsync(id);
        process.Memory.WriteForeign(TestProcess.Key(id), TestLens.LegacyRow("foreign", 1, "O"));
        await process.Cutover.AdvanceAsync(process.Request(force: true), null, default);
        Assert.That((await process.FindAsync(id)).Name, Is.EqualTo("foreign"));
        Assert.That(await TryAsync(process, loaded), Is.False);
    });

    [Test]
    public void A_token_of_LegacyOnly_is_good_in_DualWrite_while_nothing_was_written_and_stale_once_new_leads() =>
        Simulation.Run(1, _time, async () =>
    {
        var process = TestProcess.In(Stage.LegacyOnly, _time);
        var id = (await process.AddAsync("a", 1)).Id;
        var (first, second, third) = (await process.FindAsync(id), await process.FindAsync(id), await process.FindAsync(id));
        await process.AdvanceAsync();
        Assert.That(await TryAsync(process, first), Is.True, "nothing was written since");
        Assert.That(await TryAsync(process, second), Is.False, "the first has counted, although it changed nothing");
        await process.BackfillAsync();
        await process.AdvanceAsync();
        await process.ReconcileAsync("clean");
        await process.AdvanceAsync();
        Assert.That(await TryAsync(process, third), Is.False);
    });

    [Test]
    public void A_token_survives_as_a_tag()
    {
        var token = new LoadToken(SideName.New, Stage.NewLeads, 9, new EntityVersion(3, 4), new byte[16]) { ForeignSeq = 2 };
        var again = LoadToken.FromTag(token.ToTag())!;
        Assert.That(again, Is.EqualTo(token));
        Assert.That(again.ContentHash, Is.EqualTo(token.ContentHash));
        foreach (var wrong in new[] { "", "x", "1.2.3", "9.0.0.0.0.0.", "0.0.0.0.0.0.zz", token.ToTag() + ".1", token.ToTag()[1..] })
        {
            Assert.That(LoadToken.FromTag(wrong), Is.Null, wrong);
        }
    }

    private static async Task<bool> TryAsync(TestProcess process, TestEntity note)
    {
        try
        {
            await process.Notes.StoreAsync(note, default);
            return true;
        }
        catch (ConflictException)
        {
            return false;
        }
    }

    private static async Task<T> CatchAsync<T>(Func<Task> act)
        where T : Exception
    {
        try
        {
            await act();
        }
        catch (T exception)
        {
            return exception;
        }

        throw new AssertionException($"no {typeof(T).Name}");
    }
}
