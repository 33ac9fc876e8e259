using System.Security.Cryptography;
using Dapper;
using Strangler.Backfill;
using Strangler.Contexts.Donations;
using Strangler.Cutover;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.Faults;
using Strangler.IntegrationTests.MySql;
using Strangler.LegacyData;
using Strangler.Mapping;
using Strangler.Migrations;
using Strangler.Mongo;
using Strangler.Mongo.Bson;
using Strangler.MySql;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;
using Replica = Strangler.IntegrationTests.Faults.Replica;

namespace Strangler.IntegrationTests.Mongo;

/// <summary>The engine's whole way with donations, the legacy side in MySQL or MariaDB, the new one in MongoDB.</summary>
[CancelAfter(300_000)]
internal sealed class DonationsInMongoTests
{
    private const string Kind = DonationsContext.DonationKind;
    private const int Rows = 150;

    private TestDatabase _legacy = null!;
    private MongoTestDatabase _new = null!;
    private Replica _replica = null!;
    private HashSet<long> _generated = [];

    [SetUp]
    public async Task CreateSides()
    {
        _legacy = await TestServers.CreateDatabaseAsync("donations_legacy");
        _new = await MongoServers.CreateDatabaseAsync("donations_new");
        await using (var connection = await _legacy.OpenAsync())
        {
            await LegacySchema.CreateAsync(connection);
        }

        await new LegacyDonationGenerator(new LegacyDonationOptions { Rows = Rows, Seed = 3 }).WriteAsync(_legacy.Source.OpenAsync);
        await using (var connection = await _legacy.OpenAsync())
        {
            _generated = [.. await connection.QueryAsync<long>("SELECT id FROM spenden")];
        }

        var (legacy, @new) = (new MySqlSideOptions { ConnectionString = _legacy.ConnectionString }, new MongoSideOptions { ConnectionString = _new.ConnectionString });
        var folder = MySqlTestSides.MigrationsFolder;
        await new MigrationRunner(
        [
            new MigrationTarget(
                SideName.Legacy, [DonationsContext.Name], MySqlMigrations.Database(legacy, SideName.Legacy), await MySqlMigrations.ReadCatalogAsync(folder, default)),
            new MigrationTarget(
                SideName.New, [DonationsContext.Name], MongoMigrations.Database(@new, SideName.New), await MongoMigrations.ReadCatalogAsync(folder, default)),
        ]).ApplyAsync(null, default);
        _replica = Open(legacy, @new);
    }

    [TearDown]
    public async Task DropSides()
    {
        await _replica.DisposeAsync();
        await _new.DisposeAsync();
        await _legacy.DisposeAsync();
    }

    [Test]
    public async Task Through_the_steps_forward_and_back_under_load_nothing_is_lost()
    {
        await StepAsync(forward: true);
        await using var load = FaultLoad.Start(2, _replica);
        await load.UntilAcknowledgedAsync(10);
        var backfill = await new BackfillJob(_replica.Runtime, new BackfillOptions()).RunAsync(Kind, null, default);
        Assert.That(backfill.AlreadyComplete, Is.False);
        foreach (var forward in new[] { true, true, false, true })
        {
            await load.UntilAcknowledgedAsync(10);
            await DrainAsync();
            Assert.That((await ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
            await StepAsync(forward);
        }

        await load.UntilAcknowledgedAsync(10);
        await load.EndAsync();
        await DrainAsync();
        var report = await ReconcileAsync();

        Assert.That((await _replica.Cutover.StatusAsync(default)).Stage, Is.EqualTo(Stage.NewLeads));
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean), () => string.Join('\n', ReportText.Render(report)));
        Assert.That(report.Counts[Verdict.Matched], Is.GreaterThan(Rows));
        await AssertLedgerAsync(load);
    }

    /// <summary>Case 57, of the classes that differ from a table's: another encoding is none, another value and another type are found.</summary>
    [Test]
    [Category("Case57")]
    public async Task Reconciliation_sees_values_and_not_encodings()
    {
        await StepAsync(forward: true);
        await new BackfillJob(_replica.Runtime, new BackfillOptions()).RunAsync(Kind, null, default);
        Assert.That((await ReconcileAsync()).Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
        List<BsonDocument> stored;
        await using (var session = await _new.OpenAsync())
        {
            stored = await session.FindAsync("donation", BsonDocument.Empty, default, BsonDocument.Of(("_id", 1)));
            Assert.That(stored, Has.Count.GreaterThan(100));
            // Past the validator, as a hand with the right to it would.
            await session.RunAsync(BsonDocument.Of(("collMod", "donation"), ("validationLevel", "off")), default);
            await session.UpdateAsync("donation", [
                // The same number of another type, and a null where nothing was: nothing has changed.
                new(Id(stored[0]), BsonDocument.Of(("$set", BsonDocument.Of(("amount", (double)stored[0].Number("amount")), ("nobody_knows", BsonValue.Null))))),
                new(Id(stored[1]), BsonDocument.Of(("$inc", BsonDocument.Of(("amount", 1L))))),
                new(Id(stored[2]), BsonDocument.Of(("$set", BsonDocument.Of(("amount", "much"))))),
            ], true, default);
            await session.DeleteAsync("donation", [new(Id(stored[3]))], true, default);
        }

        var report = await ReconcileAsync();

        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Drift));
        Assert.That(
            (report.Counts[Verdict.Drift], report.Counts[Verdict.Unreadable], report.Counts[Verdict.MissingInNew]), Is.EqualTo((1L, 1L, 1L)),
            () => string.Join('\n', ReportText.Render(report)));

        static BsonDocument Id(BsonDocument document) => BsonDocument.Of(("_id", document["_id"]));
    }

    private static Replica Open(MySqlSideOptions legacy, MongoSideOptions @new)
    {
        var settings = new Dictionary<string, string>
        {
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.Legacy)] = legacy.ConnectionString,
            [StranglerConfiguration.VariableOf(DonationsContext.Name, SideName.New)] = legacy.ConnectionString,
        };
        var configuration = StranglerConfiguration.Load(null, ContextCatalog.Names, settings.GetValueOrDefault);
        var mappings = ContextCatalog.LoadMapping(configuration, DonationsContext.Name);
        var sides = MongoSides.CreateNew(@new, DonationsContext.Name, mappings.ToDictionary(mapping => mapping.Key, mapping => mapping.Value.New.Layout)).With(
            DonationsContext.Name,
            MySqlSides.CreateLegacy(legacy, DonationsContext.Name, mappings.ToDictionary(mapping => mapping.Key, mapping => mapping.Value.Legacy.Layout)), null);
        var options = new ContextOptions { ForeignWritersNone = true, ShadowReadMinimum = 0, RelayPoll = TimeSpan.FromMilliseconds(50) };
        return new Replica(
            legacy, sides, () => MongoSides.CloseAsync(@new), options, mappings, RandomNumberGenerator.GetBytes(32), TimeProvider.System, new LogBook());
    }

    private Task<StageView> StepAsync(bool forward)
    {
        var request = new CutoverRequest { Actor = "test", Reason = "test" };
        return forward ? _replica.Cutover.AdvanceAsync(request, null, default) : _replica.Cutover.BackAsync(request, null, default);
    }

    private Task<ReconciliationReport> ReconcileAsync() => new Reconciler(_replica.Runtime, new ReconciliationOptions { GentleAbove = 0, MaxThreadsRunning = 0 })
        .RunAsync(new ReconciliationScope { Kind = Kind }, null, default);

    private async Task DrainAsync()
    {
        var lead = (await _replica.Cutover.StatusAsync(default)).Lead;
        await FaultWorld.UntilAsync("the journal is empty", async () =>
        {
            await _replica.Relay.DrainAsync(default);
            return await _replica.Sides.Of(lead).Journal.DepthAsync(default) is { Open: 0 };
        });
    }

    private async Task AssertLedgerAsync(FaultLoad load)
    {
        List<Donation> stored = [];
        await using (var session = await _new.OpenAsync())
        {
            foreach (var map in await session.FindAsync("strangler_id_map", BsonDocument.Empty, default))
            {
                if (await _replica.Donations.FindAsync(Keys.Id(map), default) is { } donation && !_generated.Contains(donation.Id))
                {
                    stored.Add(donation);
                }
            }
        }

        Assert.That(load.Ledger.Differences(stored), Is.Empty);
    }
}
