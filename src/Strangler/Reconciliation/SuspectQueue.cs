namespace Strangler.Reconciliation;

/// <summary>A key whose sides disagreed, waiting for its next look.</summary>
internal sealed class Suspect(PairView pair)
{
    public long Id => Last.Id;

    /// <summary>The latest observation.</summary>
    public PairView Last { get; set; } = pair;

    /// <summary>Re-checks made.</summary>
    public int Attempts { get; set; }
}

/// <summary>Suspects by the time of their next look, at most so many: keys that keep moving wait ever longer, behind the others. Safe for
/// threads.</summary>
internal sealed class SuspectQueue(int capacity)
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<Suspect, DateTimeOffset> _queue = new();

    // Those being looked at count: they may come back.
    private int _count;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Adds as many as there is room for, from the place given on; returns the place of the first that found none.</summary>
    public int Add(IReadOnlyList<Suspect> suspects, int from, DateTimeOffset due, bool allOrNothing)
    {
        lock (_gate)
        {
            if (allOrNothing && capacity - _count < suspects.Count - from)
            {
                return from;
            }

            for (; from < suspects.Count && _count < capacity; from++, _count++)
            {
                _queue.Enqueue(suspects[from], due);
            }

            return from;
        }
    }

    /// <summary>Takes what is due; each must come <see cref="Back"/> or be <see cref="Settle"/>d.</summary>
    public IReadOnlyList<Suspect> TakeDue(DateTimeOffset now, int max)
    {
        List<Suspect> taken = [];
        lock (_gate)
        {
            while (taken.Count < max && _queue.TryPeek(out var suspect, out var due) && due <= now)
            {
                _queue.Dequeue();
                taken.Add(suspect);
            }
        }

        return taken;
    }

    public void Back(Suspect suspect, DateTimeOffset due)
    {
        lock (_gate)
        {
            _queue.Enqueue(suspect, due);
        }
    }

    public void Settle()
    {
        lock (_gate)
        {
            _count--;
        }
    }
}
