using Strangler.DualWrite;
using Strangler.Mapping;

namespace Strangler.Contexts.ChangeLog;

/// <summary>Logged actions in the legacy table, read and written through the mapping.</summary>
public sealed class LegacyChangeLogRepository(ISideStore store, ISqlQueries queries, IRecordLens lens, LoggedActionRecords records)
    : SideRepository<LoggedAction>(store, lens, records, ChangeLogContext.LoggedActionKind), IChangeLogRepository
{
    public Task AppendAsync(LoggedAction action, CancellationToken cancellationToken) => StoreAsync(action, cancellationToken);

    public async Task<IReadOnlyList<ActionLine>> FindOfUserAsync(string userName, int limit, CancellationToken cancellationToken)
    {
        Lines.Check(userName, limit);
        var (_, lines) = await queries.QueryAsync(
            (connection, transaction, token) => LegacyChangeLogQueries.OfUserAsync(connection, transaction, userName, limit, token),
            cancellationToken).ConfigureAwait(false);
        return lines;
    }
}
