using System.Globalization;
using Strangler.Mapping;

namespace Strangler.Reconciliation;

/// <summary>How a reconciliation runs.</summary>
public sealed class ReconciliationOptions
{
    /// <summary>How long a chunk should take; its rows adapt. 10 ms to 1 minute; default 0.5 s.</summary>
    public TimeSpan ChunkTarget { get; set; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Rows of the first chunk. 1 to 100,000; default 250.</summary>
    public int FirstChunk { get; set; } = 250;

    /// <summary>
    /// Most rows of a chunk: with <see cref="Parallelism"/> it bounds the memory. Larger ones save round trips and cost more than that in
    /// collecting garbage that
    /// lived long (measured: 250 is as quick as 1,000 and takes half the memory). 1 to 100,000; default 250.
    /// </summary>
    public int MaxChunk { get; set; } = 250;

    /// <summary>Key ranges that are walked side by side. 1 to 16; default 3: two cores have something to do while one waits for a server.</summary>
    public int Parallelism { get; set; } = 3;

    /// <summary>Time before a suspect's first re-check; doubles. 1 ms to 1 minute; default 250 ms.</summary>
    public TimeSpan RecheckDelay { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Re-checks after which a key that still moves is left open. 1 to 20; default 5.</summary>
    public int Rechecks { get; set; } = 5;

    /// <summary>Suspects held at a time, with their records. When they are full, the chunk is put off and read anew. 1 to 1,000,000;
    /// default 500.</summary>
    public int MaxSuspects { get; set; } = 500;

    /// <summary>Samples kept per verdict. 0 to 10,000; default 20.</summary>
    public int SamplesPerVerdict { get; set; } = 20;

    /// <summary>Ids of differing entities kept for a repair. 0 to 1,000,000; default 10,000.</summary>
    public int MaxDifferingIds { get; set; } = 10_000;

    /// <summary>
    /// Is told of every entity that is not simply matched, as soon as its verdict is final: each once, in no order, masked as in a report,
    /// with the number of the
    /// run. Of a resumed run it is first told what the checkpoint has kept of those before. Called by one thread at a time; must not throw.
    /// Null: nobody is.
    /// </summary>
    public Func<long, IReadOnlyList<EntityFinding>, CancellationToken, Task>? Found { get; set; }

    /// <summary>
    /// How long a run pauses in all while the lead's journal is older than the lag limit; then it goes on, since lag that does not pass
    /// must be reported.
    /// 0 to 1 day; default 5 minutes.
    /// </summary>
    public TimeSpan PauseForLag { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Statements that a side's server may be running (<c>Threads_running</c>) before the run pauses; 0: it is not asked. 0 to 100,000;
    /// default 25, the limit that
    /// pt-online-schema-change has as well.
    /// </summary>
    public int MaxThreadsRunning { get; set; } = 25;

    /// <summary>
    /// Above so many writing statements a second on a side's server, whoever's, the run goes gently: one walk at a time, one side after
    /// the other, in steps of <see cref="GentleTarget"/>, and a rest of five times as long after each. 0: never. 0 to 1,000,000; default
    /// 20: a run's own are two or three.
    /// </summary>
    public int GentleAbove { get; set; } = 20;

    /// <summary>How long a step should take while it goes gently: what another's statement may have to wait behind. 1 ms to 1 s; default
    /// 15 ms.</summary>
    public TimeSpan GentleTarget { get; set; } = TimeSpan.FromMilliseconds(15);

    /// <summary>Rows of the first such step; they adapt. 1 to 100,000; default 25.</summary>
    public int GentleChunk { get; set; } = 25;

    /// <summary>How long a small commit on the new side may take before the run pauses; zero: never. 0 to 1 minute; default 1 s.</summary>
    public TimeSpan MaxCommitTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How far a configured replica of a side may be behind before the run pauses; zero: they are not asked. 0 to 1 hour; default 10 s.
    /// </summary>
    public TimeSpan MaxReplicaLag { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a run pauses in all for a loaded server or a replica that is behind; then it goes on. 0 to 1 day; default 5 minutes.</summary>
    public TimeSpan PauseForLoad { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a run that falls silent keeps others out. 1 s to 1 hour; default 30 s.</summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Least time between two checkpoints; zero: one a chunk. 0 to 1 hour; default 10 s. What comes after the last is compared anew by a
    /// resumed run; each is a commit of some hundred kilobytes beside everybody else's.
    /// </summary>
    public TimeSpan CheckpointEvery { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Who runs it, for those whom it keeps out.</summary>
    public string Actor { get; set; } = Environment.UserName;

    /// <summary>Where it runs.</summary>
    public ProcessIdentity Process { get; set; } = ProcessIdentity.Current;

    /// <summary>The mapping's declared differences; expired ones explain nothing, but are listed with their hits.</summary>
    public IReadOnlyList<DeclaredDifference> Declared { get; set; } = [];

    /// <summary>The mapping's declared sums.</summary>
    public IReadOnlyList<DeclaredSum> Sums { get; set; } = [];

    /// <summary>Throws <see cref="ArgumentException"/> with every setting that is out of range.</summary>
    public void Validate()
    {
        List<string> errors = [];
        Check(errors, nameof(ChunkTarget), ChunkTarget, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1));
        Check(errors, nameof(FirstChunk), FirstChunk, 1, 100_000);
        Check(errors, nameof(MaxChunk), MaxChunk, 1, 100_000);
        Check(errors, nameof(Parallelism), Parallelism, 1, 16);
        Check(errors, nameof(RecheckDelay), RecheckDelay, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        Check(errors, nameof(Rechecks), Rechecks, 1, 20);
        Check(errors, nameof(MaxSuspects), MaxSuspects, 1, 1_000_000);
        Check(errors, nameof(SamplesPerVerdict), SamplesPerVerdict, 0, 10_000);
        Check(errors, nameof(MaxDifferingIds), MaxDifferingIds, 0, 1_000_000);
        Check(errors, nameof(PauseForLag), PauseForLag, TimeSpan.Zero, TimeSpan.FromDays(1));
        Check(errors, nameof(MaxThreadsRunning), MaxThreadsRunning, 0, 100_000);
        Check(errors, nameof(GentleAbove), GentleAbove, 0, 1_000_000);
        Check(errors, nameof(GentleTarget), GentleTarget, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1));
        Check(errors, nameof(GentleChunk), GentleChunk, 1, 100_000);
        Check(errors, nameof(MaxCommitTime), MaxCommitTime, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Check(errors, nameof(MaxReplicaLag), MaxReplicaLag, TimeSpan.Zero, TimeSpan.FromHours(1));
        Check(errors, nameof(PauseForLoad), PauseForLoad, TimeSpan.Zero, TimeSpan.FromDays(1));
        Check(errors, nameof(Lease), Lease, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        Check(errors, nameof(CheckpointEvery), CheckpointEvery, TimeSpan.Zero, TimeSpan.FromHours(1));
        if (errors.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, errors));
        }
    }

    private static void Check<T>(List<string> errors, string name, T value, T from, T to)
        where T : IComparable<T>
    {
        if (value.CompareTo(from) < 0 || value.CompareTo(to) > 0)
        {
            errors.Add($"{name} is {value}; it must lie between {from} and {to}.");
        }
    }
}

/// <summary>Which entities of a kind a run compares.</summary>
public sealed class ReconciliationScope
{
    public required string Kind { get; init; }

    /// <summary>First public id, inclusive; null: from the first on.</summary>
    public long? From { get; init; }

    /// <summary>Last public id, inclusive; null: to the last.</summary>
    public long? To { get; init; }

    /// <summary>Explicit public ids; null: all of the range.</summary>
    public IReadOnlyList<long>? Keys { get; init; }

    /// <summary>Whether rows are read only where both sides' stored versions and hashes do not agree.</summary>
    public bool Incremental { get; init; }

    /// <summary>How <see cref="Keys"/> were chosen, for the report; null: they were given.</summary>
    public string? Chosen { get; init; }

    /// <summary>What the report says about the choice: what it covers and what it cannot see.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Whether every entity of both sides is compared; only such a run opens gates.</summary>
    public bool IsFull => From is null && To is null && Keys is null && !Incremental;

    public override string ToString() => $"{Kind}: {Which}{(Incremental ? ", incremental" : "")}";

    internal string Which =>
        Keys is { } keys ? Chosen ?? string.Create(CultureInfo.InvariantCulture, $"{keys.Count:N0} keys")
        : From is null && To is null ? "all"
        : $"{From?.ToString(CultureInfo.InvariantCulture) ?? "first"} to {To?.ToString(CultureInfo.InvariantCulture) ?? "last"}";
}

/// <summary>How far a run has come.</summary>
/// <param name="Done">Entities with a verdict.</param>
/// <param name="Total">An estimate; 0 when unknown.</param>
/// <param name="RowsPerSecond">Since the beginning.</param>
/// <param name="Left">Time left at that rate; null when unknown.</param>
/// <param name="Suspects">Keys waiting for their re-check.</param>
/// <param name="Waiting">Why the run pauses; null when it does not.</param>
public sealed record ReconciliationProgress(long Done, long Total, double RowsPerSecond, TimeSpan? Left, int Suspects, string? Waiting);
