using Strangler.Cutover;

namespace Strangler.Purging;

/// <summary>What is to be purged, and who wants it.</summary>
public sealed record PurgeRequest
{
    public required string Kind { get; init; }

    /// <summary>The timestamp field that says when an entity was deleted while its rows stayed.</summary>
    public required string DeletedAt { get; init; }

    /// <summary>Civil time of the context: what was deleted earlier is purged.</summary>
    public required DateTime Before { get; init; }

    /// <summary>Only tells what would be purged.</summary>
    public required bool DryRun { get; init; }

    /// <summary>For the audit trail and the timeline.</summary>
    public required string Actor { get; init; }

    /// <summary>For the audit trail.</summary>
    public required string Reason { get; init; }

    /// <summary>Entities a batch: before each the gates are looked at again. 1 to 1,000; default 100.</summary>
    public int Batch { get; init; } = 100;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Actor);
        ArgumentException.ThrowIfNullOrWhiteSpace(Reason);
        ArgumentOutOfRangeException.ThrowIfLessThan(Batch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Batch, 1000);
    }
}

/// <summary>What came of one entity.</summary>
public enum PurgeOutcome
{
    /// <summary>Dry run: it would be removed.</summary>
    WouldPurge,

    /// <summary>It is gone on the side that leads, and goes on the other as any delete does.</summary>
    Purged,

    /// <summary>A journal row still owes something of it: left for the next run.</summary>
    Owed,

    /// <summary>Somebody has changed it since it was looked at; what they wrote stands.</summary>
    ChangedMeanwhile,
}

/// <summary>One entity of a purge.</summary>
public sealed record PurgeStep(long Id, PurgeOutcome Outcome);

/// <summary>What a purge did.</summary>
/// <param name="DryRun">Whether nothing was written.</param>
/// <param name="Before">What was deleted before this moment was due.</param>
/// <param name="LookedAt">Entities that this run has looked at.</param>
/// <param name="Unreadable">Of these, what cannot be read: whether it is due nobody knows.</param>
/// <param name="Counts">Entities per outcome; every outcome is there.</param>
/// <param name="ResumedAt">Where an earlier run that had not come to its end was taken up; null: at the beginning.</param>
/// <param name="Closed">The gates that were closed, at the beginning or before a batch: nothing was purged since. Empty: it came to its end.</param>
public sealed record PurgeResult(
    bool DryRun, DateTime Before, long LookedAt, long Unreadable, IReadOnlyDictionary<PurgeOutcome, long> Counts, long? ResumedAt, IReadOnlyList<Gate> Closed);
