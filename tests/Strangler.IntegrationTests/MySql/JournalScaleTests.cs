using Dapper;
using Strangler.DualWrite;
using Strangler.Journal;

namespace Strangler.IntegrationTests.MySql;

/// <summary>
/// A deep journal: what the relay asks at every poll costs the same at 200,000 rows as at 200. Measured in rows that the server touched, never in time (Case39).
/// </summary>
[Category("Case39")]
[NonParallelizable]
public sealed class JournalScaleTests
{
    private const int Rows = 200_000;
    private MySqlTestSides _sides = null!;

    private IJournal Journal => _sides.Sides.Legacy.Journal;

    [OneTimeSetUp]
    public async Task FillJournal()
    {
        _sides = await MySqlTestSides.CreateAsync();
        await _sides.SetFenceAsync(SideName.Legacy, new FenceRow(FenceRole.Lead, Stage.DualWrite, 5, 4));
        await _sides.RunAsync(
            SideName.Legacy,
            $"""
            INSERT INTO strangler_journal (context, kind, `key`, epoch, counter, created_at, next_attempt_at, state, last_error)
            SELECT 'tests', 'thing', 1 + (seq * 7919) % 150000, 4, seq, UTC_TIMESTAMP(6) - INTERVAL (200000 - seq) SECOND,
            IF(seq % 3 = 0, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, UTC_TIMESTAMP(6) - INTERVAL seq SECOND), IF(seq % 8 = 0, 'parked', 'open'), 'why'
            FROM (SELECT 1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS seq
                FROM {Digits(9)} a, {Digits(9)} b, {Digits(9)} c, {Digits(9)} d, {Digits(9)} e, {Digits(1)} f) AS numbers
            """);
        await _sides.RunAsync(SideName.Legacy, "ANALYZE TABLE strangler_journal");
    }

    [OneTimeTearDown]
    public Task DropJournal() => _sides.DisposeAsync().AsTask();

    [Test]
    public async Task A_claim_touches_the_rows_that_it_takes_and_no_others()
    {
        const int Max = 100;
        IReadOnlyList<JournalClaim> claims = [];
        var touched = await TouchedAsync(async () => claims = await Journal.ClaimAsync("relay", Max, TimeSpan.FromMinutes(5), default));
        Assert.That(claims, Has.Count.GreaterThan(Max / 2));
        Assert.That(touched, Is.LessThan(20 * Max), "a walk over the journal");
    }

    [Test]
    public async Task Settling_and_failing_a_key_touch_that_key()
    {
        var claim = (await Journal.ClaimAsync("relay", 1, TimeSpan.FromMinutes(5), default)).Single();
        Assert.That(await TouchedAsync(() => Journal.FailAsync(claim, "why", TimeSpan.FromHours(1), default)), Is.LessThan(100));
        Assert.That(await TouchedAsync(() => Journal.SettleAsync(claim.Key, claim.Version, 0, default)), Is.LessThan(100));
        Assert.That(await TouchedAsync(() => Journal.OwedAsync("thing", [1, 2, 3], default)), Is.LessThan(100));
        Assert.That(await TouchedAsync(() => Journal.FindParkedAsync(claim.Key, default)), Is.LessThan(100));
    }

    [Test]
    public async Task Depth_ends_its_counting_and_says_so()
    {
        JournalDepth depth = null!;
        var touched = await TouchedAsync(async () => depth = await Journal.DepthAsync(default));
        Assert.That((depth.Open, depth.Parked), Is.EqualTo((JournalDepth.CountLimit + 1, JournalDepth.CountLimit + 1)));
        Assert.That(JournalDepth.Show(depth.Open), Is.EqualTo("more than 10,000"));
        Assert.That(depth.Lag, Is.GreaterThan(TimeSpan.FromSeconds(Rows - 100)), "the oldest row is exact");
        Assert.That(touched, Is.LessThan(5 * JournalDepth.CountLimit), "counted all of it");

        JournalOverview overview = null!;
        touched = await TouchedAsync(async () => overview = await Journal.OverviewAsync(default));
        Assert.That((overview.IsPartial, overview.Kinds.Single().Parked), Is.EqualTo((true, JournalDepth.CountLimit + 1)));
        Assert.That(touched, Is.LessThan(12 * JournalDepth.CountLimit));
    }

    /// <summary>The plan, too: the counters above would also be low where a table is small.</summary>
    [Test]
    public async Task The_claim_stays_on_its_index()
    {
        var plan = await _sides.QueryAsync<ExplainRow>(
            SideName.Legacy,
            """
            EXPLAIN SELECT kind, `key` FROM strangler_journal FORCE INDEX (strangler_journal_due)
            WHERE context = 'tests' AND state = 'open' AND next_attempt_at <= UTC_TIMESTAMP(6) ORDER BY next_attempt_at LIMIT 100 FOR UPDATE SKIP LOCKED
            """);
        Assert.That((plan.Single().Key, plan.Single().Type), Is.EqualTo(("strangler_journal_due", "range")));
        Assert.That(plan.Single().Extra, Does.Not.Contain("filesort"));
    }

    /// <summary>What is settled leaves tombstones and accepted marks as they are: a replay must still be refused.</summary>
    [Test]
    public async Task Settling_leaves_entity_rows_alone()
    {
        await _sides.RunAsync(
            SideName.Legacy,
            "INSERT INTO strangler_entity (context, kind, `key`, epoch, counter, tombstone) VALUES ('tests', 'thing', 900001, 4, 7, 1), ('tests', 'thing', 900002, 4, 7, 0)");
        foreach (var id in new long[] { 900_001, 900_002 })
        {
            await Journal.SettleAsync(new EntityKey("thing", id), new EntityVersion(4, 7), 0, default);
        }

        var page = await _sides.Sides.Legacy.Store.VersionsAsync("thing", 900_000, 10, default);
        Assert.That(page.Keys.Select(key => key.Version.Counter), Is.EqualTo(new long[] { 7, 7 }));
    }

    private static string Digits(int last) => $"(SELECT 0 AS n{string.Concat(Enumerable.Range(1, last).Select(n => $" UNION ALL SELECT {n}"))})";

    // Of the whole server: the engine's own connections are counted. Nobody else is at work, for fixtures take turns.
    private async Task<long> TouchedAsync(Func<Task> work)
    {
        var before = await HandlerReadsAsync();
        await work();
        var touched = await HandlerReadsAsync() - before;
        TestContext.Out.WriteLine($"{touched:N0} rows touched");
        return touched;
    }

    private async Task<long> HandlerReadsAsync()
    {
        await using var connection = await _sides.Legacy.OpenAsync();
        var rows = await connection.QueryAsync<(string Name, string Value)>("SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_%'");
        return rows.Where(row => row.Name is not "Handler_read_rnd_deleted")
            .Sum(row => long.Parse(row.Value, System.Globalization.CultureInfo.InvariantCulture));
    }

    private sealed record ExplainRow
    {
        public string Key { get; init; } = "";

        public string Type { get; init; } = "";

        public string Extra { get; init; } = "";
    }
}
