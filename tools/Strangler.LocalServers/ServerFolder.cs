using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace Strangler.LocalServers;

/// <summary>A server's own folder. Its name holds the owner's pid, start time and pid namespace: <c>what-pid-start-namespace-random</c>,
/// so that whoever comes next can tell whether the owner still lives, also when the owner died before it wrote anything.</summary>
internal static class ServerFolder
{
    public const string PidFile = "server.pid";

    public static string DefaultRoot => Path.Combine(Path.GetTempPath(), $"strangler-servers-{Posix.UserId}");

    public static string Create(string what, string root, ServerUser? user)
    {
        CreateRoot(root);
        Sweep(root);
        var name = $"{what}-{OwnerName()}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        var folder = Path.Combine(root, name);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (user is not null)
            Posix.Own(folder, user);
        return folder;
    }

    public static string OwnerName()
    {
        var pid = Environment.ProcessId;
        return string.Create(CultureInfo.InvariantCulture, $"{pid}-{Posix.StartTime(pid)}-{Posix.PidNamespace()}");
    }

    /// <summary>Ends what dead owners left behind. Their supervisor normally did so; it can have been killed, too.</summary>
    public static void Sweep(string root)
    {
        if (!Directory.Exists(root))
            return;
        foreach (var folder in Directory.GetDirectories(root))
        {
            if (!IsLeftOver(folder))
                continue;
            KillServer(folder);
            Remove(folder);
        }
    }

    public static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The supervisor removes it, too; either may be first.
        }
        catch (IOException)
        {
            // A dying server still wrote; the next sweep takes the rest.
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's, in a shared root that was set by hand.
        }
    }

    private static void CreateRoot(string root)
    {
        // The server's user, not root, must be able to pass through.
        Directory.CreateDirectory(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        if (new DirectoryInfo(root).LinkTarget is { } target)
            throw new LocalServerException($"{root} is a link to {target}; servers are not put there. Remove it or set another TMPDIR.");
    }

    /// <summary>Whether a folder's name says that its owner is dead.</summary>
    public static bool IsLeftOver(string folder)
    {
        var parts = Path.GetFileName(folder).Split('-');
        return parts.Length == 5
            && parts[3] == Posix.PidNamespace()
            && int.TryParse(parts[1], CultureInfo.InvariantCulture, out var pid)
            && Posix.StartTime(pid) != parts[2];
    }

    private static string CommandLine(int pid) => File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cmdline"));

    private static void KillServer(string folder)
    {
        try
        {
            var text = File.ReadAllText(Path.Combine(folder, PidFile));
            // The pid may belong to somebody else by now: only a process that was started on this folder is ours.
            if (int.TryParse(text, CultureInfo.InvariantCulture, out var pid)
                && CommandLine(pid).Contains(folder, StringComparison.Ordinal))
            {
                using var server = Process.GetProcessById(pid);
                server.Kill();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
        {
            // No pid file or no such process: nothing is left to end.
        }
    }
}
