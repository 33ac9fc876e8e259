using Strangler.Mapping;

namespace Strangler.DualWrite;

/// <summary>A column of an aggregate's root, or of a companion, that has one of some values, or none of them.</summary>
/// <param name="Table">The root's name, or that of a table with at most one row an aggregate.</param>
/// <param name="Column">Its column.</param>
/// <param name="Values">As rows hold them.</param>
/// <param name="IsNot">It has another value, or none.</param>
public sealed record RowCondition(string Table, string Column, IReadOnlyList<object> Values, bool IsNot = false);

/// <summary>A page of aggregates of a kind: those that meet all conditions, the latest first, then the highest public id.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Where">All are to be met.</param>
/// <param name="LatestBy">The root's column that says when; aggregates without it come last.</param>
/// <param name="Offset">So many are left out.</param>
/// <param name="Limit">So many at most.</param>
public sealed record RowPage(string Kind, IReadOnlyList<RowCondition> Where, string LatestBy, int Offset, int Limit);

/// <summary>
/// A context's own read models on a side whose store speaks no SQL: said in columns of the mapping's layout. Whoever asks keeps the rule of all reads, as
/// with <see cref="ISqlQueries"/>.
/// </summary>
public interface IRowQueries
{
    /// <summary>The page and the fence, of one moment. Throws as <see cref="ISideStore.ReadAsync"/>.</summary>
    Task<(FenceRow Fence, IReadOnlyList<(long Id, AggregateRow Row)> Rows)> ListAsync(RowPage page, CancellationToken cancellationToken);
}
