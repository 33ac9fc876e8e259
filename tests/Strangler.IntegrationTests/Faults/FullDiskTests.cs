using Strangler.DualWrite;
using Strangler.LocalServers;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// The operating system's disk is full (ENOSPC), not only a table space: for the follower nobody is refused and the journal grows; for the
/// lead callers are refused clearly and in time. When there is space again, nothing is lost and nothing is doubled.
/// </summary>
[Category("RequiresMount")]
[CancelAfter(180_000)]
public sealed class FullDiskTests
{
    // A server of a small log needs about 150 MB.
    private const int Megabytes = 256;

    [Test]
    [Category("Case35")]
    public async Task A_side_whose_disk_is_full_for_a_while_loses_nothing([Values] bool isLead)
    {
        var shared = await FaultServers.AcquireAsync();
        await using var disk = await SmallDisk.MountAsync(Megabytes);
        await using var full = await FaultServer.StartInAsync(disk.Folder);
        await using var world = await FaultWorld.CreateAsync(Stage.DualWrite, isLead ? (full, shared.New) : (shared.Legacy, full));
        var load = await RefusingServerTests.UnderLoadAsync(world, isLead, disk.FillAsync, () => FreeAsync(disk, full));

        var errors = load.Calls.Select(call => $"{call.Error}").Concat(world.Logs.Lines);
        Assert.That(errors, Has.Some.Contains("disk is full"));
        Assert.That(load.Calls.Max(call => call.Took), Is.LessThan(ServerDeathTests.Bound(load.Replica)));
    }

    // The server may have died of it, as MariaDB does now and then.
    private static async Task FreeAsync(SmallDisk disk, FaultServer server)
    {
        disk.Free();
        if (Posix.StartTime(server.Process.ProcessId) is null)
        {
            await server.Process.RestartAsync(CancellationToken.None);
        }
    }
}
