using System.Globalization;

namespace Strangler.Backfill;

/// <summary>
/// The last pass of a backfill would remove more from the new side than is plausible: legacy's table is empty or half restored, or the wrong one. Nothing was
/// removed; the next run begins anew, and the number that is known to be right can be allowed.
/// </summary>
public sealed class RemovalsRefusedException(string context, string kind, long removals, long rows, long allowed)
    : Exception(string.Create(
        CultureInfo.InvariantCulture,
        $"Legacy lacks {removals:N0} of the {rows:N0} {kind} rows on the new side; at most {allowed:N0} are removed without being asked. Nothing was "
        + $"removed. Is legacy's table complete, and the right one? If so: strangler backfill {context} --allow-removals {removals}"))
{
    /// <summary>Entities that would have been removed.</summary>
    public long Removals { get; } = removals;

    /// <summary>Entities on the new side.</summary>
    public long Rows { get; } = rows;
}

/// <summary>What the last pass has found to remove, with the chunks that it lies in.</summary>
internal sealed class Removals(string context, string kind, BackfillOptions options)
{
    private const double UsualShare = 0.01;
    private const long UsualNumber = 100;

    private readonly List<(long From, long To, List<long> Ids)> _chunks = [];
    private long _rows;

    public IReadOnlyList<(long From, long To, List<long> Ids)> Chunks => _chunks;

    public void Add(long from, long to, int rows, List<long> ids)
    {
        _rows += rows;
        if (ids.Count > 0)
        {
            _chunks.Add((from, to, ids));
        }
    }

    /// <summary>Null: it may go on.</summary>
    public RemovalsRefusedException? TooMany()
    {
        var count = _chunks.Sum(chunk => (long)chunk.Ids.Count);
        var allowed = options.AllowedRemovals ?? Math.Max(UsualNumber, (long)(_rows * UsualShare));
        return count > allowed ? new RemovalsRefusedException(context, kind, count, _rows, allowed) : null;
    }
}
