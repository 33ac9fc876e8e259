using System.Security.Cryptography;
using Strangler.LocalServers;

namespace Strangler.IntegrationTests.Faults;

/// <summary>
/// A small file system of its own (tmpfs, mounted below the temporary folder), to be filled up. It is unmounted in the end; what a run that
/// was killed has left mounted, the next run unmounts. Where mounting is not permitted, the test is not run and says so.
/// </summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private static readonly string Root = Path.Combine(Path.GetTempPath(), $"strangler-disks-{Posix.UserId}");

    private SmallDisk(string folder) => Folder = folder;

    public string Folder { get; }

    private string Ballast => Path.Combine(Folder, "ballast");

    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        await SweepAsync();
        var name = $"disk-{ServerFolder.OwnerName()}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        var folder = Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
        var run = await RunAsync("mount", "-t", "tmpfs", "-o", FormattableString.Invariant($"size={megabytes}m,mode=755"), "tmpfs", folder);
        if (run.ExitCode != 0)
        {
            Directory.Delete(folder);
            Assert.Ignore($"A full disk needs a file system of its own, and mounting one is not permitted here: {run.Output.Trim()}");
        }

        return new SmallDisk(folder);
    }

    /// <summary>To the last page.</summary>
    public async Task FillAsync()
    {
        await using var ballast = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        foreach (var size in new[] { 1 << 20, 1 << 12, 1 })
        {
            var piece = new byte[size];
            try
            {
                while (true)
                {
                    await ballast.WriteAsync(piece);
                }
            }
            catch (IOException)
            {
                // No space left: the next smaller piece.
            }
        }
    }

    public void Free() => File.Delete(Ballast);

    public async ValueTask DisposeAsync() => await UnmountAsync(Folder);

    private static async Task SweepAsync()
    {
        foreach (var folder in Directory.CreateDirectory(Root).GetDirectories().Where(folder => ServerFolder.IsLeftOver(folder.FullName)))
        {
            await UnmountAsync(folder.FullName);
        }
    }

    // Lazily: a server that is just dying may still hold a file.
    private static async Task UnmountAsync(string folder)
    {
        await RunAsync("umount", "-l", folder);
        Directory.Delete(folder, recursive: true);
    }

    private static Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments) =>
        Command.RunAsync(program, arguments, TimeSpan.FromSeconds(10), TimeProvider.System, CancellationToken.None);
}
