using Dapper;
using Npgsql;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.IntegrationTests.EachContext;
using Strangler.IntegrationTests.Subscriptions;
using Strangler.Mapping;
using Strangler.Postgres;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Postgres;

/// <summary>Subscriptions from PostgreSQL to PostgreSQL, while another program works in the legacy table all the time.</summary>
public sealed class SubscriptionsInPostgresTests
{
    private const long Theirs = 9_000_000;

    private SubscriptionsWorld _world = null!;

    [SetUp]
    public async Task CreateWorld() => _world = await SubscriptionsWorld.CreateAsync(
        options: SubscriptionLoad.Limits, legacy: await TestServers.CreatePostgresDatabaseAsync("subscriptions_legacy"), @new: await TestServers.CreatePostgresDatabaseAsync("subscriptions_new"));

    [TearDown]
    public Task DropWorld() => _world.DisposeAsync().AsTask();

    /// <summary>I9 in every stage: what it has committed is on both sides at the end, and what is ours as well.</summary>
    [Test]
    public async Task Through_all_stages_and_back_nothing_of_ours_and_nothing_of_theirs_is_lost()
    {
        await _world.FillExamplesAsync(900, includeUnreadable: true);
        var load = new SubscriptionLoad(_world);
        await using (load.Start())
        {
            foreach (var stage in new[] { Stage.NewLeads, Stage.LegacyOnly, Stage.NewLeads, Stage.ShadowRead })
            {
                await _world.MoveToAsync(stage);
            }
        }

        await load.UntilSettledAsync();
        await AssertCleanAsync();
        await load.AssertNothingIsLostAsync();
    }

    /// <summary>A transaction that was open before the backfill began and ends behind it: what it wrote comes over, and nothing goes by without it.</summary>
    [Test]
    [Category("Case20")]
    public async Task A_transaction_that_is_open_beside_a_backfill_and_commits_late_is_not_missed([Values("READ COMMITTED", "REPEATABLE READ")] string isolation)
    {
        await _world.FillExamplesAsync(50);
        await using var early = await _world.LegacyDatabase.OpenAsync();
        await early.ExecuteAsync($"BEGIN ISOLATION LEVEL {isolation}; UPDATE subscription SET source = 'early' WHERE id = 1");
        var advance = _world.MoveToAsync(Stage.DualWrite);
        await using (var watch = await _world.LegacyDatabase.OpenAsync())
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (await watch.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0)
            {
                await Task.Delay(5, patience.Token);
            }
        }

        Assert.That(advance.IsCompleted, Is.False, "the stage waits for what was written without a note");
        await early.ExecuteAsync("COMMIT");
        await advance;
        await using var late = await _world.LegacyDatabase.OpenAsync();
        await late.ExecuteAsync(
            $"BEGIN ISOLATION LEVEL {isolation}; UPDATE subscription SET source = 'late' WHERE id = 2; INSERT INTO subscription (id, source) VALUES ({Theirs}, 'late');"
            + " DELETE FROM subscription WHERE id = 3");
        await _world.BackfillAsync();
        await late.ExecuteAsync("COMMIT");
        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync();
        foreach (var (id, source) in new[] { (1L, "early"), (2L, "late"), (Theirs, "late"), (3L, null) })
        {
            Assert.That((await _world.RecordAsync(SideName.New, id))?["source"], Is.EqualTo(source), $"{id}");
        }
    }

    [Test]
    public async Task A_table_that_is_emptied_and_loaded_anew_comes_over_whoever_leads([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await _world.FillExamplesAsync(40);
        await _world.MoveToAsync(stage == Stage.DualWrite ? Stage.ShadowRead : stage);
        await using (var connection = (NpgsqlConnection)await _world.LegacyDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("BEGIN; TRUNCATE subscription");
            await using (var copy = await connection.BeginTextImportAsync("COPY subscription (id, email, source) FROM STDIN"))
            {
                for (var id = 30; id < 60; id++)
                {
                    await copy.WriteLineAsync($"{id}\t{id}@example.org\tanew");
                }
            }

            await connection.ExecuteAsync("COMMIT");
        }

        await _world.Host.Relay.DrainAsync(CancellationToken.None);
        await AssertCleanAsync();
        await using var @new = await _world.NewDatabase.OpenAsync();
        Assert.That(await @new.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM subscription"), Is.EqualTo(30));
        Assert.That(await @new.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM subscription WHERE source = 'anew'"), Is.EqualTo(30));
    }

    [Test]
    public async Task What_a_frontend_asks_has_the_same_answer_on_either_side()
    {
        await _world.FillExamplesAsync(300);
        var subscription = new Subscription(0, new DateTime(2022, 6, 1, 10, 0, 0), "nyan@awesomecats.example", "3d0f3cff008000202020202020202020");
        await _world.Subscriptions.StoreAsync(subscription, CancellationToken.None);
        foreach (var stage in new[] { Stage.LegacyOnly, Stage.NewLeads })
        {
            await _world.MoveToAsync(stage);
            Assert.That((await _world.Subscriptions.FindByConfirmationCodeAsync("3d0f3cff008000202020202020202020", CancellationToken.None))?.Id, Is.EqualTo(subscription.Id));
            Assert.That(await _world.Subscriptions.CountSimilarAsync("nyan@awesomecats.example", new DateTime(2022, 6, 1, 9, 0, 0), CancellationToken.None), Is.EqualTo(1));
            Assert.That(await _world.Subscriptions.CountSimilarAsync("nyan@awesomecats.example", new DateTime(2022, 6, 1, 11, 0, 0), CancellationToken.None), Is.Zero);
        }
    }

    [Test]
    public async Task Tables_that_are_not_as_the_mapping_says_are_told_with_the_servers_own_types()
    {
        Assert.That((await _world.Host.Runtime.Schema.LookAsync(CancellationToken.None)).Where(one => one.Stops), Is.Empty);
        await _world.RunForeignAsync("""
            ALTER TABLE subscription ALTER COLUMN export TYPE timestamptz; ALTER TABLE subscription ALTER COLUMN status TYPE boolean USING status > 0;
            ALTER TABLE subscription RENAME COLUMN "createdAt" TO createdat; ALTER TABLE subscription ALTER COLUMN tracking TYPE text; ALTER TABLE subscription ALTER COLUMN id TYPE bigint
            """.Replace("ALTER COLUMN status TYPE", "ALTER COLUMN status DROP DEFAULT, ALTER COLUMN status TYPE", StringComparison.Ordinal));
        var stops = (await _world.Host.Runtime.Schema.LookAsync(CancellationToken.None)).Where(one => one.Stops).Select(one => one.Problem.ToString()).ToList();
        Assert.That(stops, Has.Count.EqualTo(3), string.Join('\n', stops));
        Assert.That(stops, Has.One.Contains("timestamp with time zone").And.One.Contains("boolean").And.One.Contains("no column createdAt"));
    }

    [Test]
    public void What_a_legacy_side_in_PostgreSQL_cannot_be_is_refused_by_the_setting()
    {
        string Refused(string context, string legacy, string @new, string options = "{}")
        {
            var settings = new Dictionary<string, string>
            {
                [StranglerConfiguration.VariableOf(context, SideName.Legacy)] = legacy,
                [StranglerConfiguration.VariableOf(context, SideName.New)] = @new,
                ["STRANGLER_HASH_KEY"] = new('a', 64),
            };
            var file = Path.GetTempFileName();
            File.WriteAllText(file, $$"""{ "contexts": { "{{context}}": { "options": {{options}} } } }""");
            var configuration = StranglerConfiguration.Load(file, ContextCatalog.Names, settings.GetValueOrDefault);
            var refused = Assert.Throws<ConfigurationException>(() => ContextHost.Open(configuration, context, _world.Logs, TimeProvider.System))!;
            File.Delete(file);
            return refused.Message;
        }

        var (legacy, @new) = (_world.LegacyDatabase.ConnectionString, _world.NewDatabase.ConnectionString);
        Assert.That(
            Refused("memberships", legacy, @new),
            Does.Contain("STRANGLER_MEMBERSHIPS_LEGACY names a PostgreSQL server").And.Contain("words of MySQL").And.Contain("subscriptions, back-office-users"));
        Assert.That(Refused("subscriptions", legacy, legacy), Does.Contain("they must be two databases"));
        Assert.That(
            Refused("subscriptions", legacy, @new, """{ "oneTransaction": true }"""), Does.Contain("contexts.subscriptions.options.oneTransaction is true").And.Contain("PostgreSQL"));
    }

    private static IEnumerable<TestCaseData> UnknownTables()
    {
        ColumnLayout[] columns = [new("name", ColumnType.Text, false, 50), new("other_id", ColumnType.Integer, true)];
        var root = new TableLayout("root", TableRole.Root, "id", columns);
        yield return new TestCaseData(new AggregateLayout([root, new TableLayout("other", TableRole.Referenced, "id", [], "other_id")]), "role=\"referenced\"");
        yield return new TestCaseData(new AggregateLayout([root with { Lookups = [new LookupLayout("shared", "id", "other_id", 1, [columns[0]])] }]), "looked up");
        yield return new TestCaseData(new AggregateLayout([root with { NaturalKey = new NaturalKey(0, IsText: true) }]), "keys that are texts");
        yield return new TestCaseData(
            new AggregateLayout([root, new TableLayout("line", TableRole.Many, "root_id", columns) { Children = new ChildRows(null, "PRIMARY") }]), "a key of their own");
    }

    [TestCaseSource(nameof(UnknownTables))]
    public void Tables_that_a_legacy_side_there_does_not_know_are_refused_by_name(AggregateLayout layout, string why) => Assert.That(
        () => PostgresSides.CreateLegacy(
            new PostgresSideOptions { ConnectionString = "Host=x;Database=y" }, "tests", new Dictionary<string, AggregateLayout> { ["kind"] = layout }),
        Throws.ArgumentException.With.Message.StartsWith("kind: table '").And.Message.Contains(why));

    private async Task AssertCleanAsync()
    {
        var report = await _world.ReconcileAsync();
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
    }
}
