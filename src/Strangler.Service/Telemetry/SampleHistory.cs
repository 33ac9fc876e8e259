namespace Strangler.Service.Telemetry;

/// <summary>One look at a context among those that were made lately.</summary>
/// <param name="At">When.</param>
/// <param name="Sample">What was found.</param>
public sealed record HistoryPoint(DateTimeOffset At, ContextSample Sample);

/// <summary>
/// What the looks of this process have found lately, a context; a few hours, in memory alone: it begins anew with the process, and another replica has looked by
/// itself. What is to be kept for longer, Prometheus keeps.
/// </summary>
public sealed class SampleHistory
{
    /// <summary>Looks that are kept of a context: two hours.</summary>
    public const int Length = 720;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<HistoryPoint>> _points = new(StringComparer.Ordinal);

    /// <summary>Of a context, oldest first.</summary>
    public IReadOnlyList<HistoryPoint> Of(string context)
    {
        lock (_lock)
        {
            return _points.TryGetValue(context, out var points) ? [.. points] : [];
        }
    }

    internal void Add(DateTimeOffset at, IEnumerable<ContextSample> samples)
    {
        lock (_lock)
        {
            foreach (var sample in samples)
            {
                if (!_points.TryGetValue(sample.Context, out var points))
                {
                    _points.Add(sample.Context, points = new Queue<HistoryPoint>());
                }

                points.Enqueue(new HistoryPoint(at, sample));
                if (points.Count > Length)
                {
                    points.Dequeue();
                }
            }
        }
    }
}
