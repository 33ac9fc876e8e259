namespace Strangler.Reconciliation;

/// <summary>A stored reconciliation run.</summary>
/// <param name="Id">Allotted by the store.</param>
/// <param name="BeganUtc">The new side's clock.</param>
/// <param name="EndedUtc">Null while running or when its process died.</param>
/// <param name="Full">Whether every entity of both sides was compared; only such a run opens gates.</param>
/// <param name="Outcome"><c>clean</c>, <c>drift</c>, <c>inconclusive</c>; empty while running.</param>
/// <param name="Report">The report as JSON; empty while running.</param>
public sealed record ReconciliationRun(long Id, DateTime BeganUtc, DateTime? EndedUtc, bool Full, string Outcome, string Report);

/// <summary>Runs of one context, on its new side.</summary>
public interface IReconciliationHistory
{
    Task<long> BeginAsync(bool full, string scope, CancellationToken cancellationToken);

    Task EndAsync(long id, string outcome, string report, CancellationToken cancellationToken);

    Task<ReconciliationRun?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Newest first.</summary>
    Task<IReadOnlyList<ReconciliationRun>> ListAsync(int limit, CancellationToken cancellationToken);

    /// <summary>The same without the reports, which may be large; newest first.</summary>
    Task<IReadOnlyList<RunSummary>> SummariesAsync(int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Finished runs among the newest <paramref name="limit"/> whose report mentions the number, newest first; the report may mention it
    /// as something else than an id.
    /// </summary>
    Task<IReadOnlyList<ReconciliationRun>> MentioningAsync(long id, int limit, CancellationToken cancellationToken);

    /// <summary>The last act after which an older clean run no longer counts: a backfill's completion, a repair, a forced step. Set with the new side's clock.</summary>
    Task<DateTime?> LastDisturbanceUtcAsync(CancellationToken cancellationToken);

    Task DisturbAsync(string what, CancellationToken cancellationToken);

    Task<DateTime> UtcNowAsync(CancellationToken cancellationToken);
}

/// <summary>Shadow reads counted since the present epoch began, on the new side.</summary>
public interface IShadowLog
{
    /// <summary>Adds to the epoch's counts; mismatch samples hold id and field names only.</summary>
    Task AddAsync(long epoch, long reads, IReadOnlyList<ShadowMismatch> mismatches, CancellationToken cancellationToken);

    Task<(long Reads, long Mismatches)> CountAsync(long epoch, CancellationToken cancellationToken);
}

/// <summary>A shadow read that still differed after its re-checks.</summary>
public sealed record ShadowMismatch(long Id, IReadOnlyList<string> Fields);
