using System.Globalization;

namespace Strangler.Reconciliation;

/// <summary>A process, so that another on the same machine can tell whether it still lives.</summary>
/// <param name="Host">The machine's name, for people.</param>
/// <param name="HostId">
/// The machine since its last start, and the container: only where it is the same do process ids mean the same. Empty where the system
/// does not tell; then only the lease's end tells that a process is gone.
/// </param>
/// <param name="Pid">The process id.</param>
/// <param name="Started">When the process began, in the system's own count: ids are used again.</param>
public sealed record ProcessIdentity(string Host, string HostId, int Pid, string Started)
{
    /// <summary>This process.</summary>
    public static ProcessIdentity Current { get; } =
        new(Environment.MachineName, ReadHostId(), Environment.ProcessId, StartOf(Environment.ProcessId) ?? "");

    /// <summary>Whether it can be told, from here, that the process has ended.</summary>
    public bool IsGone => HostId.Length > 0 && HostId == Current.HostId && StartOf(Pid) != Started;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"process {Pid} on {Host}");

    private static string ReadHostId()
    {
        try
        {
            return new FileInfo("/proc/self/ns/pid").LinkTarget is { } space
                ? $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} {space}"
                : "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    // Field 22 of proc(5) stat; the command's name before may hold blanks and brackets. A zombie has ended, though it is still listed.
    private static string? StartOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : fields[19];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
