using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>A unit of work: public ids, both ends inclusive.</summary>
/// <param name="From">First id.</param>
/// <param name="To">Last id.</param>
/// <param name="Deferrals">How often it was put off.</param>
/// <param name="Keys">Only these ids, ascending; null: all that lie between.</param>
internal readonly record struct KeyRange(long From, long To, int Deferrals = 0, IReadOnlyList<long>? Keys = null)
{
    /// <summary>A list of ids, ascending; at least one.</summary>
    public static KeyRange Of(IReadOnlyList<long> keys) => new(keys[0], keys[^1], Keys: keys);
}

/// <summary>Cuts a scope into units. Pure.</summary>
internal static class KeyRanges
{
    private const int ListSize = 500;

    /// <summary>
    /// Equal slices of the union of both sides' bounds. The first begins at or below every id and the last has no end, so that what lies
    /// before the first, in gaps
    /// and beyond the last, and what is born meanwhile, is seen.
    /// </summary>
    public static IReadOnlyList<KeyRange> Of(ReconciliationScope scope, KeyBounds legacy, KeyBounds @new, int slices)
    {
        if (scope.Keys is { } keys)
        {
            return [.. Lists(keys)];
        }

        var known = new[] { legacy, @new }.Where(bounds => bounds.From <= bounds.To).ToList();
        var low = scope.From ?? Math.Min(1, known.Select(bounds => bounds.From).DefaultIfEmpty(1).Min());
        var high = scope.To ?? known.Select(bounds => bounds.To).DefaultIfEmpty(1).Max();
        return Slice(low, high, scope.To ?? long.MaxValue, slices);
    }

    private static List<KeyRange> Slice(long low, long high, long end, int slices)
    {
        List<KeyRange> ranges = [];
        var width = Int128.Max(1, (((Int128)high - low) / slices) + 1);
        for (Int128 from = low; from <= high && from <= end; from += width)
        {
            ranges.Add(new KeyRange((long)from, (long)Int128.Min(from + width - 1, end)));
        }

        if (ranges.Count == 0)
        {
            return low <= end ? [new KeyRange(low, end)] : [];
        }

        ranges[^1] = ranges[^1] with { To = end };
        return ranges;
    }

    /// <summary>Lists that are read in one round trip each.</summary>
    public static IEnumerable<KeyRange> Lists(IEnumerable<long> ids) => ids.Distinct().Order().Chunk(ListSize).Select(KeyRange.Of);
}
