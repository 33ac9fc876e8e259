using System.Globalization;
using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>Chooses the keys of a run that looks at some of them only. Reads ids, no rows; holds at most <see cref="Most"/> of
/// them.</summary>
public sealed class ScopeKeys(ContextRuntime runtime)
{
    /// <summary>Keys that a run over a list may have; beyond, a full run is the better one.</summary>
    public const int Most = 1_000_000;

    private const int Page = 20_000;

    /// <summary>
    /// So many of the ids that either side knows, by a hash of id and seed: the same seed chooses the same ids, whatever else comes or
    /// goes. Of a sample by
    /// count, an id that comes can push out one.
    /// </summary>
    /// <param name="kind">The kind of entity.</param>
    /// <param name="size">How many.</param>
    /// <param name="seed">Any number.</param>
    /// <param name="cancellationToken">Passed on.</param>
    public async Task<ReconciliationScope> SampleAsync(string kind, SampleSize size, ulong seed, CancellationToken cancellationToken)
    {
        var sample = new KeySample(size, seed);
        var known = 0L;
        await foreach (var id in KnownAsync(kind, cancellationToken))
        {
            known++;
            sample.Offer(id);
        }

        var keys = sample.Keys();
        return new ReconciliationScope
        {
            Kind = kind,
            Keys = keys,
            Chosen = Text($"a sample of {size}, seed {seed}"),
            Notes = [Text($"Sample: {keys.Count:N0} of {known:N0} known ids were looked at, chosen by seed {seed}; the same seed chooses the same again.")],
        };
    }

    /// <summary>The ids whose stored state changed at or after a moment, by each side's own clock.</summary>
    /// <param name="kind">The kind of entity.</param>
    /// <param name="since">Of the new side's clock now, the moment.</param>
    /// <param name="cancellationToken">Passed on.</param>
    public async Task<ReconciliationScope> SinceAsync(string kind, Func<DateTime, DateTime> since, CancellationToken cancellationToken)
    {
        SortedSet<long> keys = [];
        DateTime from = default;
        foreach (var side in new[] { runtime.Sides.Legacy, runtime.Sides.New })
        {
            from = since(await side.Fence.UtcNowAsync(cancellationToken));
            var start = from;
            await foreach (var id in PagesAsync((after, limit) => side.Store.TouchedAsync(kind, start, after, limit, cancellationToken)))
            {
                keys.Add(id);
                if (keys.Count > Most)
                {
                    throw new ArgumentException(Text(
                        $"More than {Most:N0} keys were touched since {from:yyyy-MM-dd HH:mm:ss} UTC, or at a time that is not known: name a later moment, or run a full reconciliation."));
                }
            }
        }

        return new ReconciliationScope
        {
            Kind = kind,
            Keys = [.. keys],
            Chosen = Text($"touched since {from:yyyy-MM-dd HH:mm:ss} UTC"),
            Notes =
            [
                Text($"Only the {keys.Count:N0} keys whose stored version changed on either side since {from:yyyy-MM-dd HH:mm:ss} UTC were looked at, and those whose time of change is not stored: ")
                + "writes through the wrapper, applies, backfill, repairs, and other programs' writes that capture saw. Writes past all of these are not seen.",
            ],
        };
    }

    private async IAsyncEnumerable<long> KnownAsync(
        string kind, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var sides = new[] { runtime.Sides.Legacy.Store, runtime.Sides.New.Store };
        await using var left = PagesAsync((after, limit) => sides[0].KeysAsync(kind, after, limit, cancellationToken)).GetAsyncEnumerator(
            cancellationToken);
        await using var right = PagesAsync((after, limit) => sides[1].KeysAsync(kind, after, limit, cancellationToken)).GetAsyncEnumerator(
            cancellationToken);
        var (isLeft, isRight) = (await left.MoveNextAsync(), await right.MoveNextAsync());
        while (isLeft || isRight)
        {
            var id = Math.Min(isLeft ? left.Current : long.MaxValue, isRight ? right.Current : long.MaxValue);
            yield return id;
            isLeft = isLeft && (left.Current != id || await left.MoveNextAsync());
            isRight = isRight && (right.Current != id || await right.MoveNextAsync());
        }
    }

    private static async IAsyncEnumerable<long> PagesAsync(Func<long, int, Task<IReadOnlyList<long>>> page)
    {
        var after = long.MinValue;
        while (await page(after, Page) is { Count: > 0 } ids)
        {
            foreach (var id in ids)
            {
                yield return id;
            }

            if (ids.Count < Page)
            {
                yield break;
            }

            after = ids[^1];
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The size of a sample: so many ids, or so many in a hundred.</summary>
public readonly record struct SampleSize
{
    private SampleSize(int? count, decimal? percent) => (Count, Percent) = (count, percent);

    public int? Count { get; }

    public decimal? Percent { get; }

    /// <param name="text"><c>1000</c> or <c>2.5%</c>.</param>
    /// <exception cref="ArgumentException">It is neither, or out of range.</exception>
    public static SampleSize Parse(string text)
    {
        if (text.EndsWith('%')
            && decimal.TryParse(text[..^1].TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            && percent is > 0 and <= 100)
        {
            return new SampleSize(null, percent);
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= ScopeKeys.Most
            ? new SampleSize(count, null)
            : throw new ArgumentException($"--sample is '{text}'; expected a number from 1 to {ScopeKeys.Most.ToString("N0", CultureInfo.InvariantCulture)}, or a share such as 2.5%.");
    }

    public override string ToString() =>
        Percent is { } percent ? percent.ToString("0.####", CultureInfo.InvariantCulture) + " %"
            : Count!.Value.ToString("N0", CultureInfo.InvariantCulture);
}

/// <summary>Keeps the ids with the smallest hashes. Pure.</summary>
internal sealed class KeySample(SampleSize size, ulong seed)
{
    private readonly PriorityQueue<long, ulong> _largestFirst = new(Comparer<ulong>.Create((left, right) => right.CompareTo(left)));
    private readonly UInt128 _below = size.Percent is { } percent ? (UInt128)(percent / 100m * ulong.MaxValue) + 1
        : (UInt128)ulong.MaxValue + 1;
    private readonly int _most = size.Count ?? ScopeKeys.Most;

    public void Offer(long id)
    {
        var hash = Hash(id);
        if (hash >= _below)
        {
            return;
        }

        _largestFirst.Enqueue(id, hash);
        if (_largestFirst.Count > _most)
        {
            if (size.Count is null)
            {
                throw new ArgumentException(
                    $"A sample of {size} has more than {_most.ToString("N0", CultureInfo.InvariantCulture)} ids; take a smaller one, or run a full reconciliation.");
            }

            _largestFirst.Dequeue();
        }
    }

    public IReadOnlyList<long> Keys() => [.. _largestFirst.UnorderedItems.Select(item => item.Element).Order()];

    // SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64 bits, so that no two ids share a hash.
    private ulong Hash(long id)
    {
        var z = Mix(seed + 0x9E3779B97F4A7C15) ^ (ulong)id;
        return Mix(z + 0x9E3779B97F4A7C15);
    }

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
