using System.Text.Json;
using Dapper;
using Strangler.Cli;
using Strangler.Contexts.Subscriptions;
using Strangler.DualWrite;
using Strangler.LegacyData;
using Strangler.LegacyData.Subscriptions;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.EachContext;

/// <summary>Two contexts of one installation, as in production in one legacy database, and here in one new database, too: neither sees the other.</summary>
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public sealed class TwoContextsTests
{
    private TestDatabase _legacy = null!;
    private TestDatabase _new = null!;
    private string _folder = null!;
    private string _both = null!;
    private string _one = null!;

    [OneTimeSetUp]
    public async Task CreateDatabases()
    {
        (_legacy, _new) = (await TestServers.CreateDatabaseAsync("both_legacy"), await TestServers.CreateDatabaseAsync("both_new"));
        await using (var connection = await _legacy.OpenAsync())
        {
            await LegacySchema.CreateAsync(connection);
            await LegacySubscriptionSchema.CreateAsync(connection);
        }

        await new LegacyDonationGenerator(new LegacyDonationOptions { Rows = 200, IncludeUnreadable = false }).WriteAsync(_legacy.Source.OpenAsync);
        await new LegacySubscriptionGenerator(new LegacySubscriptionOptions { Rows = 300, IncludeUnreadable = false }).WriteAsync(_legacy.Source.OpenAsync);
        _folder = Directory.CreateTempSubdirectory("strangler-test-").FullName;
        _both = Write("both.json", "donations", "subscriptions");
        _one = Write("one.json", "subscriptions");
    }

    [OneTimeTearDown]
    public async Task DropDatabases()
    {
        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test, Order(0)]
    public async Task A_context_that_is_not_configured_is_left_out_and_named()
    {
        var plan = await RunAsync("migrate --dry-run", _one, ExitCodes.Ok);
        Assert.That(plan, Does.Contain("subscriptions/0001_subscription").And.Not.Contain("donations/"));
        Assert.That(await RunAsync("migrate --dry-run --context donations", _one, ExitCodes.CouldNotRun), Does.Contain("STRANGLER_DONATIONS_LEGACY"));
    }

    [Test, Order(1)]
    public async Task Each_context_migrates_on_its_own()
    {
        await RunAsync("migrate --context subscriptions", _both, ExitCodes.Ok);
        Assert.That(await NewTablesAsync(), Has.Some.EqualTo("subscription").And.None.EqualTo("donation"));
        var status = await RunAsync("migrate status", _both, ExitCodes.Found);
        Assert.That(status, Does.Match(@"subscriptions\s+0001_subscription\s+applied").And.Match(@"donations\s+0001_donation\s+pending"));
        Assert.That(await RunAsync("migrate", _one, ExitCodes.Ok), Does.Contain("Nothing to do").And.Contain("left out: donations"));
    }

    [Test, Order(2)]
    public async Task One_command_migrates_all()
    {
        Assert.That(await RunAsync("migrate", _both, ExitCodes.Ok), Does.Contain("migrations applied").And.Not.Match("left out: .*(donations|subscriptions)"));
        Assert.That(await NewTablesAsync(), Has.Some.EqualTo("subscription").And.Some.EqualTo("donation"));
        await RunAsync("migrate status", _both, ExitCodes.Ok);
    }

    [Test, Order(3)]
    public async Task Each_context_moves_on_its_own()
    {
        foreach (var line in new[] { "capture install {0}", "cutover advance {0}", "backfill {0}" })
        {
            await RunAsync(string.Format(null, line, "subscriptions"), _both, ExitCodes.Ok);
        }

        Assert.That(await StagesAsync(), Is.EquivalentTo(new[] { "donations LegacyOnly", "subscriptions DualWrite" }));
        Assert.That(await RunAsync("capture check donations", _both, ExitCodes.Found), Does.Contain("missing"));
        foreach (var line in new[] { "capture install {0}", "cutover advance {0}", "backfill {0}" })
        {
            await RunAsync(string.Format(null, line, "donations"), _both, ExitCodes.Ok);
        }

        await RunAsync("capture check subscriptions", _both, ExitCodes.Ok);
        await RunAsync("reconcile --all", _both, ExitCodes.Ok);
        await RunAsync("cutover advance subscriptions", _both, ExitCodes.Ok);
        await RunAsync("reconcile subscriptions", _both, ExitCodes.Ok);
        await using (var host = Open(SubscriptionsContext.Name))
        {
            await host.Cutover.StatusAsync(CancellationToken.None);
        }

        Assert.That(await StagesAsync(), Is.EquivalentTo(new[] { "donations DualWrite", "subscriptions ShadowRead" }));
    }

    [Test, Order(4)]
    public async Task The_same_id_in_both_is_two_entities()
    {
        await using (var connection = await _legacy.OpenAsync())
        {
            await connection.ExecuteAsync(
                """
                INSERT INTO spenden (id, name, betrag, kommentar, data, dt_new) VALUES (700001, 'Max', '5.00', '', NULL, '2020-01-01 12:00:00');
                INSERT INTO subscription (id, email, createdAt) VALUES (700001, 'max@example.org', '2020-01-01 12:00:00');
                UPDATE subscription SET source = 'again' WHERE id = 700001;
                """);
        }

        await RunAsync("relay drain donations", _both, ExitCodes.Ok);
        Assert.That(await RunAsync("relay status subscriptions --json", _both, ExitCodes.Ok), Does.Contain("\"open\": 2"));
        await RunAsync("relay drain subscriptions", _both, ExitCodes.Ok);
        await RunAsync("reconcile donations subscriptions", _both, ExitCodes.Ok);
        Assert.That(await RunAsync("idmap lookup donations 700001", _both, ExitCodes.Ok), Is.Not.EqualTo(await RunAsync("idmap lookup subscriptions 700001", _both, ExitCodes.Ok)));
        var subscriptionsTimeline = await RunAsync("timeline subscriptions 700001", _both, ExitCodes.Ok);
        Assert.That(subscriptionsTimeline, Does.Contain("source").Or.Contain("version"));
        await using var host = Open(SubscriptionsContext.Name);
        Assert.That((await host.Part<SubscriptionsContext>().Subscriptions.FindAsync(700001, CancellationToken.None))!.Source, Is.EqualTo("again"));
    }

    [Test, Order(5)]
    public async Task Capture_of_one_is_removed_without_that_of_the_other()
    {
        await RunAsync("capture remove subscriptions --force --reason test", _both, ExitCodes.Ok);
        await RunAsync("capture check donations", _both, ExitCodes.Ok);
        await RunAsync("capture check subscriptions", _both, ExitCodes.Found);
    }

    private async Task<List<string>> NewTablesAsync()
    {
        await using var connection = await _new.OpenAsync();
        return [.. await connection.QueryAsync<string>("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()")];
    }

    private async Task<List<string>> StagesAsync() =>
    [
        .. JsonDocument.Parse(await RunAsync("status --json", _both, ExitCodes.Ok)).RootElement.EnumerateArray()
            .Select(row => $"{row.GetProperty("context").GetString()} {row.GetProperty("stage").GetString()}"),
    ];

    private static async Task<string> RunAsync(string line, string configFile, int code)
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var actual = await StranglerCommandLine.RunAsync(
            [.. line.Split(' '), "--config", configFile], TextWriter.Synchronized(output), TextWriter.Synchronized(error), CancellationToken.None);
        Assert.That(actual, Is.EqualTo(code), $"strangler {line}: {output}\n{error}");
        return code == ExitCodes.Ok ? output.ToString() : output.ToString() + error;
    }

    private ContextHost Open(string context) => ContextHost.Open(
        StranglerConfiguration.Load(_both, ContextCatalog.Names), context, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
        TimeProvider.System);

    private string Write(string name, params string[] contexts)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = "00112233445566778899aabbccddeeff",
            contexts = contexts.ToDictionary(context => context, _ => new
            {
                legacy = _legacy.ConnectionString, @new = _new.ConnectionString, options = new { shadowReadMinimum = 0, relayPoll = "100ms", fenceLockTimeout = "5s" },
            }),
        }));
        return file;
    }
}
