namespace Strangler.Purging;

/// <summary>How far a purge of one kind has come.</summary>
/// <param name="NextId">Where it goes on; ids below are done.</param>
/// <param name="Purged">What it has removed so far, by all processes that were at it.</param>
/// <param name="BeganUtc">By the new side's clock; set by the store.</param>
public sealed record PurgeCheckpoint(long NextId, long Purged, DateTime BeganUtc = default);

/// <summary>The unfinished purge of each kind, on the new side. Losing it costs a walk, and nothing else.</summary>
public interface IPurgeLog
{
    /// <summary>Null: there is none that was begun and not ended.</summary>
    Task<PurgeCheckpoint?> ReadAsync(string kind, CancellationToken cancellationToken);

    /// <summary>Stores how far it has come; the first one begins it.</summary>
    Task SaveAsync(string kind, PurgeCheckpoint checkpoint, CancellationToken cancellationToken);

    /// <summary>It came to its end.</summary>
    Task EndAsync(string kind, CancellationToken cancellationToken);
}
