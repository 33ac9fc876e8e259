using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Strangler.Service;

/// <summary>How much this process yields to others on its machine: a program that answers callers goes before one that checks.</summary>
public static class OwnPriority
{
    // What nice(1) calls the least favourable.
    private const int Least = 19;
    private const int OfProcess = 0;

    /// <summary>
    /// From here on this process runs where others leave it time. There is no way back without a privilege, so it is for processes that do nothing else.
    /// Where the system does not let it, it runs as it was.
    /// </summary>
    public static void YieldToOthers()
    {
        if (!OperatingSystem.IsLinux())
        {
            using var self = Process.GetCurrentProcess();
            self.PriorityClass = ProcessPriorityClass.Idle;
            return;
        }

        // There it is each thread's own; a new one has that of the thread that made it.
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            _ = SetPriority(OfProcess, int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), Least);
        }
    }

#pragma warning disable SYSLIB1054 // The generated kind needs unsafe code.
    [DllImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetPriority(int which, int who, int priority);
#pragma warning restore SYSLIB1054
}
