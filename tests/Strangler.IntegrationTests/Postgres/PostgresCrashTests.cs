using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Crashes;
using Strangler.IntegrationTests.Donations;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>A slice of the matrix of crashes with the new side in PostgreSQL: a process is killed at the points of a write, of its apply and of a flip that matter most.</summary>
[Category("Case1")]
[Category("Case2")]
[Category("Case3")]
[Category("Case5")]
[CancelAfter(120_000)]
public sealed class PostgresCrashTests : CrashMatrix
{
    private static readonly HookPoint[] Slice =
    [
        HookPoint.IdTaken, HookPoint.WriteBegun, HookPoint.WriteBeforeCommit, HookPoint.WriteCommitted, HookPoint.ApplyLeadRead, HookPoint.ApplyBeforeCommit,
        HookPoint.ApplyCommitted,
    ];

    [TestCaseSource(nameof(Points))]
    public async Task A_write_whose_process_is_killed_is_there_once_or_not_at_all(HookPoint point, SideName lead, CancellationToken cancellationToken)
    {
        var operations = await PrepareAsync(lead, withRival: false);
        await StopAsync(await Pool.TakeAsync(cancellationToken), operations, point, HookAction.Kill, lead, cancellationToken);
    }

    /// <summary>The decision is one change of the old lead's fence: before it a resumed flip may go either way, behind it there is one.</summary>
    [Test]
    [Category("Case21")]
    public async Task A_flip_whose_process_is_killed_has_happened_or_not_and_one_side_leads(
        [Values(HookPoint.FlipDenied, HookPoint.FlipPrepared, HookPoint.FlipBeforeDecide, HookPoint.FlipDecided)] HookPoint point, [Values] SideName from,
        CancellationToken cancellationToken)
    {
        await LeadAsync(from);
        var operations = await PrepareAsync(from, withRival: false);
        foreach (var operation in operations)
        {
            await operation.RunAsync(Behind, cancellationToken);
        }

        await using (var child = await Pool.TakeAsync(cancellationToken))
        {
            child.Arm(point, HookAction.Kill);
            child.Send($"{(from == SideName.Legacy ? "advance" : "back")} flip{Cells}");
            await child.DeadAsync(cancellationToken);
        }

        var request = new CutoverRequest { Actor = "test", Reason = "test" };
        if ((await World.Host.Cutover.StatusAsync(cancellationToken)).Switching)
        {
            await World.Host.Cutover.ResumeAsync(request, null, cancellationToken);
        }

        var view = await World.Host.Cutover.StatusAsync(cancellationToken);
        var fences = await Task.WhenAll(World.Host.Sides.Legacy.Fence.ReadAsync(cancellationToken), World.Host.Sides.New.Fence.ReadAsync(cancellationToken));
        Assert.That(view.Switching, Is.False);
        Assert.That(fences.Count(fence => fence.Role == FenceRole.Lead), Is.EqualTo(1));
        Assert.That(view.Lead, point >= HookPoint.FlipDecided ? Is.EqualTo(Stages.Other(from)) : Is.AnyOf(from, Stages.Other(from)));
        await SettledAsync(cancellationToken);
        await AssertDoneAsync(operations, new Dictionary<string, string>(), overtaken: false);
    }

    private protected override async Task<DonationsWorld> CreateWorldAsync(string options) =>
        await DonationsWorld.CreateAsync(options: options, @new: await TestServers.CreatePostgresDatabaseAsync("crashes_new"));

    private static IEnumerable<TestCaseData> Points() =>
        from lead in Enum.GetValues<SideName>()
        from point in Slice
        where point != HookPoint.IdTaken || lead == SideName.New
        select new TestCaseData(point, lead);
}
