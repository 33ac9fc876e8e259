using System.Globalization;
using System.Runtime.InteropServices;

namespace Strangler.LocalServers;

/// <summary>The few calls of the system that .NET has no method for.</summary>
internal static class Posix
{
    public const int SigInt = 2, SigKill = 9, SigTerm = 15, SigCont = 18, SigStop = 19;

    public static bool IsRoot => geteuid() == 0;

    public static uint UserId => geteuid();

    /// <summary>False when there is no such process (any more).</summary>
    public static bool Signal(int pid, int signal) => kill(pid, signal) == 0;

    public static void Own(string path, ServerUser user)
    {
        if (chown(path, user.UserId, user.GroupId) != 0)
            throw new IOException($"chown {user.Name} {path} failed with error {Marshal.GetLastPInvokeError()}.");
    }

    /// <summary>The start of a process in ticks since boot: with the pid it names a process for good, though pids are used again.
    /// Null when it is not there, or ended and waits for its parent.</summary>
    public static string? StartTime(int pid) => Stat(pid) is { } fields && fields[0] is not ("Z" or "X") ? fields[19] : null;

    /// <summary>The letter that tells what a process does (T: it is stopped); null when it is not there.</summary>
    public static char? StateOf(int pid) => Stat(pid)?[0][0];

    /// <summary>A process, and then the processes that it has started.</summary>
    public static IReadOnlyList<int> Family(int pid)
    {
        try
        {
            var children = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/task/{pid}/children"));
            return [pid, .. children.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(child => int.Parse(child, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            return [pid];
        }
    }

    private static string[]? Stat(int pid)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            // The second field is the program's name in brackets and may hold blanks and brackets.
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Pids mean something only inside their namespace; two containers may share one temporary folder.</summary>
    public static string PidNamespace()
    {
        var link = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";
        return string.Concat(link.Where(char.IsAsciiDigit));
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);

    [DllImport("libc", SetLastError = true)]
    private static extern int chown([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);

    [DllImport("libc")]
    private static extern uint geteuid();
}

/// <summary>Whom a server runs as when we are root: servers refuse, or should not have, root's rights.</summary>
internal sealed record ServerUser(string Name, uint UserId, uint GroupId)
{
    /// <summary>Null when we are not root: the server is then simply ours.</summary>
    public static ServerUser? Find(params ReadOnlySpan<string> names)
    {
        if (!Posix.IsRoot)
            return null;
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length >= 4).ToList();
        foreach (var name in names)
        {
            if (users.Find(fields => fields[0] == name) is { } fields)
                return new(name, uint.Parse(fields[2], CultureInfo.InvariantCulture), uint.Parse(fields[3], CultureInfo.InvariantCulture));
        }
        throw new LocalServerException($"None of the users {string.Join(", ", names.ToArray())} is in /etc/passwd; "
            + "the server needs one that is not root.");
    }
}
