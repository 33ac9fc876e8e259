namespace Strangler.Backfill;

/// <summary>Rows of the next chunk, so that chunks take about the target time whatever rows, load and database are like. Pure; safe to call
/// from several threads.</summary>
internal sealed class ChunkSizer
{
    // One slow chunk (a lock wait, a checkpoint of the database) must not ruin the rate, one quick one (a gap) not burst it.
    private const double MostAtOnce = 2;

    private readonly Lock _gate = new();
    private readonly TimeSpan _target;
    private readonly int _max;
    private double _rows;

    /// <param name="target">How long a chunk should take.</param>
    /// <param name="first">Rows of the first chunk.</param>
    /// <param name="max">Most rows; the least is 1.</param>
    public ChunkSizer(TimeSpan target, int first, int max)
    {
        _target = target;
        _max = max;
        _rows = Math.Clamp(first, 1, max);
    }

    public int Rows
    {
        get
        {
            lock (_gate)
            {
                return (int)_rows;
            }
        }
    }

    /// <summary>Learns from a chunk. One much smaller than asked for (the end, a gap) teaches only that it was slow.</summary>
    public void Took(int rows, TimeSpan elapsed)
    {
        lock (_gate)
        {
            var factor = elapsed <= TimeSpan.Zero ? MostAtOnce : Math.Clamp(_target / elapsed, 1 / MostAtOnce, MostAtOnce);
            if (factor > 1 && rows < _rows / 2)
            {
                return;
            }

            _rows = Math.Clamp(_rows * factor, 1, _max);
        }
    }
}
