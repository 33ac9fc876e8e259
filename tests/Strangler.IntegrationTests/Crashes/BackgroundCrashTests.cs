using System.Globalization;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.Journal;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// What every replica does in the background beside relaying (the search for lost keys, the end of old request keys) dies, stands still or
/// fails at its point, while either side leads: another one goes on where it was, finds all that is to be found, and takes nothing that is
/// to stay.
/// </summary>
[Category("Case8")]
[CancelAfter(120_000)]
public sealed class BackgroundCrashTests
{
    private const int Lost = 4;
    private const int Old = 700;
    private const int Chunk = 500;
    private const string Options = """{ "shadowReadSample": 0, "shadowReadMinimum": 0, "fenceLockTimeout": "1s", "flipDeadline": "20s", "idBlock": 200 }""";

    private DonationsWorld _world = null!;
    private CrashPool _pool = null!;
    private DonationRepositoryWrapper _behind = null!;
    private int _cells;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _world = await DonationsWorld.CreateAsync(options: Options);
        await _world.MoveToAsync(Stage.ShadowRead);
        _behind = _world.OpenLeavingBehind();
        _pool = new CrashPool(_world);
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        if (_world is null)
        {
            return;
        }

        try
        {
            await _pool.DisposeAsync();
        }
        finally
        {
            await _world.DisposeAsync();
        }
    }

    [Test]
    public async Task A_search_that_is_stopped_is_taken_up_by_another_and_all_lost_keys_are_listed_in_the_end(
        [Values(HookAction.Kill, HookAction.Fail, HookAction.Hang)] HookAction action, [Values] SideName lead, CancellationToken cancellationToken)
    {
        await LeadAsync(lead);
        var lost = await LoseAsync(lead, cancellationToken);
        await using var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(HookPoint.ObligationFound, action, count: 1, skip: action == HookAction.Hang ? 0 : 1);
        child.Send("search search");
        switch (action)
        {
            case HookAction.Kill:
                await child.DeadAsync(cancellationToken);
                Assert.That(await ListedAsync(), Is.EqualTo(lost.Take(1)), "the first was listed, and the second found");
                break;
            case HookAction.Fail:
                await child.AnsweredAsync(["search"], cancellationToken);
                Assert.That(await ListedAsync(), Is.EqualTo(lost.Take(1)));
                break;
            default:
                await child.ArrivedAsync(1, cancellationToken);
                await MendAsync(lost, cancellationToken);
                await LeadAsync(Stages.Other(lead));
                child.Send("wake");
                await child.AnsweredAsync(["search"], cancellationToken);
                Assert.That(await ListedAsync(), Is.SubsetOf(lost), "what it had found before it slept, it believes to be lost");
                break;
        }

        if (action != HookAction.Hang)
        {
            await StepAsync(cancellationToken);
            Assert.That(await ListedAsync(), Is.EqualTo(lost.Take(1)), "its turn is not over yet");
            await EndTurnAsync();
            await StepAsync(cancellationToken);
            Assert.That(await ListedAsync(), Is.EqualTo(lost));
            await MendAsync(lost, cancellationToken);
        }

        await EndTurnAsync();
        await StepAsync(cancellationToken);
        Assert.That(await ListedAsync(), Is.Empty, "mended");
        await AssertCleanAsync(lost);
    }

    [Test]
    public async Task The_end_of_old_request_keys_that_is_stopped_is_gone_on_with_and_no_young_key_goes(
        [Values(HookAction.Kill, HookAction.Fail, HookAction.Hang)] HookAction action, [Values] SideName lead, CancellationToken cancellationToken)
    {
        await LeadAsync(lead);
        var request = string.Create(CultureInfo.InvariantCulture, $"young-{++_cells}");
        var first = await new CrashOperation(request, "create", 0, 500).RunAsync(_world.Donations.Donations, cancellationToken);
        await AgeAsync(lead, first);
        await using var child = await _pool.TakeAsync(cancellationToken);
        child.Arm(HookPoint.RequestsPruned, action);
        child.Send($"prune prune {(int)lead}");
        switch (action)
        {
            case HookAction.Kill:
                await child.DeadAsync(cancellationToken);
                break;
            case HookAction.Fail:
                await child.AnsweredAsync(["prune"], cancellationToken);
                break;
            default:
                await child.ArrivedAsync(1, cancellationToken);
                break;
        }

        Assert.That(await OldAsync(lead), Is.EqualTo(Old - Chunk), "the first chunk is gone for good");
        await new RequestPruning(_world.Host.Runtime).PruneAsync(lead, cancellationToken);
        Assert.That(await OldAsync(lead), Is.Zero);
        if (action == HookAction.Hang)
        {
            child.Send("wake");
            await child.AnsweredAsync(["prune"], cancellationToken);
            Assert.That(child.Answers["prune"], Is.EqualTo($"ack {Chunk}"), "the other one had taken the rest");
        }

        Assert.That(await new CrashOperation(request, "create", 0, 500).RunAsync(_world.Donations.Donations, cancellationToken), Is.EqualTo(first));
    }

    private Task<System.Data.Common.DbConnection> OpenAsync(SideName side) =>
        (side == SideName.Legacy ? _world.LegacyDatabase : _world.NewDatabase).OpenAsync();

    private async Task LeadAsync(SideName lead)
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        if ((await _world.Host.Cutover.StatusAsync(CancellationToken.None)).Lead != lead)
        {
            var request = new CutoverRequest { Actor = "test", Reason = "test", Force = true };
            await (lead == SideName.New
                ? _world.Host.Cutover.AdvanceAsync(request, null, CancellationToken.None)
                : _world.Host.Cutover.BackAsync(request, null, CancellationToken.None));
        }
    }

    // Written, not carried over, and the journal forgets it: as a follower that lost its last seconds leaves it.
    private async Task<List<long>> LoseAsync(SideName lead, CancellationToken cancellationToken)
    {
        await EndTurnAsync();
        List<long> lost = [];
        for (var i = 0; i < Lost; i++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"lost-{++_cells}");
            var id = await new CrashOperation($"{name}-born", "create", 0, 100).RunAsync(_world.Donations.Donations, cancellationToken);
            await new CrashOperation(name, "update", id, 200).RunAsync(_behind, cancellationToken);
            lost.Add(id);
        }

        await using var connection = await OpenAsync(lead);
        await connection.ExecuteAsync("DELETE FROM strangler_journal");
        return lost;
    }

    private async Task MendAsync(List<long> ids, CancellationToken cancellationToken)
    {
        foreach (var id in ids)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"mend-{++_cells}");
            await new CrashOperation(name, "update", id, 300).RunAsync(_world.Donations.Donations, cancellationToken);
        }
    }

    private async Task StepAsync(CancellationToken cancellationToken)
    {
        await _world.Host.Runtime.Stage.RefreshAsync(cancellationToken);
        await new ObligationCheck(_world.Host.Runtime).StepAsync(cancellationToken);
    }

    // Time passes: whoever has a turn, or rests, is not waited for.
    private async Task EndTurnAsync()
    {
        await using var connection = await OpenAsync(SideName.New);
        await connection.ExecuteAsync("UPDATE strangler_obligation_walk SET due_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, after_id = 0");
    }

    private async Task<IReadOnlyList<long>> ListedAsync() =>
        await _world.Host.Sides.Obligations.ListAsync(DonationsContext.DonationKind, 100, CancellationToken.None);

    private async Task AgeAsync(SideName side, long id)
    {
        await using var connection = await OpenAsync(side);
        await connection.ExecuteAsync(
            """
            INSERT INTO strangler_request (context, kind, request_key, public_id, epoch, counter, created_at)
            SELECT @Context, @Kind, CONCAT('old-', @cell, '-', seq), @id, 1, 0, UTC_TIMESTAMP(6) - INTERVAL 8 DAY FROM seq_1_to_700
            """,
            new { Context = DonationsContext.Name, Kind = DonationsContext.DonationKind, cell = _cells, id });
    }

    private async Task<long> OldAsync(SideName side)
    {
        await using var connection = await OpenAsync(side);
        return await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_request WHERE request_key LIKE 'old-%'");
    }

    private async Task AssertCleanAsync(List<long> keys)
    {
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        var report = await _world.Host.Reconciler(ContextWorld.Hasty(_world.Host)).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind, Keys = keys }, null, CancellationToken.None);
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
