using System.Data.Common;
using Dapper;
using Strangler.DualWrite;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// Connections that are cut while they lie in a pool, or under a read: by a restart of the server, by KILL, by something in between that
/// says nothing. No read fails by it: neither a repository's nor a query of the leading side.
/// </summary>
[CancelAfter(120_000)]
public sealed class PooledConnectionTests
{
    private const int Readers = 4;

    [Test]
    public async Task After_a_restart_of_the_server_no_read_fails([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var (replica, id) = await WithADonationAsync(world);
        var lead = world.ServerOf(Stages.LeadOf(stage));
        await ReadAtOnceAsync(replica, id);
        await lead.Process.KillAsync(CancellationToken.None);
        await lead.Process.RestartAsync(CancellationToken.None);
        await ReadAtOnceAsync(replica, id);
    }

    /// <summary>Nothing shows before the next use, and all that lie in the pool are cut: the second try needs a new one.</summary>
    [Test]
    public async Task Connections_that_turn_out_to_be_cut_when_they_are_used_fail_no_read(
        [Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var lead = Stages.LeadOf(stage);
        await using var proxy = FaultProxy.Before(world.ServerOf(lead).Process.Port);
        var (replica, id) = await WithADonationAsync(world, lead, proxy);
        foreach (var read in new Func<Task>[] { () => FindAsync(replica, id), () => CountAsync(replica) })
        {
            await ReadAtOnceAsync(replica, id);
            var cuts = proxy.Cuts;
            proxy.CutWhenUsed();
            await read();
            Assert.That(proxy.Cuts, Is.GreaterThan(cuts), "a connection was cut");
        }

        Assert.That(world.Logs.Lines.Count(line => line.Contains("a read is repeated", StringComparison.Ordinal)), Is.EqualTo(2));
    }

    /// <summary>What is one statement for us would never be committed there, and a snapshot would stay open in the pool.</summary>
    [Test]
    public async Task A_server_whose_sessions_do_not_commit_by_themselves_is_refused()
    {
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite);
        var server = world.ServerOf(SideName.Legacy);
        await server.RunAsync("SET GLOBAL autocommit = 0");
        try
        {
            var refused = Assert.ThrowsAsync<SideUnavailableException>(() => world.Open().Donations.FindAsync(1, CancellationToken.None))!;
            Assert.That(refused.Message, Does.Contain("autocommit is 0").And.Contain("SET GLOBAL autocommit = 1"));
            Assert.That((refused.Side, refused.IsTransient), Is.EqualTo((SideName.Legacy, false)));
        }
        finally
        {
            await server.RunAsync("SET GLOBAL autocommit = 1");
        }
    }

    /// <summary>Under way or idle: each round ends every connection that has been there for a while, at whatever it is doing.</summary>
    [Test]
    public async Task Connections_that_are_killed_under_readers_fail_no_read([Values(Stage.DualWrite, Stage.NewLeads)] Stage stage)
    {
        await using var world = await FaultWorld.CreateAsync(stage);
        var (replica, id) = await WithADonationAsync(world);
        var server = world.ServerOf(Stages.LeadOf(stage));
        await using var admin = await world.OpenAsync(Stages.LeadOf(stage));
        using var stop = new CancellationTokenSource();
        var reads = new long[Readers];
        var readers = Enumerable.Range(0, Readers).Select(number => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await (number % 2 == 0 ? FindAsync(replica, id) : CountAsync(replica));
                Interlocked.Increment(ref reads[number]);
            }
        })).ToList();
        try
        {
            var known = await ConnectionsAsync(admin);
            for (var round = 0; round < 15; round++)
            {
                // Each of them: one that is slow would else be met by two rounds within one read.
                var were = Enumerable.Range(0, Readers).Select(number => Interlocked.Read(ref reads[number])).ToArray();
                await FaultWorld.UntilAsync(
                    "readers go on",
                    () => Enumerable.Range(0, Readers).All(number => Interlocked.Read(ref reads[number]) >= were[number] + 5) || readers.Any(reader => reader.IsFaulted));
                var present = await ConnectionsAsync(admin);
                foreach (var connection in present.Intersect(known))
                {
                    await KillAsync(server, connection);
                }

                known = present;
            }
        }
        finally
        {
            await stop.CancelAsync();
        }

        await Task.WhenAll(readers);
    }

    private static async Task<(Replica Replica, long Id)> WithADonationAsync(
        FaultWorld world, SideName lead = default, FaultProxy? proxy = null)
    {
        var replica = proxy is null ? world.Open() : lead == SideName.Legacy ? world.Open(legacy: proxy) : world.Open(@new: proxy);
        var donation = FaultLoad.New("pooled");
        await replica.Donations.StoreAsync(donation, CancellationToken.None);
        return (replica, donation.Id);
    }

    // As many side by side as leave several connections in the pool.
    private static Task ReadAtOnceAsync(Replica replica, long id) =>
        Task.WhenAll(Enumerable.Range(0, 4 * Readers).Select(number => number % 2 == 0 ? FindAsync(replica, id) : CountAsync(replica)));

    private static async Task FindAsync(Replica replica, long id) =>
        Assert.That(await replica.Donations.FindAsync(id, CancellationToken.None), Is.Not.Null);

    private static async Task CountAsync(Replica replica) => Assert.That(
        await new LeadQueries(replica.Runtime).AskAsync(
            (connection, _, _) => connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM spenden"),
            (connection, _, _) => connection.ExecuteScalarAsync<long>("SELECT COUNT(*) FROM donation"),
            CancellationToken.None),
        Is.EqualTo(1));

    private static async Task KillAsync(FaultServer server, long connection)
    {
        try
        {
            await server.RunAsync($"KILL {connection}");
        }
        catch (DbException exception) when (exception.Message.Contains("Unknown thread", StringComparison.Ordinal))
        {
            // Closed by itself meanwhile: its pool has forgotten it.
        }
    }

    // Those that are not just being opened: a connection that is refused is no lost one.
    private static async Task<IReadOnlyList<long>> ConnectionsAsync(DbConnection admin) =>
        [.. await admin.QueryAsync<long>("SELECT id FROM information_schema.PROCESSLIST WHERE user = 'frontend'")];
}
