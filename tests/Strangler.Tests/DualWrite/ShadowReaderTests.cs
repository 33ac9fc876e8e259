using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.DualWrite;

public sealed class ShadowReaderTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    public void Equal_sides_are_counted_and_a_difference_that_stays_is_a_mismatch_with_its_fields(
        [Values(Stage.ShadowRead, Stage.NewLeads)] Stage stage) => Run(async () =>
    {
        var process = In(stage);
        var (good, bad) = (await process.AddAsync("a"), await process.AddAsync("b"));
        process.Memory.NewDatabase.Rows[process.Memory.NewDatabase.LocalKey(TestProcess.Key(bad.Id))!.Value].Root[1] = 99L;
        await process.FindAsync(good.Id);
        await process.FindAsync(bad.Id);
        await process.Notes.FindAsync(12345, default);
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        var (reads, mismatches) = process.Memory.NewDatabase.Shadow[5];
        Assert.That(reads, Is.EqualTo(3));
        Assert.That(mismatches.Single().Id, Is.EqualTo(bad.Id));
        Assert.That(mismatches.Single().Fields, Is.EqualTo(new[] { "amount" }));
    });

    /// <summary>What frontends ask for all the time costs one comparison, and counts as often as it was read.</summary>
    [Test]
    public void What_is_read_again_and_again_is_compared_once_and_counts_each_time() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        var (good, bad) = (await process.AddAsync("a"), await process.AddAsync("b"));
        process.Memory.NewDatabase.Rows[process.Memory.NewDatabase.LocalKey(TestProcess.Key(bad.Id))!.Value].Root[1] = 99L;
        for (var i = 0; i < 10; i++)
        {
            await process.FindAsync(good.Id);
        }

        await process.FindAsync(bad.Id);
        await process.FindAsync(bad.Id);
        var asked = new List<string>();
        process.Memory.Fault = step =>
        {
            asked.Add(step);
            return Task.CompletedTask;
        };
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        var (reads, mismatches) = process.Memory.NewDatabase.Shadow[5];
        Assert.That(reads, Is.EqualTo(12));
        Assert.That(mismatches.Select(one => one.Id), Is.EqualTo(new[] { bad.Id, bad.Id }));
        Assert.That(asked.Count(step => step == "new.range.before"), Is.EqualTo(1), string.Join(' ', asked));
    });

    [Test]
    public void What_is_in_flight_is_no_mismatch_and_no_read() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        process.Memory.Fault = WriteTests.Down("new.begin");
        var note = await process.AddAsync("a");
        await process.FindAsync(note.Id);
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        Assert.That(process.Memory.NewDatabase.Shadow, Is.Empty);
    });

    [Test]
    public void A_difference_that_the_relay_heals_in_the_meantime_is_a_match() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        process.Memory.Fault = WriteTests.Down("new.begin");
        var note = await process.AddAsync("a");
        await process.FindAsync(note.Id);
        process.Memory.Fault = null;
        var compare = process.Runtime.Shadow.CompareQueuedAsync(default);
        await process.Relay.DrainAsync(default);
        await compare;
        Assert.That(process.Memory.NewDatabase.Shadow[5].Reads, Is.EqualTo(1));
        Assert.That(process.Memory.NewDatabase.Shadow[5].Mismatches, Is.Empty);
    });

    /// <summary>The relay comes between the reading of the follower and the question whether the key is owed.</summary>
    [Test]
    public void What_the_relay_brings_over_between_two_readings_is_no_mismatch() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        process.Memory.Fault = WriteTests.Down("new.begin");
        var note = await process.AddAsync("a");
        await process.FindAsync(note.Id);
        process.Memory.Fault = null;
        var reads = 0;
        process.Memory.Fault = async step =>
        {
            if (step == "new.read.after" && ++reads == 2)
            {
                process.Memory.Fault = null;
                await process.Relay.DrainAsync(default);
            }
        };
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        Assert.That(reads, Is.GreaterThan(1));
        Assert.That(process.Memory.NewDatabase.Shadow[5].Mismatches, Is.Empty);
    });

    /// <summary>It is legacy's journal that owes it then.</summary>
    [Test]
    [Category("Case43")]
    public void Another_programs_write_that_is_not_merged_yet_is_no_mismatch() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time, options =>
        {
            options.ShadowReadSample = 1;
            options.ForeignWritersNone = false;
        });
        var note = await process.AddAsync("a");
        process.Memory.WriteForeign(TestProcess.Key(note.Id), TestLens.LegacyRow("theirs", 1, "O"));
        await process.FindAsync(note.Id);
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        Assert.That(process.Memory.NewDatabase.Shadow, Is.Empty);
        await process.Relay.DrainAsync(default);
        await process.FindAsync(note.Id);
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        Assert.That(process.Memory.NewDatabase.Shadow.Values.Single().Mismatches, Is.Empty);
    });

    [Test]
    public void A_row_that_the_new_side_lacks_without_any_obligation_is_a_mismatch() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        process.Memory.PlantLegacy(7, "a", 1);
        await process.FindAsync(7);
        await process.Runtime.Shadow.CompareQueuedAsync(default);
        Assert.That(process.Memory.NewDatabase.Shadow[5].Mismatches.Single().Fields, Is.EqualTo(new[] { "(presence)" }));
    });

    [Test]
    [Category("Case38")]
    public void A_shadow_side_that_fails_or_hangs_does_not_change_the_answer_nor_its_time() => Run(async () =>
    {
        var process = In(Stage.ShadowRead);
        var note = await process.AddAsync("a");
        process.Memory.Fault = step => step.StartsWith("new.", StringComparison.Ordinal)
            ? Task.Delay(TimeSpan.FromHours(1), _time)
            : Task.CompletedTask;
        using var stop = new CancellationTokenSource();
        var loop = process.Runtime.Shadow.RunAsync(stop.Token);
        var began = _time.GetTimestamp();
        for (var i = 0; i < 2000; i++)
        {
            await process.FindAsync(note.Id);
        }

        Assert.That(_time.GetElapsedTime(began), Is.EqualTo(TimeSpan.Zero));
        Simulation.Cancel(stop);
        await Assert.ThatAsync(() => loop, Throws.InstanceOf<OperationCanceledException>());
    });

    [Test]
    public void Only_a_sample_is_compared_and_none_where_there_is_no_shadow() => Run(async () =>
    {
        foreach (var (stage, sample) in new[] { (Stage.ShadowRead, 0.0), (Stage.DualWrite, 1.0), (Stage.NewOnly, 1.0) })
        {
            var process = TestProcess.In(stage, _time, options => options.ShadowReadSample = sample);
            var note = await process.AddAsync("a");
            await process.FindAsync(note.Id);
            await process.Runtime.Shadow.CompareQueuedAsync(default);
            Assert.That(process.Memory.NewDatabase.Shadow, Is.Empty);
        }
    });

    private TestProcess In(Stage stage) => TestProcess.In(stage, _time, options => options.ShadowReadSample = 1);

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
