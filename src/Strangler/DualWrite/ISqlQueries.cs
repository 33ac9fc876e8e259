using System.Data.Common;

namespace Strangler.DualWrite;

/// <summary>In which words a database is asked, where they differ.</summary>
public enum SqlDialect
{
    /// <summary>MySQL's and MariaDB's.</summary>
    MySql,

    /// <summary>PostgreSQL's.</summary>
    Postgres,
}

/// <summary>
/// A context's own read models (lists, confirmation pages) on one side's SQL database. The caller keeps the rule of all reads (PROTOCOL
/// §5): use the result only if <see cref="FenceRow.AnswersReads"/>, else ask the other side.
/// </summary>
public interface ISqlQueries
{
    SideName Side { get; }

    /// <summary>The words that it understands.</summary>
    SqlDialect Dialect { get; }

    /// <summary>
    /// Runs <paramref name="query"/> (Dapper, with the connection, transaction and token that it is given) in one read-only snapshot
    /// together with the fence row. Nothing that it writes is kept. Throws <see cref="SideUnavailableException"/> and <see
    /// cref="NotMigratedException"/> like <see cref="ISideStore.ReadAsync"/>.
    /// </summary>
    Task<(FenceRow Fence, T Result)> QueryAsync<T>(
        Func<DbConnection, DbTransaction?, CancellationToken, Task<T>> query, CancellationToken cancellationToken);
}
