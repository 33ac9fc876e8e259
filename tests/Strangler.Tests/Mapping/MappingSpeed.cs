using System.Diagnostics;
using NUnit.Framework;
using Strangler.Mapping;

namespace Strangler.Tests.Mapping;

/// <summary>How fast one core maps: dotnet test -c Release --filter MappingSpeed. Says, but does not judge: the machine may be
/// busy.</summary>
[Explicit("a measurement")]
public sealed class MappingSpeed
{
    private const int Rows = 20_000;

    [Test]
    public void Rows_a_second()
    {
        var mapping = DonationRows.Mapping;
        var rows = DonationRows.Generate(Rows, 1).Where(donation => !donation.IsUnreadable).Select(DonationRows.Of).ToArray();
        var records = rows.Select(mapping.Legacy.Get).ToArray();
        var there = records.Select(record => mapping.New.Put(record, null)).ToArray();
        Say("Legacy.Get", rows, row => mapping.Legacy.Get(row));
        Say("New.Put", records, record => mapping.New.Put(record, null));
        Say("New.Get", there, row => mapping.New.Get(row));
        Say("Legacy.Put unchanged", rows, row => mapping.Legacy.Put(mapping.Legacy.Get(row), row));
        Say("Legacy.Put of a new row", records, record => mapping.Legacy.Put(record, null));
    }

    private static void Say<T>(string what, T[] items, Func<T, object> work)
    {
        var best = 0.0;
        for (var round = 0; round < 6; round++)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var watch = Stopwatch.StartNew();
            foreach (var item in items)
            {
                GC.KeepAlive(work(item));
            }

            best = Math.Max(best, items.Length / watch.Elapsed.TotalSeconds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            if (round == 5)
            {
                TestContext.Out.WriteLine($"{what}: {best:N0} rows/s, {allocated / items.Length:N0} bytes a row");
            }
        }
    }
}
