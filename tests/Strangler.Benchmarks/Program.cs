using System.Globalization;
using System.Text.Json;
using Strangler.Benchmarks;
using Strangler.DualWrite;
using Strangler.Mongo;
using Strangler.MySql;

// Everything is a ratio of two ways to do the same work, measured in turns in one run. It informs: the exit code is 0 also where a target
// is missed.
if (args is [ReconcileMemoryBench.Verb, var last])
{
    return await ReconcileMemoryBench.RunChildAsync(long.Parse(last, CultureInfo.InvariantCulture));
}

if (args is [ReconcileLoadBench.Verb])
{
    return await ReconcileLoadBench.RunChildAsync();
}

if (args is [BareRoutes.Verb, var port, var side])
{
    return await BareRoutes.RunChildAsync(int.Parse(port, CultureInfo.InvariantCulture), Enum.Parse<SideName>(side));
}

var options = BenchOptions.Parse(args);
if (options is null)
{
    Console.Error.WriteLine("Options: --quick, --only repository|dual-write|backfill|reconcile|reconcile-load|reconcile-memory|mapping|availability|flip|capture|routes|mongo-client, --rows N (1,000 to 10,000,000), --json");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, signal) =>
{
    signal.Cancel = true;
    stop.Cancel();
};
const string Memory = "reconcile-memory";
var lines = new List<BenchLine>();
(string Name, Func<BenchWorld, BenchOptions, CancellationToken, Task<IReadOnlyList<BenchLine>>> Run)[] all =
[
    ("repository", RepositoryBench.RunAsync),
    ("dual-write", DualWriteBench.RunAsync),
    ("backfill", BackfillBench.RunAsync),
    ("reconcile", ReconcileBench.RunAsync),
    ("reconcile-load", ReconcileLoadBench.RunAsync),
    ("mapping", MappingBench.RunAsync),
    ("availability", AvailabilityBench.RunAsync),
    ("flip", FlipBench.RunAsync),
    (Memory, ReconcileMemoryBench.RunAsync),
    ("capture", CaptureBench.RunAsync),
];
try
{
    var began = TimeProvider.System.GetTimestamp();
    string server, driver;
    if (options.Only == MongoClientBench.Name)
    {
        // Another server, which the others do not need.
        (server, driver) = ("MongoDB", MongoDataSource.DriverName);
        lines.AddRange(await MongoClientBench.RunAsync(options, stop.Token));
    }
    else if (options.Only == RoutesBench.Name)
    {
        (server, driver) = ("MariaDB and PostgreSQL", $"{MySqlDriver.Name}, Npgsql");
        lines.AddRange(await RoutesBench.RunAsync(options, stop.Token));
    }
    else
    {
        await using var world = await BenchWorld.StartAsync(options, stop.Token);
        foreach (var (name, run) in all.Where(bench => options.Only is null ? bench.Name != Memory : bench.Name == options.Only))
        {
            await Console.Error.WriteLineAsync($"{name} …");
            lines.AddRange(await run(world, options, stop.Token));
        }

        (server, driver) = (await world.ServerVersionAsync(stop.Token), MySqlDriver.Name);
    }

    var took = TimeProvider.System.GetElapsedTime(began);
    if (options.Json)
    {
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            rows = options.Rows, processors = Environment.ProcessorCount, server, driver, seconds = Math.Round(took.TotalSeconds),
            lines = lines.Select(line => new { line.What, line.Target, line.Ratio, line.Low, line.High, Result = line.Word, line.Detail }),
        }, BenchLine.Json));
    }
    else
    {
        var what = options.Only switch { MongoClientBench.Name => "documents", RoutesBench.Name => "rows of other programs", _ => "donations" };
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{options.Rows:N0} {what}, {Environment.ProcessorCount} processors, {server}, {driver}, {took.TotalSeconds:0} s"));
        BenchLine.Write(lines);
    }

    return 0;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
