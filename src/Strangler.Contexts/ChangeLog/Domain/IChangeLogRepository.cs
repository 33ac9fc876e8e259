namespace Strangler.Contexts.ChangeLog;

/// <summary>Access to the change log, the same in every stage of the migration. It is only ever added to.</summary>
public interface IChangeLogRepository
{
    /// <summary>Null when there is none.</summary>
    Task<LoggedAction?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Adds one; with id 0 it gets its id. One that was stored before is refused.</summary>
    Task AppendAsync(LoggedAction action, CancellationToken cancellationToken);

    /// <summary>What somebody did, by the name to the letter; the latest first, those without a time at the end.</summary>
    /// <param name="userName">Not empty.</param>
    /// <param name="limit">1 to 1,000.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    Task<IReadOnlyList<ActionLine>> FindOfUserAsync(string userName, int limit, CancellationToken cancellationToken);
}

/// <summary>One line of the change log as it is shown. A value, not an entity.</summary>
/// <param name="Id">The public id.</param>
/// <param name="LoggedAt">Null when it is not known.</param>
/// <param name="Action">In the back office's own word.</param>
public sealed record ActionLine(long Id, DateTime? LoggedAt, string Action);
