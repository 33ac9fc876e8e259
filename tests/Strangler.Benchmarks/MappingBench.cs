using System.Diagnostics;
using System.Globalization;
using Strangler.Mapping;

namespace Strangler.Benchmarks;

/// <summary>How fast one core maps and hashes; shown only.</summary>
internal static class MappingBench
{
    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        var snapshot = await world.Host.Sides.Legacy.Store.ReadRangeAsync(BenchWorld.Kind, 1, 10_000, cancellationToken);
        var rows = snapshot.Items.Where(item => item.Row is not null).Select(item => item.Row!).ToArray();
        var mapping = world.Mapping;
        var records = rows.Select(mapping.Legacy.Get).ToArray();
        var there = records.Select(record => mapping.New.Put(record, null)).ToArray();
        return
        [
            Measure("mapping: Legacy.Get, one core", rows, mapping.Legacy.Get, options),
            Measure("mapping: New.Put, one core", records, record => mapping.New.Put(record, null), options),
            Measure("mapping: New.Get, one core", there, mapping.New.Get, options),
            Measure("mapping: keyed hashes of a record, one core", records, world.Host.Runtime.Hasher.Hash, options),
        ];
    }

    private static BenchLine Measure<T>(string what, T[] items, Func<T, object> work, BenchOptions options)
    {
        List<double> rates = [];
        var bytes = 0L;
        for (var round = 0; round < options.Runs + 1; round++)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var began = Stopwatch.GetTimestamp();
            foreach (var item in items)
            {
                GC.KeepAlive(work(item));
            }

            rates.Add(items.Length / Stopwatch.GetElapsedTime(began).TotalSeconds);
            bytes = (GC.GetAllocatedBytesForCurrentThread() - allocated) / items.Length;
        }

        rates.RemoveAt(0);
        return BenchLine.Shown(what, string.Create(
            CultureInfo.InvariantCulture, $"{Turns.Median(rates):N0} rows/s ({rates.Min():N0} – {rates.Max():N0}), {bytes:N0} bytes a row"));
    }
}
