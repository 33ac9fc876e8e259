using NUnit.Framework;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Mapping;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Reconciliation;

/// <summary>The engine's own writers, relay and flips, with backfill and reconciliation beside them: forward, back, forward, and never a
/// word of drift.</summary>
[TestFixture]
[Category("Case59")]
public sealed class LifeCycleTests
{
    [Test]
    public void From_LegacyOnly_to_NewLeads_and_back_under_load([Range(1, 25)] int seed)
    {
        var world = new World();
        world.Sides.SetStage(Stage.LegacyOnly, 1, 0);
        for (var id = 10; id <= 200; id += 10)
        {
            world.Sides.PlantLegacy(id, $"Note {id}", id * 100, id % 30 == 0 ? "C" : "O");
        }

        List<ReconciliationReport> reports = [];
        world.Run(() => LiveAsync(world, seed, reports), seed);

        foreach (var report in reports)
        {
            Assert.That(report.Outcome, Is.Not.EqualTo(ReconciliationOutcome.Drift), string.Join('\n', ReportText.Render(report)));
        }

        Assert.That(reports[^1].Outcome, Is.EqualTo(ReconciliationOutcome.Clean), string.Join('\n', ReportText.Render(reports[^1])));
        Assert.That(reports[^1].Counts[Verdict.Matched] + reports[^1].Counts[Verdict.NotComparable], Is.EqualTo(reports[^1].LegacyRows));
        var (legacy, @new) = world.Contents();
        Assert.That(@new, Is.EqualTo(legacy));
    }

    private static async Task LiveAsync(World world, int seed, List<ReconciliationReport> reports)
    {
        var busy = true;
        var loops = Enumerable.Range(0, 3).Select(writer => WriteAsync(world, new Random((seed * 10) + writer), () => busy)).ToList();
        loops.Add(RelayAsync(world, () => busy));
        var cutover = new CutoverService(world.Runtime);

        await MoveAsync(cutover.AdvanceAsync);
        await world.RunBackfillAsync();
        reports.Add(await world.ReconcileAsync());
        await MoveAsync(cutover.AdvanceAsync);
        for (var i = 0; i < 2; i++)
        {
            var (there, checking) = (MoveAsync(cutover.AdvanceAsync), world.ReconcileAsync());
            await there;
            reports.Add(await checking);
            reports.Add(await world.ReconcileAsync());
            var (back, checkingBack) = (MoveAsync(cutover.BackAsync), world.ReconcileAsync());
            await back;
            reports.Add(await checkingBack);
        }

        busy = false;
        await Task.WhenAll(loops);
        await new Relay(world.Runtime).DrainAsync(CancellationToken.None);
        reports.Add(await world.ReconcileAsync());
    }

    private static Task<StageView> MoveAsync(Func<CutoverRequest, IProgress<string>?, CancellationToken, Task<StageView>> move) =>
        move(new CutoverRequest { Actor = "test", Reason = "test", Force = true }, null, CancellationToken.None);

    private static async Task WriteAsync(World world, Random random, Func<bool> busy)
    {
        var notes = world.Notes();
        while (busy())
        {
            try
            {
                await WriteOnceAsync(notes, random);
            }
            catch (Exception exception) when (exception is ConflictException or SwitchingException or CannotHoldException { Field: "paid" })
            {
                // The last while legacy leads, whose letter says nothing of the payment of what is cancelled.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 60)), world.Time);
        }
    }

    private static async Task WriteOnceAsync(World.NoteWrapper notes, Random random)
    {
        var id = random.Next(3) > 0 ? 100 : random.Next(1, 21) * 10;
        if (random.Next(10) == 0)
        {
            await notes.StoreAsync(new TestEntity { Name = "born", Amount = random.Next() }, CancellationToken.None);
        }
        else if (random.Next(10) == 0)
        {
            await notes.DeleteAsync(id, CancellationToken.None);
        }
        else if (await notes.FindAsync(id, CancellationToken.None) is { } note)
        {
            note.Amount = random.Next(1000);
            note.Cancelled = random.Next(4) == 0;
            note.Paid = random.Next(2) == 0;
            await notes.StoreAsync(note, CancellationToken.None);
        }
    }

    private static async Task RelayAsync(World world, Func<bool> busy)
    {
        var relay = new Relay(world.Runtime);
        while (busy())
        {
            await relay.DrainAsync(CancellationToken.None);
            await Task.Delay(TimeSpan.FromMilliseconds(100), world.Time);
        }
    }
}
