using NUnit.Framework;
using Strangler.DualWrite;

namespace Strangler.Tests.Doubles;

/// <summary>The double must be as strict as a database, or the tests over it prove nothing.</summary>
public sealed class InMemorySidesTests
{
    private static readonly EntityKey Key = new(TestLens.Kind, 7);

    [Test]
    public void A_second_writer_of_a_key_waits_for_the_first_and_sees_what_it_wrote() =>
        Simulation.Run(1, new TestTimeProvider(), async () =>
    {
        var sides = new InMemorySides(new TestTimeProvider());
        sides.PlantLegacy(7, "a", 1);
        var first = await sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Key), default);
        var second = sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Key), default);
        await first.SaveAsync(Key, first.State.Row, TestLens.LegacyRow("b", 2, "O"), default);
        Assert.That(second.IsCompleted, Is.False);
        await first.CommitAsync(default);
        await using var transaction = await second;
        Assert.That(transaction.State.Row!.Root[0], Is.EqualTo("b"));
    });

    [Test]
    public void A_transaction_that_is_not_committed_changes_nothing() => Simulation.Run(1, new TestTimeProvider(), async () =>
    {
        var sides = new InMemorySides(new TestTimeProvider());
        await using (var transaction = await sides.Sides.New.Store.BeginAsync(new WriteIntent(Key, "r"), default))
        {
            await transaction.SaveAsync(Key, null, TestLens.NewRow("a", 1, false, false), default);
            await transaction.SaveRequestAsync("r", 7, default, default);
            await transaction.AppendJournalAsync(Key, default, "", default);
        }

        Assert.Multiple(() =>
        {
            Assert.That(sides.NewDatabase.Rows, Is.Empty);
            Assert.That(sides.NewDatabase.NewIds, Is.Empty);
            Assert.That(sides.NewDatabase.Requests, Is.Empty);
            Assert.That(sides.NewDatabase.Journal, Is.Empty);
        });
    });

    [Test]
    public void The_fence_waits_for_open_writers_and_holds_up_new_ones()
    {
        var time = new TestTimeProvider();
        Simulation.Run(1, time, async () =>
        {
            var sides = new InMemorySides(time);
            var fence = sides.Sides.Legacy.Fence;
            var row = await fence.ReadAsync(default);
            var writer = await sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(Key), default);
            await Assert.ThatAsync(
                () => fence.CompareAndSetAsync(row, row with { Epoch = 2 }, TimeSpan.FromSeconds(1), default),
                Throws.TypeOf<FenceBusyException>());

            var flip = fence.CompareAndSetAsync(row, row with { Epoch = 2 }, TimeSpan.FromSeconds(1), default);
            await Task.Delay(TimeSpan.FromMilliseconds(1), time);
            var late = sides.Sides.Legacy.Store.BeginAsync(new WriteIntent(new EntityKey(TestLens.Kind, 8)), default);
            await Task.Delay(TimeSpan.FromMilliseconds(1), time);
            Assert.That(late.IsCompleted, Is.False);
            await writer.CommitAsync(default);
            Assert.That(await flip, Is.True);
            await using var transaction = await late;
            Assert.That(transaction.State.Fence.Epoch, Is.EqualTo(2));
        });
    }

    [Test]
    public void A_chunk_keeps_live_applies_out_of_its_range()
    {
        var time = new TestTimeProvider();
        Simulation.Run(1, time, async () =>
        {
            var sides = new InMemorySides(time);
            var chunk = await sides.Sides.BackfillTarget.BeginChunkAsync(TestLens.Kind, 1, 10, default);
            var apply = sides.Sides.New.Store.BeginAsync(new WriteIntent(Key), default);
            var outside = await sides.Sides.New.Store.BeginAsync(new WriteIntent(Key with { Id = 11 }), default);
            Assert.That(apply.IsCompleted, Is.False);
            await chunk.DisposeAsync();
            await (await apply).DisposeAsync();
            await outside.DisposeAsync();
        });
    }

    [Test]
    public void An_older_claim_can_no_longer_give_a_key_back()
    {
        var time = new TestTimeProvider();
        Simulation.Run(1, time, async () =>
        {
            var sides = new InMemorySides(time);
            sides.WriteForeign(Key, TestLens.LegacyRow("a", 1, "O"));
            var journal = sides.Sides.Legacy.Journal;
            var old = (await journal.ClaimAsync("a", 10, TimeSpan.FromSeconds(30), default)).Single();
            Assert.That(await journal.ClaimAsync("b", 10, TimeSpan.FromSeconds(30), default), Is.Empty);
            time.Advance(TimeSpan.FromSeconds(31));
            var present = (await journal.ClaimAsync("b", 10, TimeSpan.FromSeconds(30), default)).Single();
            await journal.FailAsync(old, "late", null, default);
            Assert.That(await journal.ParkedAsync(10, default), Is.Empty);
            await journal.FailAsync(present, "no", null, default);
            Assert.That((await journal.ParkedAsync(10, default)).Single().LastError, Is.EqualTo("no"));
        });
    }
}
