using NUnit.Framework;
using Strangler.Backfill;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IdMap;
using Strangler.Journal;
using Strangler.Tests.Cutover;
using Strangler.Tests.Doubles;

namespace Strangler.Tests.Hooks;

/// <summary>
/// Each point stands where its comment says: pinned between the two operations around it, and by what another connection sees at that
/// moment. A point that is moved over an operation, or over another point, turns its test red.
/// </summary>
public sealed class HookPointTests
{
    private const string Write = "write";
    private const string Relay = "relay";
    private const string Merge = "merge";
    private const string Create = "create";
    private const string Flip = "flip";
    private const string FailedFlip = "failed flip";
    private const string Move = "move";
    private const string Backfill = "backfill";
    private const string Joint = "joint write";
    private const string Search = "search";
    private const string Pruning = "pruning";

    private static readonly Dictionary<string, HookPoint[]> Orders = new()
    {
        [Write] =
        [
            HookPoint.WriteBeforeBegin, HookPoint.WriteBegun, HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted,
            HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.ApplyLeadRead, HookPoint.ApplyBeforeCommit,
            HookPoint.ApplyCommitted, HookPoint.ApplySettled,
        ],
        [Joint] =
        [
            HookPoint.WriteBeforeBegin, HookPoint.WriteBegun, HookPoint.JointBeforePart, HookPoint.JointPartDone,
            HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted,
        ],
        [Search] = [HookPoint.ObligationFound],
        [Pruning] = [HookPoint.RequestsPruned, HookPoint.RequestsPruned],
        [Relay] =
        [
            HookPoint.RelayClaimed, HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.RelayBeforeFail, HookPoint.RelayFailed,
        ],
        [Merge] =
        [
            HookPoint.RelayClaimed, HookPoint.MergeBeforeBegin, HookPoint.MergeBegun, HookPoint.MergeLegacyRead, HookPoint.MergeBeforeCommit,
            HookPoint.MergeCommitted, HookPoint.MergeSettled, HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.ApplyLeadRead,
            HookPoint.ApplyBeforeCommit, HookPoint.ApplyCommitted, HookPoint.ApplySettled,
        ],
        [Create] =
        [
            HookPoint.IdTaken, HookPoint.WriteBeforeBegin, HookPoint.WriteBegun, HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted,
            HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.ApplyLeadRead, HookPoint.ApplyBeforeCommit,
            HookPoint.ApplyCommitted, HookPoint.ApplySettled,
        ],
        [Flip] =
        [
            HookPoint.IdsBeforeReserve, HookPoint.IdsReserved, HookPoint.FlipBeforeDeny, HookPoint.FlipDenied, HookPoint.FlipBeforeDrain,
            HookPoint.FlipBeforeWatermark, HookPoint.FlipDrained, HookPoint.FlipBeforePrepare, HookPoint.FlipPrepared,
            HookPoint.FlipBeforeDecide, HookPoint.FlipDecided, HookPoint.FlipBeforePromote, HookPoint.FlipPromoted,
        ],
        [FailedFlip] =
        [
            HookPoint.FlipBeforeDeny, HookPoint.FlipDenied, HookPoint.FlipBeforeDrain, HookPoint.FlipBeforeWatermark, HookPoint.FlipDrained,
            HookPoint.FlipBeforePrepare, HookPoint.FlipBeforeAbort, HookPoint.FlipAborted,
        ],
        [Move] = [HookPoint.MoveBeforeSet, HookPoint.MoveSet],
        [Backfill] =
        [
            .. Enumerable.Range(0, 2 + 2 + 1 + 1).SelectMany(_ => (HookPoint[])
                [HookPoint.BackfillBegun, HookPoint.BackfillBeforeCommit, HookPoint.BackfillCommitted]),
        ],
    };

    private readonly TestTimeProvider _time = new();

    /// <summary>Whoever adds a point adds its place here: one that nothing pins could be moved, and the crash tests would test something else.</summary>
    [Test]
    public void Each_point_has_a_test_that_pins_it()
    {
        var cases = GetType().GetMethods().SelectMany(method => method.GetCustomAttributes(typeof(TestCaseAttribute), inherit: false))
            .SelectMany(one => ((TestCaseAttribute)one).Arguments).OfType<HookPoint>();
        var alone = GetType().GetMethods().Select(method => method.Name.Split('_')[0]).Where(name => Enum.IsDefined(typeof(HookPoint), name)).Select(name => Enum.Parse<HookPoint>(name));
        Assert.That(cases.Concat(alone).Distinct(), Is.EquivalentTo(Enum.GetValues<HookPoint>()));
    }

    // What is seen: amounts on lead and follower, journal rows of the lead, and on which sides the key is locked.
    [TestCase(HookPoint.WriteBeforeBegin, "lead.read.after", "lead.begin.before", "1 1 0 free")]
    [TestCase(HookPoint.WriteBegun, "lead.begin.after", "lead.save.before", "1 1 0 lead")]
    [TestCase(HookPoint.WriteBeforeCommit, "lead.journal.after", "lead.commit.before", "1 1 0 lead")]
    [TestCase(HookPoint.WriteCommitted, "lead.commit.after", "follower.begin.before", "2 1 1 free")]
    [TestCase(HookPoint.ApplyBeforeBegin, "lead.commit.after", "follower.begin.before", "2 1 1 free")]
    [TestCase(HookPoint.ApplyBegun, "follower.begin.after", "lead.read.before", "2 1 1 follower")]
    [TestCase(HookPoint.ApplyLeadRead, "lead.read.after", "follower.save.before", "2 1 1 follower")]
    [TestCase(HookPoint.ApplyBeforeCommit, "follower.entity.after", "follower.commit.before", "2 1 1 follower")]
    [TestCase(HookPoint.ApplyCommitted, "follower.commit.after", "lead.settle.before", "2 2 1 free")]
    [TestCase(HookPoint.ApplySettled, "lead.settle.after", null, "2 2 0 free")]
    public void Points_of_a_write(HookPoint point, string last, string? next, string seen) => EitherLead(async lead =>
    {
        var process = TestProcess.In(StageOf(lead), _time);
        var id = (await process.AddAsync("a", 1)).Id;
        await AssertStandsAsync(process, point, Named(last, lead), Named(next, lead), seen, () => SeenOf(process, lead, id),
            () => Hammer.IncrementAsync(process, id));
    });

    // What is seen: as above.
    [TestCase(HookPoint.JointBeforePart, "lead.entity.after", "lead.joint.before", "1 1 0 lead")]
    [TestCase(HookPoint.JointPartDone, "follower.entity.after", "lead.commit.before", "1 1 0 lead+follower")]
    public void Points_of_a_write_in_one_transaction(HookPoint point, string last, string next, string seen) => EitherLead(async lead =>
    {
        var process = TestProcess.In(StageOf(lead), _time, options => options.OneTransaction = true);
        var id = (await process.AddAsync("a", 1)).Id;
        await AssertStandsAsync(process, point, Named(last, lead), Named(next, lead), seen, () => SeenOf(process, lead, id),
            () => Hammer.IncrementAsync(process, id));
        Assert.That(process.Memory.Of(lead).JointCommits, Is.EqualTo(2));
    });

    // What is seen: keys that are listed.
    [TestCase(HookPoint.ObligationFound, "new.versions.after", "new.lost-add.before", "0")]
    public void Points_of_the_search_for_lost_obligations(HookPoint point, string last, string next, string seen) =>
        EitherLead(async lead =>
    {
        var process = await WithALostObligationAsync(lead);
        await AssertStandsAsync(
            process, point, last, next, seen, () => $"{process.Memory.NewDatabase.Obligations.Lost.Count}",
            () => new ObligationCheck(process.Runtime).CheckAllAsync(default));
    });

    // What is seen: request keys that are left.
    [TestCase(HookPoint.RequestsPruned, "lead.prune.after", "lead.prune.before", "1")]
    public void Points_of_the_end_of_request_keys(HookPoint point, string last, string next, string seen) => EitherLead(async lead =>
    {
        var process = WithOldRequests(lead);
        await AssertStandsAsync(
            process, point, Named(last, lead), Named(next, lead), seen, () => $"{process.Memory.Of(lead).Requests.Count}",
            () => new RequestPruning(process.Runtime).PruneAsync(lead, default));
    });

    // What is seen: amounts on lead and follower, attempts so far, and whether the claim stands.
    [TestCase(HookPoint.RelayClaimed, "lead.claim.after", "follower.begin.before", "2 1 0 claimed")]
    [TestCase(HookPoint.RelayBeforeFail, "follower.begin.before", "lead.fail.before", "2 1 0 claimed")]
    [TestCase(HookPoint.RelayFailed, "lead.fail.after", "lead.fence.before", "2 1 1 free")]
    public void Points_of_the_relay(HookPoint point, string last, string next, string seen) => EitherLead(async lead =>
    {
        var process = await WithSomethingToRelayAsync(lead);
        process.Memory.Fault = point == HookPoint.RelayClaimed ? null : DownAt(lead, "begin");
        var row = process.Memory.Of(lead).Journal.Single();
        await AssertStandsAsync(
            process, point, Named(last, lead), Named(next, lead), seen,
            () => $"{AmountsOf(process, lead, row.Key.Id)} {row.Attempts} {(row.LeaseUntil is null ? "free" : "claimed")}",
            () => process.Relay.DrainAsync(default));
    });

    // What is seen: amounts on the new side and on legacy, legacy's open journal rows, conflicts, and whether the key is locked on the
    // new side.
    [TestCase(HookPoint.MergeBeforeBegin, "legacy.claim.after", "new.begin.before", "1 5 1 0 free")]
    [TestCase(HookPoint.MergeBegun, "new.begin.after", "legacy.read.before", "1 5 1 0 locked")]
    [TestCase(HookPoint.MergeLegacyRead, "legacy.read.after", "new.base.before", "1 5 1 0 locked")]
    [TestCase(HookPoint.MergeBeforeCommit, "new.conflict.after", "new.commit.before", "1 5 1 0 locked")]
    [TestCase(HookPoint.MergeCommitted, "new.commit.after", "legacy.settle-foreign.before", "5 5 1 0 free")]
    [TestCase(HookPoint.MergeSettled, "legacy.settle-foreign.after", "legacy.begin.before", "5 5 0 0 free")]
    [TestCase(HookPoint.MergeConflictListed, "new.conflict.after", "new.fail.before", "1 5 1 1 free")]
    [Category("Case43")]
    public void Points_of_a_merge(HookPoint point, string last, string next, string seen) => Run(async () =>
    {
        var (process, id) = await WithSomethingToMergeAsync(isConflict: point == HookPoint.MergeConflictListed);
        var (legacy, @new) = (process.Memory.LegacyDatabase, process.Memory.NewDatabase);
        await AssertStandsAsync(
            process, point, last, next, seen,
            () => $"{AmountsOf(process, SideName.New, id)} {legacy.Journal.Count(row => !row.Parked)} {@new.Conflicts.Count} "
                + (@new.Locks.IsHeld(TestLens.Kind, id) ? "locked" : "free"),
            () => process.Relay.DrainAsync(default));
    });

    [Test]
    public void A_key_that_is_about_to_be_parked_is_not_parked_before_it_is_recorded() => EitherLead(async lead =>
    {
        var process = await WithSomethingToRelayAsync(lead, options => options.MaxAttempts = 1);
        process.Memory.Fault = step => step.EndsWith("save.before", StringComparison.Ordinal)
            ? throw new InvalidOperationException("odd")
            : Task.CompletedTask;
        var row = process.Memory.Of(lead).Journal.Single();
        var seen = new List<(HookPoint, bool)>();
        process.Hook = (point, _) =>
        {
            seen.Add((point, row.Parked));
            return default;
        };
        await process.Relay.DrainAsync(default);
        Assert.That(seen[^2..], Is.EqualTo(new[] { (HookPoint.RelayBeforeFail, false), (HookPoint.RelayFailed, true) }));
    });

    [Test]
    [Category("Case6")]
    public void IdTaken_stands_between_the_pool_and_the_transaction() => Run(async () =>
    {
        var process = TestProcess.In(Stage.NewLeads, _time);
        await AssertStandsAsync(
            process, HookPoint.IdTaken, "new.take.after", "new.begin.before", "99 0",
            () => $"{process.Memory.NewDatabase.IdBlocks[TestLens.Kind].Count} {process.Memory.NewDatabase.Rows.Count}",
            () => process.AddAsync("a"));
    });

    // What is seen: the highest id that legacy has reserved, and how many the pool holds.
    [TestCase(HookPoint.IdsBeforeReserve, "legacy.overlap.after", "legacy.reserve.before", "0 0")]
    [TestCase(HookPoint.IdsReserved, "new.reserve.after", null, "101 100")]
    [Category("Case6")]
    public void Points_of_reserving(HookPoint point, string last, string? next, string seen) => Run(async () =>
    {
        var process = await ReadyToFlipAsync(SideName.Legacy);
        process.Memory.NewDatabase.IdBlocks.Clear();
        await AssertStandsAsync(
            process, point, last, next, seen,
            () => $"{process.Memory.LegacyDatabase.LastReserved.GetValueOrDefault(TestLens.Kind)} "
                + $"{process.Memory.NewDatabase.IdBlocks.GetValueOrDefault(TestLens.Kind)?.Count ?? 0}",
            process.AdvanceAsync);
    });

    [Test]
    [Category("Case6")]
    public async Task IdsRecorded_stands_between_legacys_record_and_the_pool()
    {
        var (blocks, pool) = (new Blocks(), new Pool());
        var seen = new List<(HookPoint, SideName, int, int)>();
        var ids = new PublicIds(blocks, pool, (point, side) =>
        {
            seen.Add((point, side, blocks.Recorded.Count, pool.Added.Count));
            return default;
        });
        await ids.ReserveAsync("note", 10, default);
        Assert.That(seen, Is.EqualTo(new[] { (HookPoint.IdsRecorded, SideName.Legacy, 1, 0) }));
        Assert.That(pool.Added, Has.Count.EqualTo(1));
    }

    // What is seen: the roles of the old and of the new lead, and journal rows of the old one.
    [TestCase(HookPoint.FlipBeforeDeny, "lead.clock.after", "lead.fence-cas.before", "Lead Follower 1")]
    [TestCase(HookPoint.FlipDenied, "lead.fence-cas.after", "lead.depth.before", "Switching Follower 1")]
    [TestCase(HookPoint.FlipBeforeDrain, "lead.fence-cas.after", "lead.depth.before", "Switching Follower 1")]
    [TestCase(HookPoint.FlipBeforeWatermark, "lead.settle.after", "lead.depth.before", "Switching Follower 0")]
    [TestCase(HookPoint.FlipDrained, "lead.depth.after", "follower.fence-cas.before", "Switching Follower 0")]
    [TestCase(HookPoint.FlipBeforePrepare, "lead.depth.after", "follower.fence-cas.before", "Switching Follower 0")]
    [TestCase(HookPoint.FlipPrepared, "follower.fence-cas.after", "lead.fence-cas.before", "Switching Prepared 0")]
    [TestCase(HookPoint.FlipBeforeDecide, "follower.fence-cas.after", "lead.fence-cas.before", "Switching Prepared 0")]
    [TestCase(HookPoint.FlipDecided, "lead.fence-cas.after", "follower.fence-cas.before", "Follower Prepared 0")]
    [TestCase(HookPoint.FlipBeforePromote, "lead.fence-cas.after", "follower.fence-cas.before", "Follower Prepared 0")]
    [TestCase(HookPoint.FlipPromoted, "follower.fence-cas.after", "lead.audit.before", "Follower Lead 0")]
    [Category("Case21")]
    public void Points_of_a_flip(HookPoint point, string last, string next, string seen) => EitherLead(async lead =>
    {
        var process = await ReadyToFlipAsync(lead);
        await AssertStandsAsync(
            process, point, Named(last, lead), Named(next, lead), seen, () => RolesOf(process, lead), () => FlipAsync(process, lead));
    });

    [TestCase(HookPoint.FlipBeforeAbort, "follower.fence-cas.before", "lead.fence-cas.before", "Switching Follower 0")]
    [TestCase(HookPoint.FlipAborted, "lead.fence-cas.after", "lead.audit.before", "Lead Follower 0")]
    [Category("Case23")]
    public void Points_of_a_flip_that_fails(HookPoint point, string last, string next, string seen) => EitherLead(async lead =>
    {
        var process = await ReadyToFlipAsync(lead);
        FailAtPrepare(process, lead);
        await AssertStandsAsync(
            process, point, Named(last, lead), Named(next, lead), seen, () => RolesOf(process, lead),
            () => Assert.ThatAsync(() => FlipAsync(process, lead), Throws.TypeOf<Strangler.Cutover.CutoverException>()));
    });

    [TestCase(HookPoint.MoveBeforeSet, null, "legacy.fence-cas.before", "ShadowRead ShadowRead")]
    [TestCase(HookPoint.MoveSet, "legacy.fence-cas.after", "legacy.audit.before", "DualWrite ShadowRead")]
    public void Points_of_a_move_that_keeps_the_lead(HookPoint point, string? last, string next, string seen) => Run(async () =>
    {
        var process = TestProcess.In(Stage.ShadowRead, _time);
        await AssertStandsAsync(
            process, point, last, next, seen,
            () => $"{process.Memory.LegacyDatabase.Fence!.Stage} {process.Memory.NewDatabase.Fence!.Stage}", process.BackAsync);
    });

    // What is seen: rows of the new side, where the backfill would go on, and whether the chunk is locked.
    [TestCase(HookPoint.BackfillBegun, "new.chunk.after", "new.rows.before", "0 none locked")]
    [TestCase(HookPoint.BackfillBeforeCommit, "new.quarantine.after", "new.chunk-commit.before", "0 none locked")]
    [TestCase(HookPoint.BackfillCommitted, "new.chunk-commit.after", "new.chunk.before", "2 3 free")]
    [Category("Case8")]
    public void Points_of_a_backfill(HookPoint point, string last, string next, string seen) => Run(async () =>
    {
        var process = await PlantedAsync();
        var @new = process.Memory.NewDatabase;
        await AssertStandsAsync(
            process, point, last, next, seen,
            () => $"{@new.Rows.Count} {@new.Checkpoints.GetValueOrDefault(TestLens.Kind)?.NextId.ToString() ?? "none"} "
                + (@new.Locks.IsHeld(TestLens.Kind, 1) ? "locked" : "free"),
            () => BackfillAsync(process),
            step => step.StartsWith("new.", StringComparison.Ordinal));
    });

    [Test]
    public void Points_come_in_their_order(
        [Values(Write, Joint, Search, Pruning, Relay, Merge, Create, Flip, FailedFlip, Move, Backfill)] string what) => Run(async () =>
    {
        var lead = what == Create ? SideName.New : SideName.Legacy;
        var process = what switch
        {
            Relay => await WithSomethingToRelayAsync(lead),
            Merge => (await WithSomethingToMergeAsync(isConflict: false)).Process,
            Joint => TestProcess.In(StageOf(lead), _time, options => options.OneTransaction = true),
            Search => await WithALostObligationAsync(lead),
            Pruning => WithOldRequests(lead),
            Flip or FailedFlip => await ReadyToFlipAsync(lead, behind: false),
            Backfill => await PlantedAsync(),
            _ => TestProcess.In(StageOf(lead), _time),
        };
        var id = what is Write or Joint ? (await process.AddAsync("a", 1)).Id : 0;
        process.Memory.Fault = what == Relay ? DownAt(lead, "read") : null;
        if (what == FailedFlip)
        {
            FailAtPrepare(process, lead);
        }

        if (what == Flip)
        {
            process.Memory.NewDatabase.IdBlocks.Clear();
        }

        var reached = new List<HookPoint>();
        process.Hook = (point, _) =>
        {
            reached.Add(point);
            return default;
        };
        await (what switch
        {
            Write or Joint => Hammer.IncrementAsync(process, id),
            Search => new ObligationCheck(process.Runtime).CheckAllAsync(default),
            Pruning => new RequestPruning(process.Runtime).PruneAsync(lead, default),
            Relay or Merge => process.Relay.DrainAsync(default),
            Create => process.AddAsync("a"),
            Flip => process.AdvanceAsync(),
            FailedFlip => CutoverTests.TryAsync(process.AdvanceAsync),
            Move => process.BackAsync(),
            _ => BackfillAsync(process),
        });
        Assert.That(reached, Is.EqualTo(Orders[what]));
    });

    [Test]
    [Category("Case5")]
    public void A_reply_lost_at_a_committed_point_is_looked_up_and_nothing_is_done_twice(
        [Values(HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted)] HookPoint point) => EitherLead(async lead =>
    {
        var process = TestProcess.In(StageOf(lead), _time);
        ThrowOnceAt(process, point, side => new CommitOutcomeUnknownException(side, new IOException("lost")));
        var note = await process.AddAsync("a", 1, "request");
        Assert.That(process.Memory.Of(lead).Rows, Has.Count.EqualTo(1));
        Assert.That(process.Memory.Steps.Count(step => step == Named("lead.commit.before", lead)), Is.EqualTo(1));
        Assert.That((await process.Another(2).AddAsync("a", 1, "request")).Id, Is.EqualTo(note.Id));
        process.AssertBothSidesAgree();
    });

    [Test]
    [Category("Case8")]
    public void A_backfill_whose_commits_reply_was_lost_does_not_write_the_chunk_again() => Run(async () =>
    {
        var process = await PlantedAsync();
        ThrowOnceAt(process, HookPoint.BackfillCommitted, side => new CommitOutcomeUnknownException(side, new IOException("lost")));
        Assert.That(await BackfillAsync(process), Is.EqualTo(new BackfillResult(2, 3, 0, 0)));
        process.AssertBothSidesAgree();
    });

    [Test]
    public void Every_point_has_a_test()
    {
        var tested = typeof(HookPointTests).GetMethods().SelectMany(method => method.GetCustomAttributes(typeof(TestCaseAttribute), false))
            .Cast<TestCaseAttribute>().Select(test => (HookPoint)test.Arguments[0]!)
            .Append(HookPoint.IdTaken).Append(HookPoint.IdsRecorded);
        Assert.That(Enum.GetValues<HookPoint>(), Is.EquivalentTo(tested.Distinct()));
        var unordered = Enum.GetValues<HookPoint>().Except(Orders.Values.SelectMany(points => points));
        Assert.That(unordered, Is.EquivalentTo(new[] { HookPoint.IdsRecorded, HookPoint.MergeConflictListed }));
    }

    private static Stage StageOf(SideName lead) => lead == SideName.Legacy ? Stage.ShadowRead : Stage.NewLeads;

    private static Task FlipAsync(TestProcess process, SideName lead) =>
        lead == SideName.Legacy ? process.AdvanceAsync() : process.BackAsync();

    private static string? Named(string? step, SideName lead) => step?
        .Replace("lead", $"{lead}".ToLowerInvariant(), StringComparison.Ordinal)
        .Replace("follower", $"{Stages.Other(lead)}".ToLowerInvariant(), StringComparison.Ordinal);

    private static string SeenOf(TestProcess process, SideName lead, long id)
    {
        var held = new[] { lead, Stages.Other(lead) }.Where(side => process.Memory.Of(side).Locks.IsHeld(TestLens.Kind, id))
            .Select(side => side == lead ? "lead" : "follower");
        var locked = string.Join('+', held);
        return $"{AmountsOf(process, lead, id)} {process.Memory.Of(lead).Journal.Count} {(locked.Length == 0 ? "free" : locked)}";
    }

    private static string AmountsOf(TestProcess process, SideName lead, long id)
    {
        var (legacy, @new) = (process.Legacy(id)!.Integer("amount"), process.New(id)!.Integer("amount"));
        return lead == SideName.Legacy ? $"{legacy} {@new}" : $"{@new} {legacy}";
    }

    private static string RolesOf(TestProcess process, SideName lead) =>
        $"{process.Memory.Of(lead).Fence!.Role} {process.Memory.Of(Stages.Other(lead)).Fence!.Role} "
        + $"{process.Memory.Of(lead).Journal.Count}";

    private static async Task AssertStandsAsync(
        TestProcess process, HookPoint point, string? last, string? next, string seen, Func<string> look, Func<Task> act,
        Func<string, bool>? counts = null)
    {
        (int Step, string Seen)? sighting = null;
        process.Hook = (reached, _) =>
        {
            sighting ??= reached == point ? (process.Memory.Steps.Count, look()) : null;
            return default;
        };
        await act();
        Assert.That(sighting, Is.Not.Null, $"{point} was not reached");
        var steps = process.Memory.Steps;
        var before = steps.Take(sighting!.Value.Step).Where(counts ?? (_ => true)).LastOrDefault();
        var after = steps.Skip(sighting.Value.Step).Where(counts ?? (_ => true)).FirstOrDefault();
        Assert.Multiple(() =>
        {
            Assert.That(last is null || before == last, Is.True, $"{point} comes after {before}, not after {last}");
            Assert.That(next is null || after == next, Is.True, $"{point} comes before {after}, not before {next}");
            Assert.That(sighting.Value.Seen, Is.EqualTo(seen));
        });
    }

    private static void ThrowOnceAt(TestProcess process, HookPoint point, Func<SideName, Exception> failure)
    {
        var thrown = false;
        process.Hook = (reached, side) =>
        {
            if (reached != point || thrown)
            {
                return default;
            }

            thrown = true;
            throw failure(side);
        };
    }

    private static Func<string, Task> DownAt(SideName lead, string operation) => step =>
        step == Named($"follower.{operation}.before", lead) || (operation == "read" && step == Named("lead.read.before", lead))
            ? throw new SideUnavailableException(Stages.Other(lead), "down", isTransient: true, new IOException("down"))
            : Task.CompletedTask;

    private static void FailAtPrepare(TestProcess process, SideName lead)
    {
        var failed = false;
        var denied = false;
        process.Memory.Fault = step =>
        {
            denied |= step == Named("lead.depth.after", lead) && process.Memory.Of(lead).Fence!.Role == FenceRole.Switching;
            if (failed || !denied || step != Named("follower.fence-cas.before", lead))
            {
                return Task.CompletedTask;
            }

            failed = true;
            throw new SideUnavailableException(Stages.Other(lead), "down", isTransient: true, new IOException("down"));
        };
    }

    private static async Task<BackfillResult> BackfillAsync(TestProcess process) => await new BackfillJob(
        process.Runtime, new BackfillOptions { FirstChunk = 2, MaxChunk = 2 }).RunAsync(TestLens.Kind, null, default);

    private async Task<TestProcess> WithSomethingToRelayAsync(SideName lead, Action<ContextOptions>? configure = null)
    {
        var process = TestProcess.In(StageOf(lead), _time, configure);
        var id = (await process.AddAsync("a", 1)).Id;
        process.Memory.Fault = DownAt(lead, "begin");
        await Hammer.IncrementAsync(process, id);
        process.Memory.Fault = null;
        return process;
    }

    // A foreign change of the amount; or of the name as well, which the new side has changed and legacy not seen.
    private async Task<(TestProcess Process, long Id)> WithSomethingToMergeAsync(bool isConflict)
    {
        var process = TestProcess.In(Stage.NewLeads, _time, options => options.ForeignWritersNone = false);
        var note = await process.AddAsync("a", 1);
        if (isConflict)
        {
            process.Memory.Fault = DownAt(SideName.New, "begin");
            note.Name = "ours";
            await process.Notes.StoreAsync(note, default);
            process.Memory.Fault = null;
        }

        process.Memory.WriteForeign(TestProcess.Key(note.Id), TestLens.LegacyRow(isConflict ? "theirs" : "a", 5, "O"));
        return (process, note.Id);
    }

    private async Task<TestProcess> WithALostObligationAsync(SideName lead)
    {
        var process = await WithSomethingToRelayAsync(lead);
        process.Memory.Of(lead).Journal.Clear();
        return process;
    }

    // One more than a chunk.
    private TestProcess WithOldRequests(SideName lead)
    {
        var process = TestProcess.In(StageOf(lead), _time);
        var database = process.Memory.Of(lead);
        for (var i = 0; i <= 500; i++)
        {
            database.Requests[$"request {i}"] = (TestProcess.Key(i + 1), new EntityVersion(2, 1));
            database.RequestTimes[$"request {i}"] = database.UtcNow - TimeSpan.FromDays(30);
        }

        return process;
    }

    // One key is behind, so that the drain has something to do.
    private async Task<TestProcess> ReadyToFlipAsync(SideName lead, bool behind = true)
    {
        var process = TestProcess.In(StageOf(lead), _time);
        var id = (await process.AddAsync("a", 1)).Id;
        await process.BackfillOnPaperAsync();
        if (behind)
        {
            process.Memory.Fault = DownAt(lead, "begin");
            await Hammer.IncrementAsync(process, id);
            process.Memory.Fault = null;
        }

        return process;
    }

    private async Task<TestProcess> PlantedAsync()
    {
        var process = TestProcess.In(Stage.DualWrite, _time);
        for (var id = 1; id <= 3; id++)
        {
            process.Memory.PlantLegacy(id, $"{id}", id);
        }

        process.Memory.LegacyDatabase.Requests["request"] = (TestProcess.Key(1), new EntityVersion(2, 0));
        await Task.Yield();
        return process;
    }

    private void EitherLead(Func<SideName, Task> scenario)
    {
        Run(() => scenario(SideName.Legacy));
        Run(() => scenario(SideName.New));
    }

    private void Run(Func<Task> scenario) => Simulation.Run(1, _time, scenario);

    private sealed class Blocks : IIdBlocks
    {
        public List<IdBlock> Recorded { get; } = [];

        public Task<long> ReserveAsync(string kind, long count, CancellationToken cancellationToken)
        {
            Recorded.Add(new IdBlock(1, count));
            return Task.FromResult(count);
        }

        public Task<IReadOnlyList<IdBlock>> ListAsync(string kind, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<IdBlock>>(Recorded);

        public Task<long> OverlapAsync(string kind, CancellationToken cancellationToken) => Task.FromResult(0L);
    }

    private sealed class Pool : IIdPool
    {
        public List<IdBlock> Added { get; } = [];

        public Task AddAsync(string kind, IReadOnlyList<IdBlock> blocks, CancellationToken cancellationToken)
        {
            Added.AddRange(blocks);
            return Task.CompletedTask;
        }

        public Task<long> TakeAsync(string kind, CancellationToken cancellationToken) => Task.FromResult(1L);

        public Task<long> LeftAsync(string kind, CancellationToken cancellationToken) => Task.FromResult(0L);
    }
}
