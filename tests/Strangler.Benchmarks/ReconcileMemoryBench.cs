using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Strangler.Contexts;
using Strangler.Contexts.Donations;
using Strangler.Reconciliation;
using Strangler.Service;
using Strangler.Service.Configuration;

namespace Strangler.Benchmarks;

/// <summary>
/// The peak working set of a process that reconciles a tenth of the rows, and of one that reconciles all: they must be alike. Once where
/// both sides agree, once
/// where every entity differs and every difference is written to a file.
/// </summary>
internal static class ReconcileMemoryBench
{
    public const string Verb = "--reconcile-child";

    private const double MostMebibytes = 256;

    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        await world.MoveToDualWriteAsync(cancellationToken);
        await world.BackfillAsync(cancellationToken);
        var agreeing = await MeasureAsync("both sides agree", world, cancellationToken);
        await using (var connection = await world.New.OpenAsync(cancellationToken))
        {
            await BenchWorld.ExecuteAsync(connection, "UPDATE donation SET amount = amount + 1", cancellationToken);
        }

        return [.. agreeing, .. await MeasureAsync("every entity differs", world, cancellationToken)];
    }

    /// <summary>In the child: reconciles up to an id, and says how much memory that took.</summary>
    public static async Task<int> RunChildAsync(long to)
    {
        await using var host = OpenChild();
        var scope = new ReconciliationScope { Kind = BenchWorld.Kind, To = to == long.MaxValue ? null : to };
        var settings = host.ReconciliationOptions;
        var path = Path.GetTempFileName();
        await using var file = new StreamWriter(path);
        var listed = 0L;
        settings.Found = async (run, found, _) =>
        {
            foreach (var finding in found.Where(finding => OutcomeRules.IsDrift(finding.Verdict)))
            {
                await file.WriteAsync(ReportCsv.Lines(run, host.Name, scope.Kind, finding));
                listed++;
            }
        };
        var report = await host.Reconciler(settings).RunAsync(scope, null, CancellationToken.None);
        File.Delete(path);
        var counted = report.Counts.Where(count => OutcomeRules.IsDrift(count.Key)).Sum(count => count.Value);
        if (listed != counted || report.Entities != report.Counts.Values.Sum())
        {
            throw new InvalidOperationException($"{counted} entities differ by the report, {listed} were listed.");
        }

        using var self = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{self.PeakWorkingSet64 / 1048576.0:0} MiB at {report.Entities:N0} entities ({counted:N0} differ), {report.Speed}, {OutcomeRules.Name(report.Outcome)}"));
        return 0;
    }

    /// <summary>In a child: the context that the variables name.</summary>
    public static ContextHost OpenChild() => ContextHost.Open(
        StranglerConfiguration.Load(null, ContextCatalog.Names), DonationsContext.Name, NullLoggerFactory.Instance, TimeProvider.System);

    private static async Task<IReadOnlyList<BenchLine>> MeasureAsync(string where, BenchWorld world, CancellationToken cancellationToken)
    {
        var bounds = await world.Host.Sides.Legacy.Store.BoundsAsync(BenchWorld.Kind, cancellationToken);
        var (few, fewTold) = await ChildAsync(world, bounds.From + ((bounds.To - bounds.From) / 10), cancellationToken);
        var (all, allTold) = await ChildAsync(world, long.MaxValue, cancellationToken);
        var (growth, limit) = (new Turns(), new Turns());
        growth.Add(all, few);
        limit.Add(all, MostMebibytes);
        return
        [
            BenchLine.AtMost($"reconcile, peak memory, {where}: all rows / a tenth", 1.1, growth, $"{allTold} / {fewTold}"),
            BenchLine.AtMost($"reconcile, peak memory, {where}: all rows / 256 MiB", 1, limit, allTold),
        ];
    }

    private static async Task<(double Mebibytes, string Told)> ChildAsync(BenchWorld world, long to, CancellationToken cancellationToken)
    {
        using var process = Child.Start(
            world.Settings, [typeof(ReconcileMemoryBench).Assembly.Location, Verb, to.ToString(CultureInfo.InvariantCulture)]);
        var said = (await process.StandardOutput.ReadToEndAsync(cancellationToken)).Trim();
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? (double.Parse(said.Split(' ')[0], CultureInfo.InvariantCulture), said)
            : throw new InvalidOperationException($"The child ended with {process.ExitCode}.");
    }
}
