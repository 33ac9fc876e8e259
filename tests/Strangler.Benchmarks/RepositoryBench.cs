using Strangler.Contexts.Donations;
using Strangler.DualWrite;

namespace Strangler.Benchmarks;

/// <summary>What the wrapper costs while nothing is migrated yet.</summary>
internal static class RepositoryBench
{
    public static async Task<IReadOnlyList<BenchLine>> RunAsync(BenchWorld world, BenchOptions options, CancellationToken cancellationToken)
    {
        if ((await world.Host.Cutover.StatusAsync(cancellationToken)).Stage != Stage.LegacyOnly)
        {
            throw new InvalidOperationException("The wrapper is compared in LegacyOnly.");
        }

        var ids = await world.IdsAsync(options.Quick ? 200 : 400, cancellationToken);
        var (wrapper, bare) = (world.Donations.Donations, world.Donations.Legacy);
        var reads = await Turns.OfOperationsAsync(
            options,
            [
                i => Turns.TimeAsync(() => wrapper.FindAsync(ids[i % ids.Count], cancellationToken)),
                i => Turns.TimeAsync(() => bare.FindAsync(ids[i % ids.Count], cancellationToken)),
            ],
            cancellationToken);
        var writes = await Turns.OfOperationsAsync(
            options,
            [
                i => UpdateAsync(wrapper.FindAsync, donation => wrapper.StoreAsync(donation, cancellationToken), ids[i % ids.Count], 2 * i, cancellationToken),
                i => UpdateAsync(
                    bare.FindAsync, donation => bare.StoreAsync(donation, cancellationToken), ids[(i + (ids.Count / 2)) % ids.Count], (2 * i) + 1, cancellationToken),
            ],
            cancellationToken);
        return
        [
            BenchLine.AtMost("read: wrapper in LegacyOnly / legacy repository", 1.03, reads[0], reads[0].Microseconds),
            BenchLine.AtMost("update: wrapper in LegacyOnly / legacy repository", 1.10, writes[0], writes[0].Microseconds),
        ];
    }

    /// <summary>Loads, changes the amount, and times the store alone.</summary>
    public static async Task<long> UpdateAsync(
        Func<long, CancellationToken, Task<Donation?>> find, Func<Donation, Task> store, long id, int number, CancellationToken cancellationToken)
    {
        var donation = await find(id, cancellationToken) ?? throw new InvalidOperationException($"Donation {id} is gone.");
        donation.ChangeAmount(Amount(number));
        return await Turns.TimeAsync(() => store(donation));
    }

    public static long Amount(int number) => 1000 + (number % 1_000_000);
}
