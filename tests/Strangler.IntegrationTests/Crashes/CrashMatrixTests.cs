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
public sealed class CrashMatrixTests : CrashMatrix
{
    private static readonly HookPoint[] Joints = [HookPoint.JointBeforePart, HookPoint.JointPartDone];

    private static readonly HookPoint[] Relays = [HookPoint.RelayClaimed, HookPoint.RelayBeforeFail, HookPoint.RelayFailed];

    private CrashPool _jointPool = null!;

    [OneTimeSetUp]
    public async Task SetUpJoint()
    {
        var joint = Path.Combine(Path.GetDirectoryName(World.ConfigFile)!, "joint.json");
        var config = await File.ReadAllTextAsync(World.ConfigFile);
        config = config.Replace("\"relayPoll\"", "\"oneTransaction\": true, \"relayPoll\"", StringComparison.Ordinal);
        await File.WriteAllTextAsync(joint, config);
        _jointPool = new CrashPool(World, joint, warm: 1);
    }

    [OneTimeTearDown]
    public async Task TearDownJoint()
    {
        if (_jointPool is not null)
        {
            await _jointPool.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(InlineCells))]
    public async Task A_write_that_is_stopped_is_there_once_or_not_at_all(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: action == HookAction.Hang);
        await StopAsync(await Pool.TakeAsync(cancellationToken), operations, point, action, lead, cancellationToken);
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

    [TestCaseSource(nameof(RefusedCells))]
    public async Task A_write_that_is_refused_is_nowhere(
        HookPoint point, HookAction action, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: false);
        operations.RemoveAll(operation => point == HookPoint.IdTaken && operation.Verb != "create");
        var child = await Pool.TakeAsync(cancellationToken);
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
            acknowledged[operation.Name] = $"ack {await operation.RunAsync(Behind, cancellationToken)}";
        }

        var child = await Pool.TakeAsync(cancellationToken);
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
            var id = await CreateAsync($"merge{Cells++}");
            var donation = (await Behind.FindAsync(id, cancellationToken))!;
            donation.ChangeAmount(2_000 + i);
            await Behind.StoreAsync(donation, cancellationToken);
            changed.Add((id, 2_000 + i));
            await Capture.Foreign.RunAsync(World, $"UPDATE spenden SET dt_gruen = '2022-07-01 00:00:00' WHERE id = {id}");
        }

        await using var child = await Pool.TakeAsync(cancellationToken);
        child.Arm(point, HookAction.Kill, 1);
        child.Send("relay relay");
        await child.DeadAsync(cancellationToken);
        await SettledAsync(cancellationToken);
        while ((await World.Host.Sides.Legacy.Journal.DepthAsync(cancellationToken)).Open > 0)
        {
            await SettledAsync(cancellationToken);
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        await SettledAsync(cancellationToken);
        foreach (var (id, amount) in changed)
        {
            foreach (var side in Enum.GetValues<SideName>())
            {
                var record = (await World.RecordAsync(side, id))!;
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
        await operations[0].RunAsync(Behind, cancellationToken);
        await using var sleeper = await Pool.TakeAsync(cancellationToken);
        sleeper.Arm(HookPoint.ApplyBegun, HookAction.Fail, count: 1000);
        sleeper.Arm(HookPoint.RelayBeforeFail, HookAction.Hang);
        sleeper.Send("relay relay");
        await sleeper.ArrivedAsync(1, cancellationToken);
        var first = await ClaimAsync(lead);
        await using var other = await Pool.TakeAsync(cancellationToken);
        other.Arm(HookPoint.RelayClaimed, HookAction.Hang);
        while (other.Arrived == 0)
        {
            // Until the lease has run out there is nothing to claim.
            other.Send($"relay try{Cells++}");
            await other.AnsweredOrArrivedAsync($"try{Cells - 1}", cancellationToken);
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

    private static IEnumerable<TestCaseData> Order(IEnumerable<(HookPoint Point, HookAction Action, SideName Lead)> cells) =>
        cells.OrderBy(cell => cell.Action == HookAction.Hang ? 1 : 0)
            .ThenBy(cell => cell.Action == HookAction.Hang ? cell.Point : default)
            .ThenBy(cell => cell.Lead)
            .Select(cell => new TestCaseData(cell.Point, cell.Action, cell.Lead));
}
