namespace Strangler.Backfill;

/// <summary>How a backfill runs.</summary>
public sealed class BackfillOptions
{
    /// <summary>How long a chunk's transaction should take; its rows adapt. It holds the locks of its range that long. 10 ms to 1 minute;
    /// default 0.5 s.</summary>
    public TimeSpan ChunkTarget { get; set; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Rows of the first chunk. 1 to 100,000; default 500.</summary>
    public int FirstChunk { get; set; } = 500;

    /// <summary>Most rows of a chunk. 1 to 100,000; default 5,000.</summary>
    public int MaxChunk { get; set; } = 5000;

    /// <summary>Most rows read per second; null: no limit.</summary>
    public double? MaxRowsPerSecond { get; set; }

    /// <summary>Whether to pause while the lead's journal is older than the context's lag limit. Default true.</summary>
    public bool PauseForLag { get; set; } = true;

    /// <summary>Attempts per step while failures are transient. 1 to 100; default 8.</summary>
    public int Attempts { get; set; } = 8;

    /// <summary>First pause between attempts; doubles up to 10 s. 1 ms to 1 minute; default 200 ms.</summary>
    public TimeSpan RetryPause { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether to walk everything again where the backfill of this dual epoch is complete, e.g. after rows or mappings were
    /// mended. Default false.</summary>
    public bool Again { get; set; }

    /// <summary>
    /// How many entities the last pass may remove from the new side because legacy does not have them; null: 1 %, and 100 at least. More than that, it removes
    /// nothing and throws <see cref="RemovalsRefusedException"/>. 0 or more.
    /// </summary>
    public long? AllowedRemovals { get; set; }

    /// <summary>Throws <see cref="ArgumentException"/> with every setting that is out of range.</summary>
    public void Validate()
    {
        List<string> errors = [];
        Check(errors, nameof(ChunkTarget), ChunkTarget, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        Check(errors, nameof(FirstChunk), FirstChunk, 1, 100_000);
        Check(errors, nameof(MaxChunk), MaxChunk, 1, 100_000);
        Check(errors, nameof(MaxRowsPerSecond), MaxRowsPerSecond ?? 1, 0.001, 1e9);
        Check(errors, nameof(AllowedRemovals), AllowedRemovals ?? 0, 0, long.MaxValue);
        Check(errors, nameof(Attempts), Attempts, 1, 100);
        Check(errors, nameof(RetryPause), RetryPause, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors));
        }
    }

    private static void Check<T>(List<string> errors, string name, T value, T from, T to)
        where T : IComparable<T>
    {
        if (!(value.CompareTo(from) >= 0 && value.CompareTo(to) <= 0))
        {
            errors.Add($"{name} is {value}; it must lie between {from} and {to}.");
        }
    }
}

/// <summary>How far a backfill has come.</summary>
/// <param name="Pass">1, 2, …</param>
/// <param name="Phase">What it is doing.</param>
/// <param name="Done">Entities of this pass; after a resume estimated from the place of the checkpoint.</param>
/// <param name="Total">An estimate.</param>
/// <param name="Written">Written by this run.</param>
/// <param name="Skipped">Already there, as new or newer.</param>
/// <param name="Quarantined">Set aside in this pass, as they can't be read.</param>
/// <param name="RowsPerSecond">Of this run.</param>
/// <param name="Left">Time left in this pass; null when unknown.</param>
/// <param name="Waiting">Why it pauses or repeats a step; null when it does not.</param>
public sealed record BackfillProgress(
    int Pass,
    BackfillPhase Phase,
    long Done,
    long Total,
    long Written,
    long Skipped,
    long Quarantined,
    double RowsPerSecond,
    TimeSpan? Left,
    string? Waiting = null);

/// <summary>What a backfill did.</summary>
/// <param name="Passes">Copying passes of this run, a resumed one included.</param>
/// <param name="Written">Entities written.</param>
/// <param name="Removed">Entities removed from the new side, as legacy no longer has them.</param>
/// <param name="Quarantined">Entries in the kind's quarantine at the end, signed-off ones included.</param>
/// <param name="AlreadyComplete">Nothing was done: the backfill of this dual epoch was complete.</param>
public sealed record BackfillResult(int Passes, long Written, long Removed, long Quarantined, bool AlreadyComplete = false);
