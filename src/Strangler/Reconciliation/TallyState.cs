namespace Strangler.Reconciliation;

/// <summary>A <see cref="Tally"/> at rest. Counts by verdict stand in the order of <see cref="Verdict"/>, those by field in that of the
/// schema.</summary>
internal sealed record TallyState
{
    public required long[] Counts { get; init; }

    public required long[] LegacyRows { get; init; }

    public required long[] NewRows { get; init; }

    public required long[] Fields { get; init; }

    public required long[] DeclaredHits { get; init; }

    public required IReadOnlyList<KeptSample> Samples { get; init; }

    public required IReadOnlyList<DifferingEntity> Differing { get; init; }

    public required IReadOnlyList<SumState> Sums { get; init; }

    public long Deleted { get; init; }

    public long SignedOff { get; init; }

    public long Richer { get; init; }

    public bool Truncated { get; init; }

    public long Trusted { get; init; }

    public long Unknown { get; init; }
}

/// <summary>A sample and its place among those of its verdict.</summary>
internal sealed record KeptSample(long Order, EntityFinding Finding);

/// <summary>
/// A <see cref="SumTable"/> at rest. A group is one short text: a checkpoint holds thousands of them, and is written every few seconds.
/// </summary>
internal sealed record SumState(IReadOnlyList<string> Groups, SumGroup Open, long Unreadable, long Unmapped, bool Overflow);
