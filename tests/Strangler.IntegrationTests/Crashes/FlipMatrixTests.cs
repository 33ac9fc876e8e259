using System.Collections.Concurrent;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// A flipper dies (SIGKILL), stands still or meets a failing store before and after each step of PROTOCOL §6, in both directions, while
/// both fences are watched: never two leads; a lead again by the deadline, without anyone's help or by <c>resume</c>; the old lead before
/// the decision, the new one after it; what was acknowledged is there on both sides. A frozen flipper then wakes up and finds that it can
/// do no more harm. Cases 21 and 23, and of case 10 the flipper's part.
/// </summary>
[Category("Case21")]
[Category("Case23")]
[Category("Case10")]
[CancelAfter(120_000)]
public sealed class FlipMatrixTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);

    // Beyond the deadline: the writer's next look at the fence, and a machine that is busy with other tests.
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);

    private const string Options =
        """
        { "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "relayLease": "1s", "inlineApplyTimeout": "1s",
          "fenceLockTimeout": "1s", "flipDeadline": "1s", "pauseBudget": "10s", "idBlock": 50 }
        """;

    private static readonly HookPoint[] Steps =
    [
        HookPoint.FlipBeforeDeny, HookPoint.FlipDenied, HookPoint.FlipBeforeDrain, HookPoint.FlipBeforeWatermark, HookPoint.FlipDrained,
        HookPoint.FlipBeforePrepare, HookPoint.FlipPrepared, HookPoint.FlipBeforeDecide, HookPoint.FlipDecided, HookPoint.FlipBeforePromote,
        HookPoint.FlipPromoted,
    ];

    private static readonly HookPoint[] Aborts = [HookPoint.FlipBeforeAbort, HookPoint.FlipAborted];

    private static readonly HookPoint[] Reserving = [HookPoint.IdsBeforeReserve, HookPoint.IdsRecorded, HookPoint.IdsReserved];

    private DonationsWorld _world = null!;
    private CrashPool _pool = null!;
    private DonationRepositoryWrapper _behind = null!;
    private long _written;
    private long _left;
    private long _amount = 1000;
    private int _flips;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _world = await DonationsWorld.CreateAsync(options: Options);
        var rows = await _world.FillAsync(20);
        Assert.That(rows, Is.Not.Empty);
        await _world.MoveToAsync(Stage.ShadowRead);
        _behind = _world.OpenLeavingBehind();
        (_written, _left) = (await CreateAsync("written"), await CreateAsync("left behind"));
        _pool = new CrashPool(_world);
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        if (_world is null)
        {
            return;
        }

        await _pool.DisposeAsync();
        await _world.DisposeAsync();
    }

    [TestCaseSource(nameof(Cells))]
    public async Task A_flipper_that_is_stopped_leaves_one_lead(
        HookPoint point, HookAction action, SideName from, bool resumed, CancellationToken cancellationToken)
    {
        for (var attempt = 1; !await IsStoppedThereAsync(point, action, from, resumed, cancellationToken); attempt++)
        {
            Assert.That(attempt, Is.LessThan(5), "the flip's deadline always came first");
        }
    }

    // False: on a busy machine the flip was ended by its deadline before it came there. That is as it must be, and another test's matter.
    private async Task<bool> IsStoppedThereAsync(
        HookPoint point, HookAction action, SideName from, bool resumed, CancellationToken cancellationToken)
    {
        await BeginAsync(from, cancellationToken);
        await using var watch = new FenceWatch(_world);
        await using var child = await _pool.TakeAsync(cancellationToken);
        var aborts = Aborts.Contains(point);
        if (aborts)
        {
            child.Arm(HookPoint.FlipPrepared, HookAction.Fail);
        }

        child.Arm(point, action);
        var name = $"flip{_flips++}";
        child.Send($"{(from == SideName.Legacy ? "advance" : "back")} {name}");
        if (!await child.StoppedAsync(aborts ? 2 : 1, name, cancellationToken))
        {
            return false;
        }

        await (action switch
        {
            HookAction.Kill => child.DeadAsync(cancellationToken),
            HookAction.Hang => Task.CompletedTask,
            _ => child.AnsweredAsync([name], cancellationToken),
        });

        var began = TimeProvider.System.GetTimestamp();
        if (resumed)
        {
            await ResumeAsync(cancellationToken);
        }

        await WriteAsync(cancellationToken);
        Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(Deadline + Slack), "until somebody could write again");
        if (action == HookAction.Hang)
        {
            child.Send("wake");
            await child.AnsweredAsync([name], cancellationToken);
            await WriteAsync(cancellationToken);
        }

        var lead = await AssertOneLeadAsync(watch, cancellationToken);
        AssertSide(point, action, from, resumed, lead);
        await AssertNothingIsLostAsync(cancellationToken);
        return true;
    }

    [Test]
    [Category("Case6")]
    public async Task A_block_that_is_being_reserved_when_the_process_dies_is_never_given_out_twice(
        [ValueSource(nameof(Reserving))] HookPoint point, CancellationToken cancellationToken)
    {
        await BeginAsync(SideName.Legacy, cancellationToken);
        await using var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(point, HookAction.Kill);
        child.Send("advance flip");
        await child.DeadAsync(cancellationToken);
        List<long> foreign = [await ForeignInsertAsync()];
        List<long> ids = [];
        await LeadAsync(SideName.New);

        // Nearly all, so that the next test reserves again.
        do
        {
            ids.Add(await CreateAsync($"reserved {point}"));
        }
        while (await _world.Host.Sides.PublicIds.LeftAsync(DonationsContext.DonationKind, cancellationToken) > 10);
        foreign.Add(await ForeignInsertAsync());
        Assert.That(ids, Has.Count.GreaterThan(30));
        Assert.That(ids.Concat(foreign), Is.Unique);
        await AssertNothingIsLostAsync(cancellationToken);
    }

    [Test]
    public async Task A_move_that_keeps_the_lead_and_dies_has_happened_or_not(
        [Values(HookPoint.MoveBeforeSet, HookPoint.MoveSet)] HookPoint point, CancellationToken cancellationToken)
    {
        await BeginAsync(SideName.Legacy, cancellationToken);
        await using var watch = new FenceWatch(_world);
        await using var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(point, HookAction.Kill);
        child.Send("back move");
        await child.DeadAsync(cancellationToken);
        await WriteAsync(cancellationToken);
        var view = await _world.Host.Cutover.StatusAsync(cancellationToken);
        Assert.That(view.Stage, Is.EqualTo(point == HookPoint.MoveSet ? Stage.DualWrite : Stage.ShadowRead));
        Assert.That(await AssertOneLeadAsync(watch, cancellationToken), Is.EqualTo(SideName.Legacy));
        await AssertNothingIsLostAsync(cancellationToken);
        await _world.MoveToAsync(Stage.ShadowRead);
    }

    private static IEnumerable<TestCaseData> Cells() =>
        from action in new[] { HookAction.Kill, HookAction.Hang, HookAction.Fail }
        from point in Steps.Concat(Aborts)
        from @from in Enum.GetValues<SideName>()
        from resumed in new[] { false, true }

        // What fails answers by itself; a resume beside a flipper that is frozen is the same as beside a dead one.
        where !resumed || action == HookAction.Kill
        select new TestCaseData(point, action, @from, resumed);

    // Something to drain: one key's apply was left out.
    private async Task BeginAsync(SideName from, CancellationToken cancellationToken)
    {
        // Left by a flipper that was killed on its way to another point than the one meant.
        await ResumeAsync(cancellationToken);
        await LeadAsync(from);
        await WriteAsync(cancellationToken);
        var donation = (await _behind.FindAsync(_left, cancellationToken))!;
        donation.ChangeAmount(_amount);
        await _behind.StoreAsync(donation, cancellationToken);
    }

    private async Task LeadAsync(SideName lead)
    {
        if ((await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead != lead)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
            await (lead == SideName.New
                ? _world.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                : _world.Host.Cutover.BackAsync(request, null, CancellationToken.None));
        }
    }

    private async Task ResumeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _world.Host.Cutover.ResumeAsync(new CutoverRequest { Actor = "test", Reason = "test" }, null, cancellationToken);
        }
        catch (CutoverException)
        {
            // The deadline came first, or there is nothing to resume; who leads is asserted below.
        }
    }

    // Goes through only when there is a lead again; the pause budget is longer than the flip's deadline.
    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        var donation = (await _world.Donations.Donations.FindAsync(_written, cancellationToken))!;
        donation.ChangeAmount(++_amount);
        await _world.Donations.Donations.StoreAsync(donation, cancellationToken);
    }

    private async Task<SideName> AssertOneLeadAsync(FenceWatch watch, CancellationToken cancellationToken)
    {
        var view = await _world.Host.Cutover.StatusAsync(cancellationToken);
        Assert.That(view.Switching, Is.False);
        Assert.That(await watch.StopAsync(), Is.Empty, "both fences said at once that their side answers");
        return view.Lead;
    }

    private static void AssertSide(HookPoint point, HookAction action, SideName from, bool resumed, SideName lead)
    {
        var decided = point is HookPoint.FlipDecided or HookPoint.FlipBeforePromote or HookPoint.FlipPromoted;

        // A flipper that is only frozen before it has denied anybody goes on where it was, and rightly so.
        var flips = decided || (action == HookAction.Hang && point == HookPoint.FlipBeforeDeny);
        var mayFlip = resumed && point is not (HookPoint.FlipBeforeDeny or HookPoint.FlipAborted);
        Assert.That(lead, mayFlip ? Is.AnyOf(from, Stages.Other(from)) : Is.EqualTo(flips ? Stages.Other(from) : from));
    }

    private async Task AssertNothingIsLostAsync(CancellationToken cancellationToken)
    {
        var lead = (await _world.Host.Cutover.StatusAsync(cancellationToken)).Lead;
        while (await DepthAsync(lead, cancellationToken) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }

        foreach (var (id, amount) in new[] { (_written, _amount), (_left, 0L) })
        {
            var legacy = await _world.Donations.Legacy.FindAsync(id, cancellationToken);
            var @new = await _world.Donations.New.FindAsync(id, cancellationToken);
            Assert.That((legacy!.AmountInCents, @new!.AmountInCents), amount == 0
                ? Is.EqualTo((legacy.AmountInCents, legacy.AmountInCents))
                : Is.EqualTo((amount, amount)));
        }

        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    private async Task<long> DepthAsync(SideName lead, CancellationToken cancellationToken)
    {
        await _world.Host.Relay.DrainAsync(cancellationToken);
        var depth = await _world.Host.Sides.Of(lead).Journal.DepthAsync(cancellationToken);
        Assert.That(depth.Parked, Is.Zero);
        return depth.Open;
    }

    private async Task<long> CreateAsync(string name)
    {
        var donation = CrashOperation.Donation(name, _amount);
        await _world.Donations.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    // Rolled back: the id is allotted for good all the same, and while new leads a row of theirs would stay in legacy, and in flight.
    private async Task<long> ForeignInsertAsync()
    {
        await using var connection = await _world.LegacyDatabase.OpenAsync();
        var id = await connection.ExecuteScalarAsync<long>(
            "START TRANSACTION; INSERT INTO spenden (kommentar, dt_new) VALUES ('', NOW()); SELECT LAST_INSERT_ID()");
        await connection.ExecuteAsync("ROLLBACK");
        return id;
    }

    /// <summary>Reads both fences in one statement, that is in one snapshot, over and over.</summary>
    private sealed class FenceWatch : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly ConcurrentQueue<string> _doubles = new();
        private readonly Task _watching;

        public FenceWatch(DonationsWorld world) => _watching = Task.Run(() => WatchAsync(world));

        /// <summary>The moments at which both sides said that they answer.</summary>
        public async Task<IReadOnlyCollection<string>> StopAsync()
        {
            await _stop.CancelAsync();
            await _watching;
            return _doubles;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task WatchAsync(DonationsWorld world)
        {
            await using var connection = await world.LegacyDatabase.OpenAsync();
            var sql = $"""
                SELECT (SELECT CONCAT(role, ' ', epoch) FROM `{world.LegacyDatabase.Name}`.strangler_fence),
                    (SELECT CONCAT(role, ' ', epoch) FROM `{world.NewDatabase.Name}`.strangler_fence)
                """;
            var looks = 0;
            while (!_stop.IsCancellationRequested || looks == 0)
            {
                var (legacy, @new) = await connection.QuerySingleAsync<(string, string)>(sql);
                looks++;
                if (Answers(legacy) && Answers(@new))
                {
                    _doubles.Enqueue($"legacy {legacy}, new {@new}");
                }
            }
        }

        private static bool Answers(string fence) =>
            fence.StartsWith("lead ", StringComparison.Ordinal) || fence.StartsWith("switching ", StringComparison.Ordinal);
    }
}
