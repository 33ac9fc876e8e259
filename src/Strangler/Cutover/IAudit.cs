using Strangler.DualWrite;

namespace Strangler.Cutover;

/// <summary>One line of the audit trail of stages, repairs, forced steps and sign-offs. Never values of entities.</summary>
/// <param name="AtUtc">The database's clock; set by the store.</param>
/// <param name="Actor">Who: an operator's name, or a program.</param>
/// <param name="Action">What: <c>advance</c>, <c>back</c>, <c>abort</c>, <c>resume</c>, <c>repair</c>, <c>sign-off</c> …</param>
/// <param name="From">Stage before; empty where it does not apply.</param>
/// <param name="To">Stage after; empty where it does not apply.</param>
/// <param name="Epoch">The epoch after it.</param>
/// <param name="Forced">Whether gates were overridden.</param>
/// <param name="Reason">Why, in the operator's words.</param>
/// <param name="Detail">Gates that were overridden, counts …</param>
public sealed record AuditEntry(
    DateTime AtUtc, string Actor, string Action, string From, string To, long Epoch, bool Forced, string Reason, string Detail);

/// <summary>An append-only trail in one side's database; the deciding side of an act writes it. A context's history is both sides' together.</summary>
public interface IAudit
{
    SideName Side { get; }

    Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    Task<IReadOnlyList<AuditEntry>> ListAsync(int limit, CancellationToken cancellationToken);

    /// <summary>All entries of one epoch that are younger than <paramref name="within"/> by the store's clock, newest first.</summary>
    Task<IReadOnlyList<AuditEntry>> OfEpochAsync(long epoch, TimeSpan within, CancellationToken cancellationToken);

    /// <summary>
    /// Those of one action whose detail begins with a text, newest first, at most <paramref name="limit"/>, however long the trail is. A store that has no index
    /// for that reads the trail.
    /// </summary>
    async Task<IReadOnlyList<AuditEntry>> OfActionAsync(string action, string about, int limit, CancellationToken cancellationToken) =>
        [.. (await ListAsync(int.MaxValue, cancellationToken))
            .Where(entry => entry.Action == action && entry.Detail.StartsWith(about, StringComparison.Ordinal)).Take(limit)];
}

/// <summary>A running process that writes to the context: which stages its build knows.</summary>
public sealed record Replica(string Name, string Build, Stage NewestKnownStage, DateTime SeenUtc);

/// <summary>Heartbeats of the processes that write to a context; in the legacy database. Only a gate reads them, safety never rests on them.</summary>
public interface IReplicas
{
    Task BeatAsync(string name, string build, Stage newestKnownStage, CancellationToken cancellationToken);

    Task<IReadOnlyList<Replica>> LiveAsync(TimeSpan within, CancellationToken cancellationToken);

    Task LeaveAsync(string name, CancellationToken cancellationToken);
}
