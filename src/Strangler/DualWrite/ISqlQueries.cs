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

    /// <summary>
    /// The rows of one statement. It and the fence row are one statement for the server, and so one snapshot without a transaction around them: the way of
    /// what frontends ask for all the time. The rows come in no order.
    /// </summary>
    /// <param name="statement">A SELECT, whose text is the program's own; every hole is a parameter. Its first column is never NULL, and no two columns
    /// have the same name.</param>
    /// <param name="row">Reads a row, of which the first column has the given ordinal.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<(FenceRow Fence, List<T> Rows)> ListAsync<T>(FormattableString statement, Func<DbDataReader, int, T> row, CancellationToken cancellationToken);

    /// <summary>
    /// The same as <see cref="QueryAsync"/> for several statements that are known ahead: with the fence row, and the snapshot that they share, they are one round trip.
    /// </summary>
    /// <param name="statements">Their texts are the program's own; every hole is a parameter.</param>
    /// <param name="read">Stands before the first row of the first statement's result, and goes on to the others by itself.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<(FenceRow Fence, T Result)> ReadAsync<T>(
        IReadOnlyList<FormattableString> statements, Func<DbDataReader, CancellationToken, Task<T>> read, CancellationToken cancellationToken);
}
