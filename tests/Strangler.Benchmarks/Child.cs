using System.Diagnostics;

namespace Strangler.Benchmarks;

/// <summary>A .NET program as a process of its own, which finds a world by the variables that it is given.</summary>
internal static class Child
{
    /// <param name="settings">The world's.</param>
    /// <param name="arguments">The program and what it is given.</param>
    /// <param name="redirectsErrors">Whether its error output is read as well, instead of being shown.</param>
    public static Process Start(IReadOnlyDictionary<string, string> settings, IEnumerable<string> arguments, bool redirectsErrors = false)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = redirectsErrors,
        };
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
