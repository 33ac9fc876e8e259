using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Contexts;
using Strangler.Contexts.Donations;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>The peak working set of a process that reconciles a tenth of the rows, and of one that reconciles all: they should be
/// alike.</summary>
internal static class ReconcileMemoryBench
{
    public const string Verb = "--reconcile-child";

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var bounds = await world.Host.Sides.Legacy.Store.BoundsAsync(BenchWorld.Kind, cancellationToken);
        List<BenchLine> lines = [];
        foreach (var to in new[] { bounds.From + ((bounds.To - bounds.From) / 10), long.MaxValue })
        {
            var figures = await ChildAsync(world, to, cancellationToken);
            lines.Add(BenchLine.Shown("reconcile, peak working set", figures));
        }

        return lines;
    }

    /// <summary>In the child: reconciles up to an id, and says how much memory that took.</summary>
    public static async Task<int> RunChildAsync(long to)
    {
        await using var host = ContextHost.Open(
            StranglerConfiguration.Load(null, ContextCatalog.Names), DonationsContext.Name, NullLoggerFactory.Instance,
                TimeProvider.System);
        var scope = new ReconciliationScope { Kind = BenchWorld.Kind, To = to == long.MaxValue ? null : to };
        var report = await host.Reconciler().RunAsync(scope, null, CancellationToken.None);
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{self.PeakWorkingSet64 / 1048576.0:N0} MiB at {report.Entities:N0} entities, {report.Duration.TotalSeconds:0.0} s, {OutcomeRules.Name(report.Outcome)}"));
        return 0;
    }

    private static async Task<string> ChildAsync(BenchWorld world, long to, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            ArgumentList = { typeof(ReconcileMemoryBench).Assembly.Location, Verb, to.ToString(CultureInfo.InvariantCulture) },
        };
        foreach (var (name, value) in world.Settings)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? said.Trim() : throw new InvalidOperationException($"The child ended with {process.ExitCode}.");
    }
}
