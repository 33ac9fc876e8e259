using System.Net;
using Strangler.Cli;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Http;
using Strangler.Mongo;
using Strangler.Mongo.Bson;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>What is peculiar of donations whose new side is MongoDB.</summary>
[CancelAfter(180_000)]
public sealed class DonationsOnMongoTests
{
    /// <summary>The README's way, command by command, with a connection string of MongoDB in the configuration.</summary>
    [Test]
    public async Task The_command_line_brings_a_context_over_finds_and_mends_what_is_planted_and_goes_back()
    {
        var database = await MongoNewDatabase.MakeAsync();
        await using var world = await DonationsWorld.CreateAsync(migrate: false, @new: database);
        var id = (await world.FillAsync(80, includeUnreadable: true)).First(row => !row.IsUnreadable).Id;
        var cli = new CommandLine(world);
        Assert.That((await cli.RunAsync("migrate --dry-run", ExitCodes.Ok)).Output, Does.Contain("\"createIndexes\"").And.Contain("$jsonSchema"));
        await cli.RunAsync("migrate", ExitCodes.Ok);
        await cli.RunAsync("migrate status", ExitCodes.Ok);
        await cli.RunAsync("mapping verify donations", ExitCodes.Ok);
        await cli.RunAsync("cutover advance donations", ExitCodes.Ok);
        await cli.RunAsync("capture install donations", ExitCodes.Ok);
        await cli.RunAsync("backfill donations", ExitCodes.Ok);
        await cli.RunAsync("quarantine sign-off donations --all --reason reviewed", ExitCodes.Ok);
        await cli.RunAsync("reconcile donations", ExitCodes.Ok);
        await PlantAsync(database);
        var drift = await cli.RunAsync("reconcile donations --json", ExitCodes.Found);
        var run = drift.Json.GetProperty("run_id").GetInt64();
        await cli.RunAsync($"report show donations {run}", ExitCodes.Ok);
        await cli.RunAsync($"repair donations --from-report {run} --apply --reason planted", ExitCodes.Ok);
        await cli.RunAsync("reconcile donations", ExitCodes.Ok);
        await cli.RunAsync("cutover advance donations", ExitCodes.Ok);
        await cli.RunAsync("reconcile donations", ExitCodes.Ok);
        await cli.RunAsync("cutover advance donations", ExitCodes.Ok);
        Assert.That((await cli.RunAsync("status", ExitCodes.Ok)).Output, Does.Contain("NewLeads"));
        await cli.RunAsync($"idmap lookup donations {id}", ExitCodes.Ok);
        await cli.RunAsync($"timeline donations {id}", ExitCodes.Ok);
        await cli.RunAsync("cutover back donations", ExitCodes.Ok);
        await cli.RunAsync("cutover back donations", ExitCodes.Ok);
        Assert.That((await cli.RunAsync("cutover history donations", ExitCodes.Ok)).Output, Does.Contain("NewLeads"));
    }

    /// <summary>Case 57, of the classes that differ from a table's: another encoding is none, another value and another type are found.</summary>
    [Test]
    [Category("Case57")]
    public async Task Values_are_compared_and_not_encodings_and_the_list_of_comments_is_the_same_from_both_sides()
    {
        var database = await MongoNewDatabase.MakeAsync();
        await using var world = await DonationsWorld.CreateAsync(@new: database);
        await world.FillAsync(300);
        await world.MoveToAsync(Stage.ShadowRead);
        Assert.That((await world.ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        var (all, page) = (await CommentsAsync(0, 1000), await CommentsAsync(2, 3));
        Assert.That(all, Has.Count.GreaterThan(5));
        await world.MoveToAsync(Stage.NewLeads);
        Assert.That((await CommentsAsync(0, 1000), await CommentsAsync(2, 3)), Is.EqualTo((all, page)));
        await world.MoveToAsync(Stage.ShadowRead);

        await PlantEncodingsAsync(database);
        var report = await world.ReconcileAsync();

        Assert.That(
            (report.Outcome, report.Counts[Verdict.Drift], report.Counts[Verdict.Unreadable], report.Counts[Verdict.MissingInNew]),
            Is.EqualTo((ReconciliationOutcome.Drift, 1L, 1L, 1L)), () => string.Join('\n', ReportText.Render(report)));

        // Of amounts legacy's list shows also what the mapping cannot read.
        async Task<List<(long, string, string, DateTime)>> CommentsAsync(int offset, int limit) =>
            [.. (await world.Donations.Comments.FindPublicAsync(limit, offset, CancellationToken.None)).Select(one => (one.DonationId, one.Author, one.Text, one.DonatedAt))];
    }

    [Test]
    public async Task The_admin_API_answers_a_request_with_a_key_once_and_tells_of_the_store()
    {
        await using var world = await AdminWorld.CreateAsync(await MongoNewDatabase.MakeAsync());
        foreach (var path in new[] { "/contexts/donations", "/contexts/donations/journal", "/contexts/donations/audit?limit=2", "/contexts/donations/quarantine/donation" })
        {
            Assert.That((await world.GetAsync(path)).Status, Is.EqualTo(HttpStatusCode.OK), path);
        }

        Assert.That((await world.GetAsync("/readyz")).Json.GetProperty("status").GetString(), Is.EqualTo("ready"));
        await world.LookAsync();
        Assert.That((await world.GetAsync("/metrics")).Body, Does.Match("strangler_stage\\{context=\"donations\"\\} 1"));
        var key = ("Idempotency-Key", Guid.NewGuid().ToString());
        var started = await world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { }, 0, key);
        Assert.That(started.Status, Is.EqualTo(HttpStatusCode.Accepted), started.ToString());
        var again = await world.SendAsync("POST", "/contexts/donations/reconciliations", "operator", new { }, 1, key);
        Assert.That((again.Status, again.Body), Is.EqualTo((started.Status, started.Body)));
        Assert.That((await world.GetAsync($"{started.Location}/events")).Body, Does.Contain("clean"));
    }

    [Test]
    public async Task What_a_configuration_cannot_have_is_refused_by_the_setting_before_anything_is_asked(CancellationToken cancellationToken)
    {
        const string Legacy = "Server=127.0.0.1;Database=legacy;User ID=u;Password=p";
        const string Mongo = "mongodb://u:topsecret@127.0.0.1:1/new?replicaSet=rs0";
        Assert.That(Refused(Mongo, Mongo), Does.Contain("STRANGLER_DONATIONS_LEGACY names a MongoDB server, where no legacy side can be"));
        Assert.That(Refused(Legacy, "mongodb://u:topsecret@127.0.0.1:1"), Does.Contain("names no database"));
        Assert.That(Refused(Legacy, "mongodb://u:topsecret/x@127.0.0.1:1/new"), Does.Contain("%2F"));
        Assert.That(Refused(Legacy, Mongo, "subscriptions"), Does.Contain("subscriptions has no migrations for one").And.Contain("On MongoDB these have theirs: donations."));
        Assert.That(Refused(Legacy, Mongo, replica: "mongodb://127.0.0.1:2/new"), Does.Contain("the members of a MongoDB replica set are not named one by one"));

        await using var server = await MongoServers.StartPrivateAsync(new() { IsStandalone = true });
        await using var host = Open(Legacy, server.ConnectionString("new"));
        var standalone = Assert.ThrowsAsync<ConfigurationException>(() => host.RefuseUnsuitableAsync(cancellationToken))!;
        Assert.That(standalone.Message, Does.Contain("STRANGLER_DONATIONS_NEW").And.Contain("rs.initiate()"));
        await using var away = Open(Legacy, Mongo);
        Assert.DoesNotThrowAsync(() => away.RefuseUnsuitableAsync(cancellationToken), "a server that is away may come");

        static string Refused(string legacy, string @new, string context = "donations", string? replica = null)
        {
            var message = Assert.ThrowsAsync<ConfigurationException>(async () => await Open(legacy, @new, context, replica).DisposeAsync())!.Message;
            Assert.That(message, Does.Not.Contain("topsecret"));
            return message;
        }
    }

    private static ContextHost Open(string legacy, string @new, string context = "donations", string? replica = null)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, $$"""{ "contexts": { "{{context}}": { {{(replica is null ? "" : $"\"newReplicas\": [ \"{replica}\" ]")}} } } }""");
            var settings = new Dictionary<string, string>
            {
                [StranglerConfiguration.VariableOf(context, SideName.Legacy)] = legacy,
                [StranglerConfiguration.VariableOf(context, SideName.New)] = @new,
                ["STRANGLER_HASH_KEY"] = new('a', 64),
            };
            return ContextHost.Open(StranglerConfiguration.Load(file, ContextCatalog.Names, settings.GetValueOrDefault), context, new LogBook(), TimeProvider.System);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task PlantAsync(MongoNewDatabase database)
    {
        await using var session = await database.OpenSessionAsync();
        var stored = await session.FindAsync("donation", BsonDocument.Empty, CancellationToken.None, BsonDocument.Of(("_id", 1)), limit: 2);
        (await session.UpdateAsync("donation", [new(Id(stored[0]), BsonDocument.Of(("$inc", BsonDocument.Of(("amount", 1L)))))], true, CancellationToken.None)).ThrowIfFailed();
        (await session.DeleteAsync("donation", [new(Id(stored[1]))], true, CancellationToken.None)).ThrowIfFailed();
    }

    private static async Task PlantEncodingsAsync(MongoNewDatabase database)
    {
        await using var session = await database.OpenSessionAsync();
        var stored = await session.FindAsync("donation", BsonDocument.Empty, CancellationToken.None, BsonDocument.Of(("_id", 1)), limit: 4);
        // Past the validator, as a hand with the right to it would.
        await session.RunAsync(BsonDocument.Of(("collMod", "donation"), ("validationLevel", "off")), CancellationToken.None);
        await session.UpdateAsync("donation", [
            // The same number of another type, and a null where nothing was: nothing has changed.
            new(Id(stored[0]), BsonDocument.Of(("$set", BsonDocument.Of(("amount", (double)stored[0].Number("amount")), ("nobody_knows", BsonValue.Null))))),
            new(Id(stored[1]), BsonDocument.Of(("$inc", BsonDocument.Of(("amount", 1L))))),
            new(Id(stored[2]), BsonDocument.Of(("$set", BsonDocument.Of(("amount", "much"))))),
        ], true, CancellationToken.None);
        await session.DeleteAsync("donation", [new(Id(stored[3]))], true, CancellationToken.None);
    }

    private static BsonDocument Id(BsonDocument document) => BsonDocument.Of(("_id", document["_id"]));
}
