namespace Strangler.Capture;

/// <summary>How one trigger stands.</summary>
public enum CapturePartState
{
    /// <summary>There, and exactly what this build makes of the mapping.</summary>
    Installed,

    Missing,

    /// <summary>There, but not what this build makes of the mapping; <see cref="CapturePart.Detail"/> says who changed.</summary>
    Changed,

    /// <summary>Installed once, and no longer wanted by the mapping.</summary>
    Stale,
}

/// <summary>One trigger on one legacy table.</summary>
/// <param name="Table">The table.</param>
/// <param name="Event"><c>INSERT</c>, <c>UPDATE</c> or <c>DELETE</c>.</param>
/// <param name="Name">The trigger's name.</param>
/// <param name="State">How it stands.</param>
/// <param name="Detail">Why it is not <see cref="CapturePartState.Installed"/>; empty when it is.</param>
public sealed record CapturePart(string Table, string Event, string Name, CapturePartState State, string Detail);

/// <summary>What other programs have written and nobody has brought over yet.</summary>
/// <param name="Rows">Journal rows of theirs, open and parked; counted up to <see cref="Journal.JournalDepth.CountLimit"/> and one.</param>
/// <param name="NewestUtc">When the newest of them was written; null when there is none.</param>
/// <param name="Writers">The database users who wrote them.</param>
public sealed record ForeignWrites(long Rows, DateTime? NewestUtc, IReadOnlyList<string> Writers);

/// <summary>How capture stands, looked at now.</summary>
/// <param name="Parts">One a table and event.</param>
/// <param name="Problems">What the legacy tables lack that the mapping names: capture cannot be installed, or no longer works.</param>
/// <param name="Notes">What does not stop capture, and should be known.</param>
public sealed record CaptureState(IReadOnlyList<CapturePart> Parts, IReadOnlyList<string> Problems, IReadOnlyList<string> Notes)
{
    public bool IsComplete => Problems.Count == 0 && Parts.All(part => part.State == CapturePartState.Installed);

    /// <summary>In a few words; null when all is installed as it must be.</summary>
    public string? Fault => Problems.Count > 0 ? string.Join("; ", Problems)
        : IsComplete ? null
        : Parts.All(part => part.State == CapturePartState.Missing)
            ? $"not installed{(Parts.Any(part => part.Detail.Length > 0) ? $" ({Parts.First(part => part.Detail.Length > 0).Detail})" : "")}"
        : string.Join(", ", Parts.Where(part => part.State != CapturePartState.Installed)
            .GroupBy(part => part.State).Select(group => $"{group.Count()} {group.Key.ToString().ToLowerInvariant()}"));

    /// <exception cref="CaptureException">The mapping names what is not there.</exception>
    public void RequireInstallable(string context)
    {
        if (Problems.Count > 0)
        {
            throw new CaptureException(context, $"Capture of {context} cannot be installed: {string.Join("; ", Problems)}. Correct the mapping, or the table.");
        }
    }

    /// <exception cref="CaptureException">What was just installed is not there, or not as it must be.</exception>
    public void RequireComplete(string context)
    {
        if (!IsComplete)
        {
            throw new CaptureException(context, $"Capture of {context} is not as it was installed: {Fault}.");
        }
    }
}

/// <summary>
/// Puts what other programs write directly into legacy tables into the journal, in the writer's own transaction (PROTOCOL §4). Silent for
/// our own writes.
/// </summary>
public interface ICapture
{
    /// <summary>Compares what is there with what the mapping wants. Changes nothing.</summary>
    Task<CaptureState> LookAsync(CancellationToken cancellationToken);

    /// <summary>The statements that <see cref="InstallAsync"/> would execute now.</summary>
    Task<IReadOnlyList<string>> PlanInstallAsync(CancellationToken cancellationToken);

    /// <summary>The statements that <see cref="RemoveAsync"/> would execute now.</summary>
    Task<IReadOnlyList<string>> PlanRemoveAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Installs what is missing and replaces what is not as it must be; returns how many triggers that were. Waits for a table at most a
    /// second at a time, since new statements of other programs queue behind the wait, and gives up after <paramref name="patience"/>.
    /// When it returns, no transaction is open any more that wrote a captured table before its trigger was there.
    /// </summary>
    /// <exception cref="CaptureException">It is not possible; nothing, or only a part, was installed. Repeat it when the cause is cured.</exception>
    Task<int> InstallAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken);

    /// <summary>Removes every trigger of the context and what was noted of it; returns how many triggers. Otherwise as <see cref="InstallAsync"/>.</summary>
    Task<int> RemoveAsync(TimeSpan patience, IProgress<CapturePart>? progress, CancellationToken cancellationToken);

    /// <summary>
    /// Puts changes of entities into the journal that no trigger has seen, as if one had. Ids that nothing has happened to do no harm.
    /// </summary>
    /// <exception cref="NotSupportedException">The store cannot.</exception>
    Task NoteAsync(string kind, IReadOnlyCollection<long> ids, string writer, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This store notes no changes that it has not seen.");

    /// <summary>Other programs' writes that wait in the journal.</summary>
    Task<ForeignWrites> WaitingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Puts into the journal what was noted without its entity, since the writer's snapshot was older than the entity's reference to the row
    /// that he changed. Returns how many notes there were, at most <paramref name="limit"/>.
    /// </summary>
    Task<int> ResolveAsync(int limit, CancellationToken cancellationToken);
}

/// <summary>Capture cannot be installed, removed, or done without; the message says what to do.</summary>
public sealed class CaptureException(string context, string message, Exception? cause = null) : Exception(message, cause)
{
    public string Context { get; } = context;
}
