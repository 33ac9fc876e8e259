using Dapper;
using Strangler.DualWrite;
using Strangler.MySql;

namespace Strangler.IntegrationTests.Faults;

/// <summary>Servers that answer and refuse: no space, read-only, deadlocks, lock waits.</summary>
[CancelAfter(120_000)]
public sealed class RefusingServerTests
{
    private const int Writers = 4;

    [Test]
    [Category("Case35")]
    public async Task A_side_that_is_read_only_for_a_while_loses_nothing(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage, [Values] bool isLead)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var lead = Stages.LeadOf(stage);
        await UnderLoadAsync(
            world,
            isLead,
            () => world.ServerOf(isLead ? lead : Stages.Other(lead)).RunAsync("SET GLOBAL read_only = ON"),
            () => world.ServerOf(isLead ? lead : Stages.Other(lead)).RunAsync("SET GLOBAL read_only = OFF"));
    }

    /// <summary>
    /// A table space that may not grow any more gives the same error (1114) as a full disk and needs no privilege; an operator cures it by a
    /// restart with more. A limit on file sizes (RLIMIT_FSIZE) does not serve: MariaDB 10.11 aborts on it, which is a kill and tested as one.
    /// </summary>
    [Test]
    [Category("Case35")]
    public async Task A_side_whose_space_is_used_up_for_a_while_loses_nothing([Values] bool isLead)
    {
        var shared = await FaultServers.AcquireAsync();
        await using var full = await FaultServer.StartAsync(
            "--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:40M", "--innodb-undo-tablespaces=0");
        await using var world = await FaultWorld.CreateAsync(
            Stage.DualWrite, isLead ? (full, shared.New) : (shared.Legacy, full));
        await UnderLoadAsync(world, isLead, () => FillAsync(full), () => full.Process.RestartAsync(["--innodb-data-file-path=ibdata1:12M:autoextend"], CancellationToken.None));
    }

    /// <summary>
    /// Another program takes the entity row before the legacy row, we the other way round. It has changed much, so we are the victim; the
    /// whole write is repeated, and counts once.
    /// </summary>
    [Test]
    [Category("Case41")]
    public async Task A_write_that_becomes_the_victim_of_a_deadlock_is_repeated_as_a_whole()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var replica = world.Open();
        var donation = FaultLoad.New("deadlock");
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
        await using var other = await world.OpenAsync(SideName.Legacy);
        await other.ExecuteAsync("CREATE TABLE ballast (n INT PRIMARY KEY)");
        await other.ExecuteAsync("START TRANSACTION");
        await other.ExecuteAsync($"INSERT INTO ballast VALUES {string.Join(',', Enumerable.Range(0, 500).Select(n => $"({n})"))}");
        await other.ExecuteAsync("SELECT * FROM strangler_entity WHERE `key` = @id FOR UPDATE", new { id = donation.Id });

        donation.AddLog(donation.CreatedAt, "changed");
        var write = replica.Donations.StoreAsync(donation, CancellationToken.None);
        await world.UntilLockWaitAsync(SideName.Legacy);
        await other.ExecuteAsync("UPDATE spenden SET betrag = betrag WHERE id = @id", new { id = donation.Id });
        await other.ExecuteAsync("COMMIT");

        await write;
        Assert.That(world.Logs.Lines.Count(line => line.Contains("victim of a deadlock", StringComparison.Ordinal)), Is.EqualTo(1));
        await AssertChangedOnceAsync(world, donation.Id);
    }

    [Test]
    [Category("Case41")]
    public async Task A_write_whose_lock_wait_times_out_is_repeated_as_a_whole()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var replica = world.Open();
        var donation = FaultLoad.New("locked");
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
        await using var other = await world.OpenAsync(SideName.Legacy);
        await other.ExecuteAsync("START TRANSACTION");
        await other.ExecuteAsync("SELECT * FROM spenden WHERE id = @id FOR UPDATE", new { id = donation.Id });

        donation.AddLog(donation.CreatedAt, "changed");
        var write = replica.Donations.StoreAsync(donation, CancellationToken.None);
        await FaultWorld.UntilAsync(
            "a lock wait times out", () => world.Logs.Lines.Any(line => line.Contains("stayed locked by another transaction", StringComparison.Ordinal)));
        await other.ExecuteAsync("COMMIT");

        await write;
        await AssertChangedOnceAsync(world, donation.Id);
    }

    /// <returns>The load, over by then.</returns>
    internal static async Task<FaultLoad> UnderLoadAsync(FaultWorld world, bool isLead, Func<Task> fault, Func<Task> cure)
    {
        var replica = world.WithRelay(world.Open());
        await using var load = FaultLoad.Start(Writers, replica);
        await load.UntilAcknowledgedAsync(50);
        await fault();
        if (isLead)
        {
            await load.UntilRefusedAsync(Writers);
        }
        else
        {
            await FaultWorld.UntilAsync("the breaker opens", () => replica.Runtime.BreakerIsOpen);
            await load.UntilAcknowledgedAsync(100);
        }

        await cure();
        await load.UntilAcknowledgedAsync(50);
        await world.AssertNothingLostAsync(load);
        if (!isLead)
        {
            Assert.That(load.Calls.Where(call => call.Error is not (null or ConflictException)), Is.Empty, "refused");
        }

        return load;
    }

    // First in large pieces, then to the last page.
    private static async Task FillAsync(FaultServer server)
    {
        await server.RunAsync("CREATE DATABASE ballast; CREATE TABLE ballast.weight (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)");
        foreach (var size in new[] { 1_000_000, 60_000, 8_000, 100 })
        {
            while (await FitsAsync(server, size))
            {
            }
        }
    }

    private static async Task<bool> FitsAsync(FaultServer server, int size)
    {
        try
        {
            await server.RunAsync($"INSERT INTO ballast.weight (b) VALUES (REPEAT('x', {size}))");
            return true;
        }
        catch (System.Data.Common.DbException exception)
        {
            // MariaDB 10.11 dies of it now and then.
            Assert.That(
                MySqlDriver.Classify(exception),
                Is.EqualTo(MySqlErrorKind.DiskFull).Or.EqualTo(MySqlErrorKind.ConnectionLost).Or.EqualTo(MySqlErrorKind.Unreachable));
            return false;
        }
    }

    private static async Task AssertChangedOnceAsync(FaultWorld world, long id)
    {
        await world.DrainAsync();
        Assert.That((await world.Operator.Donations.FindAsync(id, CancellationToken.None))!.Log.Count(entry => entry.Message == "changed"), Is.EqualTo(1));
        foreach (var side in Enum.GetValues<SideName>())
        {
            await using var connection = await world.OpenAsync(side);
            Assert.That(
                await connection.QuerySingleAsync<long>("SELECT counter FROM strangler_entity WHERE `key` = @id", new { id }), Is.EqualTo(2), $"version in {side}");
        }
    }
}
