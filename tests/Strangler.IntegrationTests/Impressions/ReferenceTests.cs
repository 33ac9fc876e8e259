using Dapper;
using Strangler.Backfill;
using Strangler.Contexts.Impressions;
using Strangler.DualWrite;
using Strangler.Mapping;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Impressions;

/// <summary>
/// References between kinds: the new tables hold new ids, callers and legacy public ones, whether what is referred to is there, comes later, is gone,
/// or cannot be read.
/// </summary>
[Category("Case17")]
public sealed class ReferenceTests
{
    private static readonly DateTime Noon = new(2016, 11, 1, 12, 0, 0);

    [Test]
    public async Task The_new_side_holds_the_new_id_and_callers_the_public_one([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(stage);
        var banner = new Banner(0, "B17");
        await world.Context.Banners.StoreAsync(banner, CancellationToken.None);
        var impression = new Impression(0, banner.Id, Noon, 5);
        await world.Context.Impressions.StoreAsync(impression, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Context.Impressions.FindAsync(impression.Id, CancellationToken.None))!.BannerId, Is.EqualTo(banner.Id));
        Assert.That(await ReferencesAsync(world), Is.EqualTo(new[] { (banner.Id, 5L, true) }), "the stored id is that of the banner's row");
        Assert.That((await world.RecordAsync(SideName.Legacy, impression.Id))!["banner_id"], Is.EqualTo(banner.Id));
        await AssertCleanAsync(world);
    }

    /// <summary>PROTOCOL §2 would retry the child; it need not wait, as its banner's pair of ids is allotted ahead and is what the banner gets.</summary>
    [Test]
    public async Task A_child_before_its_parent_is_neither_parked_nor_lost([Values] bool oneTransaction)
    {
        await using var world = await CreateAsync(oneTransaction);
        await world.MoveToAsync(Stage.DualWrite);
        await world.RunForeignAsync(
            """
            INSERT INTO backend_impressions (imp_id, banner_id, datetime, imp_count) VALUES (1, 900, '2016-01-01 12:00:00', 7);
            """);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Host.Sides.Legacy.Journal.DepthAsync(CancellationToken.None)).Parked, Is.Zero);
        Assert.That(await ReferencesAsync(world), Is.EqualTo(new[] { (900L, 7L, false) }));
        await AssertCleanAsync(world);

        await world.RunForeignAsync("INSERT INTO backend_banner (banner_id, cn_name) VALUES (900, 'late')");
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await ReferencesAsync(world), Is.EqualTo(new[] { (900L, 7L, true) }), "the banner got the pair that its impression had been given");
        Assert.That((await world.Context.Banners.FindByNameAsync("late", CancellationToken.None))!.Id, Is.EqualTo(900));
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task A_parent_that_comes_later_through_the_wrapper_gets_the_pair_that_was_allotted_ahead([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(stage);
        await world.Context.Impressions.StoreAsync(new Impression(0, 900, Noon, 7), CancellationToken.None);
        Assert.That(await world.Context.Banners.FindAsync(900, CancellationToken.None), Is.Null, "an allotted pair is no banner");
        await world.Context.Banners.StoreAsync(new Banner(900, "late"), CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await ReferencesAsync(world), Is.EqualTo(new[] { (900L, 7L, true) }));
        Assert.That((await world.Context.Banners.FindAsync(900, CancellationToken.None))!.Name, Is.EqualTo("late"));
        await AssertCleanAsync(world);
    }

    [Test]
    public async Task A_deleted_parent_leaves_its_children_as_they_are([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(stage);
        var banner = new Banner(0, "B17");
        await world.Context.Banners.StoreAsync(banner, CancellationToken.None);
        var impression = new Impression(0, banner.Id, Noon, 5);
        await world.Context.Impressions.StoreAsync(impression, CancellationToken.None);
        await world.Context.Banners.DeleteAsync(banner.Id, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That((await world.Context.Impressions.FindAsync(impression.Id, CancellationToken.None))!.BannerId, Is.EqualTo(banner.Id));
        Assert.That(await world.Context.Impressions.CountAsync(banner.Id, CancellationToken.None), Is.EqualTo(5));
        impression.Correct(6);
        await world.Context.Impressions.StoreAsync(impression, CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
        Assert.That(await ReferencesAsync(world), Is.EqualTo(new[] { (banner.Id, 6L, false) }));
        await AssertCleanAsync(world);
    }

    /// <summary>A backfill meets every kind of reference; whichever kind of entity comes first, the result is the same.</summary>
    [Test]
    public async Task A_backfill_translates_references_whatever_comes_first([Values] bool childrenFirst)
    {
        await using var world = await CreateAsync();
        await world.RunForeignAsync(
            """
            INSERT INTO backend_banner (banner_id, cn_name) VALUES (11, 'a'), (12, 'b');
            INSERT INTO backend_impressions (imp_id, banner_id, datetime, imp_count) VALUES
                (1, 11, '2016-01-01 12:00:00', 1), (2, 12, '2016-01-01 12:00:00', 2), (3, 0, '2016-01-01 12:00:00', 3), (4, 999, '2016-01-01 12:00:00', 4),
                (5, 999, '2016-01-01 12:00:00', 5), (6, -1, '2016-01-01 12:00:00', 6);
            """);
        await world.MoveToAsync(Stage.DualWrite);
        foreach (var kind in childrenFirst ? new[] { "impression", "banner" } : ["banner", "impression"])
        {
            await new BackfillJob(world.Host.Runtime, new BackfillOptions()).RunAsync(kind, null, CancellationToken.None);
        }

        Assert.That(
            await ReferencesAsync(world), Is.EqualTo(new[] { (11L, 1L, true), (12L, 2L, true), (0L, 3L, false), (999L, 4L, false), (999L, 5L, false) }));
        Assert.That(await CountAsync(world, "SELECT COUNT(DISTINCT banner_id) FROM impression WHERE number IN (4, 5)"), Is.EqualTo(1), "one pair for one id");
        await world.Host.Sides.Quarantine.SignOffAsync("impression", null, "test", "damaged on purpose", CancellationToken.None);
        await AssertCleanAsync(world);
        foreach (var stage in new[] { Stage.DualWrite, Stage.NewLeads })
        {
            await world.MoveToAsync(stage);
            foreach (var (banner, expected) in new[] { (11L, 1L), (12, 2), (0, 3), (999, 9), (4711, 0) })
            {
                Assert.That(await world.Context.Impressions.CountAsync(banner, CancellationToken.None), Is.EqualTo(expected), $"{banner} in {stage}");
            }
        }
    }

    [Test]
    public async Task A_stored_new_id_that_the_map_does_not_know_is_drift_and_is_repaired()
    {
        await using var world = await CreateAsync();
        await world.MoveToAsync(Stage.DualWrite);
        var impression = new Impression(0, 3, Noon, 5);
        await world.Context.Impressions.StoreAsync(impression, CancellationToken.None);
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("UPDATE impression SET banner_id = 17");
        }

        var report = await world.ReconcileAsync();
        Assert.That((report.Outcome, report.Counts[Verdict.Unreadable]), Is.EqualTo((ReconciliationOutcome.Drift, 1L)), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(async () => await world.RecordAsync(SideName.New, impression.Id), Throws.TypeOf<UnreadableException>());
    }

    private static Task<ImpressionsWorld> CreateAsync(bool oneTransaction = false) => ImpressionsWorld.CreateAsync(
        ImpressionsContext.ImpressionKind, options: oneTransaction ? EachContext.ContextWorld.OneTransaction : null);

    // Public id of the banner, number, and whether the banner is there: by the stored new id alone.
    private static async Task<List<(long Banner, long Number, bool IsThere)>> ReferencesAsync(ImpressionsWorld world)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return [.. await connection.QueryAsync<(long, long, bool)>(
            """
            SELECT CAST(COALESCE(m.public_id, 0) AS SIGNED), i.number, b.id IS NOT NULL FROM impression i
            LEFT JOIN strangler_id_map m ON m.context = 'impressions' AND m.kind = 'banner' AND m.new_id = i.banner_id
            LEFT JOIN banner b ON b.id = i.banner_id ORDER BY i.number
            """)];
    }

    private static async Task<long> CountAsync(ImpressionsWorld world, string sql)
    {
        await using var connection = await world.NewDatabase.OpenAsync();
        return await connection.ExecuteScalarAsync<long>(sql);
    }

    private static async Task AssertCleanAsync(ImpressionsWorld world)
    {
        foreach (var kind in new[] { "banner", "impression" })
        {
            var report = await world.Host.Reconciler(EachContext.ContextWorld.Hasty(world.Host))
                .RunAsync(new ReconciliationScope { Kind = kind }, null, CancellationToken.None);
            Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        }
    }
}
