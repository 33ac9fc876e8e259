using System.Globalization;
using System.Text.Json;
using Dapper;
using Strangler.Contexts.Donations;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.IntegrationTests.EachContext;
using Strangler.LocalServers;
using Strangler.MySql;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>Two real servers, one the other's replica: a side that is a replica is refused, and replicas of a side are not left behind.</summary>
[TestFixture]
[Category("Case62")]
public sealed class ReplicaTests
{
    private const string Database = "donations_legacy";

    private LocalMariaDb _primary = null!;
    private LocalMariaDb _replica = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _primary = await TestServers.StartPrivateMySqlAsync(Options("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW", "--log-bin-trust-function-creators=1"));
        _replica = await TestServers.StartPrivateMySqlAsync(Options("--server-id=2"));
        var builder = new System.Data.Common.DbConnectionStringBuilder { ConnectionString = _primary.ConnectionString() };
        await using var primary = MySqlDriver.CreateDataSource(_primary.ConnectionString(), new());
        await using var replica = MySqlDriver.CreateDataSource(_replica.ConnectionString(), new());
        await using var from = await primary.OpenAsync(CancellationToken.None);
        await using var to = await replica.OpenAsync(CancellationToken.None);
        var position = await from.ExecuteScalarAsync<string>("SELECT @@GLOBAL.gtid_binlog_pos");
        await to.ExecuteAsync($"SET GLOBAL gtid_slave_pos = '{position}'");
        await to.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
            CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {builder["Port"]}, MASTER_USER = '{builder["User ID"]}',
                MASTER_PASSWORD = '{builder["Password"]}', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1
            """));
        await to.ExecuteAsync("START SLAVE");
        await to.ExecuteAsync("CREATE USER reader@'%' IDENTIFIED BY 'reader'; GRANT SELECT, LOCK TABLES ON *.* TO reader@'%'");
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        await _replica.DisposeAsync();
        await _primary.DisposeAsync();
    }

    [SetUp]
    public Task RestoreAsync() => OnReplicaAsync("START SLAVE; SET GLOBAL read_only = OFF");

    [Test]
    public async Task A_side_that_is_a_replica_is_refused_however_far_behind_it_is([Values] bool lags, [Values] bool mayAskForIt)
    {
        await using var world = await WorldAsync();
        var line = new CommandLine(world);
        await ReachedAsync();
        if (lags)
        {
            await OnReplicaAsync("STOP SLAVE SQL_THREAD");
            await world.Donations.Donations.StoreAsync((await world.Donations.Donations.FindAsync(1, CancellationToken.None))!, CancellationToken.None);
            if (!mayAskForIt)
            {
                // Then nothing but its being read-only shows.
                await OnReplicaAsync("SET GLOBAL read_only = ON");
            }
        }

        var file = line.Write(mayAskForIt ? _replica.ConnectionString(world.LegacyDatabase.Name) : As(_replica.ConnectionString(world.LegacyDatabase.Name), "reader"), line.New);
        foreach (var verb in new[] { "reconcile donations", "reconcile donations --resume", "reconcile donations --incremental", "repair donations --keys 1", "backfill donations" })
        {
            var refused = await line.RunAsync(verb, file, CancellationToken.None);
            Assert.That(refused.Code, Is.EqualTo(2), $"{verb}: {refused}");
            Assert.That(refused.Error, Does.Contain("contexts.donations.legacy").And.Contain(
                mayAskForIt ? "is a replica of 127.0.0.1:" : lags ? "is read-only" : "is a replica (it replicates at this moment)"), verb);
        }

        Assert.That(await world.Host.Sides.Reconciliations.SummariesAsync(10, CancellationToken.None), Is.Empty, "nothing was begun");
    }

    [Test]
    public async Task Primaries_of_a_ring_replicate_as_well_and_may()
    {
        await using var world = await WorldAsync();
        await ReachedAsync();
        var line = new CommandLine(world);
        var file = line.Write(_replica.ConnectionString(world.LegacyDatabase.Name), line.New);
        var text = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, text.Replace("\"options\":{", "\"options\":{\"sidesMayReplicate\":true,", StringComparison.Ordinal));

        Assert.That((await line.RunAsync("reconcile donations", file, CancellationToken.None)).Code, Is.Zero);
    }

    [Test]
    public async Task A_run_waits_for_a_replica_that_is_behind_and_says_so()
    {
        await using var world = await WorldAsync();
        await ReachedAsync();
        await using var host = HostWithReplica(world);
        await OnReplicaAsync("STOP SLAVE SQL_THREAD");
        await world.RunForeignAsync("UPDATE spenden SET betrag = betrag WHERE id = 1; INSERT INTO donation_notification_log SELECT id FROM spenden LIMIT 0; CREATE TABLE other (id INT); DROP TABLE other");
        var (waited, why) = (new TaskCompletionSource(), new List<string>());
        var options = ContextWorld.Hasty(host);
        options.MaxReplicaLag = TimeSpan.FromSeconds(1);

        var running = host.Reconciler(options).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind }, new Told(progress =>
            {
                if (progress.Waiting is { } text)
                {
                    why.Add(text);
                    waited.TrySetResult();
                }
            }), CancellationToken.None);
        await waited.Task;
        Assert.That(running.IsCompleted, Is.False);
        await OnReplicaAsync("START SLAVE SQL_THREAD");
        var report = await running;

        Assert.That(why[0], Does.Match("a replica of legacy \\(127.0.0.1:[0-9]+/.*\\) has not yet applied what was written before the run began; the limit is 1 s"));
        Assert.That(report.Notes, Has.Some.Match("Throttled: waited [0-9]+ s since a replica of legacy .* was more than 1 s behind"));
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public async Task A_replica_that_falls_behind_is_measured_by_what_it_has_not_applied()
    {
        await using var world = await WorldAsync();
        await ReachedAsync();
        await using var host = HostWithReplica(world);
        var replication = host.Sides.Legacy.Replication!;
        Assert.That((await replication.LagsAsync(CancellationToken.None)).Single().Behind, Is.EqualTo(TimeSpan.Zero));
        await OnReplicaAsync("STOP SLAVE SQL_THREAD");
        await world.RunForeignAsync("CREATE TABLE other (id INT); DROP TABLE other");

        var first = (await replication.LagsAsync(CancellationToken.None)).Single().Behind;
        await Task.Delay(300, CancellationToken.None);
        var second = (await replication.LagsAsync(CancellationToken.None)).Single().Behind;
        await OnReplicaAsync("START SLAVE SQL_THREAD");
        await ReachedAsync();

        Assert.That(second, Is.GreaterThan(first).And.GreaterThan(TimeSpan.FromMilliseconds(250)));
        Assert.That((await replication.LagsAsync(CancellationToken.None)).Single().Behind, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task A_replica_that_does_not_answer_holds_nobody_up_and_is_told()
    {
        await using var world = await WorldAsync();
        await using var host = HostWithReplica(world, CommandLine.With(_replica.ConnectionString("x"), "Port", "1"));

        var report = await host.Reconciler(ContextWorld.Hasty(host)).RunAsync(
            new ReconciliationScope { Kind = DonationsContext.DonationKind }, null, CancellationToken.None);

        Assert.That(report.Notes, Has.Some.Contains("How far the replica 127.0.0.1:1/x of legacy was behind is not known"));
        Assert.That(report.Outcome, Is.EqualTo(ReconciliationOutcome.Clean));
    }

    [Test]
    public async Task A_setting_that_names_no_replica_is_an_error_with_its_place()
    {
        await using var world = await DonationsWorld.CreateAsync(migrate: false);
        var line = new CommandLine(world);
        var text = await File.ReadAllTextAsync(line.ConfigFile);
        await File.WriteAllTextAsync(line.ConfigFile, text.Replace(
            "\"options\":", "\"legacyReplicas\":[\"env:NOT_THERE_AT_ALL\"],\"newReplicas\":[\"Server=x\"],\"options\":", StringComparison.Ordinal));

        var refused = await line.RunAsync("reconcile donations", 2);

        Assert.That(refused.Error, Does.Contain("contexts.donations.legacyReplicas[0]: the environment variable NOT_THERE_AT_ALL is not set")
            .And.Contain("contexts.donations.newReplicas: The connection string names no database"));
    }

    private static LocalServerOptions Options(params string[] arguments) => new()
    {
        FlushLogAtCommit = 2, BufferPoolMegabytes = 64, ServerArguments = ["--innodb-log-file-size=16M", .. arguments],
    };

    private async Task<DonationsWorld> WorldAsync()
    {
        var name = $"{Database}_{Guid.NewGuid():N}"[..40];
        var world = await DonationsWorld.CreateAsync(legacy: await TestDatabase.CreateOnAsync(_primary, name));
        await world.FillAsync(60);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        return world;
    }

    private ContextHost HostWithReplica(DonationsWorld world, string? replica = null)
    {
        var line = new CommandLine(world);
        var file = Path.Combine(Path.GetDirectoryName(world.ConfigFile)!, "with-replica.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            hashKey = line.HashKey,
            contexts = new { donations = new { legacy = line.Legacy, @new = line.New, legacyReplicas = new[] { replica ?? _replica.ConnectionString(world.LegacyDatabase.Name) } } },
        }));
        return ContextHost.Open(StranglerConfiguration.Load(file, ContextCatalog.Names), world.Name, world.Logs, TimeProvider.System);
    }

    private static string As(string connectionString, string user) =>
        CommandLine.With(CommandLine.With(connectionString, "User ID", user), "Password", user);

    private async Task OnReplicaAsync(string sql)
    {
        await using var source = MySqlDriver.CreateDataSource(_replica.ConnectionString(), new());
        await using var connection = await source.OpenAsync(CancellationToken.None);
        await connection.ExecuteAsync(sql);
    }

    /// <summary>Until the replica has all that the primary has now.</summary>
    private async Task ReachedAsync()
    {
        await using var primary = MySqlDriver.CreateDataSource(_primary.ConnectionString(), new());
        await using var from = await primary.OpenAsync(CancellationToken.None);
        var position = await from.ExecuteScalarAsync<string>("SELECT @@GLOBAL.gtid_binlog_pos");
        await OnReplicaAsync($"SELECT MASTER_GTID_WAIT('{position}', 60)");
    }

    private sealed class Told(Action<ReconciliationProgress> tell) : IProgress<ReconciliationProgress>
    {
        public void Report(ReconciliationProgress value)
        {
            lock (this)
            {
                tell(value);
            }
        }
    }
}
