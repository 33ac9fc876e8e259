using Strangler.DualWrite;

namespace Strangler.Contexts.ChangeLog;

/// <summary>
/// What frontends use: every read comes from the side that leads, every addition goes to both sides while the stage is dual. See
/// <see cref="AppendOnlyWrapper{TEntity}"/> for conflicts, request keys and errors.
/// </summary>
public sealed class ChangeLogRepositoryWrapper(
    DualWriter writer, LeadQueries queries, LegacyChangeLogRepository legacy, ChangeLogRepository @new, LoggedActionRecords records)
    : AppendOnlyWrapper<LoggedAction>(writer, legacy, @new, records, ChangeLogContext.LoggedActionKind), IChangeLogRepository
{
    public async Task<IReadOnlyList<ActionLine>> FindOfUserAsync(string userName, int limit, CancellationToken cancellationToken)
    {
        Lines.Check(userName, limit);
        return await queries.AskAsync(
            (connection, transaction, token) => LegacyChangeLogQueries.OfUserAsync(connection, transaction, userName, limit, token),
            (connection, transaction, token) => NewChangeLogQueries.OfUserAsync(connection, transaction, userName, limit, token),
            cancellationToken).ConfigureAwait(false);
    }

    Task IChangeLogRepository.AppendAsync(LoggedAction action, CancellationToken cancellationToken) => AppendAsync(action, cancellationToken);
}
