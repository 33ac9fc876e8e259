using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.Hooks;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Crashes;

/// <summary>
/// Case 8: a backfill is killed (SIGKILL) at every chunk, before, in and after its transaction; the next process goes on. Between two
/// deaths a live write comes in, in front of it or behind it. No row is skipped, none is doubled.
/// </summary>
[Category("Case8")]
[CancelAfter(120_000)]
public sealed class BackfillCrashTests
{
    private const int Rows = 20;
    private const int Chunk = 10;

    [TestCase(HookPoint.BackfillBegun)]
    [TestCase(HookPoint.BackfillBeforeCommit)]
    [TestCase(HookPoint.BackfillCommitted)]
    public async Task Killed_at_every_chunk_nothing_is_skipped_and_nothing_is_doubled(HookPoint point, CancellationToken cancellationToken)
    {
        await using var world = await DonationsWorld.CreateAsync();
        var ids = (await world.FillAsync(Rows)).Select(donation => (long)donation.Id).ToList();
        await world.MoveToAsync(Stage.DualWrite);
        await using var pool = new CrashPool(world);
        var deaths = 0;
        for (var copied = 0L; ; deaths++)
        {
            var child = await pool.TakeAsync(cancellationToken);

            // Each dies one chunk later than the one before: behind a chunk of its own, or, before its COMMIT, at the one after it.
            child.Arm(point, HookAction.Kill, skip: deaths == 0 || point == HookPoint.BackfillCommitted ? 0 : 1);
            child.Send($"backfill backfill {Chunk}");
            if (await child.EndedAsync("backfill", cancellationToken))
            {
                break;
            }

            copied = await AssertWholeChunksAsync(world, copied);
            await ChangeAsync(world, ids[deaths * 7 % ids.Count], deaths, cancellationToken);
        }

        // Two chunks to copy, as many in the second pass, and the last steps.
        Assert.That(deaths, Is.GreaterThanOrEqualTo(5));
        var report = await world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(await CountsAsync(world), Is.EqualTo(((long)Rows, (long)Rows, (long)Rows)));
    }

    // The checkpoint is committed with its chunk, or neither: all below it is there.
    private static async Task<long> AssertWholeChunksAsync(DonationsWorld world, long before)
    {
        var checkpoint = await world.Host.Sides.BackfillTarget.ReadCheckpointAsync(DonationsContext.DonationKind, CancellationToken.None);
        var next = checkpoint is null ? 0 : checkpoint.Pass == 1 ? checkpoint.NextId : long.MaxValue;
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        await using var connection = await world.NewDatabase.OpenAsync();
        var below = await legacy.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden WHERE id < @next", new { next });
        var mapped = await connection.ExecuteScalarAsync<long>(
            "SELECT COUNT(*) FROM strangler_id_map WHERE public_id < @next", new { next });
        Assert.That(mapped, Is.EqualTo(below));
        Assert.That(below, Is.GreaterThanOrEqualTo(before), "a checkpoint went back");
        return below;
    }

    private static async Task ChangeAsync(DonationsWorld world, long id, int death, CancellationToken cancellationToken)
    {
        var donation = (await world.Donations.Donations.FindAsync(id, cancellationToken))!;
        donation.ChangeAmount(5000 + death);
        await world.Donations.Donations.StoreAsync(donation, cancellationToken);
    }

    private static async Task<(long Legacy, long New, long Mapped)> CountsAsync(DonationsWorld world)
    {
        await using var legacy = await world.LegacyDatabase.OpenAsync();
        await using var connection = await world.NewDatabase.OpenAsync();
        return (
            await legacy.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden"),
            await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM donation"),
            await connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM strangler_id_map"));
    }
}
