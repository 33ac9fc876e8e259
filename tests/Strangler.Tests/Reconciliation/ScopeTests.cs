using NUnit.Framework;
using Strangler.DualWrite;
using Strangler.Reconciliation;
using Strangler.Tests.Doubles;
using Strangler.Tests.Exploration;

namespace Strangler.Tests.Reconciliation;

/// <summary>Runs that look at some entities only: which, and that they say so.</summary>
[TestFixture]
public sealed class ScopeTests
{
    [Test]
    public void A_sample_is_the_same_for_the_same_seed_and_another_for_another()
    {
        var world = World.Filled();

        var first = Sample(world, "7", 1);

        Assert.Multiple(() =>
        {
            Assert.That(first.Keys, Has.Count.EqualTo(7));
            Assert.That(Sample(world, "7", 1).Keys, Is.EqualTo(first.Keys));
            Assert.That(Sample(world, "7", 2).Keys, Is.Not.EqualTo(first.Keys));
            Assert.That(Sample(world, "100%", 1).Keys, Has.Count.EqualTo(20));
            Assert.That(Sample(world, "1000", 1).Keys, Has.Count.EqualTo(20));
        });
    }

    [Test]
    public void A_sample_by_share_has_about_that_share_and_every_id_has_its_chance()
    {
        var hits = new int[1000];
        for (var seed = 1UL; seed <= 400; seed++)
        {
            var sample = new KeySample(SampleSize.Parse("10%"), seed);
            Array.ForEach([.. Enumerable.Range(0, 1000)], id => sample.Offer(id));
            foreach (var id in sample.Keys())
            {
                hits[id]++;
            }
        }

        // 40 expected, standard deviation 6: seven of them would be a fault of the hash.
        Assert.That(hits.Min(), Is.GreaterThan(0));
        Assert.That(hits.Max(), Is.LessThan(82));
        Assert.That(hits.Sum(), Is.InRange(38_500, 41_500));
    }

    [Test]
    public void A_sample_says_how_many_were_looked_at_and_opens_no_gate()
    {
        var world = World.Filled();

        var report = world.Reconcile(Sample(world, "5", 42));

        Assert.Multiple(() =>
        {
            Assert.That((report.Full, report.Entities, report.Outcome), Is.EqualTo((false, 5L, ReconciliationOutcome.Clean)));
            Assert.That(report.Scope, Is.EqualTo("note: a sample of 5, seed 42"));
            Assert.That(report.Notes.Single(), Does.Contain("5 of 20 known ids").And.Contain("seed 42"));
        });
    }

    [TestCase("0")]
    [TestCase("-1")]
    [TestCase("0%")]
    [TestCase("101%")]
    [TestCase("some")]
    [TestCase("1000001")]
    public void A_size_that_is_none_is_refused(string text) => Assert.That(() => SampleSize.Parse(text), Throws.ArgumentException);

    [Test]
    public void Since_a_moment_only_what_was_touched_is_looked_at()
    {
        var world = World.Filled();
        world.Time.Advance(TimeSpan.FromHours(1));
        var moment = world.Time.GetUtcNow().UtcDateTime;
        world.Time.Advance(TimeSpan.FromMinutes(1));
        world.Run(() => world.WriteAsync(50, TestLens.Of("written", 1)));
        world.Run(() => world.ApplyAsync(50));
        world.Sides.WriteForeign(World.Key(70), TestLens.LegacyRow("theirs", 7, "O"));
        world.TamperNew(50, 1, 2L);
        world.TamperNew(90, 1, 2L);
        var scope = world.Run(() => new ScopeKeys(world.Runtime).SinceAsync(TestLens.Kind, _ => moment, default));

        var report = world.Reconcile(scope);

        Assert.Multiple(() =>
        {
            Assert.That(scope.Keys, Is.EqualTo(new[] { 50, 70 }));
            Assert.That((report.Full, report.Entities), Is.EqualTo((false, 2L)));
            Assert.That(report.DifferingIds, Is.EqualTo(new[] { 50 }), "90 was changed behind everybody's back, and is not looked at");
            Assert.That(report.Notes.Single(), Does.Contain("Only the 2 keys").And.Contain("past all of these are not seen"));
        });
    }

    [Test]
    public void A_key_whose_time_of_change_is_not_stored_is_looked_at()
    {
        var world = World.Filled();
        world.New.ChangedUtc.Remove(World.Key(30));
        world.Time.Advance(TimeSpan.FromHours(1));

        var scope = world.Run(() => new ScopeKeys(world.Runtime).SinceAsync(TestLens.Kind, clock => clock, default));

        Assert.That(scope.Keys, Does.Contain(30).And.Not.Contain(40));
    }

    [Test]
    public void Ids_that_are_asked_for_and_unknown_are_told()
    {
        var report = World.Filled().Reconcile(new ReconciliationScope { Kind = TestLens.Kind, Keys = [10, 11, 20, 20, 1_000_000] });

        Assert.That((report.Entities, report.Deleted), Is.EqualTo((2L, 0L)));
        Assert.That(report.Notes.Single(), Does.StartWith("2 of the ids asked for"));
    }

    [Test]
    public void An_incremental_run_reads_rows_only_where_versions_or_hashes_disagree()
    {
        var world = Versioned();
        world.TamperNew(80, 1, 1L);
        world.Run(() => world.WriteAsync(100, TestLens.Of("newer", 1)));
        world.New.Entities[World.Key(120)] = world.New.Entities[World.Key(120)] with { FieldHashes = new byte[32] };
        world.Legacy.Entities.Remove(World.Key(140));
        world.New.Entities.Remove(World.Key(140));
        world.Sides.PlantLegacy(145, "past capture", 1);
        var reads = new HashSet<string>();
        world.Sides.Fault = step =>
        {
            reads.Add(step);
            return Task.CompletedTask;
        };

        var report = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, Incremental = true });

        Assert.Multiple(() =>
        {
            Assert.That((report.Full, report.NotRead, report.Entities), Is.EqualTo((false, 17L, 4L)),
                string.Join('\n', ReportText.Render(report)));
            Assert.That(report.Counts[Verdict.InFlight], Is.EqualTo(1), "100");
            Assert.That(report.Counts[Verdict.Uncaptured], Is.EqualTo(1), "145");
            Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(2), "120 and 140");
            Assert.That(report.DifferingIds, Is.EqualTo(new[] { 145 }), "80 changed without a version, and was not read");
            Assert.That(report.Notes.Single(), Does.Contain("rows of 17 keys were not read").And.Contain("is not seen"));
        });
        Assert.That(world.Reconcile().DifferingIds, Is.EqualTo(new[] { 80, 145 }), "a full run does see it");
    }

    [Test]
    public void A_deleted_key_is_trusted_only_while_neither_side_has_rows()
    {
        var world = Versioned();
        world.Run(() => world.WriteAsync(60, (global::Strangler.Mapping.AggregateRow?)null));
        world.Run(() => world.ApplyAsync(60));
        var before = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, Incremental = true });
        world.Sides.PlantLegacy(60, "back past capture", 1);

        var after = world.Reconcile(new ReconciliationScope { Kind = TestLens.Kind, Incremental = true });

        Assert.That((before.NotRead, before.Outcome), Is.EqualTo((20L, ReconciliationOutcome.Clean)));
        Assert.That((after.NotRead, after.Counts[Verdict.Uncaptured]), Is.EqualTo((19L, 1L)));
    }

    [Test]
    public void Of_a_state_that_a_lead_signed_only_the_hashes_are_compared()
    {
        var hashes = new byte[32];
        var (signed, brought) = (EntityState.Sign(hashes, new Random(1)), hashes);
        var version = new EntityVersion(World.DualEpoch, 1);

        Assert.That(IncrementalRules.Agrees(Mark(signed), Mark(brought), World.DualEpoch, 4), Is.True);
        Assert.That(IncrementalRules.Agrees(Mark(signed), Mark(brought), World.DualEpoch + 1, 4), Is.False, "of an earlier dual epoch");
        Assert.That(IncrementalRules.Agrees(Mark(signed), Mark([]), World.DualEpoch, 4), Is.False);
        Assert.That(IncrementalRules.Agrees(Mark(signed), null, World.DualEpoch, 4), Is.False);
        for (var at = 0; at < hashes.Length; at++)
        {
            var other = (byte[])hashes.Clone();
            other[at] = 1;
            Assert.That(IncrementalRules.Agrees(Mark(signed), Mark(other), World.DualEpoch, 4), Is.False);
        }

        KeyMark Mark(byte[] fieldHashes) => new(1, true, new EntityState(version, 0, false, fieldHashes));
    }

    [TestCase(new int[0], 0)]
    [TestCase(new[] { 0, 3 }, 3)]
    [TestCase(new[] { 3, 1, 0 }, 1)]
    [TestCase(new[] { 1, 2, 3 }, 2)]
    public void The_exit_code_of_several_runs_is_the_worst(int[] codes, int worst) =>
        Assert.That(OutcomeRules.Worst(codes), Is.EqualTo(worst));

    [Test]
    public void A_slow_commit_or_a_busy_server_holds_the_run_back_and_is_told()
    {
        var world = World.Filled();
        world.Options.MaxThreadsRunning = 10;
        world.Options.PauseForLoad = TimeSpan.FromSeconds(3);
        var busy = new Busy(50, 50, 3, 3);
        var told = new Collected<ReconciliationProgress>();
        var runtime = world.Seen(store => store, lens => lens, busy);

        var report = world.Run(() => new Reconciler(runtime, world.Options).RunAsync(new ReconciliationScope { Kind = TestLens.Kind }, told, default));

        Assert.That(report.Notes, Has.Some.EqualTo("Throttled: waited 2 s since legacy ran more than 10 statements at a time."));
        Assert.That(told.All.Select(progress => progress.Waiting).OfType<string>(),
            Has.Some.EqualTo("waiting: legacy runs 50 statements, the limit is 10"));
        Assert.That(told.All[^1].Waiting, Is.Null);
    }

    [TestCase(100, 20, true)]
    [TestCase(10, 20, false)]
    [TestCase(100, 0, false)]
    public void While_others_write_a_run_goes_in_small_steps_with_rests_and_says_so(int writesPerSecond, int gentleAbove, bool isGentle)
    {
        var world = World.Filled();
        world.Options.GentleAbove = gentleAbove;
        world.Options.GentleChunk = 2;
        var reads = 0;
        var runtime = world.Seen(
            store => new Slow(store, world.Time, () => reads++), lens => lens, new Busy(1) { Writes = () => world.Time.GetUtcNow().ToUnixTimeMilliseconds() * writesPerSecond / 1000 });

        var began = world.Time.GetTimestamp();
        var report = world.Run(() => new Reconciler(runtime, world.Options).RunAsync(new ReconciliationScope { Kind = TestLens.Kind }, null, default));

        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        Assert.That(report.Counts[Verdict.Matched], Is.EqualTo(20));
        Assert.That(report.Notes.Any(note => note.StartsWith("Throttled: went in small steps", StringComparison.Ordinal)), Is.EqualTo(isGentle));
        var (took, stepping) = (world.Time.GetElapsedTime(began), TimeSpan.FromMilliseconds(50 * reads / 2));
        Assert.That(took, isGentle ? Is.GreaterThanOrEqualTo(3.5 * stepping) : Is.LessThan(2 * stepping));
    }

    [Test]
    [Category("Case59")]
    public void Writers_a_relay_and_flips_make_no_drift_in_any_scope([Range(1, 20)] int seed)
    {
        var world = Versioned();
        var keys = new ScopeKeys(world.Runtime);
        List<ReconciliationReport> reports = [];
        var busy = true;

        world.Run(async () =>
        {
            var loops = Enumerable.Range(0, 3).Select(writer => TruthTests.WriteAsync(world, new Random((seed * 10) + writer), () => busy)).ToList();
            loops.Add(TruthTests.RelayAsync(world, () => busy));
            loops.Add(TruthTests.FlipAsync(world, () => busy));
            reports.Add(await world.ReconcileAsync(new ReconciliationScope { Kind = TestLens.Kind, Incremental = true }));
            reports.Add(await world.ReconcileAsync(await keys.SampleAsync(TestLens.Kind, SampleSize.Parse("50%"), 1, default)));
            reports.Add(await world.ReconcileAsync(await keys.SinceAsync(TestLens.Kind, clock => clock - TimeSpan.FromSeconds(5), default)));
            reports.Add(await world.ReconcileAsync(new ReconciliationScope { Kind = TestLens.Kind, Incremental = true }));
            busy = false;
            await Task.WhenAll(loops);
        }, seed);

        foreach (var report in reports)
        {
            Assert.That(report.Outcome, Is.Not.EqualTo(ReconciliationOutcome.Drift), string.Join('\n', ReportText.Render(report)));
        }
    }

    /// <summary>Every note written once through the wrapper's rules, so that both sides have entity rows.</summary>
    private static World Versioned()
    {
        var world = World.Filled();
        world.Run(async () =>
        {
            for (var id = 10; id <= 200; id += 10)
            {
                await world.WriteAsync(id, TestLens.Of($"Note {id}", id));
            }

            await world.DrainAsync();
        });
        return world;
    }

    private static ReconciliationScope Sample(World world, string size, ulong seed) =>
        world.Run(() => new ScopeKeys(world.Runtime).SampleAsync(TestLens.Kind, SampleSize.Parse(size), seed, default));

    /// <summary>A read takes a twentieth of a second.</summary>
    private sealed class Slow(ISideStore inner, TimeProvider time, Action read) : StoreDecorator(inner)
    {
        public override async Task<RangeSnapshot> ReadRangeAsync(string kind, long from, long to, CancellationToken cancellationToken)
        {
            read();
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
            return await base.ReadRangeAsync(kind, from, to, cancellationToken);
        }
    }

    private sealed class Busy(params long[] running) : IServerLoad
    {
        private int _asked;

        public Task<long> ThreadsRunningAsync(CancellationToken cancellationToken) =>
            Task.FromResult(running[Math.Min(_asked++, running.Length - 1)]);

        public Func<long> Writes { get; init; } = () => 0;

        public Task<long> WritesAsync(CancellationToken cancellationToken) => Task.FromResult(Writes());
    }
}
