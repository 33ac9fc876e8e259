namespace Strangler.Reconciliation;

/// <summary>A schedule as its services have left it; times by the new side's clock.</summary>
/// <param name="Name">Cron expression, time zone and scope: what identifies it.</param>
/// <param name="NextUtc">When it is due next; null: never again.</param>
/// <param name="SeenUtc">When a service last said so.</param>
/// <param name="SeenBy">Which.</param>
/// <param name="DueUtc">The occurrence that was taken last; null: none yet.</param>
/// <param name="TakenBy">By whom.</param>
/// <param name="RunId">The run that it became; 0: none.</param>
/// <param name="Outcome"><c>clean</c>, <c>drift</c>, <c>inconclusive</c>, or why it could not run; empty while it runs.</param>
public sealed record ScheduleState(
    string Name, DateTime? NextUtc, DateTime SeenUtc, string SeenBy, DateTime? DueUtc, string TakenBy, long RunId, string Outcome)
{
    /// <summary>Whether an occurrence was taken and nothing came of it yet: it runs, or its process died.</summary>
    public bool IsOpen => DueUtc is not null && Outcome.Length == 0;
}

/// <summary>
/// Scheduled reconciliations of one context, on its new side. Several services may have the same schedule: each occurrence is given to one.
/// </summary>
public interface ISchedules
{
    /// <summary>Says when a schedule is due next.</summary>
    Task SayAsync(string name, DateTime? nextUtc, string replica, CancellationToken cancellationToken);

    /// <summary>Takes an occurrence. Atomic: of several only one gets true, and none when a later one was taken.</summary>
    Task<bool> TakeAsync(string name, DateTime dueUtc, string replica, CancellationToken cancellationToken);

    /// <summary>What came of the occurrence taken; ignored when a later one was taken since.</summary>
    Task EndAsync(string name, DateTime dueUtc, long runId, string outcome, CancellationToken cancellationToken);

    /// <summary>All that were ever said, by name.</summary>
    Task<IReadOnlyList<ScheduleState>> ListAsync(CancellationToken cancellationToken);
}
