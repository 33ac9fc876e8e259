using System.Globalization;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// A process dies (SIGKILL), stands still or meets a failing store at every point of a write, its inline apply and the relay's, while
/// either side leads, over a create, an update, a delete and an anonymization at once. What must come out: before anyone helps, the lead
/// has the write exactly if its COMMIT was sent; after the caller's retry with the same request key and one relay, both sides have it once,
/// what was acknowledged is there, what was refused is not. Cases 1 to 5, 7 and 10; of case 6 the crash between an id's taking and its use.
/// </summary>
[Category("Case1")]
[Category("Case2")]
[Category("Case3")]
[Category("Case4")]
[Category("Case5")]
[Category("Case6")]
[Category("Case7")]
[Category("Case10")]
[CancelAfter(120_000)]
public sealed class CrashMatrixTests
{
    // As short as they may be, but for the flip's deadline: a flip here waits until a frozen child has lost its locks.
    private const string Options =
        """
        { "shadowReadSample": 0, "shadowReadMinimum": 0, "relayPoll": "50ms", "relayLease": "1s", "inlineApplyTimeout": "1s",
          "fenceLockTimeout": "1s", "flipDeadline": "20s", "pauseBudget": "10s", "idBlock": 2000 }
        """;

    private static readonly string[] Verbs = ["create", "update", "delete", "anonymize"];

    private static readonly HookPoint[] Writes =
    [
        HookPoint.IdTaken, HookPoint.WriteBeforeBegin, HookPoint.WriteBegun, HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted,
    ];

    private static readonly HookPoint[] Applies =
    [
        HookPoint.ApplyBeforeBegin, HookPoint.ApplyBegun, HookPoint.ApplyLeadRead, HookPoint.ApplyBeforeCommit, HookPoint.ApplyCommitted,
        HookPoint.ApplySettled,
    ];

    private static readonly HookPoint[] Joints = [HookPoint.JointBeforePart, HookPoint.JointPartDone];

    private static readonly HookPoint[] Relays = [HookPoint.RelayClaimed, HookPoint.RelayBeforeFail, HookPoint.RelayFailed];

    private DonationsWorld _world = null!;
    private CrashPool _pool = null!;
    private CrashPool _jointPool = null!;
    private DonationRepositoryWrapper _behind = null!;
    private int _cells;

    private DonationsContext Context => _world.Donations;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _world = await DonationsWorld.CreateAsync(options: Options);
        await _world.FillAsync(20);
        await _world.MoveToAsync(Stage.ShadowRead);
        _behind = _world.Open((point, side) => point == HookPoint.ApplyBeforeBegin
            ? throw new SideUnavailableException(side, "left behind on purpose", isTransient: true, new IOException("hook"))
            : default).Part<DonationsContext>().Donations;
        _pool = new CrashPool(_world);
        var joint = Path.Combine(Path.GetDirectoryName(_world.ConfigFile)!, "joint.json");
        var config = await File.ReadAllTextAsync(_world.ConfigFile);
        config = config.Replace("\"relayPoll\"", "\"oneTransaction\": true, \"relayPoll\"", StringComparison.Ordinal);
        await File.WriteAllTextAsync(joint, config);
        _jointPool = new CrashPool(_world, joint, warm: 1);
    }

    // One full pass of everything that the cells have left behind, in each stage.
    [OneTimeTearDown]
    public async Task TearDown()
    {
        if (_world is null)
        {
            return;
        }

        try
        {
            foreach (var lead in Enum.GetValues<SideName>())
            {
                await LeadAsync(lead);
                var report = await _world.ReconcileAsync();
                Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
                await AssertIdMapIsABijectionAsync();
            }
        }
        finally
        {
            await _pool.DisposeAsync();
            await _jointPool.DisposeAsync();
            await _world.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(InlineCells))]
    public async Task A_write_that_is_stopped_is_there_once_or_not_at_all(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: action == HookAction.Hang);
        await StopAsync(await _pool.TakeAsync(cancellationToken), operations, point, action, lead, cancellationToken);
    }

    /// <summary>With <c>oneTransaction</c>: the follower's part is in the lead's own transaction, and goes with it.</summary>
    [TestCaseSource(nameof(JointCells))]
    public async Task A_write_in_one_transaction_that_is_stopped_is_there_once_or_not_at_all(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: action == HookAction.Hang);
        var child = await _jointPool.TakeAsync(cancellationToken);

        await UntilItJoinsAsync(child, cancellationToken);
        await StopAsync(child, operations, point, action, lead, cancellationToken);
    }

    // The first write asks the servers whether it is possible, and on a busy machine a later one again; until then all go the ordinary way.
    private async Task UntilItJoinsAsync(CrashProcess child, CancellationToken cancellationToken)
    {
        var seed = await CreateAsync("first-seed");
        child.Arm(HookPoint.JointBeforePart, HookAction.Fail, count: 1000);
        for (var tries = 0; child.Arrived == 0; tries++)
        {
            var operation = new CrashOperation($"first{tries}", "update", seed, 500 + tries);
            child.Send($"{operation}");
            await child.AnsweredAsync([operation.Name], cancellationToken);
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        child.Send("wake");
        child.ForgetArrivals();
    }

    private async Task StopAsync(
        CrashProcess child, List<CrashOperation> operations, HookPoint point, HookAction action, SideName lead,
        CancellationToken cancellationToken)
    {
        var reaching = point == HookPoint.IdTaken ? 1 : operations.Count;
        child.Arm(point, action, action == HookAction.Kill ? reaching : 1);
        operations.ForEach(operation => child.Send($"{operation}"));
        switch (action)
        {
            case HookAction.Kill:
                await child.DeadAsync(cancellationToken);
                await AssertSeenAsync(operations, point, lead);
                await RetryAsync(operations.Where(operation => !child.Answers.ContainsKey(operation.Name)));
                break;
            case HookAction.Hang:
                await child.ArrivedAsync(reaching, cancellationToken);
                await child.AnsweredAsync([.. operations.Skip(reaching).Select(operation => operation.Name)], cancellationToken);
                await OvertakeAsync(operations[^1], lead);
                child.Send("wake");
                await child.AnsweredAsync([.. operations.Select(operation => operation.Name)], cancellationToken);
                break;
            default:
                await child.AnsweredAsync([.. operations.Select(operation => operation.Name)], cancellationToken);
                break;
        }

        var isOvertaken = point is HookPoint.WriteBeforeBegin or HookPoint.WriteBegun or HookPoint.WriteBeforeCommit
            or HookPoint.JointBeforePart or HookPoint.JointPartDone;
        var refused = action == HookAction.Hang && isOvertaken
            ? operations[^1].Name
            : null;
        AssertAnswers(operations, child.Answers, refused);
        await SettledAsync(cancellationToken);
        await AssertDoneAsync(operations, child.Answers, overtaken: action == HookAction.Hang);
        await child.DisposeAsync();
    }

    [TestCaseSource(nameof(RefusedCells))]
    public async Task A_write_that_is_refused_is_nowhere(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: false);
        operations.RemoveAll(operation => point == HookPoint.IdTaken && operation.Verb != "create");
        var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(point, action, count: 1000);
        operations.ForEach(operation => child.Send($"{operation}"));
        await child.AnsweredAsync([.. operations.Select(operation => operation.Name)], cancellationToken);
        Assert.That(child.Answers.Values, Is.All.StartsWith($"no {nameof(SideUnavailableException)}"));
        await SettledAsync(cancellationToken);
        foreach (var operation in operations)
        {
            foreach (var side in Enum.GetValues<SideName>())
            {
                var created = await CreatedAsync(side, operation);
                Assert.That(await operation.IsOnAsync(Context, side, created), Is.False, $"{operation} on {side}");
            }
        }

        await ReconcileAsync(operations);
        await child.DisposeAsync();
    }

    [TestCaseSource(nameof(RelayCells))]
    public async Task A_relay_that_is_stopped_loses_and_doubles_nothing(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: action == HookAction.Hang);
        var acknowledged = new Dictionary<string, string>();
        foreach (var operation in operations)
        {
            acknowledged[operation.Name] = $"ack {await operation.RunAsync(_behind, cancellationToken)}";
        }

        var child = await _pool.TakeAsync(cancellationToken);
        if (point is HookPoint.RelayBeforeFail or HookPoint.RelayFailed)
        {
            child.Arm(HookPoint.ApplyBegun, HookAction.Fail, count: 1000);
        }

        // As many stand there as the relay has lanes, but for the claim: that is one for all.
        var reaching = point == HookPoint.RelayClaimed ? 1 : 4;
        child.Arm(point, action, reaching);
        child.Send("relay relay");
        switch (action)
        {
            case HookAction.Kill:
                await child.DeadAsync(cancellationToken);
                await AssertSeenAsync(operations, point, lead);
                break;
            case HookAction.Hang:
                await child.ArrivedAsync(reaching, cancellationToken);
                await OvertakeAsync(operations[^1], lead);
                child.Send("wake");
                await child.AnsweredAsync(["relay"], cancellationToken);
                break;
            default:
                await child.AnsweredAsync(["relay"], cancellationToken);
                break;
        }

        await SettledAsync(cancellationToken);
        await AssertDoneAsync(operations, acknowledged, overtaken: action == HookAction.Hang);
        await child.DisposeAsync();
    }

    /// <summary>Both sides have changed each donation; the relay is killed while it merges, and another one comes.</summary>
    [TestCase(HookPoint.MergeBeforeBegin)]
    [TestCase(HookPoint.MergeBegun)]
    [TestCase(HookPoint.MergeLegacyRead)]
    [TestCase(HookPoint.MergeBeforeCommit)]
    [TestCase(HookPoint.MergeCommitted)]
    [TestCase(HookPoint.MergeSettled)]
    [Category("Case43")]
    public async Task A_relay_that_is_killed_while_it_merges_loses_neither_sides_change(HookPoint point, CancellationToken cancellationToken)
    {
        await LeadAsync(SideName.New);
        List<(long Id, long Amount)> changed = [];
        for (var i = 0; i < 6; i++)
        {
            var id = await CreateAsync($"merge{_cells++}");
            var donation = (await _behind.FindAsync(id, cancellationToken))!;
            donation.ChangeAmount(2_000 + i);
            await _behind.StoreAsync(donation, cancellationToken);
            changed.Add((id, 2_000 + i));
            await Capture.Foreign.RunAsync(_world, $"UPDATE spenden SET dt_gruen = '2022-07-01 00:00:00' WHERE id = {id}");
        }

        await using var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(point, HookAction.Kill, 1);
        child.Send("relay relay");
        await child.DeadAsync(cancellationToken);
        await SettledAsync(cancellationToken);
        while ((await _world.Host.Sides.Legacy.Journal.DepthAsync(cancellationToken)).Open > 0)
        {
            await SettledAsync(cancellationToken);
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        await SettledAsync(cancellationToken);
        foreach (var (id, amount) in changed)
        {
            foreach (var side in Enum.GetValues<SideName>())
            {
                var record = (await _world.RecordAsync(side, id))!;
                Assert.That((record.Integer("amount"), record.Boolean("is_exported")), Is.EqualTo((amount, true)), $"{side} {id}");
            }
        }
    }

    [Test]
    [Category("Case7")]
    public async Task A_relay_that_slept_through_its_lease_cannot_give_back_what_another_has_claimed(
        [Values] SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: false);
        operations.RemoveRange(1, operations.Count - 1);
        await operations[0].RunAsync(_behind, cancellationToken);
        await using var sleeper = await _pool.TakeAsync(cancellationToken);
        sleeper.Arm(HookPoint.ApplyBegun, HookAction.Fail, count: 1000);
        sleeper.Arm(HookPoint.RelayBeforeFail, HookAction.Hang);
        sleeper.Send("relay relay");
        await sleeper.ArrivedAsync(1, cancellationToken);
        var first = await ClaimAsync(lead);
        await using var other = await _pool.TakeAsync(cancellationToken);
        other.Arm(HookPoint.RelayClaimed, HookAction.Hang);
        while (other.Arrived == 0)
        {
            // Until the lease has run out there is nothing to claim.
            other.Send($"relay try{_cells++}");
            await other.AnsweredOrArrivedAsync($"try{_cells - 1}", cancellationToken);
        }

        var second = await ClaimAsync(lead);
        sleeper.Send("wake");
        await sleeper.AnsweredAsync(["relay"], cancellationToken);
        Assert.Multiple(async () =>
        {
            Assert.That(second.Generation, Is.GreaterThan(first.Generation));
            Assert.That(await ClaimAsync(lead), Is.EqualTo(second), "the sleeper touched a claim that is not its own any more");
        });
        other.Send("wake");
        await SettledAsync(cancellationToken);
        await AssertDoneAsync(operations, new Dictionary<string, string>(), overtaken: false);
    }

    // In the order in which the lead need not be moved for each: a cell in which a child hangs ends with the other side leading.
    private static IEnumerable<TestCaseData> InlineCells() => Order(
        from point in Writes.Concat(Applies)
        from action in Actions(point)
        from lead in Enum.GetValues<SideName>()
        where point != HookPoint.IdTaken || lead == SideName.New
        select (point, action, lead));

    private static IEnumerable<TestCaseData> JointCells() => Order(
        from point in Joints
        from action in new[] { HookAction.Kill, HookAction.Fail, HookAction.Hang }
        from lead in Enum.GetValues<SideName>()
        select (point, action, lead));

    private static IEnumerable<TestCaseData> RefusedCells() => Order(
        from point in Writes.SkipLast(1)
        from action in Actions(point)
        where action is HookAction.Fail or HookAction.LoseReply
        from lead in Enum.GetValues<SideName>()
        where point != HookPoint.IdTaken || lead == SideName.New
        select (point, action, lead));

    private static IEnumerable<TestCaseData> RelayCells() => Order(
        from point in Relays.Concat(Applies)
        from action in Actions(point)
        from lead in Enum.GetValues<SideName>()
        select (point, action, lead));

    private static IEnumerable<HookAction> Actions(HookPoint point) =>
        from action in Enum.GetValues<HookAction>()
        where action switch
        {
            HookAction.LoseReply => point is HookPoint.WriteBeforeCommit or HookPoint.WriteCommitted
                or HookPoint.ApplyBeforeCommit or HookPoint.ApplyCommitted,
            HookAction.Fail => point != HookPoint.WriteCommitted,
            _ => true,
        }
        select action;

    private static IEnumerable<TestCaseData> Order(IEnumerable<(HookPoint Point, HookAction Action, SideName Lead)> cells) =>
        cells.OrderBy(cell => cell.Action == HookAction.Hang ? 1 : 0)
            .ThenBy(cell => cell.Action == HookAction.Hang ? cell.Point : default)
            .ThenBy(cell => cell.Lead)
            .Select(cell => new TestCaseData(cell.Point, cell.Action, cell.Lead));

    private async Task LeadAsync(SideName lead)
    {
        var view = await _world.Host.Cutover.StatusAsync(CancellationToken.None);
        if (view.Lead != lead)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
            await (lead == SideName.New
                ? _world.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                : _world.Host.Cutover.BackAsync(request, null, CancellationToken.None));
        }
    }

    // A donation for each verb, and its operation; the rival is an update that somebody else's update will overtake.
    private async Task<List<CrashOperation>> PrepareAsync(SideName lead, bool withRival)
    {
        await LeadAsync(lead);
        var cell = ++_cells;
        var operations = new List<CrashOperation>();
        foreach (var verb in withRival ? [.. Verbs, "update"] : Verbs)
        {
            var name = $"cell{cell}-{operations.Count}";
            var id = verb == "create" ? 0 : await CreateAsync($"{name}-seed");
            operations.Add(new CrashOperation(name, verb, id, 1000 + cell));
        }

        return operations;
    }

    private async Task<long> CreateAsync(string name)
    {
        var donation = CrashOperation.Donation(name, 777);
        await Context.Donations.StoreAsync(donation, CancellationToken.None);
        return donation.Id;
    }

    // What others see while nobody has helped yet: on the lead exactly if COMMIT was sent there, and so for the follower.
    private async Task AssertSeenAsync(List<CrashOperation> operations, HookPoint point, SideName lead)
    {
        var (onLead, onFollower) = (point >= HookPoint.WriteCommitted && point != HookPoint.IdTaken,
            point is HookPoint.ApplyCommitted or HookPoint.ApplySettled);
        foreach (var operation in operations.Where(operation => point != HookPoint.IdTaken || operation.Verb == "create"))
        {
            foreach (var (side, expected) in new[] { (lead, onLead), (Stages.Other(lead), onFollower) })
            {
                var created = await CreatedAsync(side, operation);
                var there = await operation.IsOnAsync(Context, side, created);
                Assert.That(there, Is.EqualTo(expected), $"{operation} on {side} after the crash");
            }
        }
    }

    // The caller, or whoever took over from it, tries again with the same request key.
    private async Task RetryAsync(IEnumerable<CrashOperation> operations)
    {
        foreach (var operation in operations)
        {
            var there = await CreatedAsync((await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead, operation);
            var id = await operation.RunAsync(Context.Donations, CancellationToken.None);
            Assert.That(there, Is.EqualTo(Array.Empty<long>()).Or.EqualTo(new[] { id }), $"{operation} came back with another id");
        }
    }

    // While the child hangs: somebody else changes what it is about to change, then the lead changes.
    private async Task OvertakeAsync(CrashOperation rival, SideName lead)
    {
        var donation = (await Context.Donations.FindAsync(rival.Id, CancellationToken.None))!;
        donation.ChangeAmount(rival.Amount + 500);
        await Context.Donations.StoreAsync(donation, CancellationToken.None);
        await LeadAsync(Stages.Other(lead));
    }

    private static void AssertAnswers(List<CrashOperation> operations, IReadOnlyDictionary<string, string> answers, string? refused)
    {
        foreach (var operation in operations.Where(operation => answers.ContainsKey(operation.Name)))
        {
            Assert.That(
                answers[operation.Name],
                operation.Name == refused ? Does.StartWith($"no {nameof(ConflictException)}") : Does.StartWith("ack"), $"{operation}");
        }
    }

    private async Task SettledAsync(CancellationToken cancellationToken)
    {
        var lead = (await _world.Host.Cutover.StatusAsync(cancellationToken)).Lead;
        while (true)
        {
            await _world.Host.Relay.DrainAsync(cancellationToken);
            var depth = await _world.Host.Sides.Of(lead).Journal.DepthAsync(cancellationToken);
            Assert.That(depth.Parked, Is.Zero);
            if (depth.Open == 0)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }

    private async Task AssertDoneAsync(List<CrashOperation> operations, IReadOnlyDictionary<string, string> answers, bool overtaken)
    {
        foreach (var operation in operations)
        {
            var expected = overtaken && operation == operations[^1] ? operation with { Amount = operation.Amount + 500 } : operation;
            foreach (var side in Enum.GetValues<SideName>())
            {
                var created = await CreatedAsync(side, operation);
                var births = operation.Verb == "create" ? 1 : 0;
                Assert.That(created, Has.Count.EqualTo(births), $"{operation} on {side}: born more than once, or not at all");
                Assert.That(await expected.IsOnAsync(Context, side, created), Is.True, $"{expected} on {side}");
                if (operation.Verb == "create" && answers.TryGetValue(operation.Name, out var answer))
                {
                    Assert.That(answer, Is.EqualTo($"ack {created[0]}"), $"{operation}: the id that was acknowledged");
                }
            }
        }

        await ReconcileAsync(operations);
    }

    private async Task ReconcileAsync(List<CrashOperation> operations)
    {
        List<long> keys = [];
        foreach (var operation in operations)
        {
            keys.AddRange(operation.Verb == "create" ? await CreatedAsync(SideName.Legacy, operation) : [operation.Id]);
        }

        var report = await _world.Host.Reconciler(ContextWorld.Hasty(_world.Host)).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind, Keys = keys }, null, CancellationToken.None);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }

    /// <summary>Public ids of all entities that this create has made on a side.</summary>
    private async Task<IReadOnlyList<long>> CreatedAsync(SideName side, CrashOperation operation)
    {
        await using var connection = await (side == SideName.Legacy ? _world.LegacyDatabase : _world.NewDatabase).OpenAsync();
        var sql = side == SideName.Legacy
            ? "SELECT id FROM spenden WHERE email = @Email"
            : """
                SELECT CAST(m.public_id AS SIGNED) FROM donation_donor d LEFT JOIN strangler_id_map m ON m.new_id = d.donation_id
                WHERE d.email = @Email
                """;
        return [.. (await connection.QueryAsync<long>(sql, new { operation.Email }))];
    }

    private async Task<(long Generation, string Row)> ClaimAsync(SideName lead)
    {
        await using var connection = await (lead == SideName.Legacy ? _world.LegacyDatabase : _world.NewDatabase).OpenAsync();
        var row = (IDictionary<string, object?>)await connection.QuerySingleAsync("SELECT * FROM strangler_journal");
        var text = string.Join(", ", row.Select(cell => string.Create(CultureInfo.InvariantCulture, $"{cell.Key}={cell.Value}")));
        return (Convert.ToInt64(row["generation"], CultureInfo.InvariantCulture), text);
    }

    private async Task AssertIdMapIsABijectionAsync()
    {
        await using var connection = await _world.NewDatabase.OpenAsync();
        var (rows, publicIds, newIds, unmapped) = await connection.QuerySingleAsync<(long, long, long, long)>("""
            SELECT COUNT(*), COUNT(DISTINCT public_id), COUNT(DISTINCT new_id),
                (SELECT COUNT(*) FROM donation d WHERE NOT EXISTS (SELECT 1 FROM strangler_id_map m WHERE m.new_id = d.id))
            FROM strangler_id_map
            """);
        Assert.That((publicIds, newIds, unmapped), Is.EqualTo((rows, rows, 0L)));
    }
}
