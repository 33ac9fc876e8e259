namespace Strangler.Findings;

/// <summary>A row of a referenced table to which several roots refer, as one of them sees it.</summary>
/// <param name="Id">The root.</param>
/// <param name="Row">The row's key.</param>
/// <param name="Others">How many other roots refer to it.</param>
/// <param name="Another">The first of those.</param>
public sealed record SharedRow(long Id, long Row, long Others, long Another);

/// <summary>Which rows of a referenced legacy table belong to several roots, or to none. Asked of the tables: no record tells it.</summary>
public interface IReferencedRows
{
    /// <summary>In ascending order of the root's id, beyond one.</summary>
    Task<IReadOnlyList<SharedRow>> SharedAsync(string kind, string table, long after, int limit, CancellationToken cancellationToken);

    /// <summary>Keys of rows to which no root refers, ascending, beyond one.</summary>
    Task<IReadOnlyList<long>> UnreferencedAsync(string kind, string table, long after, int limit, CancellationToken cancellationToken);
}
