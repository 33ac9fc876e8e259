namespace Strangler.LegacyData;

/// <summary>What <see cref="LegacyDonationGenerator"/> makes. The same options give the same rows, always and everywhere.</summary>
public sealed record LegacyDonationOptions
{
    /// <summary>How many rows of <c>spenden</c>. Above 0, default 20,000. From 2,000 on every kind occurs.</summary>
    public int Rows { get; init; } = 20_000;

    public int Seed { get; init; } = 1;

    /// <summary>The lowest id that may be used. Above 0, default 1. Ids have gaps.</summary>
    public int FirstId { get; init; } = 1;

    /// <summary>The lowest id in <c>donation_payment</c>. Above 0, default 1.</summary>
    public int FirstPaymentId { get; init; } = 1;

    /// <summary>Whether some rows, about a dozen in 20,000, are damaged so that nobody can read them. Default true.</summary>
    public bool IncludeUnreadable { get; init; } = true;

    /// <summary>How many rows one INSERT carries. 1 to 2,000, default 250.</summary>
    public int RowsPerInsert { get; init; } = 250;

    internal LegacyDonationOptions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(FirstId);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(FirstPaymentId);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(RowsPerInsert);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RowsPerInsert, 2000);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)FirstId + (4L * Rows), int.MaxValue, nameof(FirstId));
        return this;
    }
}
