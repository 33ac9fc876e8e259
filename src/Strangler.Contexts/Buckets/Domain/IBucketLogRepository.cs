namespace Strangler.Contexts.Buckets;

/// <summary>Access to the log of buckets, the same in every stage of the migration. It is only ever added to.</summary>
public interface IBucketLogRepository
{
    /// <summary>Null when there is none.</summary>
    Task<BucketLog?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Adds one; with id 0 it gets its id. One that was stored before is refused.</summary>
    Task AppendAsync(BucketLog log, CancellationToken cancellationToken);

    /// <summary>How many saw each variant of a test and then did something, by the variant's name to the letter; the names in their order.</summary>
    Task<IReadOnlyList<BucketCount>> CountAsync(string campaign, LoggedEvent @event, CancellationToken cancellationToken);
}

/// <summary>A variant, and how often it came before an event.</summary>
public sealed record BucketCount(string Name, long Number);
