using System.Text.RegularExpressions;
using Dapper;
using Strangler.DualWrite;
using Strangler.IntegrationTests.Cli;
using Strangler.IntegrationTests.Donations;
using Strangler.Reconciliation;

namespace Strangler.IntegrationTests.Reconcile;

/// <summary>The scopes of <c>strangler reconcile</c> on a real server, through the command line.</summary>
[TestFixture]
public sealed partial class ScopeCommandTests
{
    [Test]
    [Category("Case66")]
    public async Task Scopes_say_what_they_looked_at_and_open_no_gate()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(300);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var line = new CommandLine(world);

        var sample = await line.RunAsync("reconcile donations --sample 10% --json", 0);
        Assert.That(sample.Json.GetProperty("full").GetBoolean(), Is.False);
        var seed = Seed().Match(sample.Json.GetProperty("scope").GetString()!).Groups[1].Value;
        var again = await line.RunAsync($"reconcile donations --sample 10% --seed {seed} --json", 0);
        Assert.That(again.Json.GetProperty("entities").GetInt64(),
            Is.EqualTo(sample.Json.GetProperty("entities").GetInt64()).And.InRange(5, 80));

        var moment = await MomentAsync(world);
        await ChangeAsync(world, 5);
        var since = await line.RunAsync($"reconcile donations --since {moment} --json");
        Assert.That(since.Json.GetProperty("entities").GetInt64(), Is.EqualTo(1), since.All);
        Assert.That((await line.RunAsync("reconcile donations --since 1h --json", 0)).Json.GetProperty("entities").GetInt64(),
            Is.EqualTo(300), "the backfill touched all");

        // Planted behind everybody's back: an incremental run trusts what is stored, and says so.
        await TrustAsync(world);
        await using (var connection = await world.NewDatabase.OpenAsync())
        {
            await connection.ExecuteAsync("UPDATE donation SET amount = amount + 1 LIMIT 1");
        }

        var incremental = await line.RunAsync("reconcile donations --incremental", 0);
        Assert.That(incremental.Output, Does.Match("rows of 300 keys were not read").And.Contain("opens no gate"));
        await line.RunAsync("reconcile donations", 1);
        Assert.That((await line.RunAsync("cutover advance donations", 4)).All, Does.Contain("full reconciliation"));
    }

    [Test]
    [Category("Case66")]
    public async Task What_makes_no_sense_is_refused_before_any_connection()
    {
        await using var world = await DonationsWorld.CreateAsync(migrate: false);
        var line = new CommandLine(world);
        var file = Path.Combine(Path.GetDirectoryName(world.ConfigFile)!, "ids.txt");
        await File.WriteAllLinesAsync(file, ["1", "", "x7", "2", "-3"]);

        Assert.That((await line.RunAsync($"reconcile donations --keys-from {file}", 2)).Error,
            Does.Contain("in line 3, 5").And.Not.Contain("x7"));
        Assert.That((await line.RunAsync("reconcile donations --range 1..2 --sample 5", 2)).Error,
            Does.Contain("--range and --sample exclude each other"));
        Assert.That((await line.RunAsync("reconcile donations --resume --incremental", 2)).Error, Does.Contain("exclude each other"));
        Assert.That((await line.RunAsync("reconcile donations --seed 5", 2)).Error, Does.Contain("--seed goes with --sample"));
        Assert.That((await line.RunAsync("reconcile donations --since 2999-01-01", 2)).Error, Does.Contain("is to come"));
        Assert.That((await line.RunAsync("reconcile donations --since yesterday", 2)).Error, Does.Contain("--since is 'yesterday'"));
        Assert.That((await line.RunAsync("reconcile", 2)).Error, Does.Contain("Name a context"));
        Assert.That((await line.RunAsync("reconcile --all donations", 2)).Error, Does.Contain("--all goes without"));
    }

    [Test]
    [Category("Case66")]
    public async Task Several_contexts_are_run_one_after_another_and_the_worst_code_is_returned()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(20);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var line = new CommandLine(world);

        var spoken = await line.RunAsync("reconcile nonsense donations --context donations", 2);
        Assert.That(spoken.Error, Does.Contain("no context 'nonsense'"));
        Assert.That(spoken.Output, Does.Contain("CLEAN"), "the other one was run, and once");
        Assert.That(spoken.Output.Split("Reconciliation ").Length - 1, Is.EqualTo(1));
        await line.RunAsync("reconcile --all", 0);
    }

    [Test]
    [Category("Case66")]
    public async Task A_second_run_is_refused_with_code_2_and_an_interrupted_one_is_offered()
    {
        await using var world = await DonationsWorld.CreateAsync();
        await world.FillAsync(20);
        await world.MoveToAsync(Stage.DualWrite);
        await world.BackfillAsync();
        var line = new CommandLine(world);
        var lease = world.Host.Sides.ReconciliationLease;
        var elsewhere = new ProcessIdentity("otherhost", "another machine", 4711, "1");
        await lease.AcquireAsync(new LeaseHolder("theirs", "donation: all", "jane", elsewhere), null, TimeSpan.FromHours(1),
            CancellationToken.None);

        Assert.That((await line.RunAsync("reconcile donations", 2)).Error,
            Does.Match("already running: donation: all, since .* UTC, by jane \\(process 4711 on otherhost\\)"));
        await lease.ReleaseAsync("theirs", CancellationToken.None);
        Assert.That((await line.RunAsync("reconcile donations --resume", 2)).Error, Does.Contain("interrupted"));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        Assert.That(await ReconcileChild.KilledAfterAsync(world, "run", 6, limit.Token), Is.False);

        var anew = await line.RunAsync("reconcile donations --range 1..5", 0);
        Assert.That(anew.Error, Does.Contain("did not end").And.Contain("strangler reconcile donations --resume"));

        // The child had other settings, yet the same meaning: fields and declarations.
        Assert.That((await line.RunAsync("reconcile donations --resume", 0)).Output,
            Does.Contain("Interrupted after").And.Contain("20 entities"));
    }

    [GeneratedRegex("seed ([0-9]+)")]
    private static partial Regex Seed();

    private static async Task<string> MomentAsync(DonationsWorld world) =>
        (await world.Host.Sides.Legacy.Fence.UtcNowAsync(CancellationToken.None)).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'",
            System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>One write that raises a version on legacy.</summary>
    private static async Task ChangeAsync(DonationsWorld world, int place)
    {
        var kind = Contexts.Donations.DonationsContext.DonationKind;
        var ids = await world.Host.Sides.Legacy.Store.KeysAsync(kind, long.MinValue, 100, CancellationToken.None);
        var key = new EntityKey(kind, ids[place]);
        await using var transaction = await world.Host.Sides.Legacy.Store.BeginAsync(new WriteIntent(key), CancellationToken.None);
        var version = transaction.State.Version(transaction.State.Fence.DualEpoch).Next();
        await transaction.SetEntityAsync(key, new EntityState(version, 0, false, []), CancellationToken.None);
        await transaction.AppendJournalAsync(key, version, "test", CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        await world.Host.Relay.DrainAsync(CancellationToken.None);
    }

    /// <summary>Legacy gets the new side's entity rows, as if every donation had been written once since the backfill.</summary>
    private static async Task TrustAsync(DonationsWorld world)
    {
        await using var connection = await world.LegacyDatabase.OpenAsync();
        await using var other = await world.NewDatabase.OpenAsync();
        await connection.ExecuteAsync($"""
            REPLACE INTO strangler_entity (context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes)
            SELECT context, kind, `key`, epoch, counter, foreign_seq, tombstone, field_hashes FROM `{other.Database}`.strangler_entity
            """);
    }
}
