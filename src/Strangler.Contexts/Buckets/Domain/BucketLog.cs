namespace Strangler.Contexts.Buckets;

/// <summary>
/// Which variants of running tests somebody saw who then did something. Written once, never changed. It knows what was made by kind of event and id
/// alone.
/// </summary>
public sealed class BucketLog
{
    private long _id;

    /// <param name="id">The public id; 0 lets the repository allot one. Negative ids are refused.</param>
    /// <param name="event">What was done.</param>
    /// <param name="externalId">The public id of what was made.</param>
    /// <param name="loggedAt">When: civil time of the organisation, in whole seconds.</param>
    /// <param name="buckets">In the order in which they were given out.</param>
    public BucketLog(long id, LoggedEvent @event, long externalId, DateTime loggedAt, IReadOnlyList<Bucket> buckets)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(externalId);
        ArgumentNullException.ThrowIfNull(buckets);
        if (buckets.Any(bucket => bucket.Name.Length == 0 || bucket.Campaign.Length == 0))
        {
            throw new ArgumentException("A bucket has a name, and a campaign that it belongs to.", nameof(buckets));
        }

        (_id, Event, ExternalId, LoggedAt, Buckets) = (id, @event, externalId, WholeSecond(loggedAt), [.. buckets]);
    }

    // What was stored once is taken as it is: old records break today's rules.
    private BucketLog(long id, LoggedEvent @event, long externalId, DateTime? loggedAt, IReadOnlyList<Bucket> buckets) =>
        (_id, Event, ExternalId, LoggedAt, Buckets) = (id, @event, externalId, loggedAt, buckets);

    /// <summary>The public id; 0 until one is allotted.</summary>
    public long Id => _id;

    public LoggedEvent Event { get; }

    /// <summary>0 only of old records.</summary>
    public long ExternalId { get; }

    /// <summary>Null for old records that do not tell.</summary>
    public DateTime? LoggedAt { get; }

    public IReadOnlyList<Bucket> Buckets { get; }

    /// <summary>Gives the id to one that has none.</summary>
    public void AssignId(long id)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(id);
        if (_id != 0 && _id != id)
        {
            throw new InvalidOperationException($"The log has the id {_id} already; it cannot become {id}.");
        }

        _id = id;
    }

    /// <summary>Brings a stored one back to life exactly as it was.</summary>
    internal static BucketLog Recall(long id, LoggedEvent @event, long externalId, DateTime? loggedAt, IReadOnlyList<Bucket> buckets) =>
        new(id, @event, externalId, loggedAt, buckets);

    private static DateTime WholeSecond(DateTime time) =>
        DateTime.SpecifyKind(new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerSecond)), DateTimeKind.Unspecified);
}

/// <summary>What somebody did.</summary>
public enum LoggedEvent
{
    DonationCreated,
    MembershipCreated,
}

/// <summary>A variant of a test.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Campaign">The test that it is a variant of.</param>
public sealed record Bucket(string Name, string Campaign);
