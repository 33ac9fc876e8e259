using Strangler.DualWrite;

namespace Strangler.Reconciliation;

/// <summary>A unit of work: public ids, both ends inclusive.</summary>
/// <param name="From">First id.</param>
/// <param name="To">Last id.</param>
/// <param name="Deferrals">How often it was put off.</param>
internal readonly record struct KeyRange(long From, long To, int Deferrals = 0);

/// <summary>Cuts a scope into units. Pure.</summary>
internal static class KeyRanges
{
    /// <summary>
    /// Equal slices of the union of both sides' bounds. The first begins at or below every id and the last has no end, so that what lies
    /// before the first, in gaps
    /// and beyond the last, and what is born meanwhile, is seen.
    /// </summary>
    public static IReadOnlyList<KeyRange> Of(ReconciliationScope scope, KeyBounds legacy, KeyBounds @new, int slices)
    {
        if (scope.Keys is { } keys)
        {
            return Runs([.. keys.Distinct().Order()]);
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

    private static List<KeyRange> Runs(List<long> ids)
    {
        List<KeyRange> ranges = [];
        foreach (var id in ids)
        {
            if (ranges.Count > 0 && ranges[^1].To + 1 == id)
            {
                ranges[^1] = ranges[^1] with { To = id };
            }
            else
            {
                ranges.Add(new KeyRange(id, id));
            }
        }

        return ranges;
    }
}
