using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Journal;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Journal;

public sealed class RelayTests
{
    private readonly TestTimeProvider _time = new();

    [Test]
    [Category("Case40")]
    public void A_parked_key_does_not_block_others_and_can_be_driven_again() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        var poison = await process.AddTooRichForLegacyAsync();
        process.Memory.Fault = WriteTestsDown("legacy.");
        var good = await process.AddAsync("good");
        process.Memory.Fault = null;
        Assert.That(await process.Relay.DrainAsync(default), Is.EqualTo(new RelayPass(1, 0, 0, 1)));
        Assert.That(process.Legacy(good.Id), Is.Not.Null);
        var journal = process.Memory.Sides.New.Journal;
        var parked = (await journal.ParkedAsync(10, default)).Single();
        Assert.That(parked.Key, Is.EqualTo(TestProcess.Key(poison.Id)));
        Assert.That(parked.LastError, Does.Contain("name").And.Not.Contain("xxx"));

        poison.Name = "short";
        await process.Notes.StoreAsync(poison, default);
        Assert.That(await journal.ParkedAsync(10, default), Is.Empty, "the state that is accepted covers the parked rows");
        process.AssertBothSidesAgree();
    });

    [Test]
    public void A_failure_that_does_not_pass_is_parked_after_the_attempts_and_a_transient_one_is_tried_for_ever() => Run(async () =>
    {
        foreach (var (transient, parks) in new[] { (true, false), (false, true) })
        {
            var process = TestProcess.In(Stage.DualWrite, _time, options => options.MaxAttempts = 3);
            process.Memory.Fault = step => step == "new.save.before"
                ? throw new SideUnavailableException(SideName.New, "no", transient, new InvalidOperationException())
                : Task.CompletedTask;
            await process.AddAsync("a");
            for (var i = 0; i < 10; i++)
            {
                await process.Relay.DrainAsync(default);
                await Task.Delay(TimeSpan.FromSeconds(40), _time);
            }

            Assert.That(process.Memory.LegacyDatabase.Journal.Single().Parked, Is.EqualTo(parks));
            process.Memory.Fault = null;
            await process.Memory.Sides.Legacy.Journal.RetryAsync(null, default);
            await process.Relay.DrainAsync(default);
            process.AssertBothSidesAgree();
        }
    });

    [Test]
    [Category("Case34")]
    public void While_the_follower_is_away_the_journal_grows_with_the_entities_and_not_with_the_writes() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var notes = new[] { await process.AddAsync("a"), await process.AddAsync("b") };
        process.Memory.Fault = WriteTestsDown("new.");
        using var stop = new CancellationTokenSource();
        var relay = process.Relay.RunAsync(stop.Token);
        for (var i = 0; i < 5_100; i++)
        {
            foreach (var note in notes)
            {
                await Hammer.IncrementAsync(process, note.Id);
            }
        }

        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(10_200));
        await Task.Delay(TimeSpan.FromMinutes(2), _time);
        Assert.That(process.Memory.LegacyDatabase.Journal, Has.Count.EqualTo(4));

        process.Memory.Fault = null;
        await Task.Delay(TimeSpan.FromMinutes(2), _time);
        Simulation.Cancel(stop);
        await relay;
        Assert.That(process.Memory.LegacyDatabase.Journal, Is.Empty);
        process.AssertBothSidesAgree();
    });

    /// <summary>What is written behind a bulk change waits for one pass.</summary>
    [Test]
    public void A_pass_claims_no_more_than_it_can_do_in_a_moment() => Run(async () =>
    {
        var size = new PassSize(TestProcess.In(Stage.NewLeads, _time).Runtime);
        Assert.That(size.Next, Is.EqualTo(100));
        foreach (var (keys, took, next) in new[] { (100, 1_000, 20), (20, 40, 100), (100, 60_000, 12), (12, 0, 100), (3, 100, 12), (12, 100, 24) })
        {
            await size.MeasureAsync(keys, async () =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(took), _time);
                return RelayPass.None;
            });
            Assert.That(size.Next, Is.EqualTo(next), $"{keys} keys in {took} ms");
        }
    });

    [Test]
    [Category("Case7")]
    public void A_claim_of_a_dead_relay_is_taken_over_after_its_lease_and_the_old_one_cannot_give_it_back() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        process.Memory.Fault = WriteTestsDown("new.");
        await process.AddAsync("a");
        process.Memory.Fault = null;
        var journal = process.Memory.Sides.Legacy.Journal;
        var old = (await journal.ClaimAsync("dead", 10, process.Runtime.Options.RelayLease, default)).Single();
        Assert.That(await process.Relay.DrainAsync(default), Is.EqualTo(RelayPass.None));
        await Task.Delay(process.Runtime.Options.RelayLease + TimeSpan.FromSeconds(1), _time);
        Assert.That((await process.Relay.DrainAsync(default)).Applied, Is.EqualTo(1));
        await journal.FailAsync(old, "late", null, default);
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case14")]
    public void Two_relays_and_inline_applies_end_with_the_same_state([Range(1, 20)] int seed) => Simulation.Run(seed, _time, async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        var ids = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add((await process.AddAsync($"n{i}")).Id);
        }

        using var stop = new CancellationTokenSource();
        var relays = new[] { process, process.Another(2) }.Select(each => each.Relay.RunAsync(stop.Token)).ToList();
        var hammer = new Hammer();
        var writers = Enumerable.Range(3, 3).Select(i => hammer.RunAsync(Flaky(process.Another(i), i), i, ids, stop.Token)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(2), _time);
        Simulation.Cancel(stop);
        await Task.WhenAll([.. writers, .. relays]);
        await Task.Delay(TimeSpan.FromMinutes(1), _time);
        await process.Relay.DrainAsync(default);
        process.AssertBothSidesAgree();
        hammer.AssertKept(process, SideName.Legacy);
        Assert.That(hammer.Writes, Is.GreaterThan(100));
    });

    [Test]
    [TestCase(Stage.LegacyOnly, "new.")]
    [TestCase(Stage.NewOnly, "legacy.read")]
    public void A_relay_is_idle_where_there_is_no_follower(Stage stage, string untouched) => Run(async () =>
    {
        var process = TestProcess.In(stage, _time);
        using var stop = new CancellationTokenSource();
        var run = process.Relay.RunAsync(stop.Token);
        await Task.Delay(TimeSpan.FromSeconds(5), _time);
        Simulation.Cancel(stop);
        await run;
        Assert.That(process.Memory.Steps.Where(step => step.StartsWith(untouched, StringComparison.Ordinal)), Is.Empty);
        Assert.That(process.Memory.Steps.Where(step => step.Contains("claim", StringComparison.Ordinal)), Is.Empty);
    });

    [Test]
    public void A_process_is_seen_to_live_by_the_liveness_that_is_set_now() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.ReplicaLiveness = TimeSpan.FromMinutes(30));
        using var stop = new CancellationTokenSource();
        var run = process.Relay.RunAsync(stop.Token);
        await Task.Delay(TimeSpan.FromSeconds(30), _time);
        Assert.That(process.Memory.Steps.Count(step => step == "legacy.beat.before"), Is.EqualTo(1));
        process.Runtime.Options.ReplicaLiveness = TimeSpan.FromSeconds(9);
        for (var at = 0; at < 10; at++)
        {
            await Task.Delay(TimeSpan.FromSeconds(3), _time);
            Assert.That(await process.Memory.Sides.Replicas.LiveAsync(process.Runtime.Options.ReplicaLiveness, default), Is.Not.Empty);
        }

        Simulation.Cancel(stop);
        await run;
    });

    [Test]
    public void A_write_that_could_not_be_brought_along_wakes_the_relay_at_once() => Run(async () =>
    {
        var process = TestProcess.In(Stage.DualWrite, _time, options => options.RelayPoll = TimeSpan.FromMinutes(1));
        using var stop = new CancellationTokenSource();
        var run = process.Relay.RunAsync(stop.Token);
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        var failed = false;
        process.Memory.Fault = step => step == "new.begin.before" && !failed && (failed = true)
            ? throw new SideUnavailableException(SideName.New, "once", true, new InvalidOperationException())
            : Task.CompletedTask;
        await process.AddAsync("a");
        await Task.Delay(TimeSpan.FromSeconds(1), _time);
        process.AssertBothSidesAgree();
        Assert.That(process.Memory.LegacyDatabase.Replicas, Contains.Key("replica-1"));
        Simulation.Cancel(stop);
        await run;
        Assert.That(process.Memory.LegacyDatabase.Replicas, Is.Empty);
    });

    [Test]
    public void Back_off_doubles_up_to_its_limit_and_jitters_by_half()
    {
        var waits = new BackOff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1));
        Assert.That(waits.After(1, 0), Is.EqualTo(TimeSpan.FromMilliseconds(50)));
        Assert.That(waits.After(3, 1), Is.EqualTo(TimeSpan.FromMilliseconds(400)));
        Assert.That(waits.After(1000, 1), Is.EqualTo(TimeSpan.FromSeconds(1)));
    }

    private static Func<string, Task> WriteTestsDown(string prefix) => Strangler.Tests.DualWrite.WriteTests.Down(prefix);

    // Every seventh step on the follower fails.
    private static TestProcess Flaky(TestProcess process, int seed)
    {
        var random = new Random(seed);
        process.Memory.Fault = step => step.StartsWith("new.", StringComparison.Ordinal) && random.Next(7) == 0
            ? throw new SideUnavailableException(SideName.New, "flaky", true, new InvalidOperationException())
            : Task.CompletedTask;
        return process;
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);
}
