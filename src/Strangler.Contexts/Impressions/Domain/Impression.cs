namespace Strangler.Contexts.Impressions;

/// <summary>How often a banner was seen up to a moment. It knows its banner by id.</summary>
public sealed class Impression
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="bannerId">The banner's public id; 0 for none.</param>
    /// <param name="countedAt">When it was counted: civil time of the organisation, in whole seconds.</param>
    /// <param name="number">How often; 0 and more.</param>
    public Impression(long id, long bannerId, DateTime countedAt, long number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfNegative(bannerId);
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        (_id, BannerId, CountedAt, Number) = (id, bannerId, WholeSecond(countedAt), number);
    }

    // What was stored once is taken as it is: old records break today's rules.
    private Impression(long id, long bannerId, DateTime? countedAt, long number) =>
        (_id, BannerId, CountedAt, Number) = (id, bannerId, countedAt, number);

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    /// <summary>0: of none. The banner may be gone.</summary>
    public long BannerId { get; private set; }

    /// <summary>Null for old records that do not tell.</summary>
    public DateTime? CountedAt { get; }

    public long Number { get; private set; }

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The impression has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>The number was wrong.</summary>
    public void Correct(long number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        Number = number;
    }

    /// <summary>It belongs to another banner, or with 0 to none.</summary>
    public void BelongTo(long bannerId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bannerId);
        BannerId = bannerId;
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static Impression Recall(long id, long bannerId, DateTime? countedAt, long number) => new(id, bannerId, countedAt, number);

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}
